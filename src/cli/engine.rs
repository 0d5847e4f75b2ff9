//! `--engine`: what computes samples.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use pollster::block_on;

use super::device;
use super::steer::Steer;
use crate::fused::{self, Gpu};
use crate::model_file::ModelFile;
use crate::net::{Network, Picture, weights};
use crate::sample::{Chain, Guide, Program, Steering};

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// Kernels of our own, on any GPU with Vulkan, Metal or DirectX 12.
    Fused,
    /// Burn, on the device that --device names.
    Burn,
}

/// A model, ready to be sampled.
pub enum Engine {
    /// See [`Choice::Fused`].
    Fused(fused::Network),
    /// See [`Choice::Burn`].
    Burn {
        /// The network.
        network: Box<Network>,
        /// What it is on.
        device: burn::tensor::Device,
        /// What it makes.
        picture: Picture,
        /// The device's name.
        name: String,
        /// What adds to its score.
        guide: Option<Arc<dyn Guide>>,
    },
}

/// What chains came to, values in \[0, 1\] but for what noise makes of them.
#[derive(Debug, Default)]
pub struct Drawn {
    /// x̃ before the last step, which in most programs takes off the noise that is left.
    pub raw: Vec<f32>,
    /// The pictures.
    pub pictures: Vec<f32>,
}

impl Engine {
    /// Gets a model ready. Who does not choose gets the GPU if there is one, and the CPU through
    /// Burn otherwise: a software adapter is slower.
    ///
    /// # Errors
    /// Where what was asked for is not there.
    pub fn new(
        choice: Option<Choice>,
        device: Option<&str>,
        model: ModelFile,
    ) -> anyhow::Result<Self> {
        let architecture = &model.card.architecture;
        let gpu = match (choice, device) {
            (Some(Choice::Fused), Some(device)) => bail!(
                "--device {device} is for Burn; the fused engine takes the GPU that the system \
                 prefers"
            ),
            (Some(Choice::Burn), _) | (None, Some(_)) => None,
            (Some(Choice::Fused), None) => Some(block_on(Gpu::request())?),
            (None, None) => block_on(Gpu::request()).ok().filter(|gpu| !gpu.is_software()),
        };
        if let Some(gpu) = gpu {
            let network = block_on(fused::Network::new(&gpu, architecture, &model.weights));
            return Ok(Self::Fused(network.with_context(|| gpu.adapter())?));
        }
        let name = device.unwrap_or("cpu").to_owned();
        let device = device::parse(&name)?;
        let network = Network::new(architecture, &device)?;
        let network = Box::new(weights::apply(network, model.weights, &device));
        let picture = architecture.picture();
        Ok(Self::Burn { network, device, picture, name, guide: None })
    }

    /// The same, guided towards a class.
    ///
    /// # Errors
    /// Where the flags name a classifier that cannot be used, or an engine that cannot
    /// differentiate one.
    pub fn guided(mut self, steer: &Steer) -> anyhow::Result<Self> {
        match &mut self {
            Self::Burn { guide, device, picture, .. } => {
                let class = steer.guide(*picture, device)?;
                *guide = class.map(|class| Arc::new(class) as Arc<dyn Guide>);
            }
            Self::Fused(_) if steer.is_guided() => {
                bail!("--class needs a classifier's gradient, which Burn has: --engine burn")
            }
            Self::Fused(_) => {}
        }
        Ok(self)
    }

    /// What it is, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Fused(network) => format!("fused kernels on {}", network.gpu().adapter()),
            Self::Burn { name, .. } => format!("Burn on {name}"),
        }
    }

    /// Runs chains from start to end. `progress` hears of steps done.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn run(
        &self,
        program: &Program,
        steering: &Steering,
        seed: u64,
        chains: Range<usize>,
        progress: impl Fn(usize),
    ) -> anyhow::Result<Drawn> {
        let before_last = program.nfe().saturating_sub(1);
        match self {
            Self::Fused(network) => {
                let mut chain =
                    fused::Chain::steered(network, program.clone(), steering, seed, chains)?;
                let mut read_at = |step: usize| -> anyhow::Result<Vec<f32>> {
                    while chain.done() < step {
                        progress(chain.submit(step - chain.done()));
                        network.gpu().check()?;
                    }
                    Ok(block_on(chain.noisy())?)
                };
                Ok(Drawn { raw: read_at(before_last)?, pictures: read_at(program.nfe())? })
            }
            Self::Burn { network, device, picture, guide, .. } => {
                let (network, program) = (Network::clone(network), program.clone());
                let mut chain =
                    Chain::steered(network, *picture, program, steering, seed, chains, device)?;
                if let Some(guide) = guide {
                    chain = chain.guided(Arc::clone(guide));
                }
                let mut read_at = |step: usize| -> anyhow::Result<Vec<f32>> {
                    while chain.done() < step && chain.step() {
                        // Wait now and then: the queue of a GPU must not grow without bound.
                        if chain.done().is_multiple_of(16) {
                            device.sync().map_err(|e| anyhow!("the device failed: {e:?}"))?;
                        }
                        progress(1);
                    }
                    Ok(chain.noisy().into_data().iter::<f32>().collect())
                };
                Ok(Drawn { raw: read_at(before_last)?, pictures: read_at(before_last + 1)? })
            }
        }
    }
}
