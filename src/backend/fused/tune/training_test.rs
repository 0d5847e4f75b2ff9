//! Tests whether a GPU computes the right training steps, before it is used for a run.
//!
//! A small network makes one step. Its loss and its gradients must be those that Burn's autodiff
//! computed on a CPU (`known_step.rs`), and what it makes of the weights must follow from its
//! gradients by the formulas of Adam and of the moving average. So the test does not rely on any
//! kernel of this backend, not even on the simplest ones, which are also what is left where the
//! others fail.

use std::sync::Arc;

use super::best_kernel_config;
use super::known_step::{LOSS, Projection, TENSORS};
use super::self_test::agree;
use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::runtime::{
    Compiler, DataSet, ExampleRow, Gpu, PartRow, Training, TrainingReport, TrainingState,
    TrainingStep,
};
use crate::net::weights::{flat, initial};
use crate::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
use crate::random::Key;

const IMAGE: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };
const SCALE: Preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.3 };

/// The σ of each image. With two classes, they are of the first, of no class and of the second. The
/// target of the first is stable.
const SIGMAS: [f32; 3] = [2.0, 0.5, 0.1];
const STABLE_FROM: f32 = 1.0;
/// The class of each image, for stable targets.
const LABELS: [u32; 3] = [0, 1, 0];
/// The batch is computed in parts of two images and of one.
const PARTS: usize = 2;

/// The key of the noise, and of all numbers that are drawn for this test, each in its own stream.
/// In this step the first two images are mirrored.
const KEY: Key = Key { seed: 17, stream: 0, step: 8 };
const BYTES: u32 = 1 << 16;
const WEIGHTS: u32 = BYTES + 1;
const MOMENTS: u32 = BYTES + 2;
const DIRECTIONS: u32 = BYTES + 3;

/// The largest difference allowed, relative to the largest number of a kind, or to the norm of a
/// tensor's gradient. The functions that WGSL rounds the most cause about a hundred-thousandth.
const TOLERANCE: f32 = 1e-3;
/// Norms below this part of the norm of all gradients count as this much: what cancels out, such as
/// the gradient of a bias before a normalization, leaves only rounding.
const LEAST: f32 = 1e-2;

/// The best kernel config to train with, in f32, after checking that the GPU makes the right
/// training step with it.
///
/// # Errors
/// [`FusedError::Gradients`] if it does so with none; or the fault of the GPU, if it has one.
pub async fn check_training(gpu: &Gpu) -> Result<KernelConfig, FusedError> {
    check_training_with(gpu, best_kernel_config(gpu, KernelPrecision::F32).await).await
}

/// As [`check_training`], where `best` is already known to be the best kernel config for sampling in
/// f32.
///
/// # Errors
/// As [`check_training`].
pub async fn check_training_with(
    gpu: &Gpu,
    best: KernelConfig,
) -> Result<KernelConfig, FusedError> {
    let mut configs = vec![best, KernelConfig::new(Strategy::Direct, KernelPrecision::F32)];
    configs.dedup();
    let compilers = configs.into_iter().map(|config| Compiler::new(gpu, config));
    first_right(gpu, compilers.collect::<Result<Vec<_>, _>>()?).await
}

/// The texts of the kernels that [`check_training_with`] compiles first, for its best config.
///
/// # Errors
/// [`FusedError::Limit`] if a workgroup's memory is larger than the GPU allows.
pub fn training_test_texts(compiler: &Compiler) -> Result<Vec<Arc<str>>, FusedError> {
    Training::texts(compiler, &sizes(), &data(&bytes()))
}

/// The config of the first compiler with whose kernels the GPU makes the right training step.
async fn first_right(gpu: &Gpu, compilers: Vec<Compiler>) -> Result<KernelConfig, FusedError> {
    for compiler in compilers {
        // Errors on other threads would not be caught.
        let compiler = compiler.on_this_thread();
        let outcome = gpu.catch_errors(step(&compiler)).await;
        if outcome.is_some_and(|outcome| outcome.is_right()) {
            return Ok(compiler.config());
        }
        gpu.check()?;
    }
    Err(FusedError::Gradients)
}

/// What the GPU made of the step.
#[derive(Clone, Debug)]
struct Outcome {
    report: TrainingReport,
    gradients: Vec<f32>,
    after: TrainingState,
}

