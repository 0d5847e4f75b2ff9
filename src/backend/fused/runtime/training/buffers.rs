//! The buffers of a training run, and the bind groups of its kernels.

use std::ops::{Deref, Range};

use super::data_set::DataSet;
use super::rows::{ExampleRow, PartRow};
use super::run_kernels::RunKernels;
use super::step::StepLimits;
use crate::backend::fused::codegen::{Kernel, Operand, TrainingBuffer, TrainingKernel};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::{Plan, SigmaInput};
use crate::backend::fused::runtime::activations::Activations;
use crate::backend::fused::runtime::gpu::Gpu;
use crate::backend::fused::runtime::owned_buffer::OwnedBuffer;
use crate::backend::fused::runtime::pipelines::{Pipeline, part};
use crate::backend::fused::runtime::row_table::RowTable;
use crate::backend::fused::runtime::step_row::StepRow;
use crate::net::precondition::frequencies;

/// The most steps that are submitted together.
pub const STEPS: usize = 16;

/// What a step changes for good, and a run that diverges goes back to.
const STATE: [TrainingBuffer; 3] =
    [TrainingBuffer::Weights, TrainingBuffer::Moments, TrainingBuffer::Average];

/// Everything on the GPU that a training run reads and writes.
#[derive(Debug)]
pub struct TrainingBuffers {
    /// Those of [`TrainingBuffer::ALL`], in that order.
    own: Vec<OwnedBuffer>,
    /// Copies of [`STATE`], from when all of it was last found sound.
    kept: Vec<OwnedBuffer>,
    /// The parts of steps.
    pub rows: RowTable<PartRow>,
    /// The one row that launches from sampling read.
    step: RowTable<StepRow>,
    /// The noisy images of a part.
    pub image: OwnedBuffer,
    score: OwnedBuffer,
    levels: OwnedBuffer,
    slices: Vec<Range<usize>>,
    activations: Activations,
    table: Option<Operand>,
}

impl TrainingBuffers {
    /// Allocates everything for the batches of a run.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(
        gpu: &Gpu,
        run: &RunKernels,
        data: &DataSet<'_>,
        limits: &StepLimits,
    ) -> Result<Self, FusedError> {
        let RunKernels { config, training, slices, lowered } = run;
        let (plan, part) = (&training.plan, limits.part());
        let kernels: Vec<Kernel> = lowered.part.iter().map(|part| part.kernel.clone()).collect();
        let table = plan.embedding.map(|embedding| Operand::Tensor(embedding.table));
        let activations = Activations::new(
            gpu,
            plan,
            config.precision,
            &lowered.tiles,
            &kernels,
            part,
            // Kernels that read the table refer to it by another name.
            |operand| Some(operand) == table.as_ref(),
        )?;
        let own = |buffer| {
            let (what, bytes) = contents(buffer, run, data, limits);
            gpu.storage(what, bytes)
        };
        let images = |what| gpu.storage(what, bytes_of_images(plan, part));
        let buffers = Self {
            own: TrainingBuffer::ALL.into_iter().map(own).collect::<Result<_, _>>()?,
            kept: STATE.into_iter().map(own).collect::<Result<_, _>>()?,
            rows: RowTable::new(gpu, "the training steps", limits.parts * STEPS)?,
            step: RowTable::new(gpu, "the step", 1)?,
            image: images("the images")?,
            score: images("the scores")?,
            levels: gpu.storage("the noise levels", 16 * part as u64)?,
            slices: slices.clone(),
            activations,
            table,
        };
        let write = |buffer: TrainingBuffer, offset: usize, bytes: &[u8]| {
            if !bytes.is_empty() {
                gpu.queue().write_buffer(buffers.of(buffer), offset as u64, bytes);
            }
        };
        // Writes are of whole words.
        let (words, rest) = data.bytes.split_at(data.bytes.len() / 4 * 4);
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        write(TrainingBuffer::Data, 0, words);
        if !rest.is_empty() {
            write(TrainingBuffer::Data, words.len(), &last);
        }
        let frequencies: Vec<f32> = frequencies(pairs(plan)).collect();
        write(TrainingBuffer::Frequencies, 0, bytemuck::cast_slice(&frequencies));
        write(TrainingBuffer::Labels, 0, bytemuck::cast_slice(data.labels));
        write(TrainingBuffer::Places, 0, bytemuck::cast_slice(&lowered.places));
        write(TrainingBuffer::Origins, 0, bytemuck::cast_slice(&lowered.origins));
        let images = part as u32;
        let step = StepRow { row_period: images, ..StepRow::evaluate(images, 0, 0.0, 1.0) };
        buffers.step.write(gpu, 0, &[step]);
        Ok(buffers)
    }

    /// A buffer of the run.
    pub fn of(&self, buffer: TrainingBuffer) -> &wgpu::Buffer {
        &self.own[buffer as usize]
    }

    /// The buffers of the state, each with that of its copy.
    pub fn state(&self) -> impl Iterator<Item = (&wgpu::Buffer, &wgpu::Buffer)> {
        STATE.into_iter().map(|buffer| self.of(buffer)).zip(self.kept.iter().map(Deref::deref))
    }

    /// The bytes of what a kernel reads and writes for so many images, each once.
    pub fn bytes(&self, kernel: &Kernel, images: usize) -> u64 {
        let of_tensor = |operand: &Operand| self.activations.bytes(operand) as u64 * images as u64;
        let bytes = |operand: &Operand| match operand {
            Operand::Parameters(slice) => 4 * self.slices[*slice].len() as u64,
            Operand::Step | Operand::Part => 0,
            Operand::Image | Operand::Next => self.score.size(),
            Operand::Table => self.table.as_ref().map_or(0, of_tensor),
            Operand::Training(buffer) => self.of(*buffer).size(),
            operand => of_tensor(operand),
        };
        kernel.operands().map(bytes).sum()
    }

    /// The bind group of a kernel.
    pub fn bind(&self, gpu: &Gpu, kernel: &Kernel, pipeline: &Pipeline) -> wgpu::BindGroup {
        pipeline.bind(gpu, kernel, |operand| {
            let tensor = |operand: &Operand| {
                self.activations.find(operand).expect("its launches have a buffer for it")
            };
            let whole: &wgpu::Buffer = match operand {
                Operand::Parameters(slice) => {
                    let Range { start, end } = self.slices[*slice];
                    let parameters = self.of(TrainingBuffer::Parameters);
                    return part(parameters, 4 * start as u64..4 * end as u64);
                }
                Operand::Step => return self.step.binding(),
                Operand::Part => return self.rows.binding(),
                Operand::Table => tensor(self.table.as_ref().expect("σ is embedded")),
                Operand::Levels => &self.levels,
                Operand::Image => &self.image,
                Operand::Next => &self.score,
                Operand::Training(buffer) => self.of(*buffer),
                operand => tensor(operand),
            };
            whole.as_entire_buffer_binding()
        })
    }
}

