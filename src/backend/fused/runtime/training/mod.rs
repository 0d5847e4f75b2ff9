//! A training run on a GPU: everything between two reports happens there.
//!
//! The data set is uploaded once. For each step the host writes what was drawn for the batch, 32
//! bytes an image, and one row of numbers; the GPU adds noise, evaluates the network, carries the
//! gradient back, and changes the weights.

mod buffers;
mod data_set;
mod profile;
mod rows;
mod run_kernels;
mod state;
mod step;
mod submission;

use std::sync::Arc;

use buffers::{BoundKernel, TrainingBuffers};
pub use data_set::DataSet;
pub use profile::TimedTraining;
pub use rows::{ExampleRow, PartRow};
use run_kernels::RunKernels;
pub use state::TrainingState;
use step::StepLimits;
pub use step::{Example, TrainingStep};

use super::compiler::Compiler;
use super::gpu::Gpu;
use super::throttle::Throttle;
use crate::backend::fused::codegen::TrainingKernel;
use crate::backend::fused::error::FusedError;
use crate::net::UNetDescription;

/// What a run reports now and then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingReport {
    /// The sum of the losses of all steps since the last report.
    pub loss: f32,
    /// The sum of the squares of all weights: not finite if any of them is not.
    pub weight_squares: f32,
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
    /// The images of the part in the first row; 0 before there is any.
    first_part: u32,
}

impl Training {
    /// Compiles the kernels of a training step and uploads the data set. A batch of `batch` images
    /// is computed in `parts`, or in more if so many images at once are beyond the GPU's limits:
    /// see [`Self::parts`].
    ///
    /// # Errors
    /// [`FusedError::Description`] if there is no such network, [`FusedError::Count`] if the
    /// data set is not of its images, [`FusedError::Limit`] if a buffer, a workgroup's memory or the
    /// number of workgroups is larger than the GPU allows, or the images are more than 4 GiB.
    pub fn new(
        compiler: &Compiler,
        sizes: &UNetDescription,
        data: &DataSet<'_>,
        batch: usize,
        parts: usize,
    ) -> Result<Self, FusedError> {
        let run = RunKernels::new(compiler, sizes, data)?;
        let (images, class_rows) = (data.images, sizes.classes + 1);
        let mut limits = StepLimits { images, class_rows, batch, parts };
        loop {
            match Self::in_parts(compiler, &run, data, limits) {
                Err(FusedError::Limit { .. }) if limits.parts < batch => {
                    limits.parts = batch.min(2 * limits.parts);
                }
                made => return made,
            }
        }
    }

    /// The texts of the kernels that [`Self::new`] compiles for a network and a data set.
    ///
    /// # Errors
    /// As [`Self::new`], except for the sizes of buffers and the numbers of workgroups.
    pub fn texts(
        compiler: &Compiler,
        sizes: &UNetDescription,
        data: &DataSet<'_>,
    ) -> Result<Vec<Arc<str>>, FusedError> {
        let run = RunKernels::new(compiler, sizes, data)?;
        Ok(run.lowered.kernels().map(|launch| Arc::clone(&launch.kernel.source)).collect())
    }

