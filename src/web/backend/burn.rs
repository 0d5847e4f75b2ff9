//! Burn, on WebGPU or on the CPU.

use std::ops::Range;

use ::burn::tensor::Device;
use wasm_bindgen::JsError;

use super::interface::{Backend, not_loaded};
use crate::backend::{BurnModel, ChainSource, Chains};
use crate::model_file::ModelFile;
use crate::sample::{Conditioning, StepTable};

/// A Burn device, and a network on it once its weights are there.
pub(super) struct Burn {
    device: Device,
    model: Option<BurnModel>,
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
        Self { device, model: None }
    }
}

impl Backend for Burn {
    fn load(&mut self, ModelFile { card, weights }: &ModelFile) -> Result<(), JsError> {
        let (architecture, weights) = (&card.architecture, weights.clone());
        self.model = Some(BurnModel::with_weights(architecture, weights, &self.device)?);
        Ok(())
    }

    fn start(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Box<dyn Chains>, JsError> {
        let model = self.model.as_ref().ok_or_else(not_loaded)?;
        Ok(model.chains(table, conditioning, seed, numbers)?)
    }
}
