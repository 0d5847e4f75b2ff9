//! Records the steps of a network on a batch of images, and submits them to the GPU.

use std::sync::Arc;

use super::bound_buffers::BoundBuffers;
use super::buffers::{IMAGES, RESULT, SCORES};
use super::compiled_plan::{CompiledKernel, CompiledPlan};
use super::level_rows::LevelRow;
use super::step_row::StepRow;
use super::throttle::{Submitted, Throttle};
use crate::backend::fused::codegen::Operand;
use crate::backend::fused::error::FusedError;
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
    /// Submissions since the images were last replaced.
    submitted: u32,
}

impl Recorder {
    /// A recorder for a network, with buffers that no other recorder uses.
    pub fn new(network: Arc<CompiledPlan>, bound: Arc<BoundBuffers>, images: usize) -> Self {
        bound.counter.restart(&network.gpu);
        Self { network, bound, images, now: 0, score: 0, submitted: 0 }
    }

    fn write(&self, buffer: &wgpu::Buffer, offset: usize, bytes: &[u8]) {
        self.network.gpu.queue().write_buffer(buffer, offset as u64, bytes);
    }

    /// Replaces the noisy images. What was computed before no longer matters to [`Self::read`].
    pub fn write_images(&mut self, x: &[f32]) {
        self.write(self.noisy(), 0, bytemuck::cast_slice(x));
        self.bound.counter.restart(&self.network.gpu);
        self.submitted = 0;
    }

    /// Reads numbers back from the beginning of one of these buffers.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails; natively [`FusedError::Lost`] also if it has not computed all
    /// that was submitted, though its driver reports that as done.
    pub fn read(
        &self,
        buffer: &wgpu::Buffer,
        count: usize,
    ) -> impl Future<Output = Result<Vec<f32>, FusedError>> {
        self.bound.counter.read(&self.network.gpu, buffer, count, self.submitted)
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

    /// The rows that the tables of noise levels have.
    pub fn level_rows(&self) -> usize {
        self.bound.buffers.level_rows
    }

    /// Fills the tables with everything that depends on σ and the class alone, for at most
    /// [`Self::level_rows`] pairs of both.
    pub fn submit_levels(&mut self, rows: &[LevelRow]) {
        let (network, bound) = (&*self.network, &*self.bound);
        let plan = &network.plan;
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

        let kernels = network.levels.iter().zip(&bound.levels);
        let launch = |(kernel, group)| Launch { kernel, group, offset: 0, count: rows.len() };
        let launches: Vec<_> = kernels.map(launch).collect();
        self.submitted += submit(network, bound, &launches, usize::MAX).pieces;
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

    /// Records and submits an evaluation by row 0 of the table of steps, without guidance; in pieces,
    /// since nobody knows how long it takes.
    pub fn evaluate(&mut self) {
        self.submit(&[(Flow::Evaluate { guided: false }, 0)], Throttle::FEW);
    }

    /// As [`Self::evaluate`], so many times at once: for evaluations that are known to be short.
    pub fn evaluate_at_once(&mut self, times: usize) {
        self.submit(&vec![(Flow::Evaluate { guided: false }, 0); times], usize::MAX);
    }

    /// Records and submits steps, each given by its flow and its row in the table of steps, with at
    /// most so many launches in each submission.
    pub fn submit(&mut self, steps: &[(Flow, usize)], most: usize) -> Submitted {
        let (network, bound) = (&*self.network, &*self.bound);
        let mut launches = Vec::new();
        for &(flow, row) in steps {
            let offset = bound.buffers.steps.offset(row);
            let (to, update, guided) = match flow {
                Flow::Step => (IMAGES[1 - self.now], None, false),
                Flow::Evaluate { guided: false } => (RESULT, None, false),
                Flow::Evaluate { guided: true } => (SCORES[self.score], Some(&bound.guide), true),
                Flow::Update { guided } => (SCORES[self.score], Some(&bound.update), guided),
            };
            let count = self.images * if guided { 2 } else { 1 };
            let kernels = network.steps.iter().zip(&bound.steps[self.now][to]);
            launches.extend(kernels.map(|(kernel, group)| Launch { kernel, group, offset, count }));
            if let Some(groups) = update {
                let (kernel, group) = (&network.update, &groups[self.now][self.score]);
                launches.push(Launch { kernel, group, offset, count: self.images });
            }
            if matches!(flow, Flow::Update { .. }) {
                self.score = 1 - self.score;
            }
            if !matches!(flow, Flow::Evaluate { .. }) {
                self.now = 1 - self.now;
            }
        }
        let submitted = submit(network, bound, &launches, most);
        self.submitted += submitted.pieces;
        submitted
    }

    /// Records and submits one launch of an evaluation, `times` times. Nothing of it is read, so it
    /// is not counted.
    pub fn repeat(&self, index: usize, times: usize) {
        let (network, bound) = (&*self.network, &*self.bound);
        let group = &bound.steps[self.now][RESULT][index];
        let launch = Launch { kernel: &network.steps[index], group, offset: 0, count: self.images };
        let mut encoder = network.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for _ in 0..times {
            launch.record(&mut pass);
        }
        drop(pass);
        network.gpu.queue().submit([encoder.finish()]);
    }
}

/// A kernel to be launched.
struct Launch<'a> {
    kernel: &'a CompiledKernel,
    group: &'a wgpu::BindGroup,
    /// The offset of its row.
    offset: u32,
    /// For how many images, or noise levels.
    count: usize,
}

impl Launch<'_> {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let Self { kernel: CompiledKernel { kernel, pipeline }, group, offset, count } = self;
        let offset = kernel.row().map(|_| *offset);
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, *group, offset.as_slice());
        let [x, y] = kernel.groups;
        pass.dispatch_workgroups(x, y, *count as u32);
    }
}

