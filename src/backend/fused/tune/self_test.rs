//! Tests whether a GPU computes the right scores with the staged kernels, before they are used.
//!
//! Some adapters offer `shader-f16` and then refuse or miscompile shaders that use it; some drivers
//! drop barriers. So a small network of convolutions, most of what models compute, must give the
//! same scores as with the simplest kernels: in f32, without workgroup memory and barriers.
//!
//! Natively all kernels of sampling are tested. On the page attention and the rarer ones are left
//! out: every visitor waits until the kernels of this network are compiled, for both strategies,
//! before there is an image. What the others ask of a driver, which is f16, workgroup memory and
//! barriers, convolutions ask as well. Of training, all kernels are tested (`training_test.rs`).

use bytemuck::Zeroable;

use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::builder::{Builder, Output};
use crate::backend::fused::plan::conv_layer::ConvLayer;
use crate::backend::fused::plan::{Activation, Plan, Pooling, SigmaInput, Term};
use crate::backend::fused::runtime::{
    Compiler, Flow, Gpu, Network, StepRow, Throttle, UpdateRow, platform,
};
use crate::net::weights::{Array, Weights};
use crate::net::{ImageShape, Preconditioning};
use crate::random::Key;
use crate::sample::Observation;

const IMAGE: ImageShape = ImageShape { channels: 1, height: 16, width: 16 };
const WIDTH: usize = 16;

/// Images so large that a pass of its own brings the moments of their tiles together.
const LARGE: ImageShape = ImageShape { channels: 1, height: 64, width: 64 };

/// The largest difference allowed between two kernel configs, relative to the largest score.
/// Rounding to f16 causes about a thousandth.
pub const TOLERANCE: f32 = 1e-2;

/// The largest difference allowed between a step as a GPU takes it and as it is defined, relative to
/// the largest value.
const STEP_TOLERANCE: f32 = 1e-3;

/// Whether staged kernels compute the right scores in a precision.
pub async fn passes(gpu: &Gpu, precision: KernelPrecision) -> bool {
    let possible = precision == KernelPrecision::F32 || gpu.has_half();
    possible
        && are_right(gpu, precision, plan).await
        && platform::thoroughly(|| are_all_right(gpu, precision)).await
}

/// As [`passes`] for the kernels that the page does not test. A GPU that takes wrong steps is given
/// up: the kernel that takes them is the same in every config.
async fn are_all_right(gpu: &Gpu, precision: KernelPrecision) -> bool {
    // Where the test cannot run, work will report the device's own error.
    if gpu.catch_errors(takes_right_steps(gpu)).await == Some(false) {
        gpu.give_up(FusedError::Fault("it takes wrong steps".to_owned()));
    }
    are_right(gpu, precision, plan_of_the_rest).await
}

/// A plan that a config is tested with.
type MakePlan = fn() -> Result<Plan, FusedError>;

async fn are_right(gpu: &Gpu, precision: KernelPrecision, plan: MakePlan) -> bool {
    gpu.catch_errors(compare(gpu, precision, plan)).await.unwrap_or(false)
}

async fn compare(
    gpu: &Gpu,
    precision: KernelPrecision,
    plan: MakePlan,
) -> Result<bool, FusedError> {
    // Make both before waiting for either.
    let direct = planned(gpu, KernelConfig::new(Strategy::Direct, KernelPrecision::F32), plan)?;
    let staged = planned(gpu, KernelConfig::new(Strategy::Staged, precision), plan)?;
    let expected = scores(&direct).await?;
    Ok(agree(&scores(&staged).await?, &expected, TOLERANCE))
}

/// A network's scores of two images of noise at σ = 1.
pub async fn scores(network: &Network) -> Result<Vec<f32>, FusedError> {
    let x = noise(0, 2 * network.image_shape().dimension());
    let mut recorder = network.evaluator(2)?;
    recorder.write_images(&x);
    recorder.evaluate();
    recorder.read(recorder.result(), x.len()).await
}

/// The small network.
pub fn network(gpu: &Gpu, config: KernelConfig) -> Result<Network, FusedError> {
    planned(gpu, config, plan)
}

fn planned(gpu: &Gpu, config: KernelConfig, plan: MakePlan) -> Result<Network, FusedError> {
    Network::planned(&Compiler::new(gpu, config)?.on_this_thread(), plan()?, "")
}