    fn in_parts(
        compiler: &Compiler,
        run: &RunKernels,
        data: &DataSet<'_>,
        limits: StepLimits,
    ) -> Result<Self, FusedError> {
        let (gpu, lowered) = (compiler.gpu(), &run.lowered);
        let images = u32::try_from(limits.part()).unwrap_or(u32::MAX);
        for TrainingKernel { kernel, extent, .. } in lowered.kernels() {
            gpu.check_launch(kernel, extent.workgroups(images))?;
        }
        let pipelines = compiler.compile_kernels(lowered.kernels().map(|launch| &launch.kernel));
        let buffers = TrainingBuffers::new(gpu, run, data, &limits)?;
        let bind = |launch: &TrainingKernel| {
            let pipeline = pipelines.get(&launch.kernel).expect("all are compiled").clone();
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
            weights: run.training.weights,
            squares: lowered.squares,
            throttle: Throttle::default(),
            submitted: 0,
            first_part: 0,
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
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
    use crate::backend::fused::runtime::TestGpu;
    use crate::loss::Weighting;
    use crate::net::{ImageShape, Preconditioning};
    use crate::recipe::Recipe;

    const SCALE: Preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.3 };

    pub fn compiler(gpu: &Gpu) -> Compiler {
        let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
        Compiler::new(gpu, config).expect("every GPU has f32")
    }

    /// A small network for images of 4 × 4.
    pub fn sizes() -> UNetDescription {
        let image_shape = ImageShape { channels: 1, height: 4, width: 4 };
        UNetDescription {
            widths: vec![4],
            attention: vec![false],
            groups: 1,
            embedding: 4,
            ..UNetDescription::new(image_shape, SCALE)
        }
    }

    /// Passes on a data set of one image.
    fn with_data<T>(f: impl FnOnce(&DataSet<'_>) -> T) -> T {
        let bytes: Vec<u8> = (0..16).map(|i| 16 * i).collect();
        f(&DataSet { bytes: &bytes, labels: &[], images: 1, stable_from: None, mirrored: false })
    }

    /// A run of that network on that image.
    pub fn training(compiler: &Compiler, batch: usize, parts: usize) -> Training {
        with_data(|data| Training::new(compiler, &sizes(), data, batch, parts).expect("it fits"))
    }

    /// A recipe for batches of two images.
    pub fn recipe(parts: usize) -> Recipe {
        Recipe {
            seed: 1,
            steps: 1000,
            batch: 2,
            grad_accum_steps: parts,
            learning_rate: 0.1,
            warmup_steps: 0,
            max_grad_norm: Recipe::MAX_GRAD_NORM,
            ema_decay: Recipe::EMA_DECAY,
            sigma_median: Recipe::SIGMA_MEDIAN,
            p_std: Recipe::P_STD,
            sigmas: [0.1, 1.0],
            weighting: Weighting::Ncsn,
            label_dropout: 0.0,
            flip: false,
            dequantize: false,
        }
    }

    /// The third axis of a launch counts the images of a part.
    #[test]
    fn a_batch_of_more_images_than_workgroups_is_computed_in_parts() {
        let gpu = TestGpu::request();
        let compiler = compiler(&gpu);
        let most = gpu.device().limits().max_compute_workgroups_per_dimension;
        for (batch, parts) in [(most, 1), (most + 1, 2)] {
            let training = training(&compiler, batch as usize, 1);
            assert_eq!(training.parts(), parts, "{batch} images");
        }
    }

    #[test]
    fn the_texts_of_a_run_are_those_that_it_compiles() {
        let gpu = TestGpu::request();
        let compiler = compiler(&gpu);
        let texts = with_data(|data| Training::texts(&compiler, &sizes(), data)).expect("it fits");
        let training = training(&compiler, 2, 2);
        let compiled: Vec<_> = training.kernels().map(|(_, kernel)| &kernel.source).collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), compiled);
    }

    /// A device whose kernels compute in f16 where they sample.
    #[test]
    fn gradients_are_computed_in_f32_whatever_the_precision() {
        let gpu = TestGpu::request();
        if !gpu.has_half() {
            return;
        }
        let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F16);
        let halves = Compiler::new(&gpu, config).expect("it has f16");
        let texts =
            |compiler: &Compiler| with_data(|data| Training::texts(compiler, &sizes(), data));
        assert_eq!(texts(&halves), texts(&compiler(&gpu)));
    }

    #[test]
    fn a_state_of_another_network_is_refused() {
        let gpu = TestGpu::request();
        let training = training(&compiler(&gpu), 2, 1);
        let count = training.weights();
        let before = block_on(training.read()).expect("the GPU is healthy");
        for [weights, average, moments] in
            [[count + 1, count, count], [count, count - 1, count], [count, count, 0]]
        {
            let state = TrainingState {
                weights: vec![1.0; weights],
                average: vec![1.0; average],
                moments: vec![[1.0; 2]; moments],
            };
            assert!(matches!(training.write(&state), Err(FusedError::State { .. })));
        }
        assert_eq!(block_on(training.read()).expect("the GPU is healthy"), before);
    }
}
