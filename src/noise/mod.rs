//! Noise levels σ₁ > σ₂ > … > σ_L.
//!
//! σ₁ is so large that its noise covers the whole space, σ_L so small that noisy images are
//! nearly clean. In between, each level is as hard as the last if the *ratio* of neighbors is
//! constant: the geometric schedule of NCSN (Song & Ermon 2019, section 4.1),
//! [`NoiseSchedule::sigmas`]. [`karras`] has a grid that is denser at small σ, and [`rules`] chooses
//! the numbers.

pub mod karras;
pub mod rules;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The ends of a noise schedule, and the number of its levels.
///
/// Which levels lie between the ends is up to whoever goes through them: [`Self::sigmas`] are those
/// of the geometric schedule (NCSN), [`karras::karras_sigmas`] those of a ρ-grid (EDM). Methods that
/// speak of levels mean the geometric ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseSchedule {
    /// σ₁, in units of pixels in \[0, 1\], at most 10⁶.
    pub sigma_max: f32,
    /// σ_L, in the same units; 10⁻⁶ ≤ σ_L ≤ σ₁.
    pub sigma_min: f32,
    /// L, the number of levels, at least 1.
    pub levels: usize,
}

/// Why a [`NoiseSchedule`] is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum NoiseScheduleError {
    /// A bound is not a possible noise level.
    #[error("sigma_max and sigma_min must be from 1e-6 to 1e6, but they are {0} and {1}")]
    Bounds(f32, f32),
    /// The bounds are the wrong way round.
    #[error("sigma_min ({1}) must not be larger than sigma_max ({0})")]
    Order(f32, f32),
    /// There are no levels, or too many.
    #[error(
        "the number of levels must be from 1 to {max}, but it is {0}",
        max = NoiseSchedule::MAX_LEVELS
    )]
    Levels(usize),
}

impl NoiseSchedule {
    /// More levels than this are a mistake, not a noise schedule (NCSNv2 uses 232 for CIFAR-10).
    pub const MAX_LEVELS: usize = 100_000;

    /// Checks the bounds and the number of levels.
    ///
    /// # Errors
    /// [`NoiseScheduleError`] says which value is impossible.
    pub fn check(&self) -> Result<(), NoiseScheduleError> {
        let Self { sigma_max, sigma_min, levels } = *self;
        // A wider range than images need; f32 still holds squares and ratios of squares.
        let possible = |sigma: f32| (1e-6..=1e6).contains(&sigma);
        if !possible(sigma_max) || !possible(sigma_min) {
            return Err(NoiseScheduleError::Bounds(sigma_max, sigma_min));
        }
        if sigma_min > sigma_max {
            return Err(NoiseScheduleError::Order(sigma_max, sigma_min));
        }
        if !(1..=Self::MAX_LEVELS).contains(&levels) {
            return Err(NoiseScheduleError::Levels(levels));
        }
        Ok(())
    }

    /// The levels σ₁, …, σ_L of the geometric schedule, largest first (Song & Ermon 2019, section
    /// 4.1): `σᵢ = σ₁ (σ_L/σ₁)^((i−1)/(L−1))`. A single level is σ_L.
    pub fn sigmas(&self) -> Vec<f32> {
        (0..self.levels).map(|index| self.sigma(index)).collect()
    }

    /// The level number `index`, from 0.
    pub fn sigma(&self, index: usize) -> f32 {
        // The ends are what the user asked for, to the last bit.
        match index {
            last if last + 1 >= self.levels => self.sigma_min,
            0 => self.sigma_max,
            _ => {
                let ends = [self.sigma_max, self.sigma_min].map(|sigma| f64::from(sigma).ln());
                let t = index as f64 / (self.levels - 1) as f64;
                (ends[0] + t * (ends[1] - ends[0])).exp() as f32
            }
        }
    }

    /// The noise level at a fraction of the way up from σ_L (0) to σ₁ (1), on a logarithmic scale.
    pub fn sigma_at(&self, fraction: f32) -> f32 {
        self.sigma_min * (fraction.clamp(0.0, 1.0) * (self.sigma_max / self.sigma_min).ln()).exp()
    }

