//! Burn, on WebGPU or on the CPU.

use std::ops::Range;

use ::burn::module::Module;
use ::burn::tensor::Device;
use wasm_bindgen::JsError;

use super::interface::{Backend, not_loaded};
use crate::backend::{BurnChains, Chains};
use crate::model_file::ModelFile;
use crate::net::{ImageShape, Network};
use crate::sample::{Conditioning, StepTable};

/// A Burn device, and a network on it once its weights are there.
pub(super) struct Burn {
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
}

impl Backend for Burn {
    fn load(&mut self, ModelFile { card, weights }: &ModelFile) -> Result<(), JsError> {
        let network = Network::with_weights(&card.architecture, weights.clone(), &self.device)?;
        self.network = Some((network.no_grad(), card.architecture.image_shape()));
        Ok(())
    }

    fn start(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Box<dyn Chains>, JsError> {
        let (network, image_shape) = self.network.clone().ok_or_else(not_loaded)?;
        Ok(Box::new(BurnChains::conditioned(
            network,
            image_shape,
            table,
            conditioning,
            seed,
            numbers,
            &self.device,
        )?))
    }
}