impl Outcome {
    /// Whether all of it is right, up to rounding; not if any number is not finite.
    fn is_right(&self) -> bool {
        let Self { report, gradients, after } = self;
        let expected = updated(gradients);
        let squares = expected.weights.iter().map(|weight| weight * weight).sum();
        let moments = |state: &TrainingState, which: usize| -> Vec<f32> {
            state.moments.iter().map(|pair| pair[which]).collect()
        };
        let near = |found: &[f32], expected: &[f32]| agree(found, expected, TOLERANCE);
        near(&[report.loss], &[LOSS])
            && are_known(gradients)
            && near(&changes(&after.weights), &changes(&expected.weights))
            && near(&changes(&after.average), &changes(&expected.average))
            && [0, 1].iter().all(|&i| near(&moments(after, i), &moments(&expected, i)))
            && near(&[report.weight_squares], &[squares])
    }
}

/// Makes the step on the GPU.
async fn step(compiler: &Compiler) -> Result<Outcome, FusedError> {
    let mut training = training(compiler)?;
    training.write(&start())?;
    training.submit(&[training_step()])?;
    let gradients = training.gradients().await?;
    let after = training.read().await?;
    Ok(Outcome { report: training.report().await?, gradients, after })
}

/// A run of the small network.
fn training(compiler: &Compiler) -> Result<Training, FusedError> {
    Training::new(compiler, &sizes(), &data(&bytes()), SIGMAS.len(), PARTS)
}

/// The data set of these training images.
fn data(bytes: &[u8]) -> DataSet<'_> {
    let (images, stable_from) = (SIGMAS.len(), Some(STABLE_FROM));
    DataSet { bytes, labels: &LABELS, images, stable_from, mirrored: true }
}

/// The small network: two resolutions, attention and classes, so that it needs every kind of
/// kernel.
fn sizes() -> UNetDescription {
    UNetDescription {
        widths: vec![8, 16],
        attention: vec![false, true],
        groups: 4,
        heads: 2,
        embedding: 8,
        classes: 2,
        ..UNetDescription::new(IMAGE, SCALE)
    }
}

/// The training images.
fn bytes() -> Vec<u8> {
    let key = Key { stream: BYTES, ..KEY };
    let count = (SIGMAS.len() * IMAGE.dimension()) as u32;
    (0..count).map(|i| (256.0 * key.uniform(i)) as u8).collect()
}

/// The state before the step. None of its numbers is zero, so that each shows what is made of it.
fn start() -> TrainingState {
    let architecture = Architecture::UNet(sizes());
    let mut weights = flat(&architecture, &initial(&sizes(), KEY.seed));
    let [noise, moments] = [WEIGHTS, MOMENTS].map(|stream| Key { stream, ..KEY });
    for (index, weight) in (0..).zip(&mut weights) {
        *weight += 0.1 * noise.normal(index);
    }
    // As large as gradients that were clipped, and their squares.
    let moment = |index| [1e-2 * moments.normal(index), 1e-4 * moments.uniform(index)];
    let moments = (0..weights.len() as u32).map(moment).collect();
    TrainingState { average: weights.clone(), weights, moments }
}

fn training_step() -> TrainingStep {
    let images = SIGMAS.len();
    let example = |(image, sigma): (usize, f32)| {
        let c = SCALE.at(sigma);
        ExampleRow {
            image: image as u32,
            class_row: [0, 2, 1][image],
            sigma,
            ln_sigma: sigma.ln(),
            weight: 1.0 / (1.0 + image as f32),
            c_in: c.c_in,
            score_skip: c.score_skip,
            score_out: c.score_out,
        }
    };
    let each = images.div_ceil(PARTS);
    let part = |first: usize| PartRow {
        images: each.min(images - first) as u32,
        first: first as u32,
        example: first as u32,
        batch: images as u32,
        accumulates: u32::from(first > 0),
        noise_step: KEY.step,
        seed: KEY.seed_words(),
        flip: 1,
        dequantize: 0,
        learning_rate: 0.1,
        correction: 0.5,
        epsilon: 1e-3,
        most: 1.0,
        betas: [0.9, 0.99],
        decay: 0.5,
        padding: [0; 3],
    };
    TrainingStep {
        parts: (0..images).step_by(each).map(part).collect(),
        examples: (0..).zip(SIGMAS).map(example).collect(),
    }
}

/// Whether gradients are those that Burn computed.
fn are_known(gradients: &[f32]) -> bool {
    let norms = TENSORS.iter().map(|&(_, norm)| norm * norm);
    let whole = norms.sum::<f32>().sqrt();
    let found = projections(gradients);
    let near = |((along, norm), (known_along, known_norm)): (Projection, &Projection)| {
        let most = TOLERANCE * known_norm.max(LEAST * whole);
        (along - known_along).abs() <= most && (norm - known_norm).abs() <= most
    };
    found.len() == TENSORS.len() && found.into_iter().zip(TENSORS).all(near)
}

