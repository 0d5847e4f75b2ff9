//! The buffers of a training run, and the bind groups of its kernels.

use std::ops::Range;

use super::data_set::DataSet;
use super::rows::{ExampleRow, PartRow};
use crate::backend::fused::codegen::{
    Kernel, KernelConfig, LoweredTraining, Operand, TrainingBuffer, TrainingKernel,
};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::SigmaInput;
use crate::backend::fused::plan::training::TrainingPlan;
use crate::backend::fused::runtime::activations::Activations;
use crate::backend::fused::runtime::gpu::Gpu;
use crate::backend::fused::runtime::owned_buffer::OwnedBuffer;
use crate::backend::fused::runtime::pipelines::{Pipeline, part};
use crate::backend::fused::runtime::step_row::StepRow;
use crate::net::precondition::frequencies;

/// The most steps that are submitted together.
pub const STEPS: usize = 16;

/// Everything on the GPU that a training run reads and writes.
#[derive(Debug)]
pub struct TrainingBuffers {
    pub data: OwnedBuffer,
    pub examples: OwnedBuffer,
    /// Rows of [`PartRow`], `stride` bytes apart.
    pub rows: OwnedBuffer,
    pub stride: usize,
    pub weights: OwnedBuffer,
    pub moments: OwnedBuffer,
    pub average: OwnedBuffer,
    /// Copies of the weights, the moments and the average, from when all were last found sound.
    pub kept: [OwnedBuffer; 3],
    pub gradients: OwnedBuffer,
    pub report: OwnedBuffer,
    pub noise: OwnedBuffer,
    /// For stable targets: labels, logits, selected images and how many those are. Without stable
    /// targets all of them have the least size.
    stable: [OwnedBuffer; 4],
    pub image: OwnedBuffer,
    score: OwnedBuffer,
    levels: OwnedBuffer,
    /// The one row that launches from sampling read.
    step: OwnedBuffer,
    frequencies: OwnedBuffer,
    pub losses: OwnedBuffer,
    places: OwnedBuffer,
    parameters: OwnedBuffer,
    slices: Vec<Range<usize>>,
    partials: OwnedBuffer,
    origins: OwnedBuffer,
    pub squares: OwnedBuffer,
    activations: Activations,
    table: Option<Operand>,
}

