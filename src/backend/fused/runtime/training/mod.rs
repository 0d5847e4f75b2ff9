//! A training run on a GPU: everything between two reports happens there.
//!
//! The data set is uploaded once. For each step the host writes what was drawn for the batch, 32
//! bytes an image, and one row of numbers; the GPU adds noise, evaluates the network, carries the
//! gradient back, and changes the weights.

mod buffers;
mod data_set;
mod rows;
mod step;

use std::ops::Range;
use std::sync::Arc;

use buffers::{BoundKernel, STEPS, TrainingBuffers};
pub use data_set::DataSet;
pub use rows::{ExampleRow, PartRow};
pub use step::{Example, TrainingStep};
use step::{StepLimits, within};

use super::compiler::Compiler;
use super::gpu::Gpu;
use super::parameters::slices;
use super::platform;
use super::throttle::Throttle;
use crate::backend::fused::codegen::{Operand, TrainingKernel, attention_memory, lower_training};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::training::TrainingPlan;
use crate::net::UNetDescription;

/// The weights of a network under training, their moving average, and Adam's moments: flat, in the
/// order of the architecture's tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingState {
    /// The weights.
    pub weights: Vec<f32>,
    /// Their moving average.
    pub average: Vec<f32>,
    /// Adam's mean gradients and mean squares, in pairs.
    pub moments: Vec<[f32; 2]>,
}

/// What a run reports now and then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingReport {
    /// The sum of the losses of all steps since the last report.
    pub loss: f32,
    /// The sum of the squares of all weights: not finite if any of them is not.
    pub weights: f32,
}

/// A launch of a training step, and its time.
#[derive(Clone, Debug)]
pub struct TimedTraining {
    /// What it computes, in a word.
    pub name: &'static str,
    /// Its shader, whose constants say what it computes.
    pub source: Arc<str>,
    /// Seconds, including the wait for its end before the next launch can begin.
    pub seconds: f64,
    /// Floating-point operations.
    pub operations: u64,
    /// The bytes of everything that it reads and writes, each once.
    pub bytes: u64,
}

/// A training run on a GPU.
#[derive(Debug)]
pub struct Training {
    gpu: Gpu,
    buffers: TrainingBuffers,
    part: Vec<BoundKernel>,
    update: Vec<BoundKernel>,
    gather: BoundKernel,
    count: BoundKernel,
    limits: StepLimits,
    weights: usize,
    squares: usize,
    throttle: Throttle,
    /// Submissions of steps since the last report.
    submitted: u32,
}

/// The launches of a submission while a step takes long.
const FEW: usize = 8;

impl Training {
    /// Compiles the kernels of a training step and uploads the data set. A batch of `batch` images
    /// is computed in `parts`, or in more if so many images at once are beyond the GPU's limits:
    /// see [`Self::parts`].
    ///
    /// # Errors
    /// [`FusedError::Description`] if there is no such network, [`FusedError::Conditions`] if the
    /// data set is not of its images, [`FusedError::Limit`] if a buffer, a workgroup's memory or the
    /// number of workgroups is larger than the GPU allows, or the images are more than 4 GiB.
    pub fn new(
        compiler: &Compiler,
        sizes: &UNetDescription,
        data: &DataSet<'_>,
        batch: usize,
        parts: usize,
    ) -> Result<Self, FusedError> {
        data.check(sizes)?;
        let plan = TrainingPlan::new(sizes)?;
        FusedError::check_limit(
            "the gradient of attention",
            "maxComputeWorkgroupStorageSize",
            attention_memory(&plan) as u64,
            compiler.gpu().device().limits().max_compute_workgroup_storage_size.into(),
        )?;
        let (images, class_rows) = (data.images, sizes.classes + 1);
        let mut limits = StepLimits { images, class_rows, batch, parts };
        loop {
            match Self::in_parts(compiler, &plan, data, limits) {
                Err(FusedError::Limit { .. }) if limits.parts < batch => {
                    limits.parts = batch.min(2 * limits.parts);
                }
                made => return made,
            }
        }
    }

