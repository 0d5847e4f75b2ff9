//! Records the steps of a network on a batch of images, and submits them to the GPU.

use std::sync::Arc;

use super::bound_buffers::BoundBuffers;
use super::buffers::{IMAGES, RESULT, SCORES};
use super::compiled_plan::{CompiledKernel, CompiledPlan};
use super::level_rows::LevelRow;
use super::step_row::StepRow;
use crate::backend::fused::codegen::Operand;
use crate::backend::fused::plan::{Embedding, Id};
use crate::sample::Observation;

/// Where a step reads the noisy images and where it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The network's last layer writes the next images.
    Step,
    /// The last layer writes the score to a buffer of its own; the update kernel writes the next
    /// images. If it is guided, the score of no class follows that of the classes.
    Update {
        /// Whether there is classifier-free guidance.
        guided: bool,
    },
    /// The images stay as they are; the result goes to a buffer of its own.
    Evaluate {
        /// As for [`Self::Update`].
        guided: bool,
    },
}

/// Records the steps of a network on a batch of images, and submits them.
#[derive(Debug)]
pub struct Recorder {
    network: Arc<CompiledPlan>,
    bound: Arc<BoundBuffers>,
    /// The number of images; a guided evaluation is for twice as many.
    images: usize,
    /// Which of [`IMAGES`] holds the noisy images as they are now.
    now: usize,
    /// Which of [`SCORES`] is written next.
    score: usize,
}

impl Recorder {
    /// A recorder for a network, with buffers that no other recorder uses.
    pub fn new(network: Arc<CompiledPlan>, bound: Arc<BoundBuffers>, images: usize) -> Self {
        Self { network, bound, images, now: 0, score: 0 }
    }

    fn write(&self, buffer: &wgpu::Buffer, offset: usize, bytes: &[u8]) {
        self.network.gpu.queue().write_buffer(buffer, offset as u64, bytes);
    }

    /// Replaces the noisy images.
    pub fn write_images(&self, x: &[f32]) {
        self.write(self.noisy(), 0, bytemuck::cast_slice(x));
    }

    /// The noisy images.
    pub fn noisy(&self) -> &wgpu::Buffer {
        &self.bound.buffers.images[self.now]
    }

    /// The result of the last [`Flow::Evaluate`].
    pub fn result(&self) -> &wgpu::Buffer {
        &self.bound.buffers.images[RESULT]
    }

    /// The images before the last step.
    pub fn earlier(&self) -> &wgpu::Buffer {
        &self.bound.buffers.images[IMAGES[1 - self.now]]
    }

    /// The score that the last step left, if its flow was [`Flow::Update`]; if it was guided, then
    /// also that of no class.
    pub fn last_score(&self) -> &wgpu::Buffer {
        &self.bound.buffers.images[SCORES[1 - self.score]]
    }

    /// Replaces the images before the last step.
    pub fn write_earlier(&self, x: &[f32]) {
        self.write(self.earlier(), 0, bytemuck::cast_slice(x));
    }

    /// Replaces the score that the last step left, with classes and without: as if guidance had made
    /// no difference.
    pub fn write_last_score(&self, score: &[f32]) {
        for first in (0..self.bound.buffers.batch).step_by(self.images) {
            let offset = size_of_val(score) * (first / self.images);
            self.write(self.last_score(), offset, bytemuck::cast_slice(score));
        }
    }

    /// The denoised images of the last two steps, in pairs.
    pub fn denoised(&self) -> &wgpu::Buffer {
        &self.bound.buffers.denoised
    }

    /// Replaces the denoised images of the last two steps.
    pub fn write_denoised(&self, pairs: &[[f32; 2]]) {
        self.write(self.denoised(), 0, bytemuck::cast_slice(pairs));
    }

    /// Replaces the observation.
    pub fn write_observation(&self, observation: &Observation) {
        let pairs = observation.target().iter().zip(observation.mask());
        let pairs: Vec<[f32; 2]> = pairs.map(|(&target, &mask)| [target, mask]).collect();
        self.write(&self.bound.buffers.observation, 0, bytemuck::cast_slice(&pairs));
    }

    /// Replaces the weights of the two seeds in each image's noise.
    pub fn write_mixtures(&self, weights: &[[f32; 2]]) {
        self.write(&self.bound.buffers.mixtures, 0, bytemuck::cast_slice(weights));
    }

    /// Replaces some rows of the table of steps.
    pub fn write_steps(&self, first: usize, rows: &[StepRow]) {
        self.bound.buffers.steps.write(&self.network.gpu, first, rows);
    }

