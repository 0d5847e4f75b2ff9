//! `--engine` and `--device`: what computes the samples, and where.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, bail};
use burn::tensor::Device;
use pollster::block_on;

use super::{device, progress};
use crate::backend::fused::{self, Compiler, Gpu, KernelPrecision, best_kernel_config};
use crate::backend::{BackendError, BurnModel, ChainSource, View, advance_to};
use crate::model_file::ModelFile;
use crate::net::ImageShape;
use crate::sample::{Conditioning, Guide, StepTable};

/// The engines to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    /// This crate's own kernels, on any GPU with Vulkan, Metal or DirectX 12.
    Fused,
    /// Burn, on the device given by --device.
    Burn,
}

/// The flags that choose an engine.
#[derive(clap::Args)]
pub struct EngineArgs {
    /// What computes the samples [default: fused on a GPU, unless --device, --guiding-model or (of
    /// `sample`) --classifier is given; otherwise burn].
    #[arg(long)]
    engine: Option<Choice>,
    /// Where Burn computes: cpu (the default), cuda[:N], vulkan, metal, libtorch or
    /// libtorch-cuda[:N].
    #[arg(long)]
    device: Option<String>,
}

impl EngineArgs {
    /// The engine for a model, to which guides can be added if `is_guided`.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn engine_of(&self, model: ModelFile, is_guided: bool) -> anyhow::Result<Engine> {
        let choice = self.engine.or(is_guided.then_some(Choice::Burn));
        Engine::new(choice, self.device(), model)
    }

    /// The Burn device that was asked for.
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }
}

/// A model that is ready to be sampled.
pub enum Engine {
    /// See [`Choice::Fused`].
    Fused(fused::Network),
    /// See [`Choice::Burn`].
    Burn {
        /// The network and its guides.
        model: Box<BurnModel>,
        /// The device's name.
        name: String,
    },
}

/// The chains to run.
pub struct SamplingJob<'a> {
    /// The step table that each chain runs.
    pub table: &'a StepTable,
    /// What steers them.
    pub conditioning: &'a Conditioning,
    /// Their seed.
    pub seed: u64,
    /// How many chains, counted from chain 0.
    pub n: usize,
    /// How many chains run at once.
    pub batch: usize,
}

impl Engine {
    /// Prepares a model. If neither an engine nor a device is chosen, this takes the GPU if there
    /// is one, and otherwise Burn on the CPU, which is faster than a software adapter.
    ///
    /// # Errors
    /// If the chosen engine or device is not available.
    pub fn new(
        choice: Option<Choice>,
        device: Option<&str>,
        model: ModelFile,
    ) -> anyhow::Result<Self> {
        let architecture = &model.card.architecture;
        let gpu = match (choice, device) {
            (Some(Choice::Fused), Some(device)) => bail!(
                "--device {device} is for Burn; the fused engine uses the system's preferred \
                 GPU"
            ),
            (Some(Choice::Burn), _) | (None, Some(_)) => None,
            (Some(Choice::Fused), None) => Some(block_on(Gpu::request())?),
            (None, None) => block_on(Gpu::request()).ok().filter(|gpu| !gpu.is_software()),
        };
        if let Some(gpu) = gpu {
            let network = block_on(async {
                let config = best_kernel_config(&gpu, KernelPrecision::F16).await;
                let compiler = Compiler::new(&gpu, config)?;
                fused::Network::new(&compiler, architecture, &model.weights).await
            });
            match (network, choice) {
                (Ok(network), _) => return Ok(Self::Fused(network)),
                (Err(error), Some(_)) => return Err(error).with_context(|| gpu.adapter()),
                (Err(error), None) => {
                    eprintln!("warning: {}: {error}; using the CPU instead", gpu.adapter());
                }
            }
        }
        let name = device.unwrap_or("cpu").to_owned();
        let device = device::parse(&name)?;
        let model = Box::new(BurnModel::with_weights(architecture, model.weights, &device)?);
        Ok(Self::Burn { model, name })
    }

    /// Adds the guide that `make` builds for the engine's images and device; `flag` asked for it.
    ///
    /// # Errors
    /// If the guide cannot be made, or the engine can only run a single network.
    pub fn guided(
        self,
        flag: &str,
        make: impl FnOnce(ImageShape, &Device) -> anyhow::Result<Arc<dyn Guide>>,
    ) -> anyhow::Result<Self> {
        let Self::Burn { model, name } = self else {
            bail!("{flag} needs a second network, which takes --engine burn")
        };
        let guide = make(model.image_shape(), model.device())?;
        Ok(Self::Burn { model: Box::new(model.guided(guide)), name })
    }

    /// The engine's name for people.
    pub fn name(&self) -> String {
        match self {
            Self::Fused(network) => {
                let precision = network.config().precision.scalar();
                format!("fused kernels in {precision} on {}", network.gpu().adapter())
            }
            Self::Burn { name, .. } => format!("Burn on {name}"),
        }
    }

    /// What makes its chains.
    fn source(&self) -> &dyn ChainSource {
        match self {
            Self::Fused(network) => network,
            Self::Burn { model, .. } => &**model,
        }
    }

    /// Runs the chains, showing progress, and returns their images after each of the given
    /// numbers of steps, which must be in ascending order.
    ///
    /// # Errors
    /// If the device fails.
    pub fn draw<const N: usize>(
        &self,
        job: &SamplingJob<'_>,
        stops: [usize; N],
    ) -> anyhow::Result<[Vec<f32>; N]> {
        let mut all = [const { Vec::new() }; N];
        self.visit(job, &stops, |stop, pixels| all[stop].extend(pixels))?;
        Ok(all)
    }

    /// Like [`Self::draw`] for any number of stops: `at` gets a batch's images at each stop.
    ///
    /// # Errors
    /// If the device fails.
    pub fn visit(
        &self,
        job: &SamplingJob<'_>,
        stops: &[usize],
        mut at: impl FnMut(usize, Vec<f32>),
    ) -> anyhow::Result<()> {
        let SamplingJob { n, batch, .. } = *job;
        let evaluations = n.div_ceil(batch) * stops.iter().copied().max().unwrap_or(0);
        let bar = progress::bar(evaluations as u64, "{bar:40} {pos}/{len} evaluations, {eta} left");
        for first in (0..n).step_by(batch) {
            let chains = first..n.min(first + batch);
            self.run(job, chains, stops, &mut at, |steps| bar.inc(steps as u64))?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Runs some of the chains: `at` gets the images at each stop, `progress` the number of steps
    /// done.
    fn run(
        &self,
        job: &SamplingJob<'_>,
        chains: Range<usize>,
        stops: &[usize],
        mut at: impl FnMut(usize, Vec<f32>),
        progress: impl Fn(usize),
    ) -> Result<(), BackendError> {
        let SamplingJob { table, conditioning, seed, .. } = *job;
        let mut chains = self.source().chains(table.clone(), conditioning, seed, chains)?;
        for (index, &stop) in stops.iter().enumerate() {
            block_on(advance_to(&mut *chains, stop, &progress))?;
            at(index, block_on(chains.read(View::Noisy))?);
        }
        Ok(())
    }
}