    fn in_parts(
        compiler: &Compiler,
        plan: &TrainingPlan,
        data: &DataSet<'_>,
        limits: StepLimits,
    ) -> Result<Self, FusedError> {
        let (gpu, config) = (compiler.gpu(), compiler.config());
        let parameters = plan.plan.parameters.iter().zip(&plan.places);
        let sizes = parameters.map(|(parameters, places)| (places.len(), parameters.exact));
        let words = |bytes: Range<u64>| bytes.start as usize / 4..bytes.end as usize / 4;
        let slices: Vec<Range<usize>> =
            slices(sizes, config.precision).into_iter().map(words).collect();
        let memory = gpu.device().limits().max_compute_workgroup_storage_size as usize;
        let stable = data.stable_targets(limits.class_rows - 1);
        let lowered = lower_training(plan, config, memory, &slices, stable);
        let images = u32::try_from(limits.part()).unwrap_or(u32::MAX);
        for TrainingKernel { kernel, extent, .. } in lowered.kernels() {
            let [x, y] = kernel.groups;
            for count in [x, y, extent.workgroups(images)] {
                gpu.check_workgroups("a part of a batch", count.into())?;
            }
        }
        let kernels: Vec<_> = lowered.kernels().map(|launch| launch.kernel.clone()).collect();
        let pipelines = compiler.compile_kernels(kernels.iter());
        let sizes = [limits.batch, limits.part(), limits.parts];
        let buffers = TrainingBuffers::new(gpu, plan, &lowered, config, slices, data, sizes)?;
        let bind = |launch: &TrainingKernel| {
            let pipeline = pipelines.get(&launch.kernel).cloned();
            let pipeline = pipeline.unwrap_or_else(|| unreachable!("all were compiled"));
            let group = buffers.bind(gpu, &launch.kernel, &pipeline);
            BoundKernel { launch: launch.clone(), pipeline, group }
        };
        Ok(Self {
            gpu: gpu.clone(),
            part: lowered.part.iter().map(bind).collect(),
            update: lowered.update.iter().map(bind).collect(),
            gather: bind(&lowered.gather),
            count: bind(&lowered.count),
            limits,
            weights: plan.weights,
            squares: lowered.squares,
            throttle: Throttle::default(),
            submitted: 0,
            buffers,
        })
    }

    /// How many kernels a step of one part launches.
    pub fn launches(&self) -> usize {
        self.part.len() + self.update.len() + 1
    }

    /// The kernels of a step, each with what it computes in a word.
    #[cfg(all(test, not(target_family = "wasm")))]
    pub(in crate::backend::fused) fn kernels(
        &self,
    ) -> impl Iterator<Item = (&'static str, &crate::backend::fused::codegen::Kernel)> {
        let all = self.part.iter().chain(&self.update).chain([&self.gather, &self.count]);
        all.map(|bound| (bound.launch.name, &bound.launch.kernel))
    }

    /// The number of parts that a batch is computed in.
    pub fn parts(&self) -> usize {
        self.limits.parts
    }

    /// The number of weights.
    pub fn weights(&self) -> usize {
        self.weights
    }

    /// Replaces the state.
    pub fn write(&self, state: &TrainingState) {
        let TrainingBuffers { weights, average, moments, .. } = &self.buffers;
        let queue = self.gpu.queue();
        queue.write_buffer(weights, 0, bytemuck::cast_slice(&state.weights));
        queue.write_buffer(average, 0, bytemuck::cast_slice(&state.average));
        queue.write_buffer(moments, 0, bytemuck::cast_slice(&state.moments));
        self.gather();
    }

