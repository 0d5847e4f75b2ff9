//! A network on the GPU: its parameters and its pipelines.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::buffers::Buffers;
use super::error::FusedError;
use super::gpu::{Gpu, lock};
use super::lower::{Kernel, Lowered, lower};
use super::pack;
use super::pipelines::{Pipeline, Pipelines, compile};
use super::plan::Plan;
use super::precision::Precision;
use super::render::Renderer;
use super::run::{Flow, Run};
use super::setup::Setup;
use super::step::StepRow;
use super::tiling::Tiling;
use super::{refinenet, unet};
use crate::net::weights::Weights;
use crate::net::{Architecture, Picture};

/// A score network, ready to run. Clones share it.
#[derive(Clone, Debug)]
pub struct Network(pub(super) Arc<Parts>);

/// What a network consists of.
#[derive(Debug)]
pub(super) struct Parts {
    pub gpu: Gpu,
    pub plan: Arc<Plan>,
    pub setup: Setup,
    /// Identifies what a measurement of its tiles is valid for: see [`key`].
    pub key: String,
    pub parameters: Arc<Uploaded>,
    /// The kernels that run once per noise level.
    pub levels: Vec<Compiled>,
    /// The kernels of each step.
    pub steps: Vec<Compiled>,
    /// The kernel after a step that only computes the score.
    pub mover: Compiled,
    /// For each tensor, the number of tiles with moments of their own.
    pub tiles: Vec<usize>,
    /// The buffers of runs, including finished ones: a restart reuses them.
    pub buffers: Mutex<Vec<Arc<Buffers>>>,
    /// One for each target format used so far.
    pub renderers: Mutex<Vec<Arc<Renderer>>>,
}

/// The parameters of a plan on the GPU.
#[derive(Debug)]
pub(super) struct Uploaded {
    pub buffer: wgpu::Buffer,
    /// Where each slice begins and ends, in bytes.
    pub places: Vec<Range<u64>>,
}

impl Drop for Uploaded {
    /// See [`Buffers`].
    fn drop(&mut self) {
        self.buffer.destroy();
    }
}

/// A kernel and its pipeline.
#[derive(Debug)]
pub(super) struct Compiled {
    pub kernel: Kernel,
    pub pipeline: Pipeline,
}

impl Network {
    /// Uploads the weights and compiles the kernels that are best for this GPU.
    ///
    /// # Errors
    /// [`FusedError`] if the weights do not match the architecture, or the GPU is too small for
    /// them or fails.
    pub async fn new(
        gpu: &Gpu,
        architecture: &Architecture,
        weights: &Weights,
    ) -> Result<Self, FusedError> {
        Self::with(gpu, architecture, weights, Setup::best(gpu, Precision::Half).await).await
    }

    /// As [`Self::new`], with a given setup.
    ///
    /// # Errors
    /// As [`Self::new`], and if the adapter lacks the precision.
    pub async fn with(
        gpu: &Gpu,
        architecture: &Architecture,
        weights: &Weights,
        setup: Setup,
    ) -> Result<Self, FusedError> {
        Self::remembering(gpu, architecture, weights, setup, "").await
    }