/// Submits launches, at most so many at a time, and after them one that counts the submission.
fn submit(
    network: &CompiledPlan,
    bound: &BoundBuffers,
    launches: &[Launch<'_>],
    most: usize,
) -> Submitted {
    Submitted::in_pieces(launches, most, |launches| {
        let mut encoder = network.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        launches.iter().for_each(|launch| launch.record(&mut pass));
        bound.counter.record(&mut pass);
        drop(pass);
        network.gpu.queue().submit([encoder.finish()])
    })
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
    use crate::backend::fused::runtime::{Network, TestGpu};
    use crate::backend::fused::tune::self_test;

    /// A network, and images for it.
    fn network(gpu: &TestGpu) -> (Network, Vec<f32>) {
        let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
        let network = self_test::network(gpu, config).expect("it is small");
        let x = (0..2 * network.image_shape().dimension()).map(|i| (i % 7) as f32).collect();
        (network, x)
    }

    #[test]
    fn an_evaluation_is_the_same_in_any_number_of_submissions() {
        let gpu = TestGpu::request();
        let (network, x) = network(&gpu);
        let scores = [usize::MAX, Throttle::FEW, 1].map(|most| {
            let mut recorder = network.evaluator(2).expect("it is small");
            recorder.write_images(&x);
            let submitted = recorder.submit(&[(Flow::Evaluate { guided: false }, 0)], most);
            assert_eq!(submitted.pieces as usize, network.launches().div_ceil(most));
            block_on(recorder.read(recorder.result(), x.len())).expect("all was computed")
        });
        assert!(scores[0].iter().any(|score| *score != 0.0));
        assert_eq!(scores[1], scores[0]);
        assert_eq!(scores[2], scores[0]);
    }

    /// Some drivers report it as done.
    #[test]
    fn work_that_the_gpu_gives_up_is_found() {
        let gpu = TestGpu::request();
        let (network, x) = network(&gpu);
        let mut recorder = network.evaluator(2).expect("it is small");
        recorder.evaluate();
        let read = |recorder: &Recorder| block_on(recorder.read(recorder.result(), x.len()));
        assert!(read(&recorder).is_ok());
        // As if one more had been submitted, and not computed.
        recorder.submitted += 1;
        assert!(matches!(read(&recorder), Err(FusedError::Lost(_))));
        recorder.evaluate();
        assert!(
            matches!(read(&recorder), Err(FusedError::Lost(_))),
            "it may build on what is lost"
        );
        recorder.write_images(&x);
        recorder.evaluate();
        assert!(read(&recorder).is_ok(), "new images do not");
    }
}