    /// Reads the state back.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn read(&self) -> Result<TrainingState, FusedError> {
        let TrainingBuffers { weights, average, moments, .. } = &self.buffers;
        let moments = self.gpu.read(moments, 2 * self.weights).await?;
        Ok(TrainingState {
            weights: self.gpu.read(weights, self.weights).await?,
            average: self.gpu.read(average, self.weights).await?,
            moments: moments.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect(),
        })
    }

    /// The moving average of the weights.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn average(&self) -> Result<Vec<f32>, FusedError> {
        self.gpu.read(&self.buffers.average, self.weights).await
    }

    /// The gradient of the last step with respect to all weights, before it was clipped.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn gradients(&self) -> Result<Vec<f32>, FusedError> {
        self.gpu.read(&self.buffers.gradients, self.weights).await
    }

    /// The noisy images of the last part, and their noise.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn batch(&self, values: usize) -> Result<[Vec<f32>; 2], FusedError> {
        let noisy = self.gpu.read(&self.buffers.image, values).await?;
        Ok([noisy, self.gpu.read(&self.buffers.noise, values).await?])
    }

    /// Remembers the state, on the GPU.
    pub fn keep(&self) {
        let TrainingBuffers { weights, moments, average, kept, .. } = &self.buffers;
        self.copy([(weights, &kept[0]), (moments, &kept[1]), (average, &kept[2])]);
    }

    /// Goes back to the state that was last remembered.
    pub fn restore(&self) {
        let TrainingBuffers { weights, moments, average, kept, .. } = &self.buffers;
        self.copy([(&kept[0], weights), (&kept[1], moments), (&kept[2], average)]);
        self.gather();
    }

    fn copy(&self, pairs: [(&wgpu::Buffer, &wgpu::Buffer); 3]) {
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        for (from, to) in pairs {
            encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
        }
        self.gpu.queue().submit([encoder.finish()]);
    }

    /// Updates the parameters of all launches after the weights were written.
    fn gather(&self) {
        self.pass([PartLaunch::without_row(&self.gather)]);
    }

    /// How many steps to submit now: as many as take a few milliseconds. 0 if the GPU is busy and
    /// the platform cannot wait for it.
    pub fn room(&mut self) -> usize {
        match self.throttle.make_room(self.gpu.device()) {
            true => self.throttle.steps().min(STEPS),
            false => 0,
        }
    }

    /// Submits steps: at most [`Self::room`], each of the batch and the number of parts that the
    /// run was made for.
    ///
    /// # Errors
    /// [`FusedError::Step`] if they are not; then none is submitted.
    pub fn submit(&mut self, steps: &[TrainingStep]) -> Result<(), FusedError> {
        self.submit_in_pieces(steps, self.most())
    }

    /// The most launches of a submission.
    fn most(&self) -> usize {
        if self.throttle.is_slow() { FEW } else { usize::MAX }
    }

    /// As [`Self::submit`], with at most so many launches in each submission.
    fn submit_in_pieces(&mut self, steps: &[TrainingStep], most: usize) -> Result<(), FusedError> {
        self.upload(steps)?;
        let (mut launches, mut row) = (Vec::new(), 0);
        for step in steps {
            launches.extend(self.gradient_launches(step, row));
            row += step.parts.len();
            launches.extend(self.update_launches(row - 1));
        }
        let submissions = self.submit_launches(&launches, most);
        self.note(submissions, steps.len());
        Ok(())
    }

    /// Submits launches, at most so many at a time, and after them one that counts the submission.
    fn submit_launches(&self, launches: &[PartLaunch<'_>], most: usize) -> Submissions {
        let count = PartLaunch::without_row(&self.count);
        let mut submissions = Submissions { count: 0, started: f64::INFINITY, last: None };
        for launches in launches.chunks(most) {
            submissions.last = Some(self.pass(launches.iter().copied().chain([count])));
            submissions.started = submissions.started.min(platform::now());
            submissions.count += 1;
        }
        submissions
    }

    /// Takes note of the submissions that made some steps.
    fn note(&mut self, submissions: Submissions, steps: usize) {
        let Submissions { count, started, last } = submissions;
        self.submitted += count;
        if let Some(last) = last {
            self.throttle.submitted(self.gpu.queue(), last, steps, started);
        }
    }

    /// Makes a step of which others compute the rest of the batch, each a share. `sum` adds up over
    /// all shares what it is given, the gradient and the loss of each place in the batch; all must
    /// get the same, to the last bit.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails, or the step is not of this run; `sum` is then not called.
    pub async fn step_together(
        &mut self,
        step: &TrainingStep,
        sum: impl FnOnce(&mut [f32]),
    ) -> Result<(), FusedError> {
        let Some(part) = step.parts.first() else { return Ok(()) };
        let batch = part.batch as usize;
        // Updates the time that a step takes. There is room, since every step waits for the GPU.
        self.room();
        let most = self.most();
        self.upload(std::slice::from_ref(step))?;
        // Places in the batch that others compute.
        let others = vec![0.0f32; batch];
        self.gpu.queue().write_buffer(&self.buffers.losses, 0, bytemuck::cast_slice(&others));
        let gradient: Vec<_> = self.gradient_launches(step, 0).collect();
        let submissions = self.submit_launches(&gradient, most);
        self.note(submissions, 1);
        let TrainingBuffers { gradients, squares, losses, .. } = &self.buffers;
        let queue = self.gpu.queue();
        let mut values = self.gpu.read(gradients, self.weights).await?;
        values.extend(self.gpu.read(losses, batch).await?);
        sum(&mut values);
        let (summed, summed_losses) = values.split_at(self.weights);
        // Of each workgroup that reduced the share's gradients; now the first has the square of all.
        let mut norm = vec![0.0f32; self.squares];
        norm[0] = summed.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() as f32;
        queue.write_buffer(gradients, 0, bytemuck::cast_slice(summed));
        queue.write_buffer(squares, 0, bytemuck::cast_slice(&norm));
        queue.write_buffer(losses, 0, bytemuck::cast_slice(summed_losses));
        // Not timed: the gradients took nearly all of the step's time.
        let update: Vec<_> = self.update_launches(step.parts.len() - 1).collect();
        let submissions = self.submit_launches(&update, most);
        self.submitted += submissions.count;
        Ok(())
    }

    /// Writes what the kernels read of these steps, once they are known to stay within the buffers.
    ///
    /// # Errors
    /// [`FusedError::Step`] if they do not.
    fn upload(&self, steps: &[TrainingStep]) -> Result<(), FusedError> {
        within("the number of steps at a time", steps.len() as u64, 0..STEPS as u64 + 1)?;
        steps.iter().try_for_each(|step| step.check(&self.limits))?;
        let stride = self.buffers.stride;
        let mut rows = Vec::new();
        let mut examples = Vec::new();
        for step in steps {
            for part in &step.parts {
                let example = part.example + examples.len() as u32;
                let row = PartRow { example, ..*part };
                let mut bytes = vec![0; stride];
                bytes[..size_of::<PartRow>()].copy_from_slice(bytemuck::bytes_of(&row));
                rows.extend(bytes);
            }
            examples.extend_from_slice(&step.examples);
        }
        let queue = self.gpu.queue();
        queue.write_buffer(&self.buffers.rows, 0, &rows);
        queue.write_buffer(&self.buffers.examples, 0, bytemuck::cast_slice(&examples));
        Ok(())
    }

    /// What finds the gradient of a step whose parts are in the rows from `row`.
    fn gradient_launches<'a>(
        &'a self,
        step: &'a TrainingStep,
        row: usize,
    ) -> impl Iterator<Item = PartLaunch<'a>> {
        (row..).zip(&step.parts).flat_map(move |(row, part)| {
            let (offset, images) = (row * self.buffers.stride, part.images);
            self.part.iter().map(move |kernel| PartLaunch { kernel, offset, images })
        })
    }

    /// What changes the weights by the gradient of a step, of which a part is in this row.
    fn update_launches(&self, row: usize) -> impl Iterator<Item = PartLaunch<'_>> {
        let offset = row * self.buffers.stride;
        let update = self.update.iter().map(move |kernel| PartLaunch { kernel, offset, images: 0 });
        update.chain([PartLaunch::without_row(&self.gather)])
    }

    /// Submits one pass of launches.
    fn pass<'a>(
        &self,
        launches: impl IntoIterator<Item = PartLaunch<'a>>,
    ) -> wgpu::SubmissionIndex {
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for launch in launches {
            launch.record(&mut pass);
        }
        drop(pass);
        self.gpu.queue().submit([encoder.finish()])
    }

    /// Waits for the steps so far, and starts a new report.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails; [`FusedError::Lost`] also if it has not computed all steps,
    /// though its driver reports them as done. The state is then to be restored.
    pub async fn report(&mut self) -> Result<TrainingReport, FusedError> {
        let read = self.gpu.read(&self.buffers.report, 2 + self.squares).await?;
        self.gpu.queue().write_buffer(&self.buffers.report, 0, &[0; 8]);
        // The GPU counts in f32, exactly up to 2²⁴: far more than there are between reports.
        if read[1] != std::mem::take(&mut self.submitted) as f32 {
            return Err(FusedError::Lost("it has not computed all steps".to_owned()));
        }
        Ok(TrainingReport { loss: read[0], weights: read[2..].iter().sum() })
    }

    /// Times each launch of a step of one part by itself, with the images of the last one; from
    /// runs of `repeats` of it and of twice as many, so that the time for submitting them is left
    /// out.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails, or a part has fewer images.
    pub async fn profile(
        &self,
        images: u32,
        repeats: usize,
    ) -> Result<Vec<TimedTraining>, FusedError> {
        within("the size of a part", images.into(), 0..self.limits.part() as u64 + 1)?;
        let all = self.part.iter().chain(&self.update).chain([&self.gather]);
        let mut timed = Vec::new();
        for kernel in all {
            let launch = PartLaunch { kernel, offset: 0, images };
            let submit = |times: usize| {
                self.pass(std::iter::repeat_n(launch, times));
            };
            let seconds = self.gpu.time(repeats, submit).await?;
            let TrainingKernel { name, kernel, operations, .. } = &kernel.launch;
            timed.push(TimedTraining {
                name,
                source: Arc::clone(&kernel.source),
                seconds,
                operations: operations * u64::from(images),
                bytes: self.buffers.bytes(kernel, images as usize),
            });
        }
        Ok(timed)
    }
}