/// A normalized and activated convolution between two others, with a residual. Staged, they have
/// barriers. (More layers would mean more kernels to compile before the first image.)
fn plan() -> Result<Plan, FusedError> {
    let mut weights = Weights::new();
    for (name, shape) in
        [("stem", [WIDTH, 4, 3, 3]), ("conv", [WIDTH, WIDTH, 3, 3]), ("head", [4, WIDTH, 3, 3])]
    {
        // Its input may be normalized.
        let (outputs, inputs) = (&shape[..1], &shape[1..2]);
        let parts =
            [("weight", &shape[..]), ("bias", outputs), ("gamma", inputs), ("beta", inputs)];
        for (part, shape) in parts {
            // Keep signals near unit variance.
            let scale = (shape[1..].iter().product::<usize>() as f32).sqrt().recip();
            let mut values = noise(weights.len() as u32 + 1, shape.iter().product());
            values.iter_mut().for_each(|value| *value *= scale);
            weights.insert(format!("{name}.{part}"), Array { values, shape: shape.to_vec() });
        }
    }
    let preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.5 };
    let sigma_input = SigmaInput::Continuous(preconditioning, 0);
    let mut b = Builder::new(&weights, IMAGE, sigma_input);
    let pixels = b.load(2);
    let channels = Output::Channels(WIDTH);
    let layer = |name: &str, source| [ConvLayer::new(name, [Term::square(source)])];
    let x = b.conv(channels, &layer("stem", pixels), &[], Activation::None)?;
    let h = b.norm("conv", &[x], 4, Activation::Silu)?;
    let x = b.conv(channels, &layer("conv", h), &[x], Activation::None)?;
    b.head(2, &layer("head", x))?;
    Ok(b.finish())
}

/// A network with everything else that networks have: σ and a class embedded, halved and doubled
/// resolutions, attention, InstanceNorm++, pooling, several sources, a residual of another size, and
/// the moments of many tiles.
fn plan_of_the_rest() -> Result<Plan, FusedError> {
    /// The size of the embedding of σ.
    const E: usize = 8;
    const W: usize = WIDTH;
    let mut weights = Weights::new();
    let shapes: &[(&str, &[usize])] = &[
        ("stem.weight", &[W, 1, 3, 3]),
        ("stem.bias", &[W]),
        ("modulation.weight", &[E, 2 * W]),
        ("modulation.bias", &[2 * W]),
        ("half.weight", &[W, 4 * W, 1, 1]),
        ("half.bias", &[W]),
        ("norm.gamma", &[W]),
        ("norm.beta", &[W]),
        ("qkv.weight", &[3 * W, W, 1, 1]),
        ("qkv.bias", &[3 * W]),
        ("out.weight", &[W, W, 1, 1]),
        ("out.bias", &[W]),
        ("instance.table", &[2, 3 * W]),
        ("pooled.weight", &[W, W, 3, 3]),
        ("double.weight", &[4 * W, W, 1, 1]),
        ("double.bias", &[4 * W]),
        ("join_norm.gamma", &[2 * W]),
        ("join_norm.beta", &[2 * W]),
        ("join.weight", &[W, 2 * W, 3, 3]),
        ("join.bias", &[W]),
        ("add.weight", &[W, W, 1, 1]),
        ("add.bias", &[W]),
        ("head_norm.gamma", &[W]),
        ("head_norm.beta", &[W]),
        ("head.weight", &[1, W, 3, 3]),
        ("head.bias", &[1]),
        ("embedding.first.weight", &[E, E]),
        ("embedding.first.bias", &[E]),
        ("embedding.second.weight", &[E, E]),
        ("embedding.second.bias", &[E]),
        ("embedding.classes", &[2, E]),
    ];
    for &(name, shape) in shapes {
        let mut values = noise(weights.len() as u32 + 1, shape.iter().product());
        if name.ends_with("weight") {
            // Keep signals near unit variance.
            let scale = (shape[1..].iter().product::<usize>() as f32).sqrt().recip();
            values.iter_mut().for_each(|value| *value *= scale);
        }
        weights.insert(name.to_owned(), Array { values, shape: shape.to_vec() });
    }
    // So much deviation that the score depends on what the network computes more than on the image.
    let preconditioning = Preconditioning { mean: 0.5, sigma_data: 1.0 };
    let sigma_input = SigmaInput::Continuous(preconditioning, E);
    let mut b = Builder::new(&weights, LARGE, sigma_input);
    let channels = Output::Channels(W);
    let layer = |name: &str, term: Term| [ConvLayer::new(name, [term])];
    let none = Activation::None;
    let pixels = b.load(1);
    let x = b.conv(channels, &layer("stem", Term::square(pixels)), &[], none)?;
    let h = b.modulated("modulation", x, 4);
    let half = b.conv(channels, &layer("half", Term::halving(h)), &[], none)?;
    let h = b.norm("norm", &[half], 4, none)?;
    let qkv = b.conv(Output::Channels(3 * W), &layer("qkv", Term::pointwise(h)), &[], none)?;
    let mixed = b.attention(qkv, 2);
    let half = b.conv(channels, &layer("out", Term::pointwise(mixed)), &[half], none)?;
    let h = b.instance_norm("instance", half, 2, Activation::Elu)?;
    let pooled = b.pool(h, Pooling::Maximum, 2);
    let pooled = [ConvLayer::new("pooled", [Term::dilated(pooled, 2)]).unbiased()];
    let half = b.conv(channels, &pooled, &[], none)?;
    let doubled = b.conv(Output::Doubled(W), &layer("double", Term::pointwise(half)), &[], none)?;
    let h = b.norm("join_norm", &[doubled, x], 4, Activation::Silu)?;
    let joined = b.conv(channels, &layer("join", Term::square(h)), &[], none)?;
    let x = b.conv(channels, &layer("add", Term::pointwise(joined)), &[half], none)?;
    let h = b.norm("head_norm", &[x], 4, Activation::Silu)?;
    b.head(1, &layer("head", Term::square(h)))?;
    b.finish_embedded(E, 1)
}