    /// Fills the tables with everything that depends on σ and the class alone, for at most
    /// `Buffers::LEVELS` pairs of both.
    pub fn submit_levels(&self, rows: &[LevelRow]) {
        let (network, bound) = (&*self.network, &*self.bound);
        let (gpu, plan) = (&network.gpu, &network.plan);
        let levels: Vec<[f32; 4]> =
            rows.iter().map(|&(sigma, _)| plan.sigma_input.at(sigma)).collect();
        self.write(&bound.buffers.levels, 0, bytemuck::cast_slice(&levels));
        let Some(Embedding { features, class, .. }) = plan.embedding else { return };
        let features_of = |&(sigma, _): &LevelRow| plan.sigma_input.features(sigma);
        self.write_rows(features, rows.iter().map(features_of));
        if let (Some(id), Some(none)) = (class, plan.class_rows.len().checked_sub(1)) {
            let row = |&(_, class): &LevelRow| -> Vec<f32> {
                let [(a, share_a), (b, share_b)] = class.rows(none);
                let [a, b] = [a, b].map(|row| &plan.class_rows[row]);
                a.iter().zip(b).map(|(a, b)| share_a * a + share_b * b).collect()
            };
            self.write_rows(id, rows.iter().map(row));
        }

        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (kernel, group) in network.levels.iter().zip(&bound.levels) {
            launch(&mut pass, kernel, group, 0, rows.len());
        }
        drop(pass);
        gpu.queue().submit([encoder.finish()]);
    }

    /// Replaces the first rows of a tensor that the host writes for the tables of noise levels.
    fn write_rows(&self, id: Id, rows: impl ExactSizeIterator<Item: AsRef<[f32]>>) {
        // Rows are padded to a multiple of four, like channels.
        let width = self.network.plan.tensors[id].shape.channels();
        let mut padded = vec![0.0; rows.len() * width];
        for (row, padded) in rows.zip(padded.chunks_exact_mut(width)) {
            padded[..row.as_ref().len()].copy_from_slice(row.as_ref());
        }
        let operand = Operand::Tensor(id);
        if let Some(buffer) = self.bound.buffers.level_activations.find(&operand) {
            self.write(buffer, 0, bytemuck::cast_slice(&padded));
        }
    }

    /// Records and submits evaluations by row 0 of the table of steps, without guidance.
    pub fn evaluate(&mut self, times: usize) {
        self.submit((0..times).map(|_| (Flow::Evaluate { guided: false }, 0)));
    }

    /// Records and submits steps, each given by its flow and its row in the table of steps.
    pub fn submit(
        &mut self,
        steps: impl IntoIterator<Item = (Flow, usize)>,
    ) -> wgpu::SubmissionIndex {
        let (network, bound) = (&*self.network, &*self.bound);
        let mut encoder = network.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (flow, row) in steps {
            let offset = bound.buffers.steps.offset(row);
            let (to, update, guided) = match flow {
                Flow::Step => (IMAGES[1 - self.now], None, false),
                Flow::Evaluate { guided: false } => (RESULT, None, false),
                Flow::Evaluate { guided: true } => (SCORES[self.score], Some(&bound.guide), true),
                Flow::Update { guided } => (SCORES[self.score], Some(&bound.update), guided),
            };
            let count = self.images * if guided { 2 } else { 1 };
            for (kernel, group) in network.steps.iter().zip(&bound.steps[self.now][to]) {
                launch(&mut pass, kernel, group, offset, count);
            }
            if let Some(groups) = update {
                let group = &groups[self.now][self.score];
                launch(&mut pass, &network.update, group, offset, self.images);
            }
            if matches!(flow, Flow::Update { .. }) {
                self.score = 1 - self.score;
            }
            if !matches!(flow, Flow::Evaluate { .. }) {
                self.now = 1 - self.now;
            }
        }
        drop(pass);
        network.gpu.queue().submit([encoder.finish()])
    }

    /// Records and submits one launch of an evaluation, `times` times.
    pub fn repeat(&self, index: usize, times: usize) {
        let (network, bound) = (&*self.network, &*self.bound);
        let mut encoder = network.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let group = &bound.steps[self.now][RESULT][index];
        for _ in 0..times {
            launch(&mut pass, &network.steps[index], group, 0, self.images);
        }
        drop(pass);
        network.gpu.queue().submit([encoder.finish()]);
    }
}

fn launch(
    pass: &mut wgpu::ComputePass<'_>,
    CompiledKernel { kernel, pipeline }: &CompiledKernel,
    group: &wgpu::BindGroup,
    offset: u32,
    count: usize,
) {
    let offset = kernel.row().map(|_| offset);
    pass.set_pipeline(&pipeline.pipeline);
    pass.set_bind_group(0, group, offset.as_slice());
    let [x, y] = kernel.groups;
    pass.dispatch_workgroups(x, y, count as u32);
}
