//! Rules that choose a noise schedule and a step size without trial and error: the techniques of
//! NCSNv2 (Song & Ermon, [*Improved Techniques for Training Score-Based Generative
//! Models*](https://arxiv.org/abs/2006.09011), 2020).
//!
//! Technique 1 takes σ₁ from the data: the largest distance between two images. Then a chain can
//! go from the neighborhood of any image to that of any other (proposition 1); with less noise
//! it stays where it began. The rest follows from σ₁, σ_L and the dimension D.

use thiserror::Error;

use super::{NoiseSchedule, NoiseScheduleError};

/// The overlap of neighboring levels that technique 2 aims for.
pub const OVERLAP: f64 = 0.5;

/// The largest stable ε/σ_L²: on N(0, σ²) a Langevin step multiplies x by 1 − ε/σ_L², and x grows
/// if that is below −1.
pub const MAX_STEP: f64 = 2.0;

/// Why there is no such noise schedule.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RuleError {
    /// C is not a possible overlap.
    #[error("the overlap of neighboring levels must be above 0 and below 0.99, but it is {0}")]
    Overlap(f64),
    /// The space is so small that all levels overlap.
    #[error("in {0} dimensions all noise levels overlap; the rule is for images")]
    Dimension(usize),
    /// σ₁ or σ_L is not a possible noise level, or σ_L is larger than σ₁.
    #[error(transparent)]
    Schedule(#[from] NoiseScheduleError),
}

/// C(γ), how much two neighboring levels of ratio `γ` overlap (proposition 2, technique 2).
///
/// The length of noise N(0, σ²I) in D dimensions is close to N(√D σ, σ²/2). This is the probability
/// that noise of one level has a length that is usual (within three standard deviations) at the
/// next larger one: `Φ(√(2D)(γ − 1) + 3γ) − Φ(√(2D)(γ − 1) − 3γ)`.
pub fn overlap(dimension: usize, ratio: f64) -> f64 {
    let shift = (2.0 * dimension as f64).sqrt() * (ratio - 1.0);
    normal_cdf(shift + 3.0 * ratio) - normal_cdf(shift - 3.0 * ratio)
}

/// γ, the ratio of neighboring levels that overlap by `c` (technique 2).
///
/// # Errors
/// [`RuleError`] if there is none.
pub fn ratio(dimension: usize, c: f64) -> Result<f64, RuleError> {
    const LARGEST: f64 = 1e6;
    if !(c > 0.0 && c < 0.99) {
        return Err(RuleError::Overlap(c));
    }
    // The overlap is 0.997 at γ = 1 and falls, if the space has enough dimensions.
    if overlap(dimension, LARGEST) > c {
        return Err(RuleError::Dimension(dimension));
    }
    let (mut low, mut high) = (1.0, LARGEST);
    while high - low > 1e-12 * high {
        let middle = 0.5 * (low + high);
        if overlap(dimension, middle) > c { low = middle } else { high = middle }
    }
    Ok(0.5 * (low + high))
}

/// The noise schedule from σ₁ to σ_L whose neighbors overlap by about `c` (technique 2), in a space
/// of `dimension` pixel values. σ are for pixels from 0 to 1.
///
/// # Errors
/// [`RuleError`] if there is none.
pub fn schedule(
    dimension: usize,
    sigma_max: f32,
    sigma_min: f32,
    c: f64,
) -> Result<NoiseSchedule, RuleError> {
    // The number of levels comes from the ends, so these are checked first.
    let ends = NoiseSchedule { sigma_max, sigma_min, levels: 1 };
    ends.check()?;
    let ratio = ratio(dimension, c)?;
    let steps = (f64::from(sigma_max) / f64::from(sigma_min)).ln() / ratio.ln();
    let schedule = NoiseSchedule { levels: (steps.round() as usize).saturating_add(1), ..ends };
    schedule.check()?;
    Ok(schedule)
}

/// s_T²/σᵢ², the variance that a chain has after T ≥ 1 steps at a level, over the variance that it
/// should have (proposition 3, equation 4).
///
/// `step` is ε/σ_L², below [`MAX_STEP`]; the chain comes from the level before, which is `ratio`
/// times as large. The data is taken to be one point.
pub fn variance(step: f64, steps_each: usize, ratio: f64) -> f64 {
    // A power by logarithms, which noise schedules use, too: `powf` would add 1 kB to the page.
    let left = (steps_each as f64 * (1.0 - step).powi(2).ln()).exp();
    // The limit is a little above 1, because steps are finite.
    let limit = 2.0 / (2.0 - step);
    left * (ratio * ratio - limit) + limit
}

