//! `ncsn toy`: the samplers on a density whose score is known exactly.

use super::numbers::{SAMPLES, ensure_within};
use super::print::ensure_delivered;
use super::trials::{Trial, settings_for_nfe};
use crate::backend::host;
use crate::eval::{Points, sliced_wasserstein};
use crate::noise::NoiseSchedule;
use crate::random::Key;
use crate::sample::{Sampler, Settings};
use crate::toy::{GaussianMixture, two_modes};
use crate::words::count;

/// Measure the samplers themselves, without a network, on the paper's two-mode toy (Song & Ermon
/// 2019, section 3.2.1), whose score is known exactly.
#[derive(clap::Args)]
pub struct Toy {
    /// How many samples.
    #[arg(short, long, default_value_t = 10_000)]
    n: usize,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the command.
///
/// # Errors
/// If no samples are asked for, or far too many.
pub(super) fn run(arguments: &Toy) -> anyhow::Result<()> {
    let Toy { n, seed } = *arguments;
    ensure_within("-n", n, SAMPLES)?;
    const DIRECTIONS: u32 = 100;
    let density = GaussianMixture::two_modes();
    let points = |values| Points { dimension: 2, values };
    let exact = points(density.draw(n, Key { seed, stream: 0, step: 0 }));
    let again = points(density.draw(n, Key { seed, stream: 1, step: 0 }));
    println!("⅕ N((−5, −5), I) + ⅘ N((5, 5), I), exact score, {}", count(n, "sample"));
    println!("{:<22}{:>6}{:>20}{:>22}", "", "NFE", "sliced Wasserstein", "share of (5, 5)");
    let row = |name: &str, nfe: String, samples: &Points| {
        let distance = sliced_wasserstein(samples, &exact, DIRECTIONS, seed);
        println!(
            "{name:<22}{nfe:>6}{distance:>20.3}{:>22.3}",
            two_modes::upper_share(&samples.values)
        );
    };
    row("exact, drawn again", String::new(), &again);
    // From noise that covers both modes down to noise much narrower than either.
    let schedule = NoiseSchedule { sigma_max: 100.0, sigma_min: 0.05, levels: 2 };
    let recommended =
        Settings { schedule, ..Settings::recommended(schedule.sigma_max, schedule.sigma_min) };
    // This density's denoiser is no consistency model.
    for sampler in Sampler::ALL.into_iter().filter(|&sampler| sampler != Sampler::Consistency) {
        for nfe in [10, 20, 50, 100, 1000] {
            let Some(settings) = settings_for_nfe(sampler, Trial::default(), nfe, recommended)
            else {
                continue;
            };
            let (table, conditioning) = two_modes::step_table(&settings)?;
            let samples = points(host::run_conditioned(&table, &conditioning, &density, seed, n)?);
            row(sampler.name(), table.nfe().to_string(), &samples);
            ensure_delivered()?;
        }
    }
    Ok(ensure_delivered()?)
}