    /// The fraction, from 0 to 1, at which [`Self::sigma_at`] is nearest to σ > 0; 0 if σ₁ = σ_L.
    pub fn fraction_at(&self, sigma: f32) -> f32 {
        let whole = (self.sigma_max / self.sigma_min).ln();
        let part = (sigma / self.sigma_min).ln();
        if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The index, from 0, of the level nearest to σ > 0 in log σ.
    pub fn nearest(&self, sigma: f32) -> usize {
        let last = self.levels.saturating_sub(1);
        let steps = (f64::from(self.sigma_max) / f64::from(sigma)).ln() / self.ratio().ln();
        // A noise schedule whose levels are all equal has no ratio to divide by.
        if steps.is_finite() { (steps.round().max(0.0) as usize).min(last) } else { last }
    }

    /// γ = σᵢ/σᵢ₊₁, the constant ratio of neighboring levels; 1 for a single level, or none.
    pub fn ratio(&self) -> f64 {
        if self.levels < 2 {
            return 1.0;
        }
        let whole = f64::from(self.sigma_max) / f64::from(self.sigma_min);
        (whole.ln() / (self.levels - 1) as f64).exp()
    }
}

/// Adds noise: `x̃ = x + σ z`, in place.
///
/// # Panics
/// If the lengths differ.
pub fn perturb(x: &mut [f32], sigma: f32, z: &[f32]) {
    assert_eq!(x.len(), z.len(), "one normal number a pixel");
    for (x, z) in x.iter_mut().zip(z) {
        *x += sigma * z;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: NoiseSchedule = NoiseSchedule { sigma_max: 20.0, sigma_min: 0.01, levels: 10 };

    #[test]
    fn neighbors_have_a_constant_ratio() {
        let sigmas = SCHEDULE.sigmas();
        assert_eq!((sigmas[0], sigmas[9]), (20.0, 0.01));
        for pair in sigmas.windows(2) {
            let ratio = f64::from(pair[0] / pair[1]);
            assert!((ratio / SCHEDULE.ratio() - 1.0).abs() < 1e-5, "{ratio}");
        }
    }

    #[test]
    fn a_single_level_is_the_smallest() {
        assert_eq!(NoiseSchedule { levels: 1, ..SCHEDULE }.sigmas(), [0.01]);
    }

    /// Such a schedule is refused by [`NoiseSchedule::check`], but may have been made.
    #[test]
    fn of_no_levels_there_is_no_ratio_either() {
        let none = NoiseSchedule { levels: 0, ..SCHEDULE };
        assert_eq!((none.sigmas(), none.ratio(), none.nearest(1.0)), (Vec::new(), 1.0, 0));
    }

    #[test]
    fn fractions_lead_to_noise_levels_and_back() {
        for (fraction, sigma) in [(0.0, 0.01), (0.5, 0.2f32.sqrt()), (1.0, 20.0)] {
            assert!((SCHEDULE.sigma_at(fraction) / sigma - 1.0).abs() < 1e-5);
            assert!((SCHEDULE.fraction_at(sigma) - fraction).abs() < 1e-5);
        }
        assert_eq!((SCHEDULE.fraction_at(1e-3), SCHEDULE.fraction_at(1e3)), (0.0, 1.0));
        let flat = NoiseSchedule { sigma_max: 1.0, sigma_min: 1.0, levels: 1 };
        assert_eq!(flat.fraction_at(2.0), 0.0);
    }

    #[test]
    fn impossible_schedules_are_refused_by_name() {
        let refused = |schedule: NoiseSchedule| schedule.check().expect_err("must be refused");
        assert_eq!(SCHEDULE.check(), Ok(()));
        // The squares of the extreme ones would be infinite or 0.
        for sigma in [f32::NAN, f32::INFINITY, 2e19, 1e-23, 0.0, -1.0] {
            for schedule in [
                NoiseSchedule { sigma_max: sigma, ..SCHEDULE },
                NoiseSchedule { sigma_min: sigma, ..SCHEDULE },
            ] {
                assert!(
                    matches!(refused(schedule), NoiseScheduleError::Bounds(..)),
                    "{schedule:?}"
                );
            }
        }
        assert_eq!(NoiseSchedule { sigma_max: 1e6, sigma_min: 1e-6, levels: 2 }.check(), Ok(()));
        assert!(matches!(
            refused(NoiseSchedule { sigma_min: 30.0, ..SCHEDULE }),
            NoiseScheduleError::Order(..)
        ));
        assert!(matches!(
            refused(NoiseSchedule { levels: 0, ..SCHEDULE }),
            NoiseScheduleError::Levels(0)
        ));
    }
}
