//! How long each launch of a training step takes by itself.

use std::sync::Arc;

use super::Training;
use super::step::within;
use super::submission::PartLaunch;
use crate::backend::fused::codegen::TrainingKernel;
use crate::backend::fused::error::FusedError;

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

impl Training {
    /// Times each launch of a step of one part by itself, on the first `images` images of the part
    /// that began the last submission of steps; from runs of `repeats` of it and of twice as many, so
    /// that the time for submitting them is left out.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails, or that part has fewer images.
    pub async fn profile(
        &self,
        images: u32,
        repeats: usize,
    ) -> Result<Vec<TimedTraining>, FusedError> {
        // What the part's row says was checked for as many images as it has.
        within("the size of a part", images.into(), 0..u64::from(self.first_part) + 1)?;
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

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::super::tests::{compiler, recipe, sizes, training};
    use super::super::{Example, TrainingStep};
    use super::*;
    use crate::backend::fused::runtime::TestGpu;

    /// Kernels are compiled without checks of their own: beyond the part's images they would write
    /// beyond the batch.
    #[test]
    fn no_more_images_are_timed_than_the_submitted_part_has() {
        let gpu = TestGpu::request();
        let mut training = training(&compiler(&gpu), 2, 1);
        let timed = |training: &Training, images| block_on(training.profile(images, 1));
        assert!(matches!(timed(&training, 1), Err(FusedError::Step { .. })), "there is no part");
        // The second image of a batch whose first one is computed elsewhere.
        let example = Example { index: 0, sigma: 0.5, class: None };
        let share = TrainingStep::of_share(&recipe(1), &sizes(), 0, 1..2, [example].into_iter());
        block_on(training.step_together(&share, |_| ())).expect("a step of this run");
        assert!(matches!(timed(&training, 2), Err(FusedError::Step { .. })));
        let launches = timed(&training, 1).expect("the GPU is healthy");
        assert_eq!(launches.len(), training.launches());
    }
}
