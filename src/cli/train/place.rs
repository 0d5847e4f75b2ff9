//! `--device` of `train`: where a run computes.

use anyhow::bail;
use burn::tensor::Device;
use pollster::block_on;

use super::ranks;
use crate::backend::fused::Gpu;
use crate::cli::device;
use crate::data::Images;
use crate::train::{Checkpoint, Options, Start, TrainError, Trainer};

/// Where a run computes.
pub enum Place {
    /// On Burn devices, by these names.
    Burn(Vec<Device>, String),
    /// On the CPU, which `auto` chose, and why it did.
    Cpu(String),
    /// On a GPU, by this crate's own kernels.
    Gpu(Box<Gpu>),
    /// As [`Self::Gpu`] if these kernels can train what is asked for and the GPU computes the right
    /// gradients, and otherwise on the CPU.
    Auto(Box<Gpu>),
}

impl Place {
    /// The place of that name. For auto that is a hardware GPU, if there is one and nothing `needs`
    /// Burn, and otherwise the CPU.
    ///
    /// # Errors
    /// If there is no such device here, or it cannot do what `needs` Burn.
    pub fn of(name: &str, needs: Option<String>) -> anyhow::Result<Self> {
        let cpu = |why: &str| Ok(Self::Cpu(why.to_owned()));
        let gpu = || match ranks::on_this_machine() {
            Some(number) => block_on(Gpu::request_number(number)),
            None => block_on(Gpu::request()),
        };
        match name {
            "gpu" => match needs {
                Some(needs) => bail!("{needs} needs Burn: use another --device, such as cpu"),
                None => Ok(Self::Gpu(Box::new(gpu()?))),
            },
            "auto" => match (needs, gpu()) {
                (Some(needs), _) => cpu(&format!("{needs} needs Burn")),
                (None, Err(error)) => cpu(&error.to_string()),
                (None, Ok(gpu)) if gpu.is_software() => {
                    cpu(&format!("{} is software, which is slower", gpu.adapter()))
                }
                (None, Ok(gpu)) => Ok(Self::Auto(Box::new(gpu))),
            },
            _ => Ok(Self::Burn(device::parse_list(name)?, name.to_owned())),
        }
    }

    /// A new run here, and the device's name. Says why if auto came to be the CPU.
    ///
    /// # Errors
    /// If the options are impossible or the device fails.
    pub fn start(
        &self,
        options: Options,
        start: Start,
        images: &Images,
    ) -> Result<(Trainer, String), TrainError> {
        self.make(
            |devices| Trainer::new(options.clone(), start.clone(), images, devices),
            |gpu| Trainer::on_gpu(options.clone(), start.clone(), images, gpu),
        )
    }

    /// A run here that continues from a checkpoint, and the device's name.
    ///
    /// # Errors
    /// If the checkpoint does not fit or the device fails.
    pub fn resume(
        &self,
        checkpoint: Checkpoint,
        images: &Images,
    ) -> Result<(Trainer, String), TrainError> {
        self.make(
            |devices| Trainer::resume(checkpoint.clone(), images, devices),
            |gpu| Trainer::resume_on_gpu(checkpoint.clone(), images, gpu),
        )
    }

    fn make(
        &self,
        on_devices: impl Fn(&[Device]) -> Result<Trainer, TrainError>,
        on_gpu: impl Fn(&Gpu) -> Result<Trainer, TrainError>,
    ) -> Result<(Trainer, String), TrainError> {
        let on_cpu = |why: &str| {
            println!("on the CPU: {why}");
            Ok((on_devices(&[Device::flex()])?, "cpu".into()))
        };
        match self {
            Self::Burn(devices, name) => Ok((on_devices(devices)?, name.clone())),
            Self::Cpu(why) => on_cpu(why),
            Self::Gpu(gpu) => Ok((on_gpu(gpu)?, gpu.adapter())),
            Self::Auto(gpu) => match on_gpu(gpu) {
                Ok(trainer) => Ok((trainer, gpu.adapter())),
                Err(TrainError::Gpu(error)) => on_cpu(&format!("{}: {error}", gpu.adapter())),
                Err(error @ TrainError::Unsupported(_)) => on_cpu(&error.to_string()),
                Err(error) => Err(error),
            },
        }
    }
}
