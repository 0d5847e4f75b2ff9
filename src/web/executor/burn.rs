//! Burn, on WebGPU or on the CPU.

use std::ops::Range;

use ::burn::module::Module;
use ::burn::tensor::Device;
use wasm_bindgen::JsError;

use crate::model_file::ModelFile;
use crate::net::{ImageShape, Network};
use crate::sample::{Chain, Conditioning, StepTable, View};

/// A Burn device, and a network on it once its weights are there.
pub(in crate::web) struct Burn {
    device: Device,
    network: Option<(Network, ImageShape)>,
}

/// The WebGPU device. Burn can be given one only once per page; all engines share it.
#[cfg(feature = "reference")]
pub(super) async fn gpu() -> Result<Device, JsError> {
    use std::cell::RefCell;

    thread_local! {
        static DEVICE: RefCell<Option<Device>> = const { RefCell::new(None) };
    }
    if let Some(device) = DEVICE.with_borrow(Clone::clone) {
        return Ok(device);
    }
    // Few tasks per submission: the first image must not wait for a long queue to be recorded.
    let device = Device::wgpu_options().tasks_max(32).init_async().await;
    let device = device.map_err(|error| JsError::new(&format!("no GPU device: {error}")))?;
    DEVICE.set(Some(device.clone()));
    Ok(device)
}

impl Burn {
    pub(super) fn on(device: Device) -> Self {
        Self { device, network: None }
    }

    pub(super) fn load(&mut self, ModelFile { card, weights }: &ModelFile) -> Result<(), JsError> {
        let network = Network::with_weights(&card.architecture, weights.clone(), &self.device)?;
        self.network = Some((network.no_grad(), card.architecture.image_shape()));
        Ok(())
    }

    pub(super) fn start(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Chain, JsError> {
        let (network, image_shape) = self.network.clone().ok_or_else(super::not_loaded)?;
        Ok(Chain::conditioned(
            network,
            image_shape,
            table,
            conditioning,
            seed,
            numbers,
            &self.device,
        )?)
    }
}

pub(super) async fn advance(chain: &mut Chain, steps: usize) -> Result<(), JsError> {
    for _ in 0..steps {
        if !chain.step() {
            break;
        }
    }
    // Read one number back, so that the queue cannot grow without bound.
    chain.mark().into_data_async().await.map_err(failed)?;
    Ok(())
}

pub(super) async fn values(chain: &Chain, view: View) -> Result<Vec<f32>, JsError> {
    let images = match view {
        View::Noisy => chain.noisy(),
        View::Denoised => chain.denoised(),
    };
    let data = images.into_data_async().await.map_err(failed)?;
    Ok(data.iter::<f32>().collect())
}

/// A failure as one line: Burn's own texts have several, of which the last says why.
fn failed(error: impl std::fmt::Display) -> JsError {
    let text = error.to_string();
    let reason = text.rsplit("Caused by:").next().unwrap_or(&text);
    JsError::new(&format!("the device failed: {}", reason.trim()))
}