/// What a buffer holds, in words, and its bytes.
fn contents(
    buffer: TrainingBuffer,
    run: &RunKernels,
    data: &DataSet<'_>,
    limits: &StepLimits,
) -> (&'static str, u64) {
    let RunKernels { training, slices, lowered, .. } = run;
    let [weights, batch, part] =
        [training.weights, limits.batch, limits.part()].map(|count| count as u64);
    let parameters = slices.last().map_or(0, |last| last.end as u64);
    // Without stable targets, what these need has the least size.
    let references = data.stable_targets(0).map_or(0, |stable| stable.references() as u64);
    match buffer {
        TrainingBuffer::Data => {
            ("the training images", (data.bytes.len() as u64).next_multiple_of(4))
        }
        TrainingBuffer::Examples => {
            ("the examples", size_of::<ExampleRow>() as u64 * batch * STEPS as u64)
        }
        TrainingBuffer::Frequencies => ("the frequencies", 4 * pairs(&training.plan) as u64),
        TrainingBuffer::Noise => ("the noise", bytes_of_images(&training.plan, limits.part())),
        TrainingBuffer::Labels => ("the labels", 4 * data.labels.len() as u64),
        TrainingBuffer::Logits => ("the stable targets", 4 * part * references),
        TrainingBuffer::Selected => ("the stable targets", 8 * part * references),
        TrainingBuffer::SelectedCounts => ("the stable targets", 4 * part),
        TrainingBuffer::Losses => ("the losses", 4 * batch),
        TrainingBuffer::Weights => ("the weights", 4 * weights),
        TrainingBuffer::Places => ("the places of the weights", 4 * parameters),
        TrainingBuffer::Parameters => ("the parameters", 4 * parameters),
        TrainingBuffer::Partials => ("the parts of the gradients", 4 * lowered.partials as u64),
        TrainingBuffer::Origins => ("the origins of the gradients", 16 * weights),
        TrainingBuffer::Gradients => ("the gradients", 4 * weights),
        TrainingBuffer::Squares => ("the squares", 4 * lowered.squares as u64),
        TrainingBuffer::Moments => ("the optimizer's moments", 8 * weights),
        TrainingBuffer::Average => ("the average of the weights", 4 * weights),
        TrainingBuffer::Report => ("the report", 4 * (2 + lowered.squares as u64)),
    }
}

/// The bytes of the pixels of so many images, in f32.
fn bytes_of_images(plan: &Plan, images: usize) -> u64 {
    4 * images as u64 * plan.image_shape.dimension() as u64
}

/// The number of frequencies of the features of σ.
fn pairs(plan: &Plan) -> usize {
    match plan.sigma_input {
        SigmaInput::Continuous(_, size) => size / 2,
        SigmaInput::Rows(_) => 0,
    }
}

/// A kernel of a training step with its pipeline and its buffers.
#[derive(Debug)]
pub struct BoundKernel {
    pub launch: TrainingKernel,
    pub pipeline: Pipeline,
    pub group: wgpu::BindGroup,
}