/// The weights of the two seeds in the noise of each of two images.
const MIXTURES: [[f32; 2]; 2] = [[1.0, 0.0], [0.6, 0.8]];
/// These seeds.
const SEEDS: [u64; 2] = [5, u64::MAX - 5];

/// A step as the kernels read it: one that is guided, of a measured size, looks at the score and at
/// the denoised images of steps before, mixes the noise of two seeds and imposes an observation.
fn step_row() -> StepRow {
    let update = UpdateRow {
        guidance: 0.5,
        previous: -0.3,
        earlier: [0.2, -0.1],
        denoise: 1.0,
        signal: 40.0,
        bound: 1e-3,
        observed_step: 8,
        observed_sigma: 0.4,
        block: [1, 2, 2],
        ..UpdateRow::zeroed()
    };
    let [seed, other] = SEEDS.map(|seed| Key { seed, stream: 0, step: 0 }.seed_words());
    StepRow {
        first_chain: 3,
        chain_stride: 1,
        seed,
        other,
        noise_step: 7,
        update,
        ..StepRow::evaluate(2, 0, 0.0, 1.0)
    }
}

/// What the step begins with: two images, the scores and the denoised images of steps before, and
/// an observation.
struct BeforeStep {
    x: Vec<f32>,
    score: Vec<f32>,
    denoised: Vec<[f32; 2]>,
    observation: Observation,
}

impl BeforeStep {
    fn new() -> Self {
        let dimension = IMAGE.dimension();
        let [x, score, first, second] = [0, 1, 2, 3].map(|stream| noise(stream, 2 * dimension));
        let denoised = first.iter().zip(&second).map(|(&a, &b)| [a, b]).collect();
        // The means of squares of 2 × 2 pixels.
        let observation = Observation::downsampled(IMAGE, &noise(4, dimension / 4), 2);
        let observation = observation.expect("it has the size of the images");
        Self { x, score, denoised, observation }
    }

    /// The images after the step, given the scores of its two evaluations.
    fn expected(&self, row: &StepRow, scores: &[f32]) -> Vec<f32> {
        let (dimension, width, update) = (IMAGE.dimension(), IMAGE.width, &row.update);
        let mut expected = Vec::new();
        for (image, [own, other]) in MIXTURES.into_iter().enumerate() {
            let normals = |step| -> Vec<f32> {
                let stream = row.first_chain + image as u32;
                let [a, b] = SEEDS.map(|seed| Key { seed, stream, step });
                let mix = |i| own * a.normal(i) + other * b.normal(i);
                (0..dimension as u32).map(mix).collect()
            };
            let [z, observed_z] = [row.noise_step, update.observed_step].map(normals);
            let at = |i: usize| image * dimension + i;
            let score = |i: usize| {
                let (s, away) = (scores[at(i)], scores[2 * dimension + at(i)]);
                s + update.guidance * (s - away)
            };
            let square: f32 = (0..dimension).map(|i| score(i) * score(i)).sum();
            let gain = update.signal / square.max(update.bound);
            let stepped = |i: usize| {
                let (x, [first, second]) = (self.x[at(i)], self.denoised[at(i)]);
                let looked_back = update.previous * self.score[at(i)]
                    + update.earlier[0] * (first - x)
                    + update.earlier[1] * (second - x);
                x + gain * score(i) + looked_back + (2.0 * gain).sqrt() * z[i]
            };
            let stepped: Vec<f32> = (0..dimension).map(stepped).collect();
            let imposed = |i: usize| {
                let corner = i / (2 * width) * (2 * width) + i % width / 2 * 2;
                let mean = |values: &[f32]| -> f32 {
                    let square = [0, 1, width, width + 1];
                    square.iter().map(|&pixel| values[corner + pixel]).sum::<f32>() / 4.0
                };
                let observed =
                    self.observation.target()[i] + update.observed_sigma * mean(&observed_z);
                stepped[i] - mean(&stepped) + observed
            };
            expected.extend((0..dimension).map(imposed));
        }
        expected
    }
}