/// Submissions of the launches of some steps.
struct Submissions {
    /// How many there are.
    count: u32,
    /// When the first was submitted.
    started: f64,
    last: Option<wgpu::SubmissionIndex>,
}

/// A kernel to be launched for a part of a step.
#[derive(Clone, Copy)]
struct PartLaunch<'a> {
    kernel: &'a BoundKernel,
    /// The offset of the part's row.
    offset: usize,
    /// The images of the part.
    images: u32,
}

impl<'a> PartLaunch<'a> {
    /// A kernel that reads no row, and is the same for any number of images.
    fn without_row(kernel: &'a BoundKernel) -> Self {
        Self { kernel, offset: 0, images: 0 }
    }

    fn record(self, pass: &mut wgpu::ComputePass<'_>) {
        let Self { kernel, offset, images } = self;
        let BoundKernel { launch: TrainingKernel { kernel, extent, .. }, pipeline, group } = kernel;
        // Launches that are also those of sampling read the only row of their table.
        let offset = match kernel.operands.last() {
            Some(Operand::Step) => Some(0),
            Some(row) if row.is_row() => Some(offset as u32),
            _ => None,
        };
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, group, offset.as_slice());
        let [x, y] = kernel.groups;
        pass.dispatch_workgroups(x, y, extent.workgroups(images));
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::{Kernel, KernelConfig, Precision, Strategy};
    use crate::loss::Weighting;
    use crate::net::{ImageShape, Preconditioning};
    use crate::random::Key;
    use crate::recipe::Recipe;