    /// As [`Self::with`], but with the tiles that were measured to be the fastest, if `tuning` is
    /// the [`Self::tuning`] of the same network on this GPU.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub async fn remembering(
        gpu: &Gpu,
        architecture: &Architecture,
        weights: &Weights,
        setup: Setup,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        let network = Self::loaded(gpu, architecture, weights, setup, tuning)?;
        gpu.idle().await?;
        Ok(network)
    }

    /// As [`Self::remembering`], without waiting for the GPU.
    ///
    /// # Errors
    /// [`FusedError`] if the weights do not match the architecture, or the GPU is too small for
    /// them. Later uses report everything else.
    pub fn loaded(
        gpu: &Gpu,
        architecture: &Architecture,
        weights: &Weights,
        setup: Setup,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        if setup.precision == Precision::Half && !gpu.has_half() {
            return Err(FusedError::Feature("shader-f16"));
        }
        Self::planned(gpu, plan(architecture, weights)?, setup, tuning, compile)
    }

    /// The network of a plan; `tuning` as for [`Self::remembering`]. `compile` makes its pipelines.
    pub(super) fn planned(
        gpu: &Gpu,
        mut plan: Plan,
        setup: Setup,
        tuning: &str,
        compile: fn(&Gpu, &Lowered) -> Pipelines,
    ) -> Result<Self, FusedError> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let places = pack::places(&plan.parameters, setup.precision);
        let bytes = places.last().map_or(0, |last| last.end);
        let buffer = gpu.buffer("the weights", bytes, usage)?;
        for (parameters, place) in plan.parameters.iter_mut().zip(&places) {
            let bytes = pack::bytes(parameters, setup.precision);
            gpu.queue().write_buffer(&buffer, place.start, &bytes);
            // The GPU has them now.
            parameters.values = Vec::new();
        }
        let (setup, key, lowered) = tiled(gpu, &plan, setup, tuning);
        let (plan, parameters) = (Arc::new(plan), Arc::new(Uploaded { buffer, places }));
        let pipelines = compile(gpu, &lowered);
        Ok(Self::assemble(gpu, plan, setup, key, parameters, lowered, &pipelines))
    }

    fn assemble(
        gpu: &Gpu,
        plan: Arc<Plan>,
        setup: Setup,
        key: String,
        parameters: Arc<Uploaded>,
        Lowered { levels, steps, mover, tiles }: Lowered,
        pipelines: &Pipelines,
    ) -> Self {
        let with = |kernel: Kernel| {
            let pipeline = pipelines.get(&kernel).expect("all were compiled").clone();
            Compiled { kernel, pipeline }
        };
        let all = |kernels: Vec<Kernel>| kernels.into_iter().map(with).collect();
        Self(Arc::new(Parts {
            gpu: gpu.clone(),
            plan,
            setup,
            key,
            parameters,
            levels: all(levels),
            steps: all(steps),
            mover: with(mover),
            tiles,
            buffers: Mutex::default(),
            renderers: Mutex::default(),
        }))
    }

    /// The kernels it would have with another tiling.
    pub(super) fn lowered(&self, tiling: Tiling) -> Lowered {
        let Parts { gpu, plan, setup, .. } = &*self.0;
        lower(plan, Setup { tiling, ..*setup }, memory(gpu))
    }

    /// The same network with another tiling; `pipelines` has all its kernels.
    pub(super) fn tiled(&self, tiling: Tiling, lowered: Lowered, pipelines: &Pipelines) -> Self {
        let Parts { gpu, plan, setup, key, parameters, .. } = &*self.0;
        let setup = Setup { tiling, ..*setup };
        let (plan, parameters) = (Arc::clone(plan), Arc::clone(parameters));
        Self::assemble(gpu, plan, setup, key.clone(), parameters, lowered, pipelines)
    }

    /// Whether these are the kernels that its steps run.
    pub(super) fn runs(&self, lowered: &Lowered) -> bool {
        let (own, other) = (&self.0.steps, &lowered.steps);
        own.len() == other.len()
            && own.iter().zip(other).all(|(own, other)| own.kernel.source == other.source)
    }

    /// A line that makes [`Self::remembering`] give the same network on this GPU the same tiles.
    pub fn tuning(&self) -> String {
        format!("{} {}", self.0.key, self.0.setup.tiling.name)
    }

    /// The pipelines of its kernels.
    pub(super) fn pipelines(&self) -> Pipelines {
        let Parts { levels, steps, mover, .. } = &*self.0;
        let all = levels.iter().chain(steps).chain([mover]);
        all.map(|Compiled { kernel, pipeline }| (kernel, pipeline.clone())).collect()
    }

    /// Frees the buffers that finished runs left for reuse.
    pub(super) fn forget_buffers(&self) {
        lock(&self.0.buffers).clear();
    }

    /// The score `s(x, σ)` of N pictures, N × C × H × W like `x`. `sigmas` holds one σ > 0 for each
    /// picture, or a single one for all.
    ///
    /// # Errors
    /// [`FusedError`] if the shapes do not fit, or the GPU fails.
    pub async fn score(&self, x: &[f32], sigmas: &[f32]) -> Result<Vec<f32>, FusedError> {
        let dimension = self.0.plan.picture.dimension();
        if x.is_empty() || !x.len().is_multiple_of(dimension) {
            return Err(FusedError::Pictures { values: x.len(), dimension });
        }
        let pictures = x.len() / dimension;
        if sigmas.len() != 1 && sigmas.len() != pictures {
            return Err(FusedError::Sigmas { sigmas: sigmas.len(), pictures });
        }
        let mut score = Vec::with_capacity(x.len());
        // As many at once as the tables have room for noise levels.
        let batch = pictures.min(Run::LEVELS);
        let mut run = Run::new(self, batch)?;
        for (x, first) in x.chunks(batch * dimension).zip((0..).step_by(batch)) {
            let count = x.len() / dimension;
            let shared = sigmas.len() == 1;
            let sigmas = if shared { sigmas } else { &sigmas[first..first + count] };
            let step = StepRow { row_stride: u32::from(!shared), ..StepRow::ask(0, 0.0, 1.0) };
            run.write_picture(x);
            run.write_steps(0, &[step]);
            run.submit_levels(sigmas);
            run.submit([(Flow::Look, 0)]);
            score.extend(self.0.gpu.read(run.seen(), x.len()).await?);
        }
        Ok(score)
    }

    /// The renderer for targets of a format.
    pub(super) fn renderer(
        &self,
        format: wgpu::TextureFormat,
    ) -> Result<Arc<Renderer>, FusedError> {
        let mut renderers = lock(&self.0.renderers);
        if let Some(renderer) = renderers.iter().find(|renderer| renderer.format() == format) {
            return Ok(Arc::clone(renderer));
        }
        let renderer = Arc::new(Renderer::new(&self.0.gpu, self.0.plan.picture, format)?);
        renderers.push(Arc::clone(&renderer));
        Ok(renderer)
    }

    /// The GPU it is on.
    pub fn gpu(&self) -> &Gpu {
        &self.0.gpu
    }

    /// The shape of its pictures.
    pub(super) fn picture(&self) -> Picture {
        self.0.plan.picture
    }

    /// Floating-point operations of one evaluation for one picture: two for each multiplication of
    /// the convolutions and of the attention. Padding does not count.
    pub fn operations(&self) -> u64 {
        self.0.plan.operations()
    }

    /// The setup of its kernels.
    pub fn setup(&self) -> Setup {
        self.0.setup
    }

    /// How many kernels one evaluation launches.
    pub fn launches(&self) -> usize {
        self.0.steps.len()
    }
}

