//! A network on the GPU.

use std::sync::{Arc, Mutex};

use super::buffer_pool::BufferPool;
use super::buffers::Buffers;
use super::compiled_plan::CompiledPlan;
use super::compiler::{Compiler, Tuned};
use super::gpu::{Gpu, lock};
use super::level_rows::LevelRow;
use super::parameters::UploadedParameters;
use super::recorder::Recorder;
use super::render::Renderer;
use super::step_row::StepRow;
use crate::backend::fused::codegen::{KernelConfig, Lowered, Tiling};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::{Plan, network};
use crate::net::weights::Weights;
use crate::net::{Architecture, ImageShape};

/// A score network, ready to run. Clones share it.
#[derive(Clone, Debug)]
pub struct Network(Arc<Parts>);

/// What a network consists of.
#[derive(Debug)]
struct Parts {
    compiler: Compiler,
    /// See [`Tuned::key`].
    key: String,
    compiled: Arc<CompiledPlan>,
    buffers: BufferPool,
    /// One for each target format used so far.
    renderers: Mutex<Vec<Arc<Renderer>>>,
}

impl Network {
    /// Uploads the weights, compiles the kernels and waits for the GPU.
    ///
    /// # Errors
    /// [`FusedError`] if the weights do not match the architecture, or the GPU is too small for
    /// them or fails.
    pub async fn new(
        compiler: &Compiler,
        architecture: &Architecture,
        weights: &Weights,
    ) -> Result<Self, FusedError> {
        let network = Self::load(compiler, architecture, weights, "")?;
        compiler.gpu().idle().await?;
        Ok(network)
    }

    /// As [`Self::new`], without waiting for the GPU. The network has the tiles that were measured
    /// to be the fastest, if `tuning` is the [`Self::tuning`] of the same network on this GPU.
    ///
    /// # Errors
    /// [`FusedError`] if the weights do not match the architecture, or the GPU is too small for
    /// them. Later uses report everything else.
    pub fn load(
        compiler: &Compiler,
        architecture: &Architecture,
        weights: &Weights,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        Self::planned(compiler, network::plan(architecture, weights)?, tuning)
    }

    /// The network of a plan; `tuning` as for [`Self::load`].
    pub(in crate::backend::fused) fn planned(
        compiler: &Compiler,
        mut plan: Plan,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        let precision = compiler.config().precision;
        let parameters = UploadedParameters::new(compiler.gpu(), &mut plan.parameters, precision)?;
        let (plan, parameters) = (Arc::new(plan), Arc::new(parameters));
        let Tuned { tiling, key, lowered } = compiler.tuned(&plan, tuning);
        let compiled = CompiledPlan::new(compiler, plan, parameters, tiling, lowered)?;
        Ok(Self::assemble(compiler.clone(), key, compiled))
    }

    fn assemble(compiler: Compiler, key: String, compiled: CompiledPlan) -> Self {
        let (buffers, renderers) = (BufferPool::default(), Mutex::default());
        Self(Arc::new(Parts { compiler, key, compiled: Arc::new(compiled), buffers, renderers }))
    }

    /// The same network with another tiling; `compiler` has compiled its kernels.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if a launch has more workgroups than the GPU allows.
    pub(in crate::backend::fused) fn tiled(
        &self,
        tiling: Tiling,
        lowered: Lowered,
        compiler: &Compiler,
    ) -> Result<Self, FusedError> {
        let Parts { compiler: own, key, compiled, .. } = &*self.0;
        let (plan, parameters) = (Arc::clone(&compiled.plan), Arc::clone(&compiled.parameters));
        let compiled = CompiledPlan::new(compiler, plan, parameters, tiling, lowered)?;
        Ok(Self::assemble(own.clone(), key.clone(), compiled))
    }

    /// A line that makes [`Self::load`] give the same network on this GPU the same tiles.
    pub fn tuning(&self) -> String {
        format!("{} {}", self.0.key, self.0.compiled.config.tiling.name)
    }

    /// What compiled its kernels.
    pub(in crate::backend::fused) fn compiler(&self) -> &Compiler {
        &self.0.compiler
    }

    /// Its plan, with parameters and pipelines.
    pub(in crate::backend::fused) fn compiled(&self) -> &CompiledPlan {
        &self.0.compiled
    }

    /// A recorder for a batch of images, whose evaluations may be guided.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if a buffer is larger than the GPU allows.
    pub(in crate::backend::fused) fn recorder(
        &self,
        images: usize,
        guided: bool,
    ) -> Result<Recorder, FusedError> {
        let Parts { compiled, buffers, .. } = &*self.0;
        let batch = images * if guided { 2 } else { 1 };
        Ok(Recorder::new(Arc::clone(compiled), buffers.take(compiled, batch)?, images))
    }

