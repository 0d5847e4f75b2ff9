//! `ncsn likelihood`: how many bits a model needs to code images.

use std::path::PathBuf;

use anyhow::ensure;

use super::class_guidance::{ensure_knows_all_images, ensure_learned_score};
use super::data_set::{self, ImageArgs};
use super::numbers::{BATCH, ensure_within};
use super::print::ensure_delivered;
use super::{device, model, progress};
use crate::likelihood::{NetworkDivergence, Trace, bits_per_dimension, log_density};
use crate::noise::NoiseSchedule;
use crate::noise::karras::karras_sigmas;
use crate::pixel::dequantized;
use crate::random::Key;
use crate::random::streams::GRAY_LEVEL_STEP;
use crate::sample::parameters::DEFAULTS;
use crate::words::count;

/// Measure how likely a model finds held-out images, in bits per dimension.
///
/// The log density comes from the probability-flow ODE between the model's smallest and largest
/// noise level, with Hutchinson's estimate of the divergence. Bytes are dequantized uniformly,
/// (byte + u)/256 with u from 0 to 1. On average the result is an upper bound on the bits needed to
/// code the bytes; uniform noise has 8.
#[derive(clap::Args)]
pub struct Likelihood {
    #[arg(long, help = model::HELP)]
    model: PathBuf,
    /// How many held-out images to measure.
    #[arg(short, long, default_value_t = 64)]
    n: usize,
    /// Noise levels of Heun's method, with two evaluations between neighbors. Too few levels give
    /// too low a result; the error falls with the square of their number.
    #[arg(long, default_value_t = 100)]
    levels: usize,
    /// The noise level to measure the density at [default: the model's smallest].
    #[arg(long)]
    sigma_min: Option<f32>,
    /// The seed of the dequantization and of the estimate.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many images to compute at once.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Where to compute: cpu, cuda[:N], vulkan, metal, libtorch or libtorch-cuda[:N].
    #[arg(long, default_value = "cpu")]
    device: String,
    // Last: a heading applies to all flags that follow it.
    #[command(flatten, next_help_heading = "Images")]
    images: ImageArgs,
}

/// Runs the command.
///
/// # Errors
/// If the model has no score, or none of all images, there are too few images, or a number is
/// impossible; in words for the user.
pub(super) fn run(arguments: &Likelihood) -> anyhow::Result<()> {
    ensure!(
        arguments.n >= 2,
        "-n must be at least 2, to estimate an error, but is {}",
        arguments.n
    );
    ensure_within("--batch", arguments.batch, BATCH)?;
    ensure_within("--levels", arguments.levels, 2..=NoiseSchedule::MAX_LEVELS)?;
    let model = model::open(&arguments.model)?;
    ensure_learned_score(&arguments.model, &model.card)?;
    ensure_knows_all_images(&model, "a likelihood")?;
    let image_shape = model.card.architecture.image_shape();
    let data = arguments.images.load_shaped(image_shape)?;
    data_set::say(&data);
    let images = &data.held_out;
    let (n, d) = (arguments.n.min(images.len()), image_shape.dimension());
    ensure!(n >= 2, "{} held out, but an error can only be estimated from 2", count(n, "image"));

    let schedule = model.card.schedule();
    let guided = model.card.training.as_ref().is_some_and(|t| t.autoguidance.is_some());
    let sigma_min = arguments.sigma_min.unwrap_or(schedule.sigma_min);
    let schedule = NoiseSchedule { sigma_min, levels: arguments.levels, ..schedule };
    schedule.check()?;
    let sigmas = karras_sigmas(&schedule, DEFAULTS.rho);
    let mean = model.card.start_mean();
    let device = device::parse(&arguments.device)?;
    let network = NetworkDivergence::new(&model.card.architecture, model.weights, &device)?;

    let bar = progress::bar(n as u64, "{bar:40} {pos}/{len} images, {eta} left");
    let mut bits = Vec::with_capacity(n);
    for first in (0..n).step_by(arguments.batch) {
        let mut x = Vec::with_capacity(arguments.batch.min(n - first) * d);
        for index in first..n.min(first + arguments.batch) {
            let key = Key { seed: arguments.seed, stream: index as u32, step: GRAY_LEVEL_STEP };
            let bytes = (0..).zip(images.image(index));
            x.extend(bytes.map(|(i, &byte)| dequantized(byte, key.uniform(i))));
        }
        let trace = Trace::Hutchinson { seed: arguments.seed, first: first as u32 };
        let logs = log_density(&network, &x, &sigmas, mean, trace);
        bits.extend(logs.into_iter().map(|log| bits_per_dimension(log, d)));
        bar.set_position(bits.len() as u64);
    }
    bar.finish_and_clear();

    let mean = bits.iter().sum::<f64>() / n as f64;
    let variance = bits.iter().map(|b| (b - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let error = (variance / n as f64).sqrt();
    println!(
        "{mean:.3} ± {error:.3} bits/dim over {} of {}",
        count(n, "held-out image"),
        data.name
    );
    println!(
        "uniformly dequantized, at σ = {sigma_min}; {} of the score with its divergence",
        count(2 * (sigmas.len() - 1), "evaluation")
    );
    if let Some(warning) = impossible(mean, arguments.levels) {
        eprintln!("warning: {warning}");
    }
    if guided {
        println!(
            "the model was trained with --guiding-model: its density is sharper than the images'"
        );
    }
    Ok(ensure_delivered()?)
}

/// Says so if a result cannot be: bytes need at least 0 bits, and it is an upper bound of what they
/// need on average.
fn impossible(bits: f64, levels: usize) -> Option<String> {
    (bits < 0.0 || bits.is_nan()).then(|| {
        let levels = count(levels, "level");
        format!(
            "the density of quantized pixels cannot be that; {levels} are too few, see --levels"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::impossible;

    #[test]
    fn fewer_than_no_bits_are_impossible() {
        assert_eq!(impossible(0.05, 100), None);
        let warning = impossible(-0.3, 10).expect("bytes need some");
        assert!(warning.contains("10 levels") && warning.contains("--levels"), "{warning}");
    }
}
