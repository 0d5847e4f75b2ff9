//! Preconditioning: scales a network's input and output so that training is well scaled at every σ.
//!
//! The denoiser is `D(x, σ) = c_skip x + c_out F(c_in x, c_noise)` with the coefficients of Karras
//! et al., *Elucidating the Design Space of Diffusion-Based Generative Models* (EDM, 2022, table
//! 1): inputs and targets of the raw network F have unit variance at every σ. EDM's data has mean
//! 0; ours is in \[0, 1\], so the data's mean μ is subtracted first.
//!
//! Samplers need the score. From `s = (D − x)/σ²` follows
//!
//! `s(x, σ) = −(x − μ)/(σ² + σ_d²) + σ_d/(σ √(σ² + σ_d²)) · F(c_in (x − μ), c_noise)`,
//!
//! the score of a Gaussian with the data's mean and deviation, corrected by F, without cancellation
//! of large numbers at small σ.

use std::f32::consts::TAU;

use serde::{Deserialize, Serialize};

use super::description_error::DescriptionError;
use crate::cos_2pi::cos_2pi;

/// The data's mean μ and standard deviation σ_d over all pixels, which set all scales.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preconditioning {
    /// μ, in \[0, 1\].
    pub mean: f32,
    /// σ_d, positive.
    #[serde(rename = "deviation")]
    pub sigma_data: f32,
}

/// The coefficients for one σ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficients {
    /// The factor of `x − μ` in the input: `1/√(σ² + σ_d²)`.
    pub c_in: f32,
    /// The factor of `x − μ` in the score, `(c_skip − 1)/σ² = −1/(σ² + σ_d²)`.
    pub score_skip: f32,
    /// The factor of F in the score, `c_out/σ² = σ_d/(σ √(σ² + σ_d²))`.
    pub score_out: f32,
}

impl Preconditioning {
    /// Checks that there is such data.
    ///
    /// # Errors
    /// [`DescriptionError`] if a value is not a number or the deviation is not positive.
    pub(crate) fn check(&self) -> Result<(), DescriptionError> {
        let Self { mean, sigma_data } = *self;
        if mean.is_finite() && sigma_data.is_finite() && sigma_data > 0.0 {
            return Ok(());
        }
        Err(DescriptionError::new(format!("no data has mean {mean} and deviation {sigma_data}")))
    }

    /// The coefficients at σ > 0.
    pub fn at(&self, sigma: f32) -> Coefficients {
        let variance = sigma * sigma + self.sigma_data * self.sigma_data;
        Coefficients {
            c_in: variance.sqrt().recip(),
            score_skip: -variance.recip(),
            score_out: self.sigma_data / (sigma * variance.sqrt()),
        }
    }
}

/// Features of σ > 0 for the embedding: sines, then cosines, of ln σ at the given number of
/// [`frequencies`]. Returns `2 · pairs` numbers in \[−1, 1\].
pub fn sigma_features(sigma: f32, pairs: usize) -> Vec<f32> {
    let turns = frequencies(pairs).map(|frequency| sigma.ln() * frequency / TAU);
    let sines = turns.clone().map(|turn| cos_2pi(turn - 0.25));
    sines.chain(turns.map(cos_2pi)).collect()
}

/// `pairs` geometrically spaced frequencies from 1/4 to 16 radians a nat.
pub fn frequencies(pairs: usize) -> impl Iterator<Item = f32> + Clone {
    let step = 64f64.ln() / (pairs.max(2) - 1) as f64;
    (0..pairs).map(move |k| (0.25 * (step * k as f64).exp()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With F = 0 the score is that of `N(μ, σ_d² I)`, and its denoiser has EDM's `c_skip`.
    #[test]
    fn a_silent_network_leaves_the_gaussian_of_the_data() {
        let preconditioning = Preconditioning { mean: 0.0, sigma_data: 0.5 };
        for sigma in [0.01f32, 0.3, 20.0] {
            let skip = 1.0 + sigma * sigma * preconditioning.at(sigma).score_skip;
            let edm = 0.25 / (sigma * sigma + 0.25);
            assert!((skip - edm).abs() < 1e-3, "{skip} {edm}");
        }
    }

    /// EDM's defining properties: unit-variance inputs, and unit-variance targets for F.
    #[test]
    fn inputs_and_targets_have_unit_variance() {
        let preconditioning = Preconditioning { mean: 0.1, sigma_data: 0.3 };
        for sigma in [0.01f32, 0.3, 20.0] {
            let c = preconditioning.at(sigma);
            let (data, noise) = (0.09, sigma * sigma);
            assert!((c.c_in * c.c_in * (data + noise) - 1.0).abs() < 1e-5);
            // The target of F is (−z/σ − skip (x − μ))/output with x − μ = y + σ z.
            let from_data = c.score_skip * c.score_skip * data;
            let from_noise = (1.0 / sigma + c.score_skip * sigma).powi(2);
            let variance = (from_data + from_noise) / (c.score_out * c.score_out);
            assert!((variance - 1.0).abs() < 1e-2, "{variance} at {sigma}");
        }
    }
}