    const SCALE: Preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.3 };

    fn compiler() -> Compiler {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        let config = KernelConfig::new(Strategy::Direct, Precision::Single);
        Compiler::new(&gpu, config).expect("every GPU has f32")
    }

    /// A small network for images of 4 × 4.
    fn sizes() -> UNetDescription {
        let image_shape = ImageShape { channels: 1, height: 4, width: 4 };
        UNetDescription {
            widths: vec![4],
            attention: vec![false],
            groups: 1,
            embedding: 4,
            ..UNetDescription::new(image_shape, SCALE)
        }
    }

    /// A run of that network on an image.
    fn training(compiler: &Compiler, batch: usize, parts: usize) -> Training {
        let bytes: Vec<u8> = (0..16).map(|i| 16 * i).collect();
        let data =
            DataSet { bytes: &bytes, labels: &[], images: 1, stable_from: None, mirrored: false };
        Training::new(compiler, &sizes(), &data, batch, parts).expect("it fits")
    }

    /// A step on two images, in two parts.
    fn step() -> TrainingStep {
        let recipe = Recipe {
            seed: 1,
            steps: 1000,
            batch: 2,
            parts: 2,
            learning_rate: 0.1,
            warmup_steps: 0,
            max_grad_norm: Recipe::MAX_GRAD_NORM,
            ema_decay: Recipe::EMA_DECAY,
            p_mean: Recipe::P_MEAN,
            p_std: Recipe::P_STD,
            sigmas: [0.1, 1.0],
            weighting: Weighting::Paper,
            label_dropout: 0.0,
            flip: false,
            dequantize: false,
        };
        let examples = [1.0, 0.2].map(|sigma| Example { index: 0, sigma, class: None });
        TrainingStep::new(&recipe, &sizes(), 0, examples.into_iter())
    }

    /// The third axis of a launch counts the images of a part.
    #[test]
    fn a_batch_of_more_images_than_workgroups_is_computed_in_parts() {
        let compiler = compiler();
        let most = compiler.gpu().device().limits().max_compute_workgroups_per_dimension;
        for (batch, parts) in [(most, 1), (most + 1, 2)] {
            let training = training(&compiler, batch as usize, 1);
            assert_eq!(training.parts(), parts, "{batch} images");
        }
        assert_eq!(compiler.gpu().check(), Ok(()));
    }

    #[test]
    fn a_step_is_the_same_in_any_number_of_submissions() {
        let compiler = compiler();
        let ends = [usize::MAX, FEW, 1].map(|most| {
            let mut training = training(&compiler, 2, 2);
            let mut weights = vec![0.0; training.weights()];
            Key { seed: 1, stream: 0, step: 0 }.fill_normal(&mut weights);
            let moments = vec![[0.0; 2]; weights.len()];
            training.write(&TrainingState { average: weights.clone(), weights, moments });
            let before = block_on(training.average()).expect("the GPU is healthy");
            training.submit_in_pieces(&[step(), step()], most).expect("steps of this run");
            // Each step has a part more than `launches` counts.
            let launches = 2 * (training.launches() + training.part.len());
            assert_eq!(training.submitted as usize, launches.div_ceil(most));
            let report = block_on(training.report()).expect("all was computed");
            let after = block_on(training.read()).expect("the GPU is healthy");
            assert_ne!(after.average, before);
            (report, after)
        });
        assert_eq!(ends[1], ends[0]);
        assert_eq!(ends[2], ends[0]);
    }

    /// A first step counts as long, since none has been timed.
    #[test]
    fn a_long_step_is_submitted_in_pieces() {
        let mut training = training(&compiler(), 2, 2);
        training.submit(&[step()]).expect("a step of this run");
        let launches = training.launches() + training.part.len();
        assert_eq!(training.submitted as usize, launches.div_ceil(FEW));
        assert!(training.submitted > 2);

        // So it is if others compute the rest of the batch.
        let mut training = self::training(&compiler(), 2, 2);
        block_on(training.step_together(&step(), |_| ())).expect("a step of this run");
        let (gradients, updates) = (2 * training.part.len(), training.update.len() + 1);
        let pieces = gradients.div_ceil(FEW) + updates.div_ceil(FEW);
        assert_eq!(training.submitted as usize, pieces);
        assert!(pieces > 2);
        assert!(block_on(training.report()).is_ok(), "all are counted");
    }

    /// Some drivers report it as done.
    #[test]
    fn work_that_the_gpu_gives_up_is_found() {
        let compiler = compiler();
        let mut training = training(&compiler, 2, 2);
        let lost = |report: Result<TrainingReport, FusedError>| {
            assert!(matches!(report, Err(FusedError::Lost(_))), "{report:?}");
        };
        training.submit(&[step()]).expect("a step of this run");
        assert!(block_on(training.report()).is_ok());
        // As if one more had been submitted, and not computed.
        training.submit(&[step()]).expect("a step of this run");
        training.submitted += 1;
        lost(block_on(training.report()));
        training.submit(&[step()]).expect("a step of this run");
        assert!(block_on(training.report()).is_ok(), "each report counts anew");

        let count = &training.count.launch.kernel;
        let source = count.source.replace("report[1] += 1.0;", "");
        assert_ne!(source, *count.source);
        compiler.replace(count, &Kernel { source: source.into(), ..count.clone() });
        let mut training = self::training(&compiler, 2, 2);
        training.submit(&[step()]).expect("a step of this run");
        lost(block_on(training.report()));
    }
}