    /// As [`Self::recorder`], with row 0 of the tables for an evaluation of the score at σ = 1.
    ///
    /// # Errors
    /// As [`Self::recorder`].
    pub(in crate::backend::fused) fn evaluator(
        &self,
        batch: usize,
    ) -> Result<Recorder, FusedError> {
        let mut recorder = self.recorder(batch, false)?;
        recorder.write_steps(0, &[StepRow::evaluate(batch as u32, 0, 0.0, 1.0)]);
        recorder.submit_levels(&[(1.0, None.into())]);
        Ok(recorder)
    }

    /// Frees the buffers that finished runs left for reuse.
    pub(in crate::backend::fused) fn free_buffers(&self) {
        self.0.buffers.clear();
    }

    /// The score `s(x, σ)` of N images, N × C × H × W like `x`, of no class in particular. `sigmas`
    /// holds one σ > 0 for each image, or a single one for all.
    ///
    /// # Errors
    /// [`FusedError`] if the shapes do not fit, or the GPU fails.
    pub async fn score(&self, x: &[f32], sigmas: &[f32]) -> Result<Vec<f32>, FusedError> {
        self.class_score(x, sigmas, &[None]).await
    }

    /// The score `s(x, σ | c)` of N images of classes, as [`Self::score`]. `classes` likewise holds
    /// one for each image, or a single one for all; a network without classes ignores them.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub async fn class_score(
        &self,
        x: &[f32],
        sigmas: &[f32],
        classes: &[Option<usize>],
    ) -> Result<Vec<f32>, FusedError> {
        let dimension = self.image_shape().dimension();
        if x.is_empty() || !x.len().is_multiple_of(dimension) {
            return Err(FusedError::Images { values: x.len(), dimension });
        }
        let images = x.len() / dimension;
        for (what, found) in [("values of σ", sigmas.len()), ("classes", classes.len())] {
            if found != 1 && found != images {
                return Err(FusedError::Count { what, found, images });
            }
        }
        let mut score = Vec::with_capacity(x.len());
        // Each image may have a noise level of its own. In larger batches the tables would grow.
        let batch = images.min(Buffers::LEVELS);
        let mut recorder = self.recorder(batch, false)?;
        let shared = sigmas.len() == 1 && classes.len() == 1;
        let of = |image: usize| {
            let class = classes[image.min(classes.len() - 1)];
            (sigmas[image.min(sigmas.len() - 1)], class.into())
        };
        for (x, first) in x.chunks(batch * dimension).zip((0..).step_by(batch)) {
            let count = if shared { 1 } else { x.len() / dimension };
            let rows: Vec<LevelRow> = (first..first + count).map(of).collect();
            let row_period = count as u32;
            let step = StepRow { row_period, ..StepRow::evaluate(batch as u32, 0, 0.0, 1.0) };
            recorder.write_images(x);
            recorder.write_steps(0, &[step]);
            recorder.submit_levels(&rows);
            recorder.evaluate();
            score.extend(recorder.read(recorder.result(), x.len()).await?);
        }
        Ok(score)
    }

    /// The renderer for targets of a format.
    pub(in crate::backend::fused) fn renderer(
        &self,
        format: wgpu::TextureFormat,
    ) -> Result<Arc<Renderer>, FusedError> {
        let mut renderers = lock(&self.0.renderers);
        if let Some(renderer) = renderers.iter().find(|renderer| renderer.format() == format) {
            return Ok(Arc::clone(renderer));
        }
        let renderer = Arc::new(Renderer::new(self.gpu(), self.image_shape(), format)?);
        renderers.push(Arc::clone(&renderer));
        Ok(renderer)
    }

    /// The GPU it is on.
    pub fn gpu(&self) -> &Gpu {
        &self.0.compiled.gpu
    }

    /// The shape of its images.
    pub(in crate::backend::fused) fn image_shape(&self) -> ImageShape {
        self.0.compiled.plan.image_shape
    }

    /// The number of its classes; 0 if it is unconditional.
    pub(in crate::backend::fused) fn classes(&self) -> usize {
        self.0.compiled.plan.class_rows.len().saturating_sub(1)
    }

    /// The largest scale of guidance that is an input; 0 if none is.
    pub(in crate::backend::fused) fn guidance_max(&self) -> f32 {
        self.0.compiled.plan.guidance_max
    }

    /// Floating-point operations of one evaluation for one image: two for each multiplication of
    /// the convolutions and of the attention. Padding does not count.
    pub fn operations(&self) -> u64 {
        self.0.compiled.plan.operations()
    }

    /// How its kernels were generated.
    pub fn config(&self) -> KernelConfig {
        self.0.compiled.config
    }

    /// How many kernels one evaluation launches.
    pub fn launches(&self) -> usize {
        self.0.compiled.steps.len()
    }
}
