//! `--engine`: what computes samples.

use std::ops::Range;

use anyhow::{Context, anyhow, bail};
use pollster::block_on;

use super::device;
use crate::fused::{self, Gpu};
use crate::model_file::ModelFile;
use crate::net::{Network, Picture, weights};
use crate::sample::{Chain, Program, Steering};

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
    },
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
        Ok(Self::Burn { network, device, picture: architecture.picture(), name })
    }

    /// What it is, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Fused(network) => format!("fused kernels on {}", network.gpu().adapter()),
            Self::Burn { name, .. } => format!("Burn on {name}"),
        }
    }

    /// Runs chains from start to end, and returns their pictures. `progress` hears of steps done.
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
    ) -> anyhow::Result<Vec<f32>> {
        match self {
            Self::Fused(network) => {
                let mut chain =
                    fused::Chain::steered(network, program.clone(), steering, seed, chains)?;
                while chain.next().is_some() {
                    progress(chain.submit(usize::MAX));
                    network.gpu().check()?;
                }
                Ok(block_on(chain.noisy())?)
            }
            Self::Burn { network, device, picture, .. } => {
                let (network, program) = (Network::clone(network), program.clone());
                let mut chain =
                    Chain::steered(network, *picture, program, steering, seed, chains, device)?;
                while chain.step() {
                    // Wait now and then: the queue of a GPU must not grow without bound.
                    if chain.done().is_multiple_of(16) {
                        device.sync().map_err(|error| anyhow!("the device failed: {error:?}"))?;
                    }
                    progress(1);
                }
                Ok(chain.noisy().into_data().iter::<f32>().collect())
            }
        }
    }
}
