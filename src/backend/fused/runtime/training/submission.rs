//! Submitting steps to the GPU, and what it reports of them.

use super::buffers::{BoundKernel, STEPS};
use super::rows::PartRow;
use super::step::{TrainingStep, within};
use super::{Training, TrainingReport};
use crate::backend::fused::codegen::{Operand, TrainingBuffer, TrainingKernel};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::runtime::throttle::Submitted;

impl Training {
    /// How many steps to submit now, at most 16: as many as take a few milliseconds. 0 if the GPU is
    /// busy and the platform cannot wait for it.
    pub fn room(&mut self) -> usize {
        match self.throttle.make_room(self.gpu.device()) {
            true => self.throttle.steps().min(STEPS),
            false => 0,
        }
    }

    /// Submits steps, at most 16, each of the batch and the number of parts that the run was made
    /// for. More than [`Self::room`] keep the GPU busy for longer than is good for a page.
    ///
    /// # Errors
    /// [`FusedError::Step`] if they are not of this run; then none is submitted.
    pub fn submit(&mut self, steps: &[TrainingStep]) -> Result<(), FusedError> {
        self.submit_in_pieces(steps, self.throttle.launches())
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
        let submitted = self.submit_launches(&launches, most);
        self.note(submitted, steps.len());
        Ok(())
    }

    /// Submits launches, at most so many at a time, and after them one that counts the submission.
    fn submit_launches(&self, launches: &[PartLaunch<'_>], most: usize) -> Submitted {
        let count = PartLaunch::without_row(&self.count);
        Submitted::in_pieces(launches, most, |launches| {
            self.pass(launches.iter().copied().chain([count]))
        })
    }

    /// Takes note of what was submitted for some steps.
    fn note(&mut self, submitted: Submitted, steps: usize) {
        self.submitted += submitted.pieces;
        self.throttle.submitted(self.gpu.queue(), submitted, steps);
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
        let most = self.throttle.launches();
        self.upload(std::slice::from_ref(step))?;
        // Places in the batch that others compute.
        self.replace(TrainingBuffer::Losses, &vec![0.0f32; batch]);
        let gradient: Vec<_> = self.gradient_launches(step, 0).collect();
        let submitted = self.submit_launches(&gradient, most);
        self.note(submitted, 1);
        let mut values = self.numbers(TrainingBuffer::Gradients, self.weights).await?;
        values.extend(self.numbers(TrainingBuffer::Losses, batch).await?);
        sum(&mut values);
        let (summed, losses) = values.split_at(self.weights);
        // Of each workgroup that reduced the share's gradients; now the first has the square of all.
        let mut norm = vec![0.0f32; self.squares];
        norm[0] = summed.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>() as f32;
        self.replace(TrainingBuffer::Gradients, summed);
        self.replace(TrainingBuffer::Squares, &norm);
        self.replace(TrainingBuffer::Losses, losses);
        // Not timed: the gradients took nearly all of the step's time.
        let update: Vec<_> = self.update_launches(step.parts.len() - 1).collect();
        let submitted = self.submit_launches(&update, most);
        self.submitted += submitted.pieces;
        Ok(())
    }

    /// Writes what the kernels read of these steps, once they are known to stay within the buffers.
    ///
    /// # Errors
    /// [`FusedError::Step`] if they do not.
    fn upload(&mut self, steps: &[TrainingStep]) -> Result<(), FusedError> {
        within("the number of steps at a time", steps.len() as u64, 0..STEPS as u64 + 1)?;
        steps.iter().try_for_each(|step| step.check(&self.limits))?;
        let mut rows = Vec::new();
        let mut examples = Vec::new();
        for step in steps {
            let first = examples.len() as u32;
            let row = |part: &PartRow| PartRow { example: part.example + first, ..*part };
            rows.extend(step.parts.iter().map(row));
            examples.extend_from_slice(&step.examples);
        }
        let Some(first) = rows.first() else { return Ok(()) };
        self.first_part = first.images;
        self.buffers.rows.write(&self.gpu, 0, &rows);
        self.replace(TrainingBuffer::Examples, &examples);
        Ok(())
    }

    /// What finds the gradient of a step whose parts are in the rows from `row`.
    fn gradient_launches<'a>(
        &'a self,
        step: &'a TrainingStep,
        row: usize,
    ) -> impl Iterator<Item = PartLaunch<'a>> {
        (row..).zip(&step.parts).flat_map(move |(row, part)| {
            let (offset, images) = (self.buffers.rows.offset(row), part.images);
            self.part.iter().map(move |kernel| PartLaunch { kernel, offset, images })
        })
    }

    /// What changes the weights by the gradient of a step, of which a part is in this row.
    fn update_launches(&self, row: usize) -> impl Iterator<Item = PartLaunch<'_>> {
        let offset = self.buffers.rows.offset(row);
        let update = self.update.iter().map(move |kernel| PartLaunch { kernel, offset, images: 0 });
        update.chain([PartLaunch::without_row(&self.gather)])
    }

    /// Updates the parameters of all launches after the weights were written.
    pub(super) fn gather(&self) {
        self.pass([PartLaunch::without_row(&self.gather)]);
    }

    /// Submits one pass of launches.
    pub(super) fn pass<'a>(
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
        let read = self.numbers(TrainingBuffer::Report, 2 + self.squares).await?;
        self.replace(TrainingBuffer::Report, &[0.0f32; 2]);
        // The GPU counts in f32, exactly up to 2²⁴: far more than there are between reports.
        if read[1] != std::mem::take(&mut self.submitted) as f32 {
            return Err(FusedError::Lost("it has not computed all steps".to_owned()));
        }
        Ok(TrainingReport { loss: read[0], weight_squares: read[2..].iter().sum() })
    }
}

