//! Whether a GPU computes with f16 as it should, asked before it is trusted.
//!
//! Adapters have been known to offer `shader-f16` and then to refuse or to miscompile shaders that
//! use it. So a network of three layers, made of the very kernels that models run on, is asked for
//! the same scores in both precisions.

use super::builder::{Builder, Output};
use super::conditioning::Conditioning;
use super::error::FusedError;
use super::gpu::Gpu;
use super::layer::Layer;
use super::network::{Network, pipeline};
use super::plan::{Activation, Plan, Term};
use super::precision::Precision;
use super::setup::{Setup, Style};
use crate::net::weights::{Array, Weights};
use crate::net::{Picture, Preconditioning};
use crate::random::Key;

const PICTURE: Picture = Picture { channels: 1, height: 16, width: 16 };
const WIDTH: usize = 16;

/// The largest difference between the precisions over the largest score. Rounding to f16 makes
/// about a thousandth.
const TOLERANCE: f32 = 1e-2;

/// Asks.
pub async fn passes(gpu: &Gpu) -> bool {
    gpu.has_half() && gpu.quietly(compare(gpu)).await.unwrap_or(false)
}

async fn compare(gpu: &Gpu) -> Result<bool, FusedError> {
    // Both before either is waited for.
    let single = network(gpu, Precision::Single)?;
    let half = network(gpu, Precision::Half)?;
    let x = noise(0, 2 * PICTURE.dimension());
    let expected = single.score(&x, &[1.0]).await?;
    Ok(agree(&half.score(&x, &[1.0]).await?, &expected))
}

/// A network of three layers.
pub fn network(gpu: &Gpu, precision: Precision) -> Result<Network, FusedError> {
    let setup = Setup::new(Style::Staged, precision);
    // On this thread, or nothing would be heard of what goes wrong.
    Network::planned(gpu, plan()?, setup, "", |gpu, lowered| {
        lowered.kernels().map(|kernel| (kernel, pipeline(gpu, kernel))).collect()
    })
}

/// A normalised and activated convolution between two others, with a residual.
fn plan() -> Result<Plan, FusedError> {
    let mut weights = Weights::new();
    let shapes: [(&str, &[usize]); 8] = [
        ("stem.weight", &[WIDTH, 4, 3, 3]),
        ("stem.bias", &[WIDTH]),
        ("norm.gamma", &[WIDTH]),
        ("norm.beta", &[WIDTH]),
        ("conv.weight", &[WIDTH, WIDTH, 3, 3]),
        ("conv.bias", &[WIDTH]),
        ("head.weight", &[4, WIDTH, 3, 3]),
        ("head.bias", &[4]),
    ];
    for ((name, shape), stream) in shapes.into_iter().zip(1..) {
        let values = noise(stream, shape.iter().product());
        weights.insert(name.to_owned(), Array { values, shape: shape.to_vec() });
    }
    let preconditioning = Preconditioning { mean: 0.5, deviation: 0.5 };
    let conditioning = Conditioning::Continuous(preconditioning, 0);
    let mut b = Builder::new(&weights, PICTURE, conditioning);
    let pixels = b.load(2);
    let channels = Output::Channels(WIDTH);
    let layer = |name: &str, source| [Layer::new(name, [Term::square(source)])];
    let x = b.conv(channels, &layer("stem", pixels), &[], Activation::None)?;
    let h = b.norm("norm", &[x], 4, Activation::Silu)?;
    let x = b.conv(channels, &layer("conv", h), &[x], Activation::None)?;
    b.conv(Output::Picture(2), &layer("head", x), &[], Activation::None)?;
    Ok(b.finish())
}

/// Numbers to ask for a score of.
pub fn noise(stream: u32, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    Key { seed: 16, stream, step: 0 }.fill_normal(&mut values);
    values
}

/// Whether scores are the same but for what rounding to f16 does; also false where there is anything
/// but finite numbers.
pub fn agree(found: &[f32], expected: &[f32]) -> bool {
    let most = expected.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * most;
    most > 0.0 && found.len() == expected.len() && found.iter().zip(expected).all(near)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;

    /// Mesa's lavapipe does; an adapter without f16 does not.
    #[test]
    fn an_adapter_with_f16_passes_and_is_healthy_afterwards() {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(block_on(passes(&gpu)), gpu.has_half());
        assert_eq!(gpu.check(), Ok(()));
    }

    #[test]
    fn a_gpu_that_computes_something_else_does_not_pass() {
        let right = [1.0, -2.0, 0.5];
        assert!(agree(&right, &right));
        assert!(agree(&[1.01, -2.01, 0.49], &right));
        for wrong in [[1.1, -2.0, 0.5], [0.0; 3], [1.0, f32::NAN, 0.5], [f32::INFINITY; 3]] {
            assert!(!agree(&wrong, &right), "{wrong:?}");
        }
        assert!(!agree(&[0.0; 3], &[0.0; 3]), "a GPU that does nothing");
        assert!(!agree(&[f32::NAN; 3], &[f32::NAN; 3]));
    }
}