/// The gradient with respect to each tensor in short.
fn projections(gradients: &[f32]) -> Vec<Projection> {
    let mut rest = gradients;
    let projection = |(_, shape): (String, Vec<usize>)| {
        let (gradient, after) = rest.split_at(shape.iter().product::<usize>().min(rest.len()));
        rest = after;
        let first = (gradients.len() - rest.len()) as u32;
        let direction = Key { stream: DIRECTIONS, ..KEY };
        let along = (first..).zip(gradient).map(|(i, g)| f64::from(direction.normal(i) * g));
        let squares = gradient.iter().map(|&g| f64::from(g).powi(2));
        (along.sum::<f64>() as f32, squares.sum::<f64>().sqrt() as f32)
    };
    Architecture::UNet(sizes()).tensors().into_iter().map(projection).collect()
}

/// The state after a step with these gradients: clipped by their norm, then Adam (Kingma & Ba 2015,
/// algorithm 1) and the moving average.
fn updated(gradients: &[f32]) -> TrainingState {
    let TrainingState { mut weights, mut average, mut moments } = start();
    let PartRow { learning_rate, correction, epsilon, most, betas, decay, .. } =
        training_step().parts[0];
    let square: f64 = gradients.iter().map(|&gradient| f64::from(gradient).powi(2)).sum();
    let clip = (most / square.sqrt() as f32).min(1.0);
    let [beta_1, beta_2] = betas;
    let numbers = weights.iter_mut().zip(&mut average).zip(&mut moments).zip(gradients);
    for (((weight, average), [mean, mean_square]), gradient) in numbers {
        let gradient = clip * gradient;
        *mean = beta_1 * *mean + (1.0 - beta_1) * gradient;
        *mean_square = beta_2 * *mean_square + (1.0 - beta_2) * gradient * gradient;
        *weight -= learning_rate * correction * *mean / (mean_square.sqrt() + epsilon);
        *average = decay * *average + (1.0 - decay) * *weight;
    }
    TrainingState { weights, average, moments }
}

/// How far numbers are from the weights before the step.
fn changes(numbers: &[f32]) -> Vec<f32> {
    numbers.iter().zip(start().weights).map(|(after, before)| after - before).collect()
}

#[cfg(all(test, feature = "burn", not(target_family = "wasm")))]
mod tests {
    use burn::module::{Module, ModuleMapper, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor, TensorData};
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::Kernel;
    use crate::backend::fused::runtime::TestGpu;
    use crate::loss::dsm;
    use crate::net::Network;
    use crate::net::weights::{collect, unflat};
    use crate::random::streams::FLIP_INDEX;

    /// A compiler of kernels of a strategy.
    fn compiler(gpu: &Gpu, strategy: Strategy) -> Compiler {
        let config = KernelConfig::new(strategy, KernelPrecision::F32);
        Compiler::new(gpu, config).expect("every GPU has f32")
    }

    fn outcome(compiler: &Compiler) -> Outcome {
        block_on(step(compiler)).expect("the GPU is healthy")
    }

    #[test]
    fn a_healthy_gpu_is_trusted_with_training() {
        let gpu = TestGpu::request();
        assert!(block_on(check_training(&gpu)).is_ok());
        for strategy in [Strategy::Direct, Strategy::Staged] {
            assert!(outcome(&compiler(&gpu, strategy)).is_right(), "{strategy:?}");
        }
    }

    /// Replaces a network's weights by their gradients.
    struct ToGradients(GradientsParams);

