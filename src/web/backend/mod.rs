//! The backends that this bundle was built with, each with its device, behind one interface.

#[cfg(any(feature = "reference", feature = "cpu"))]
mod burn;
#[cfg(feature = "fused")]
mod fused;
mod interface;
#[cfg(feature = "fused")]
mod screen;

pub(super) use interface::Backend;
#[cfg(feature = "fused")]
pub(super) use screen::Screen;
use wasm_bindgen::JsError;

/// The backend of the engine of that name.
pub(super) async fn create(
    name: &str,
    exact: bool,
    tuning: String,
) -> Result<Box<dyn Backend>, JsError> {
    #[cfg(not(feature = "fused"))]
    let _ = (exact, tuning);
    match name {
        #[cfg(feature = "fused")]
        "fused" => Ok(Box::new(fused::Fused::create(exact, tuning).await?)),
        #[cfg(feature = "reference")]
        "reference" => Ok(Box::new(burn::Burn::on(burn::gpu().await?))),
        #[cfg(feature = "cpu")]
        "cpu" => Ok(Box::new(burn::Burn::on(::burn::tensor::Device::flex()))),
        _ => Err(JsError::new(&format!("there is no engine `{name}` in this program"))),
    }
}
