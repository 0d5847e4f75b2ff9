//! Records a network's steps on a batch of images.

use std::sync::Arc;

use super::buffers::{Buffers, DENOISED, IMAGES, SCORES};
use super::error::FusedError;
use super::gpu::lock;
use super::lower::Operand;
use super::network::{Compiled, Network};
use super::step::StepRow;
use crate::sample::Observation;

/// Where a step reads the noisy images and where it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The network's last layer moves the images forward.
    Step,
    /// The last layer writes the score to a buffer of its own; another kernel moves the images.
    Update,
    /// The images stay as they are; the last layer writes its result to a buffer of its own.
    Evaluate,
}

/// A network at work on a batch of images.
#[derive(Debug)]
pub struct Run {
    network: Network,
    buffers: Arc<Buffers>,
    /// Which of [`IMAGES`] holds the present ones.
    now: usize,
    /// Which of [`SCORES`] is written next.
    score: usize,
}

impl Run {
    /// The most noise levels that the tables hold at a time.
    pub const LEVELS: usize = 256;
    /// The most steps that they hold.
    pub const STEPS: usize = 1024;

    /// Allocates everything, or reuses the buffers of a finished run.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if a buffer is larger than the GPU allows.
    pub fn new(network: &Network, batch: usize) -> Result<Self, FusedError> {
        let mut all = lock(&network.0.buffers);
        let idle = |buffers: &Arc<Buffers>| Arc::strong_count(buffers) == 1;
        let left = all.iter().find(|buffers| idle(buffers) && buffers.batch == batch).cloned();
        let buffers = match left {
            Some(buffers) => buffers,
            None => {
                all.retain(|buffers| !idle(buffers));
                let buffers = Arc::new(Buffers::new(&network.0, batch)?);
                all.push(Arc::clone(&buffers));
                buffers
            }
        };
        Ok(Self { network: network.clone(), buffers, now: 0, score: 0 })
    }

    /// As [`Self::new`], with row 0 of the tables for a look at the score at σ = 1.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn evaluating(network: &Network, batch: usize) -> Result<Self, FusedError> {
        let run = Self::new(network, batch)?;
        run.write_steps(0, &[StepRow::evaluate(0, 0.0, 1.0)]);
        run.submit_levels(&[1.0]);
        Ok(run)
    }

    fn write(&self, buffer: &wgpu::Buffer, offset: usize, bytes: &[u8]) {
        self.network.0.gpu.queue().write_buffer(buffer, offset as u64, bytes);
    }

    /// Replaces the noisy images.
    pub fn write_image(&self, x: &[f32]) {
        self.write(self.present(), 0, bytemuck::cast_slice(x));
    }

    /// The noisy images.
    pub fn present(&self) -> &wgpu::Buffer {
        &self.buffers.images[self.now]
    }

    /// The result of the last look.
    pub fn denoised(&self) -> &wgpu::Buffer {
        &self.buffers.images[DENOISED]
    }

    /// The images before the last step.
    pub fn earlier(&self) -> &wgpu::Buffer {
        &self.buffers.images[IMAGES[1 - self.now]]
    }

    /// The score that the last step left, if its flow was [`Flow::Update`].
    pub fn last_score(&self) -> &wgpu::Buffer {
        &self.buffers.images[SCORES[1 - self.score]]
    }

    /// Replaces the images before the last step.
    pub fn write_earlier(&self, x: &[f32]) {
        self.write(self.earlier(), 0, bytemuck::cast_slice(x));
    }

    /// Replaces the score that the last step left.
    pub fn write_last_score(&self, score: &[f32]) {
        self.write(self.last_score(), 0, bytemuck::cast_slice(score));
    }

    /// Replaces the observation.
    pub fn write_observation(&self, observation: &Observation) {
        let pairs = observation.target().iter().zip(observation.mask());
        let pairs: Vec<[f32; 2]> = pairs.map(|(&target, &mask)| [target, mask]).collect();
        self.write(&self.buffers.observation, 0, bytemuck::cast_slice(&pairs));
    }

    /// Replaces the weights of the two seeds in each image's noise.
    pub fn write_mixtures(&self, weights: &[[f32; 2]]) {
        self.write(&self.buffers.mixtures, 0, bytemuck::cast_slice(weights));
    }

    /// Replaces some rows of the table of steps.
    pub fn write_steps(&self, first: usize, rows: &[StepRow]) {
        let stride = self.buffers.stride;
        let mut bytes = vec![0; rows.len() * stride];
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(stride)) {
            bytes[..size_of::<StepRow>()].copy_from_slice(bytemuck::bytes_of(row));
        }
        self.write(&self.buffers.steps, first * stride, &bytes);
    }

    /// Fills the tables with everything that depends on σ alone, for at most [`Self::LEVELS`] σ.
    pub fn submit_levels(&self, sigmas: &[f32]) {
        let (parts, buffers) = (&*self.network.0, &*self.buffers);
        let (gpu, plan) = (&parts.gpu, &parts.plan);
        let rows: Vec<[f32; 4]> =
            sigmas.iter().map(|&sigma| plan.sigma_embedding.at(sigma)).collect();
        self.write(&buffers.levels, 0, bytemuck::cast_slice(&rows));
        let (Some(buffer), Some([id, _])) = (&buffers.features, plan.embedding) else { return };
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
        for (compiled, group) in parts.levels.iter().zip(&buffers.level_groups) {
            launch(&mut pass, compiled, group, 0, sigmas.len());
        }
        drop(pass);
        gpu.queue().submit([encoder.finish()]);
    }

    /// Records and submits steps, each given by its flow and its row in the table of steps.
    pub fn submit(
        &mut self,
        steps: impl IntoIterator<Item = (Flow, usize)>,
    ) -> wgpu::SubmissionIndex {
        let (parts, buffers) = (&*self.network.0, &*self.buffers);
        let mut encoder = parts.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (flow, row) in steps {
            let offset = row * buffers.stride;
            let to = match flow {
                Flow::Step => IMAGES[1 - self.now],
                Flow::Update => SCORES[self.score],
                Flow::Evaluate => DENOISED,
            };
            for (compiled, group) in parts.steps.iter().zip(&buffers.step_groups[self.now][to]) {
                launch(&mut pass, compiled, group, offset, buffers.batch);
            }
            if flow == Flow::Update {
                let group = &buffers.update_groups[self.now][self.score];
                launch(&mut pass, &parts.update, group, offset, buffers.batch);
                self.score = 1 - self.score;
            }
            if flow != Flow::Evaluate {
                self.now = 1 - self.now;
            }
        }
        drop(pass);
        parts.gpu.queue().submit([encoder.finish()])
    }

    /// Records and submits one launch of a look, over and over.
    pub fn repeat(&self, index: usize, times: usize) {
        let (parts, buffers) = (&*self.network.0, &*self.buffers);
        let mut encoder = parts.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let group = &buffers.step_groups[self.now][DENOISED][index];
        for _ in 0..times {
            launch(&mut pass, &parts.steps[index], group, 0, buffers.batch);
        }
        drop(pass);
        parts.gpu.queue().submit([encoder.finish()]);
    }
}

fn launch(
    pass: &mut wgpu::ComputePass<'_>,
    Compiled { kernel, pipeline }: &Compiled,
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