impl TrainingBuffers {
    /// Allocates everything. `slices` are the parameters' ranges in words; a batch is computed in
    /// `parts` of at most `images` images each.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(
        gpu: &Gpu,
        training: &TrainingPlan,
        lowered: &LoweredTraining,
        config: KernelConfig,
        slices: Vec<Range<usize>>,
        data: &DataSet<'_>,
        [batch, images, parts]: [usize; 3],
    ) -> Result<Self, FusedError> {
        let (plan, weights) = (&training.plan, training.weights);
        let dimension = plan.image_shape.dimension();
        let kernels: Vec<Kernel> = lowered.part.iter().map(|part| part.kernel.clone()).collect();
        let table = plan.embedding.map(|embedding| Operand::Tensor(embedding.table));
        let activations = Activations::new(
            gpu,
            plan,
            config.precision,
            &lowered.tiles,
            &kernels,
            images,
            // Kernels that read the table refer to it by another name.
            |operand| Some(operand) == table.as_ref(),
        )?;
        let alignment = gpu.device().limits().min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<PartRow>().next_multiple_of(alignment);
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let words = slices.last().map_or(0, |last| last.end);
        let pairs = match plan.sigma_input {
            SigmaInput::Continuous(_, size) => size / 2,
            SigmaInput::Rows(_) => 0,
        };
        let storage = |what, bytes: usize| gpu.storage(what, bytes as u64);
        let references = data.stable_targets(0).map_or(0, |stable| stable.references());
        let bytes = data.bytes;
        let buffers = Self {
            data: storage("the training images", bytes.len().next_multiple_of(4))?,
            examples: storage("the examples", size_of::<ExampleRow>() * batch * STEPS)?,
            rows: gpu.buffer("the training steps", (stride * parts * STEPS) as u64, usage)?,
            stride,
            weights: storage("the weights", 4 * weights)?,
            moments: storage("the optimizer's moments", 8 * weights)?,
            average: storage("the average of the weights", 4 * weights)?,
            kept: [
                storage("the last sound weights", 4 * weights)?,
                storage("the last sound moments", 8 * weights)?,
                storage("the last sound average", 4 * weights)?,
            ],
            gradients: storage("the gradients", 4 * weights)?,
            report: storage("the report", 4 * (2 + lowered.squares))?,
            noise: storage("the noise", 4 * images * dimension)?,
            stable: [
                storage("the labels", 4 * data.labels.len())?,
                storage("the stable targets", 4 * images * references)?,
                storage("the stable targets", 8 * images * references)?,
                storage("the stable targets", 4 * images)?,
            ],
            image: storage("the images", 4 * images * dimension)?,
            score: storage("the scores", 4 * images * dimension)?,
            levels: storage("the noise levels", 16 * images)?,
            step: gpu.buffer("the step", size_of::<StepRow>() as u64, usage)?,
            frequencies: storage("the frequencies", 4 * pairs)?,
            losses: storage("the losses", 4 * batch)?,
            places: storage("the places of the weights", 8 * words)?,
            parameters: storage("the parameters", 4 * words)?,
            slices,
            partials: storage("the parts of the gradients", 4 * lowered.partials)?,
            origins: storage("the origins of the gradients", 16 * weights)?,
            squares: storage("the squares", 4 * lowered.squares)?,
            activations,
            table,
        };
        let write = |buffer: &wgpu::Buffer, bytes: &[u8]| {
            if !bytes.is_empty() {
                gpu.queue().write_buffer(buffer, 0, bytes);
            }
        };
        let whole = bytes.len() / 4 * 4;
        write(&buffers.data, &bytes[..whole]);
        if whole < bytes.len() {
            let mut last = [0; 4];
            last[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            gpu.queue().write_buffer(&buffers.data, whole as u64, &last);
        }
        let frequencies: Vec<f32> = frequencies(pairs).collect();
        write(&buffers.frequencies, bytemuck::cast_slice(&frequencies));
        write(&buffers.stable[0], bytemuck::cast_slice(data.labels));
        write(&buffers.places, bytemuck::cast_slice(&lowered.places));
        write(&buffers.origins, bytemuck::cast_slice(&lowered.origins));
        let step =
            StepRow { row_period: images as u32, ..StepRow::evaluate(images as u32, 0, 0.0, 1.0) };
        write(&buffers.step, bytemuck::bytes_of(&step));
        Ok(buffers)
    }

    fn of(&self, buffer: TrainingBuffer) -> &wgpu::Buffer {
        match buffer {
            TrainingBuffer::Data => &self.data,
            TrainingBuffer::Examples => &self.examples,
            TrainingBuffer::Frequencies => &self.frequencies,
            TrainingBuffer::Noise => &self.noise,
            TrainingBuffer::Labels => &self.stable[0],
            TrainingBuffer::Logits => &self.stable[1],
            TrainingBuffer::Selected => &self.stable[2],
            TrainingBuffer::SelectedCounts => &self.stable[3],
            TrainingBuffer::Losses => &self.losses,
            TrainingBuffer::Weights => &self.weights,
            TrainingBuffer::Places => &self.places,
            TrainingBuffer::Parameters => &self.parameters,
            TrainingBuffer::Partials => &self.partials,
            TrainingBuffer::Origins => &self.origins,
            TrainingBuffer::Gradients => &self.gradients,
            TrainingBuffer::Squares => &self.squares,
            TrainingBuffer::Moments => &self.moments,
            TrainingBuffer::Average => &self.average,
            TrainingBuffer::Report => &self.report,
            TrainingBuffer::Row => &self.rows,
        }
    }

    /// The bytes of what a kernel reads and writes for so many images, each once.
    pub fn bytes(&self, kernel: &Kernel, images: usize) -> u64 {
        let of = |operand: &Operand| match operand {
            Operand::Parameters(slice) => 4 * self.slices[*slice].len() as u64,
            Operand::Step => 0,
            Operand::Image | Operand::Next => self.score.size(),
            Operand::Table => self.table.as_ref().map_or(0, |table| self.sizes(table, images)),
            Operand::Training(buffer) => self.of(*buffer).size(),
            operand => self.sizes(operand, images),
        };
        kernel.operands.iter().map(of).sum()
    }

    fn sizes(&self, operand: &Operand, images: usize) -> u64 {
        (self.activations.bytes(operand) * images) as u64
    }

    /// The bind group of a kernel.
    pub fn bind(&self, gpu: &Gpu, kernel: &Kernel, pipeline: &Pipeline) -> wgpu::BindGroup {
        pipeline.bind(gpu, kernel, |operand| {
            let whole: &wgpu::Buffer = match operand {
                Operand::Parameters(slice) => {
                    let Range { start, end } = self.slices[*slice];
                    return part(&self.parameters, 4 * start as u64..4 * end as u64);
                }
                Operand::Step => return part(&self.step, 0..size_of::<StepRow>() as u64),
                Operand::Training(TrainingBuffer::Row) => {
                    return part(&self.rows, 0..size_of::<PartRow>() as u64);
                }
                Operand::Table => self
                    .table
                    .as_ref()
                    .and_then(|table| self.activations.find(table))
                    .unwrap_or(&self.levels),
                Operand::Levels => &self.levels,
                Operand::Image => &self.image,
                Operand::Next => &self.score,
                Operand::Training(buffer) => self.of(*buffer),
                _ => self.activations.find(operand).unwrap_or(&self.levels),
            };
            whole.as_entire_buffer_binding()
        })
    }
}

/// A kernel of a training step with its pipeline and its buffers.
#[derive(Debug)]
pub struct BoundKernel {
    pub launch: TrainingKernel,
    pub pipeline: Pipeline,
    pub group: wgpu::BindGroup,
}
