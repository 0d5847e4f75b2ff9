//! How strong guidance is, and at which noise levels.

use serde::{Deserialize, Serialize};

/// The strength of autoguidance ([`super::guide`]).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strength {
    /// w: 1 is the better model alone, 2 goes on by as much as lies between the two.
    pub weight: f32,
    /// The smallest and the largest σ that is guided; more of either may do harm (Kynkäänniemi et
    /// al., *Applying Guidance in a Limited Interval*, 2024).
    pub sigmas: [f32; 2],
}

impl Strength {
    /// w − 1 at a noise level: the factor of the difference of the two scores.
    pub fn at(&self, sigma: f32) -> f32 {
        let [min, max] = self.sigmas;
        if (min..=max).contains(&sigma) { self.weight - 1.0 } else { 0.0 }
    }
}
