//! How strong guidance is, and at which noise levels.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::bounds;

/// How strong guidance is: autoguidance ([`super::guidance`]) away from a worse model, or
/// classifier-free guidance ([`super::class_conditioning`]) away from the images of other classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuidanceScale {
    /// w: 1 is the model alone, without guidance; 2 goes beyond it by the difference of the two
    /// scores.
    pub weight: f32,
    /// The smallest and the largest σ to guide at; guiding beyond them may do harm (Kynkäänniemi et
    /// al., *Applying Guidance in a Limited Interval*, 2024).
    #[serde(serialize_with = "bounds::serialize")]
    pub sigmas: [f32; 2],
}

/// Why a guidance scale is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GuidanceScaleError {
    /// The weight is NaN or infinite.
    #[error("the guidance scale must be a number, but is {0}")]
    Weight(f32),
    /// The interval is empty.
    #[error("guidance needs two noise levels, the smaller first, but has {0} and {1}")]
    Sigmas(f32, f32),
}

impl GuidanceScale {
    /// No guidance.
    pub const NONE: Self = Self { weight: 1.0, sigmas: [0.0, f32::MAX] };

    /// Checks the weight and the interval.
    ///
    /// # Errors
    /// [`GuidanceScaleError`] says what is impossible.
    pub fn check(&self) -> Result<(), GuidanceScaleError> {
        let Self { weight, sigmas: [min, max] } = *self;
        if !weight.is_finite() {
            return Err(GuidanceScaleError::Weight(weight));
        }
        if min <= max { Ok(()) } else { Err(GuidanceScaleError::Sigmas(min, max)) }
    }

    /// What a network whose own scales reach from 1 to `guidance_max` takes as an input, and what is
    /// left for classifier-free guidance by a second evaluation: one of them is [`Self::NONE`].
    pub fn split(self, guidance_max: f32) -> [Self; 2] {
        match (1.0..=guidance_max).contains(&self.weight) {
            true => [self, Self::NONE],
            false => [Self::NONE, self],
        }
    }

    /// w at a noise level: 1, no guidance, outside the interval.
    pub fn at(&self, sigma: f32) -> f32 {
        let [min, max] = self.sigmas;
        if (min..=max).contains(&sigma) { self.weight } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_interval_is_refused() {
        let check = |sigmas| GuidanceScale { weight: 2.0, sigmas }.check();
        assert_eq!(check([3.0, 1.0]), Err(GuidanceScaleError::Sigmas(3.0, 1.0)));
        check([0.0, f32::NAN]).expect_err("no noise level");
        for possible in [[0.3, 5.0], [0.0, f32::INFINITY], GuidanceScale::NONE.sigmas] {
            assert_eq!(check(possible), Ok(()));
        }
    }

    #[test]
    fn there_is_no_guidance_outside_the_interval() {
        let scale = GuidanceScale { weight: 2.5, sigmas: [0.3, 5.0] };
        assert_eq!([0.2, 0.3, 5.0, 5.1].map(|sigma| scale.at(sigma)), [1.0, 2.5, 2.5, 1.0]);
        assert_eq!(GuidanceScale::NONE.at(1.0), 1.0);
    }
}