/// ε/σ_L² for which T steps at each level bring [`variance`] closest to 1 (technique 4); at most 1,
/// which removes all noise.
pub fn step(steps_each: usize, ratio: f64) -> f64 {
    // Small steps leave the variance of the level before; large ones have too large a limit. The
    // variance is above 1 everywhere, with one minimum in between, which a golden-section search
    // finds on a logarithmic scale.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let at = |ln: f64| variance(ln.exp(), steps_each, ratio);
    let (mut low, mut high) = (1e-9f64.ln(), 0.0);
    while high - low > 1e-9 {
        let (a, b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        if at(a) < at(b) { high = b } else { low = a }
    }
    (0.5 * (low + high)).exp()
}

/// Φ, the distribution function of N(0, 1).
fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `actual` agrees with the published number.
    fn assert_close(actual: f64, published: f64, tolerance: f64) {
        assert!((actual / published - 1.0).abs() < tolerance, "{actual}, published {published}");
    }

    #[test]
    fn the_published_numbers_of_cifar_10_come_out() {
        // Song & Ermon 2020, section 3.2 and appendix B: σ₁ = 50, σ_L = 0.01, L = 232, T = 5,
        // ε = 6.2e-6.
        let schedule = schedule(3072, 50.0, 0.01, 0.567).expect("possible");
        assert_eq!(schedule.levels, 232);
        assert_close(overlap(3072, schedule.ratio()), 0.567, 1e-3);
        assert_close(step(5, schedule.ratio()) * 0.01 * 0.01, 6.2e-6, 0.01);
    }

    /// SciPy's `norm.cdf`, `brentq` and `minimize_scalar` for D = 784.
    #[test]
    fn another_implementation_agrees() {
        for (c, gamma, levels, step_lr) in [
            (0.5, 1.081_971_737_802_958_7, 95, 1.110_529_846_733_42e-5),
            (0.567, 1.077_361_060_681_624_8, 101, 1.067_693_792_905_285e-5),
        ] {
            assert_close(ratio(784, c).expect("possible"), gamma, 1e-10);
            assert_eq!(schedule(784, 16.8, 0.01, c).expect("possible").levels, levels);
            assert_close(step(5, gamma) * 1e-4, step_lr, 1e-5);
        }
    }

    /// Equation 4 against Langevin dynamics itself: the variance of x ← x + α s + √(2α) z with
    /// s = −x/σ², step by step.
    #[test]
    fn the_variance_is_that_of_the_dynamics() {
        let (step, ratio) = (0.06, 1.04);
        let mut recursion = ratio * ratio;
        for steps_each in 1..=7 {
            recursion = (1.0f64 - step).powi(2) * recursion + 2.0 * step;
            assert_close(variance(step, steps_each, ratio), recursion, 1e-12);
        }
        let best = super::step(5, ratio);
        for other in [0.99 * best, 1.01 * best] {
            assert!(variance(other, 5, ratio) > variance(best, 5, ratio));
        }
    }

    #[test]
    fn impossible_rules_are_refused() {
        assert_eq!(ratio(784, 1.0), Err(RuleError::Overlap(1.0)));
        assert_eq!(ratio(784, f64::NAN).map_err(|e| e.to_string().contains("NaN")), Err(true));
        assert_eq!(ratio(2, 0.5), Err(RuleError::Dimension(2)));
        assert_eq!(schedule(784, 0.01, 0.01, 0.5).expect("one level").levels, 1);
        for [sigma_max, sigma_min] in [[1.0, 0.0], [f32::NAN, 0.01], [0.01, 1.0]] {
            let refused = schedule(784, sigma_max, sigma_min, 0.5).expect_err("no noise levels");
            assert!(matches!(refused, RuleError::Schedule(_)), "{refused}");
        }
        // All levels are nearly the same.
        let refused = schedule(usize::MAX, 1e6, 1e-6, 0.5).expect_err("too many levels");
        assert!(matches!(refused, RuleError::Schedule(NoiseScheduleError::Levels(_))), "{refused}");
    }
}
