//! Records the steps of a network on a batch of images, and submits them to the GPU.

use std::sync::Arc;

use super::bound_buffers::BoundBuffers;
use super::buffers::{IMAGES, RESULT, SCORES};
use super::compiled_plan::{CompiledKernel, CompiledPlan};
use super::step_row::StepRow;
use crate::backend::fused::codegen::Operand;
use crate::sample::Observation;

/// Where a step reads the noisy images and where it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The network's last layer writes the next images.
    Step,
    /// The last layer writes the score to a buffer of its own; the update kernel writes the next
    /// images.
    Update,
    /// The images stay as they are; the last layer writes its result to a buffer of its own.
    Evaluate,
}

/// Records the steps of a network on a batch of images, and submits them.
#[derive(Debug)]
pub struct Recorder {
    network: Arc<CompiledPlan>,
    bound: Arc<BoundBuffers>,
    /// Which of [`IMAGES`] holds the noisy images as they are now.
    now: usize,
    /// Which of [`SCORES`] is written next.
    score: usize,
}

impl Recorder {
    /// A recorder for a network, with buffers that no other recorder uses.
    pub fn new(network: Arc<CompiledPlan>, bound: Arc<BoundBuffers>) -> Self {
        Self { network, bound, now: 0, score: 0 }
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
        let stride = self.bound.buffers.stride;
        let mut bytes = vec![0; rows.len() * stride];
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(stride)) {
            bytes[..size_of::<StepRow>()].copy_from_slice(bytemuck::bytes_of(row));
        }
        self.write(&self.bound.buffers.steps, first * stride, &bytes);
    }

    /// Fills the tables with everything that depends on σ alone, for at most `Buffers::LEVELS` σ.
    pub fn submit_levels(&self, sigmas: &[f32]) {
        let (network, bound) = (&*self.network, &*self.bound);
        let (gpu, plan) = (&network.gpu, &network.plan);
        let rows: Vec<[f32; 4]> =
            sigmas.iter().map(|&sigma| plan.sigma_embedding.at(sigma)).collect();
        self.write(&bound.buffers.levels, 0, bytemuck::cast_slice(&rows));
        let (Some(buffer), Some([id, _])) = (&bound.buffers.features, plan.embedding) else {
            return;
        };
        // Rows of features are padded to a multiple of four, like channels.
        let width = plan.tensors[id].shape.channels();
        let mut features = vec![0.0; sigmas.len() * width];
        for (sigma, row) in sigmas.iter().zip(features.chunks_exact_mut(width)) {
            let values = plan.sigma_embedding.features(*sigma);
            row[..values.len()].copy_from_slice(&values);
        }
        self.write(buffer, 0, bytemuck::cast_slice(&features));

        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (kernel, group) in network.levels.iter().zip(&bound.levels) {
            launch(&mut pass, kernel, group, 0, sigmas.len());
        }
        drop(pass);
        gpu.queue().submit([encoder.finish()]);
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
            let offset = row * bound.buffers.stride;
            let to = match flow {
                Flow::Step => IMAGES[1 - self.now],
                Flow::Update => SCORES[self.score],
                Flow::Evaluate => RESULT,
            };
            for (kernel, group) in network.steps.iter().zip(&bound.steps[self.now][to]) {
                launch(&mut pass, kernel, group, offset, bound.buffers.batch);
            }
            if flow == Flow::Update {
                let group = &bound.update[self.now][self.score];
                launch(&mut pass, &network.update, group, offset, bound.buffers.batch);
                self.score = 1 - self.score;
            }
            if flow != Flow::Evaluate {
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
            launch(&mut pass, &network.steps[index], group, 0, bound.buffers.batch);
        }
        drop(pass);
        network.gpu.queue().submit([encoder.finish()]);
    }
}

fn launch(
    pass: &mut wgpu::ComputePass<'_>,
    CompiledKernel { kernel, pipeline }: &CompiledKernel,
    group: &wgpu::BindGroup,
    offset: usize,
    count: usize,
) {
    let offset = offset as u32;
    let stepped = kernel.operands.last() == Some(&Operand::Step);
    pass.set_pipeline(&pipeline.pipeline);
    pass.set_bind_group(0, group, if stepped { std::slice::from_ref(&offset) } else { &[] });
    let [x, y] = kernel.groups;
    pass.dispatch_workgroups(x, y, count as u32);
}
