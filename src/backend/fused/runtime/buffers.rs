//! The buffers for running a network on a batch, all allocated before the first step.

use super::activations::Activations;
use super::compiled_plan::{CompiledKernel, CompiledPlan};
use super::owned_buffer::OwnedBuffer;
use super::row_table::RowTable;
use super::step_row::StepRow;
use crate::backend::fused::codegen::Operand;
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::Embedding;

/// The buffers of the noisy images before and after a step; they swap roles at each step.
pub const IMAGES: [usize; 2] = [0, 1];
/// The buffer of the result of the last evaluation that left the images as they were.
pub const RESULT: usize = 2;
/// The buffers of the score of a step and of the score before it; they swap roles likewise.
pub const SCORES: [usize; 2] = [3, 4];

/// The buffers of a network for one batch size.
#[derive(Debug)]
pub struct Buffers {
    /// The number of images.
    pub batch: usize,
    /// The rows that the tables of noise levels have.
    pub level_rows: usize,
    /// See [`IMAGES`], [`RESULT`] and [`SCORES`].
    pub images: [OwnedBuffer; 5],
    /// For each pixel, its denoised values in the last two steps, for those that look back at them.
    pub denoised: OwnedBuffer,
    /// What the kernels need for each noise level: see `SigmaInput::at`.
    pub levels: OwnedBuffer,
    /// The scales and shifts of normalizations for each row, if σ is embedded: one of the buffers
    /// of `level_activations`.
    pub table: Option<wgpu::Buffer>,
    /// The table of steps.
    pub steps: RowTable<StepRow>,
    /// For each pixel its observed value, and 1 if it was observed.
    pub observation: OwnedBuffer,
    /// The weights of the two seeds in each image's noise.
    pub mixtures: OwnedBuffer,
    /// The intermediate tensors of the kernels that run once per noise level.
    pub level_activations: Activations,
    /// The intermediate tensors of the kernels of an evaluation.
    pub step_activations: Activations,
}

impl Buffers {
    /// The fewest rows that the tables of noise levels have: one for each pair of a noise level and
    /// a class that are in use at a time. Larger batches have one for each image, which may show a
    /// class of its own; a guided one is twice as large as its images are many, so there is room for
    /// no class, too.
    pub const LEVELS: usize = 512;
    /// The most steps that the table of steps holds at a time. One more row, with this index, is for
    /// evaluations between the steps.
    pub const STEPS: usize = 1024;

    /// Allocates everything.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(network: &CompiledPlan, batch: usize) -> Result<Self, FusedError> {
        let (gpu, plan) = (&network.gpu, &network.plan);
        gpu.check_workgroups("a launch of a batch", batch as u64)?;
        let dimension = plan.image_shape.dimension() as u64;
        let numbers = batch as u64 * dimension;
        let images = || gpu.storage("the images of a batch", 4 * numbers);

        let lasts = |operand: &Operand| {
            plan.embedding.is_some_and(|Embedding { features, class, table }| {
                let ids = [Some(features), class, Some(table)];
                ids.into_iter().flatten().any(|id| *operand == Operand::Tensor(id))
            })
        };
        let activations = |launches: &[CompiledKernel], count, lasts: &dyn Fn(&Operand) -> bool| {
            let kernels: Vec<_> = launches.iter().map(|launch| launch.kernel.clone()).collect();
            let CompiledPlan { gpu, plan, config, tiles, .. } = network;
            Activations::new(gpu, plan, config.precision, tiles, &kernels, count, lasts)
        };
        let level_rows = batch.max(Self::LEVELS);
        let level_activations = activations(&network.levels, level_rows, &lasts)?;
        let step_activations = activations(&network.steps, batch, &|_| false)?;
        let place = |embedding: Embedding| {
            level_activations.find(&Operand::Tensor(embedding.table)).cloned()
        };
        let table = plan.embedding.and_then(place);
        Ok(Self {
            batch,
            level_rows,
            images: [images()?, images()?, images()?, images()?, images()?],
            denoised: gpu.storage("the denoised images of a batch", 8 * numbers)?,
            levels: gpu.storage("the noise levels of a batch", 16 * level_rows as u64)?,
            table,
            // One more, for evaluations between the steps.
            steps: RowTable::new(gpu, "the steps", Self::STEPS + 1)?,
            observation: gpu.storage("the observation", 8 * dimension)?,
            mixtures: gpu.storage("the mixtures of a batch", 8 * batch as u64)?,
            level_activations,
            step_activations,
        })
    }
}