/// A kernel to be launched for a part of a step.
#[derive(Clone, Copy)]
pub struct PartLaunch<'a> {
    /// The kernel.
    pub kernel: &'a BoundKernel,
    /// The offset of the part's row.
    pub offset: u32,
    /// The images of the part.
    pub images: u32,
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
        let offset = kernel.row().map(|row| if *row == Operand::Step { 0 } else { offset });
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, group, offset.as_slice());
        let [x, y] = kernel.groups;
        pass.dispatch_workgroups(x, y, extent.workgroups(images));
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::super::tests::{compiler, recipe, sizes, training};
    use super::super::{Example, TrainingState};
    use super::*;
    use crate::backend::fused::runtime::TestGpu;
    use crate::backend::fused::runtime::throttle::Throttle;
    use crate::random::Key;

    /// A step on two images, in two parts.
    fn step() -> TrainingStep {
        let examples = [1.0, 0.2].map(|sigma| Example { index: 0, sigma, class: None });
        TrainingStep::new(&recipe(2), &sizes(), 0, examples.into_iter())
    }

    #[test]
    fn a_step_is_the_same_in_any_number_of_submissions() {
        let gpu = TestGpu::request();
        let compiler = compiler(&gpu);
        let ends = [usize::MAX, Throttle::FEW, 1].map(|most| {
            let mut training = training(&compiler, 2, 2);
            let mut weights = vec![0.0; training.weights()];
            Key { seed: 1, stream: 0, step: 0 }.fill_normal(&mut weights);
            training.write(&TrainingState::new(weights)).expect("a state of this run");
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
        let gpu = TestGpu::request();
        let mut training = training(&compiler(&gpu), 2, 2);
        training.submit(&[step()]).expect("a step of this run");
        let launches = training.launches() + training.part.len();
        assert_eq!(training.submitted as usize, launches.div_ceil(Throttle::FEW));
        assert!(training.submitted > 2);

        // So it is if others compute the rest of the batch.
        let mut training = super::super::tests::training(&compiler(&gpu), 2, 2);
        block_on(training.step_together(&step(), |_| ())).expect("a step of this run");
        let (gradients, updates) = (2 * training.part.len(), training.update.len() + 1);
        let pieces = gradients.div_ceil(Throttle::FEW) + updates.div_ceil(Throttle::FEW);
        assert_eq!(training.submitted as usize, pieces);
        assert!(pieces > 2);
        assert!(block_on(training.report()).is_ok(), "all are counted");
    }

    /// Some drivers report it as done.
    #[test]
    fn work_that_the_gpu_gives_up_is_found() {
        let gpu = TestGpu::request();
        let mut compiler = compiler(&gpu);
        let mut run = training(&compiler, 2, 2);
        let lost = |report: Result<TrainingReport, FusedError>| {
            assert!(matches!(report, Err(FusedError::Lost(_))), "{report:?}");
        };
        run.submit(&[step()]).expect("a step of this run");
        assert!(block_on(run.report()).is_ok());
        // As if one more had been submitted, and not computed.
        run.submit(&[step()]).expect("a step of this run");
        run.submitted += 1;
        lost(block_on(run.report()));
        run.submit(&[step()]).expect("a step of this run");
        assert!(block_on(run.report()).is_ok(), "each report counts anew");

        let count = &run.count.launch.kernel;
        let source = count.source.replace("report[1] += 1.0;", "");
        assert_ne!(source, *count.source);
        compiler.replace(count, &source);
        let mut run = training(&compiler, 2, 2);
        run.submit(&[step()]).expect("a step of this run");
        lost(block_on(run.report()));
    }
}