/// Whether `kernels/update.wgsl` takes the right step.
async fn takes_right_steps(gpu: &Gpu) -> Result<bool, FusedError> {
    let network = network(gpu, KernelConfig::new(Strategy::Direct, KernelPrecision::F32))?;
    let (before, row) = (BeforeStep::new(), step_row());
    let mut recorder = network.recorder(2, true)?;
    recorder.write_images(&before.x);
    recorder.write_last_score(&before.score);
    recorder.write_denoised(&before.denoised);
    recorder.write_observation(&before.observation);
    recorder.write_mixtures(&MIXTURES);
    recorder.write_steps(0, &[row]);
    // The second row is that of the scores which guidance leads away from.
    recorder.submit_levels(&[(1.0, None.into()), (2.0, None.into())]);
    recorder.submit(&[(Flow::Update { guided: true }, 0)], Throttle::FEW);
    let numbers = before.x.len();
    let found = recorder.read(recorder.noisy(), numbers).await?;
    let scores = recorder.read(recorder.last_score(), 2 * numbers).await?;
    Ok(agree(&found, &before.expected(&row, &scores), STEP_TOLERANCE))
}

/// Normal noise.
fn noise(stream: u32, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Key { seed: 16, stream, step: 0 }.fill_normal(&mut values);
    values
}

/// Whether numbers agree up to `tolerance` times the largest expected one; false if that is zero, or
/// any is not finite.
pub fn agree(found: &[f32], expected: &[f32], tolerance: f32) -> bool {
    let most = expected.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= tolerance * most;
    most > 0.0
        && most < f32::INFINITY
        && found.len() == expected.len()
        && found.iter().zip(expected).all(near)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::runtime::TestGpu;

    /// Mesa's lavapipe passes; an adapter without f16 does not.
    #[test]
    fn an_adapter_with_f16_passes_and_is_healthy_afterwards() {
        let gpu = TestGpu::request();
        assert!(block_on(passes(&gpu, KernelPrecision::F32)));
        assert_eq!(block_on(passes(&gpu, KernelPrecision::F16)), gpu.has_half());
    }

    #[test]
    fn a_gpu_takes_right_steps() {
        let gpu = TestGpu::request();
        assert_eq!(block_on(takes_right_steps(&gpu)), Ok(true));
    }

    /// Each of them, replaced by one that does nothing.
    #[test]
    fn a_kernel_that_is_wrong_is_found() {
        let gpu = TestGpu::request();
        let config = KernelConfig::new(Strategy::Staged, KernelPrecision::F32);
        let compiler = Compiler::new(&gpu, config).expect("every GPU has f32");
        let network = |compiler: &Compiler| {
            let plan = plan_of_the_rest().expect("all weights are there");
            Network::planned(compiler, plan, "").expect("it is small")
        };
        let sound = network(&compiler);
        let expected = block_on(scores(&sound)).expect("the GPU is healthy");
        for compiled in &sound.compiled().steps {
            let mut broken = compiler.fork();
            broken.idle(&compiled.kernel);
            let found = block_on(scores(&network(&broken))).expect("the GPU is healthy");
            assert!(!agree(&found, &expected, TOLERANCE), "{}", compiled.kernel.source);
        }
    }

    #[test]
    fn a_gpu_that_computes_something_else_does_not_pass() {
        let right = [1.0, -2.0, 0.5];
        let agree = |found: &[f32], expected: &[f32]| agree(found, expected, TOLERANCE);
        assert!(agree(&right, &right));
        assert!(agree(&[1.01, -2.01, 0.49], &right));
        for wrong in [[1.1, -2.0, 0.5], [0.0; 3], [1.0, f32::NAN, 0.5], [f32::INFINITY; 3]] {
            assert!(!agree(&wrong, &right), "{wrong:?}");
        }
        assert!(!agree(&right, &[f32::INFINITY; 3]), "nothing is known to be right");
        assert!(!agree(&[0.0; 3], &[0.0; 3]), "a GPU that does nothing");
        assert!(!agree(&[f32::NAN; 3], &[f32::NAN; 3]));
    }
}
