//! `ncsn toy`: the samplers alone, on a density whose score is exact.

use anyhow::ensure;

use super::eval::presets::{Variant, preset};
use crate::eval::{Points, sliced_wasserstein};
use crate::noise::Ladder;
use crate::random::Key;
use crate::sample::{Sampler, Settings, Start, Steering, host};
use crate::toy::GaussianMixture;

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
/// Where no sample was asked for.
pub fn toy(arguments: &Toy) -> anyhow::Result<()> {
    let Toy { n, seed } = *arguments;
    ensure!(n > 0, "--n must be at least 1");
    const DIRECTIONS: u32 = 100;
    let density = GaussianMixture::two_modes();
    let points = |values| Points { dimension: 2, values };
    let upper = |points: &Points| {
        points.iter().filter(|x| x[0] + x[1] > 0.0).count() as f64 / points.len() as f64
    };
    let exact = points(density.draw(n, Key { seed, stream: 0, step: 0 }));
    let again = points(density.draw(n, Key { seed, stream: 1, step: 0 }));
    println!("⅕ N((−5, −5), I) + ⅘ N((5, 5), I), exact score, {n} samples");
    println!("{:<22}{:>6}{:>20}{:>22}", "", "NFE", "sliced Wasserstein", "share of (5, 5)");
    let row = |name: &str, nfe: String, samples: &Points| {
        let distance = sliced_wasserstein(samples, &exact, DIRECTIONS, seed);
        println!("{name:<22}{nfe:>6}{distance:>20.3}{:>22.3}", upper(samples));
    };
    row("exact, drawn again", String::new(), &again);
    // Chains begin about the density's mean, as a picture's begin near the mean picture: the even
    // grey of a program is far from it here, and a flow without noise never forgets where it began.
    let steering = Steering { origin: Some(density.mean()), ..Steering::default() };
    // From noise that covers both modes to what they do not show.
    let ladder = Ladder { sigma_max: 100.0, sigma_min: 0.05, levels: 2 };
    let recommended =
        Settings { ladder, ..Settings::recommended(ladder.sigma_max, ladder.sigma_min) };
    for sampler in Sampler::ALL {
        for nfe in [10, 20, 50, 100, 1000] {
            let Some(settings) = preset(sampler, Variant::default(), nfe, recommended) else {
                continue;
            };
            let mut program = settings.program()?;
            if let Start::Uniform { low, high } = &mut program.start {
                // Where both modes are, as in the paper's figure 3, and not where pictures are.
                (*low, *high) = (-8.0, 8.0);
            }
            let samples = points(host::run_steered(&program, &steering, &density, seed, n));
            row(sampler.name(), program.nfe().to_string(), &samples);
        }
    }
    Ok(())
}