    impl ModuleMapper for ToGradients {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let gradient = self.0.remove::<D>(param.id).expect("every weight has a gradient");
            let gradient = Tensor::from_data(gradient.into_data(), &Device::flex());
            Param::initialized(param.id, gradient)
        }
    }

    /// The pixels of the training images, and of the same mirrored.
    fn originals() -> Vec<[Vec<f32>; 2]> {
        let pixels = |bytes: &[u8]| {
            let image: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
            let mut mirrored = image.clone();
            mirrored.chunks_mut(IMAGE.width).for_each(<[f32]>::reverse);
            [image, mirrored]
        };
        bytes().chunks(IMAGE.dimension()).map(pixels).collect()
    }

    /// The stable target of a noisy image of a class, by its definition: the mean noise over all
    /// images of the class that the noisy one can have come from.
    fn stable_noise(x: &[f32], example: &ExampleRow) -> Vec<f32> {
        let sigma = f64::from(example.sigma);
        let of_class = originals().into_iter().zip(LABELS);
        let of_class = of_class.filter(|(_, label)| *label == example.class_row);
        let images: Vec<Vec<f32>> = of_class.flat_map(|(both, _)| both).collect();
        let weight = |image: &Vec<f32>| {
            let squares = x.iter().zip(image).map(|(a, b)| f64::from(a - b).powi(2));
            (-squares.sum::<f64>() / (2.0 * sigma * sigma)).exp()
        };
        let weights: Vec<f64> = images.iter().map(weight).collect();
        let noise = |(at, &x): (usize, &f32)| {
            let shares = images.iter().zip(&weights);
            let sum: f64 = shares.map(|(image, weight)| weight * f64::from(image[at])).sum();
            ((f64::from(x) - sum / weights.iter().sum::<f64>()) / sigma) as f32
        };
        x.iter().enumerate().map(noise).collect()
    }

    /// The loss of the step and its gradients, by Burn on the CPU.
    fn burn_step() -> (f32, Vec<f32>) {
        let architecture = Architecture::UNet(sizes());
        let weights = unflat(&architecture, &start().weights);
        let device = Device::flex().autodiff();
        // Through a record, since otherwise autodiff would not track the weights.
        let plain = Network::with_weights(&architecture, weights, &Device::flex());
        let record = plain.expect("possible").into_record();
        let network = Network::new(&architecture, &device).expect("possible");
        let network = network.try_load_record(record).expect("the same network");

        let examples = training_step().examples;
        let (mut noise, mut noisy) = (Vec::new(), Vec::new());
        for ((n, [image, mirrored]), example) in (0..).zip(originals()).zip(&examples) {
            let key = Key { stream: n, ..KEY };
            let mut z = vec![0.0; image.len()];
            key.fill_normal(&mut z);
            let sigma = example.sigma;
            let seen = if key.uniform(FLIP_INDEX) < 0.5 { mirrored } else { image };
            let x: Vec<f32> = seen.iter().zip(&z).map(|(x, z)| x + sigma * z).collect();
            noise.extend(if sigma < STABLE_FROM { z } else { stable_noise(&x, example) });
            noisy.extend(x);
        }
        let shape = [SIGMAS.len(), IMAGE.channels, IMAGE.height, IMAGE.width];
        let images = |x| Tensor::<4>::from_data(TensorData::new(x, shape), &device);
        let class = |example: &ExampleRow| {
            Some(example.class_row as usize).filter(|&row| row < sizes().classes)
        };
        let classes: Vec<_> = examples.iter().map(class).collect();
        let factors: Vec<f32> = examples.iter().map(|example| example.weight).collect();
        let factors = Tensor::<1>::from_floats(&*factors, &device);
        let score = network.class_score(images(noisy), &SIGMAS, &classes);
        let loss = (dsm(score, &SIGMAS, images(noise)) * factors).sum();
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        let gradients = collect(&network.map(&mut ToGradients(gradients)));
        (loss.into_scalar::<f32>(), flat(&architecture, &gradients))
    }

    /// `known_step.rs` is what this test prints if it fails.
    #[test]
    fn the_known_step_is_that_of_burn() {
        let (loss, gradients) = burn_step();
        let near = |found: f32, known: f32| (found - known).abs() <= 1e-4 * known.abs();
        let is_known = near(loss, LOSS) && are_known(&gradients);
        if !is_known {
            println!("pub const LOSS: f32 = {loss:?};");
            for (along, norm) in projections(&gradients) {
                println!("    ({along:?}, {norm:?}),");
            }
        }
        assert!(is_known, "Burn's loss is {loss}");
    }

    /// A GPU that gets any part of the step wrong is found out.
    #[test]
    fn a_wrong_number_anywhere_is_found() {
        let (loss, gradients) = burn_step();
        let after = updated(&gradients);
        let weight_squares = after.weights.iter().map(|weight| weight * weight).sum();
        let report = TrainingReport { loss, weight_squares };
        let right = Outcome { report, gradients: gradients.clone(), after };
        assert!(right.is_right());
        let found = |what: &str, change: &dyn Fn(&mut Outcome)| {
            let mut wrong = right.clone();
            change(&mut wrong);
            assert!(!wrong.is_right(), "{what}");
        };
        let mut first = 0;
        let whole = gradients.iter().map(|gradient| gradient * gradient).sum::<f32>().sqrt();
        for (name, shape) in Architecture::UNet(sizes()).tensors() {
            let range = first..first + shape.iter().product::<usize>();
            first = range.end;
            let replace = |wrong: &mut Outcome, by: fn(f32) -> f32| {
                let tensor = &mut wrong.gradients[range.clone()];
                tensor.iter_mut().for_each(|gradient| *gradient = by(*gradient));
                wrong.after = updated(&wrong.gradients);
            };
            found(&name, &|wrong| replace(wrong, |_| f32::NAN));
            let tensor = &gradients[range.clone()];
            // A bias before a normalization has no gradient.
            if tensor.iter().map(|g| g * g).sum::<f32>().sqrt() > 1e-4 * whole {
                found(&name, &|wrong| replace(wrong, |_| 0.0));
                found(&name, &|wrong| replace(wrong, |gradient| -gradient));
                found(&name, &|wrong| replace(wrong, |gradient| 1.5 * gradient));
            }
        }
        let before = start();
        found("the loss", &|wrong| wrong.report.loss *= 1.01);
        found("the sum of squares", &|wrong| wrong.report.weight_squares = 0.0);
        found("weights", &|wrong| wrong.after.weights = before.weights.clone());
        found("average", &|wrong| wrong.after.average = before.average.clone());
        found("moments", &|wrong| wrong.after.moments = before.moments.clone());
        found("one weight", &|wrong| wrong.after.weights[100] += 0.01);
        found("nothing", &|wrong| wrong.after.weights.clear());
        found("no gradients", &|wrong| wrong.gradients.clear());
    }

    /// Each kernel of the step is replaced in turn by one that does nothing.
    #[test]
    fn a_kernel_that_does_nothing_is_found() {
        let gpu = TestGpu::request();
        for strategy in [Strategy::Direct, Strategy::Staged] {
            let compiler = compiler(&gpu, strategy);
            for (name, kernel) in training(&compiler).expect("it fits").kernels() {
                let is_right = match block_on(step(&without(&compiler, kernel))) {
                    Ok(outcome) => outcome.is_right(),
                    // What counts submissions is a kernel, too.
                    Err(FusedError::Lost(_)) => false,
                    Err(error) => panic!("{error}"),
                };
                assert!(!is_right, "{strategy:?}, {name}:\n{}", kernel.source);
            }
        }
    }

    /// A compiler that makes this kernel do nothing.
    fn without(compiler: &Compiler, kernel: &Kernel) -> Compiler {
        let mut broken = compiler.fork();
        broken.idle(kernel);
        broken
    }

    #[test]
    fn where_the_staged_kernels_are_wrong_the_direct_ones_train() {
        let gpu = TestGpu::request();
        let compilers = [Strategy::Staged, Strategy::Direct].map(|which| compiler(&gpu, which));
        let broken = [0, 1].map(|which: usize| {
            let training = training(&compilers[which]).expect("it fits");
            let (_, first) = training.kernels().next().expect("it has kernels");
            without(&compilers[which], first)
        });
        let [_, direct] = compilers;
        let found = block_on(first_right(&gpu, vec![broken[0].clone(), direct.clone()]));
        assert_eq!(found, Ok(direct.config()));
        let found = block_on(first_right(&gpu, broken.to_vec()));
        assert_eq!(found, Err(FusedError::Gradients));
    }

    /// As where a driver rejects a kernel: that is no fault of the GPU that outlasts the test.
    #[test]
    fn where_a_staged_kernel_does_not_compile_the_direct_ones_train() {
        let gpu = TestGpu::request();
        let [mut staged, direct] =
            [Strategy::Staged, Strategy::Direct].map(|which| compiler(&gpu, which));
        let run = training(&staged).expect("it fits");
        let (_, first) = run.kernels().next().expect("it has kernels");
        staged.replace(first, "@compute fn main() { this is no WGSL }");
        let found = block_on(first_right(&gpu, vec![staged, direct.clone()]));
        assert_eq!(found, Ok(direct.config()));
    }

    #[test]
    fn the_texts_of_the_test_are_those_that_it_compiles() {
        let gpu = TestGpu::request();
        let compiler = compiler(&gpu, Strategy::Staged);
        let texts = training_test_texts(&compiler).expect("it fits");
        let run = training(&compiler).expect("it fits");
        let compiled: Vec<_> = run.kernels().map(|(_, kernel)| &kernel.source).collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), compiled);
    }
}
