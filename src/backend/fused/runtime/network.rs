//! A network on the GPU: its parameters and its pipelines.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::buffers::Buffers;
use super::error::FusedError;
use super::gpu::{Gpu, lock};
use super::kernel_config::KernelConfig;
use super::lower::{Kernel, Lowered, lower};
use super::pack;
use super::pipelines::{Pipeline, Pipelines, compile};
use super::plan::Plan;
use super::precision::Precision;
use super::render::Renderer;
use super::run::{Flow, Run};
use super::step::StepRow;
use super::tiling::Tiling;
use super::{refinenet, unet};
use crate::net::weights::Weights;
use crate::net::{Architecture, ImageShape};

/// A score network, ready to run. Clones share it.
#[derive(Clone, Debug)]
pub struct Network(pub(super) Arc<Parts>);

/// What a network consists of.
#[derive(Debug)]
pub(super) struct Parts {
    pub gpu: Gpu,
    pub plan: Arc<Plan>,
    pub config: KernelConfig,
    /// Identifies what a measurement of its tiles is valid for: see [`key`].
    pub key: String,
    pub parameters: Arc<Uploaded>,
    /// The kernels that run once per noise level.
    pub levels: Vec<Compiled>,
    /// The kernels of each step.
    pub steps: Vec<Compiled>,
    /// The kernel after a step that only computes the score.
    pub update: Compiled,
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
        Self::with(gpu, architecture, weights, KernelConfig::best(gpu, Precision::Half).await).await
    }

    /// As [`Self::new`], with a given setup.
    ///
    /// # Errors
    /// As [`Self::new`], and if the adapter lacks the precision.
    pub async fn with(
        gpu: &Gpu,
        architecture: &Architecture,
        weights: &Weights,
        config: KernelConfig,
    ) -> Result<Self, FusedError> {
        Self::remembering(gpu, architecture, weights, config, "").await
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
        config: KernelConfig,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        let network = Self::loaded(gpu, architecture, weights, config, tuning)?;
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
        config: KernelConfig,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        if config.precision == Precision::Half && !gpu.has_half() {
            return Err(FusedError::Feature("shader-f16"));
        }
        Self::planned(gpu, plan(architecture, weights)?, config, tuning, compile)
    }

    /// The network of a plan; `tuning` as for [`Self::remembering`]. `compile` makes its pipelines.
    pub(super) fn planned(
        gpu: &Gpu,
        mut plan: Plan,
        config: KernelConfig,
        tuning: &str,
        compile: fn(&Gpu, &Lowered) -> Pipelines,
    ) -> Result<Self, FusedError> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let places = pack::places(&plan.parameters, config.precision);
        let bytes = places.last().map_or(0, |last| last.end);
        let buffer = gpu.buffer("the weights", bytes, usage)?;
        for (parameters, place) in plan.parameters.iter_mut().zip(&places) {
            let bytes = pack::bytes(parameters, config.precision);
            gpu.queue().write_buffer(&buffer, place.start, &bytes);
            // The GPU has them now.
            parameters.values = Vec::new();
        }
        let (config, key, lowered) = tiled(gpu, &plan, config, tuning);
        let (plan, parameters) = (Arc::new(plan), Arc::new(Uploaded { buffer, places }));
        let pipelines = compile(gpu, &lowered);
        Ok(Self::assemble(gpu, plan, config, key, parameters, lowered, &pipelines))
    }

    fn assemble(
        gpu: &Gpu,
        plan: Arc<Plan>,
        config: KernelConfig,
        key: String,
        parameters: Arc<Uploaded>,
        Lowered { levels, steps, update, tiles }: Lowered,
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
            config,
            key,
            parameters,
            levels: all(levels),
            steps: all(steps),
            update: with(update),
            tiles,
            buffers: Mutex::default(),
            renderers: Mutex::default(),
        }))
    }

    /// The kernels it would have with another tiling.
    pub(super) fn lowered(&self, tiling: Tiling) -> Lowered {
        let Parts { gpu, plan, config, .. } = &*self.0;
        lower(plan, KernelConfig { tiling, ..*config }, memory(gpu))
    }

    /// The same network with another tiling; `pipelines` has all its kernels.
    pub(super) fn tiled(&self, tiling: Tiling, lowered: Lowered, pipelines: &Pipelines) -> Self {
        let Parts { gpu, plan, config, key, parameters, .. } = &*self.0;
        let config = KernelConfig { tiling, ..*config };
        let (plan, parameters) = (Arc::clone(plan), Arc::clone(parameters));
        Self::assemble(gpu, plan, config, key.clone(), parameters, lowered, pipelines)
    }

    /// Whether these are the kernels that its steps run.
    pub(super) fn runs(&self, lowered: &Lowered) -> bool {
        let (own, other) = (&self.0.steps, &lowered.steps);
        own.len() == other.len()
            && own.iter().zip(other).all(|(own, other)| own.kernel.source == other.source)
    }

    /// A line that makes [`Self::remembering`] give the same network on this GPU the same tiles.
    pub fn tuning(&self) -> String {
        format!("{} {}", self.0.key, self.0.config.tiling.name)
    }

    /// The pipelines of its kernels.
    pub(super) fn pipelines(&self) -> Pipelines {
        let Parts { levels, steps, update, .. } = &*self.0;
        let all = levels.iter().chain(steps).chain([update]);
        all.map(|Compiled { kernel, pipeline }| (kernel, pipeline.clone())).collect()
    }

    /// Frees the buffers that finished runs left for reuse.
    pub(super) fn forget_buffers(&self) {
        lock(&self.0.buffers).clear();
    }

    /// The score `s(x, σ)` of N images, N × C × H × W like `x`. `sigmas` holds one σ > 0 for each
    /// image, or a single one for all.
    ///
    /// # Errors
    /// [`FusedError`] if the shapes do not fit, or the GPU fails.
    pub async fn score(&self, x: &[f32], sigmas: &[f32]) -> Result<Vec<f32>, FusedError> {
        let dimension = self.0.plan.image_shape.dimension();
        if x.is_empty() || !x.len().is_multiple_of(dimension) {
            return Err(FusedError::Images { values: x.len(), dimension });
        }
        let images = x.len() / dimension;
        if sigmas.len() != 1 && sigmas.len() != images {
            return Err(FusedError::Sigmas { sigmas: sigmas.len(), images });
        }
        let mut score = Vec::with_capacity(x.len());
        // As many at once as the tables have room for noise levels.
        let batch = images.min(Run::LEVELS);
        let mut run = Run::new(self, batch)?;
        for (x, first) in x.chunks(batch * dimension).zip((0..).step_by(batch)) {
            let count = x.len() / dimension;
            let shared = sigmas.len() == 1;
            let sigmas = if shared { sigmas } else { &sigmas[first..first + count] };
            let step = StepRow { row_stride: u32::from(!shared), ..StepRow::evaluate(0, 0.0, 1.0) };
            run.write_image(x);
            run.write_steps(0, &[step]);
            run.submit_levels(sigmas);
            run.submit([(Flow::Evaluate, 0)]);
            score.extend(self.0.gpu.read(run.denoised(), x.len()).await?);
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
        let renderer = Arc::new(Renderer::new(&self.0.gpu, self.0.plan.image_shape, format)?);
        renderers.push(Arc::clone(&renderer));
        Ok(renderer)
    }

    /// The GPU it is on.
    pub fn gpu(&self) -> &Gpu {
        &self.0.gpu
    }

    /// The shape of its images.
    pub(super) fn image_shape(&self) -> ImageShape {
        self.0.plan.image_shape
    }

    /// Floating-point operations of one evaluation for one image: two for each multiplication of
    /// the convolutions and of the attention. Padding does not count.
    pub fn operations(&self) -> u64 {
        self.0.plan.operations()
    }

    /// The setup of its kernels.
    pub fn config(&self) -> KernelConfig {
        self.0.config
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
    config: KernelConfig,
    tuning: &str,
) -> (KernelConfig, String, Lowered) {
    let untuned = KernelConfig::new(config.strategy, config.precision);
    let mut lowered = lower(plan, untuned, memory(gpu));
    let key = key(gpu, &lowered);
    let tiling = tuning
        .strip_prefix(&key)
        .and_then(|name| Tiling::named(config.strategy, name.trim_start()))
        .unwrap_or(config.tiling);
    let config = KernelConfig { tiling, ..config };
    if config != untuned {
        lowered = lower(plan, config, memory(gpu));
    }
    (config, key, lowered)
}

/// The bytes that a workgroup can share.
fn memory(gpu: &Gpu) -> usize {
    gpu.device().limits().max_compute_workgroup_storage_size as usize
}

/// Identifies what a measurement of tiles is valid for: this adapter, and the texts of the kernels
/// with the default tiles, which hold all sizes of the network and change with the step table. Most
/// browsers do not name the adapter here; there the page tells adapters apart. (The hash is Fowler,
/// Noll and Vo's.)
fn key(gpu: &Gpu, lowered: &Lowered) -> String {
    let (adapter, texts) = (gpu.adapter(), lowered.kernels().map(|kernel| kernel.source.bytes()));
    let bytes = adapter.bytes().chain(texts.flatten());
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.fold(0xcbf2_9ce4_8422_2325, mix))
}
