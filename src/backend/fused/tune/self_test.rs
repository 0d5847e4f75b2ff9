//! Tests whether a GPU computes the right scores with the staged kernels, before they are used.
//!
//! Some adapters offer `shader-f16` and then refuse or miscompile shaders that use it; some drivers
//! drop barriers. So a small network of convolutions, most of what models compute, must give the
//! same scores as with the simplest kernels: in f32, without workgroup memory and barriers.
//!
//! Attention and the rarer kernels are left out: every visitor waits until the kernels of this
//! network are compiled, for both strategies, before there is an image. What the others ask of a
//! driver, which is f16, workgroup memory and barriers, convolutions ask as well. Of training, all
//! kernels are tested (`training_test.rs`).

use crate::backend::fused::codegen::{KernelConfig, Precision, Strategy};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::builder::{Builder, Output};
use crate::backend::fused::plan::conv_layer::ConvLayer;
use crate::backend::fused::plan::{Activation, Plan, SigmaInput, Term};
use crate::backend::fused::runtime::{Compiler, Gpu, Network};
use crate::net::weights::{Array, Weights};
use crate::net::{ImageShape, Preconditioning};
use crate::random::Key;

const IMAGE: ImageShape = ImageShape { channels: 1, height: 16, width: 16 };
const WIDTH: usize = 16;

/// The largest difference allowed between two kernel configs, relative to the largest score.
/// Rounding to f16 causes about a thousandth.
pub const TOLERANCE: f32 = 1e-2;

/// Whether staged kernels compute the right scores in a precision.
pub async fn passes(gpu: &Gpu, precision: Precision) -> bool {
    let possible = precision == Precision::Single || gpu.has_half();
    possible && gpu.catch_errors(compare(gpu, precision)).await.unwrap_or(false)
}

async fn compare(gpu: &Gpu, precision: Precision) -> Result<bool, FusedError> {
    // Make both before waiting for either.
    let direct = network(gpu, KernelConfig::new(Strategy::Direct, Precision::Single))?;
    let staged = network(gpu, KernelConfig::new(Strategy::Staged, precision))?;
    let expected = scores(&direct).await?;
    Ok(agree(&scores(&staged).await?, &expected, TOLERANCE))
}

/// A network's scores of two images of noise at σ = 1.
pub async fn scores(network: &Network) -> Result<Vec<f32>, FusedError> {
    let x = noise(0, 2 * network.image_shape().dimension());
    let mut recorder = network.evaluator(2)?;
    recorder.write_images(&x);
    recorder.evaluate(1);
    network.gpu().read(recorder.result(), x.len()).await
}

/// The small network.
pub fn network(gpu: &Gpu, config: KernelConfig) -> Result<Network, FusedError> {
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
        assert!(block_on(passes(&gpu, Precision::Single)));
        assert_eq!(block_on(passes(&gpu, Precision::Half)), gpu.has_half());
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
