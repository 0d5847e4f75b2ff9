//! What the page asks of a backend.
//!
//! It is more than a [`ChainSource`](crate::backend::ChainSource), which each keeps inside: a page has
//! a device before the weights arrive, and a network that tuning or another model replaces later.

#[cfg(feature = "fused")]
use std::future::ready;
use std::ops::Range;
#[cfg(feature = "fused")]
use std::pin::Pin;

use wasm_bindgen::JsError;

#[cfg(feature = "fused")]
use super::screen::Screen;
use crate::backend::Chains;
#[cfg(feature = "fused")]
use crate::backend::fused::Precompile;
use crate::model_file::ModelFile;
#[cfg(feature = "fused")]
use crate::net::Architecture;
use crate::sample::{Conditioning, StepTable};

/// Why chains cannot start.
pub(super) fn not_loaded() -> JsError {
    JsError::new("load a model first")
}

/// A piece of tuning: what to remember, once it is over.
#[cfg(feature = "fused")]
pub(in crate::web) type Tuning<'a> =
    Pin<Box<dyn Future<Output = Result<Option<String>, JsError>> + 'a>>;

/// A device, and a network on it once its weights are there. What only the fused backend can do is
/// refused, or is nothing to do, by default.
pub(in crate::web) trait Backend {
    /// Puts the weights on the device.
    fn load(&mut self, model: &ModelFile) -> Result<(), JsError>;

    /// The precision of weights and activations.
    fn precision(&self) -> &'static str {
        "f32"
    }

    /// The chains of these numbers, at their start.
    fn start(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Box<dyn Chains>, JsError>;

    /// The kernels of a network whose weights are still on their way.
    #[cfg(feature = "fused")]
    fn precompile(&self, _architecture: &Architecture) -> Result<Precompile, JsError> {
        Err(JsError::new("this engine compiles its kernels as it runs"))
    }

    /// Does a piece of the search for the fastest tiles. Returns what to remember, once it is over.
    #[cfg(feature = "fused")]
    fn tune(&self, _chains: usize) -> Tuning<'_> {
        Box::pin(ready(Ok(Some(String::new()))))
    }

    /// Another backend on the same device, without a network yet.
    #[cfg(feature = "fused")]
    fn beside(&self, _tuning: String) -> Result<Box<dyn Backend>, JsError> {
        Err(JsError::new("this engine shares no device"))
    }

    /// Prepares a canvas for chains to draw into.
    #[cfg(feature = "fused")]
    fn screen(&self, _canvas: web_sys::HtmlCanvasElement) -> Result<Screen, JsError> {
        Err(crate::backend::BackendError::CannotDraw.into())
    }
}