/// The plan of a network.
pub(super) fn plan(architecture: &Architecture, weights: &Weights) -> Result<Plan, FusedError> {
    architecture.check()?;
    match architecture {
        Architecture::UNet(sizes) => unet::plan(sizes, weights),
        Architecture::RefineNet(sizes) => refinenet::plan(sizes, weights),
    }
}

/// The kernels of a plan, with the tiles that `tuning` names if it is of this network and GPU; and
/// what identifies both: see [`key`].
pub(super) fn tiled(
    gpu: &Gpu,
    plan: &Plan,
    setup: Setup,
    tuning: &str,
) -> (Setup, String, Lowered) {
    let untuned = Setup::new(setup.style, setup.precision);
    let mut lowered = lower(plan, untuned, memory(gpu));
    let key = key(gpu, &lowered);
    let tiling = tuning
        .strip_prefix(&key)
        .and_then(|name| Tiling::named(setup.style, name.trim_start()))
        .unwrap_or(setup.tiling);
    let setup = Setup { tiling, ..setup };
    if setup != untuned {
        lowered = lower(plan, setup, memory(gpu));
    }
    (setup, key, lowered)
}

/// The bytes that a workgroup can share.
fn memory(gpu: &Gpu) -> usize {
    gpu.device().limits().max_compute_workgroup_storage_size as usize
}

/// Identifies what a measurement of tiles is valid for: this adapter, and the texts of the kernels
/// with the default tiles, which hold all sizes of the network and change with the program. Most
/// browsers do not name the adapter here; there the page tells adapters apart. (The hash is Fowler,
/// Noll and Vo's.)
fn key(gpu: &Gpu, lowered: &Lowered) -> String {
    let (adapter, texts) = (gpu.adapter(), lowered.kernels().map(|kernel| kernel.source.bytes()));
    let bytes = adapter.bytes().chain(texts.flatten());
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.fold(0xcbf2_9ce4_8422_2325, mix))
}
