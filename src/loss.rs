//! Denoising score matching.
//!
//! The objective is `(1/L) Σᵢ λ(σᵢ) ℓ(θ; σᵢ)` (Song & Ermon 2019, equations 5 and 6). With their
//! `λ(σ) = σ²` each term is `½ ‖σ s(x̃, σ) + z‖²`: D/2 at every σ for a network whose output is 0. A
//! good one leaves little of that at large σ, where x̃ shows the noise, and nearly all at small σ,
//! where x̃ shows the image and hides the noise.

#[cfg(feature = "burn")]
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::net::Preconditioning;
#[cfg(feature = "burn")]
use crate::net::burn_layers::column;

/// How much each noise level counts: λ(σ).
///
/// Any positive λ has the same minimizer, since the levels are separate problems, but λ decides
/// where a network of limited size spends its effort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// `λ(σ) = σ²` (Song & Ermon 2019). A preconditioned network then learns from large σ only with
    /// weight `σ_d²/(σ² + σ_d²)`, though that is where an image decides what it will be.
    ///
    /// Cards and checkpoints call it `paper`.
    #[serde(rename = "paper")]
    Ncsn,
    /// `λ(σ) = σ² (σ² + σ_d²)/σ_d²`: the error of the raw network F counts the same at every σ
    /// (EDM, Karras et al. 2022, equation 8 and table 1).
    #[default]
    Edm,
}

impl Weighting {
    /// λ(σ)/σ².
    pub fn factor(self, sigma: f32, data: &Preconditioning) -> f32 {
        match self {
            Self::Ncsn => 1.0,
            Self::Edm => 1.0 + (sigma / data.sigma_data).powi(2),
        }
    }
}

/// `½ ‖σ s(x̃, σ) + z‖²` for each of N images, summed over pixels: N values.
///
/// `score` is the network's output at `x̃ = x + σ z`, `z` the noise that was added, both N × C × H
/// × W; `sigmas` holds N noise levels.
#[cfg(feature = "burn")]
pub fn dsm(score: Tensor<4>, sigmas: &[f32], z: Tensor<4>) -> Tensor<1> {
    let device = score.device();
    let error = score * column(sigmas.iter().copied(), &device) + z;
    let squares: Tensor<2> = error.square().flatten(1, 3);
    squares.sum_dim(1).flatten::<1>(0, 1).mul_scalar(0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equation 8 of Karras et al. 2022, with its c_skip and c_out: the same at small σ, twice as
    /// much where noise and data are equally large.
    #[test]
    fn edms_weighting_grows_with_the_noise_over_the_data() {
        let data = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let factor = |sigma| Weighting::Edm.factor(sigma, &data);
        assert!((factor(0.001) - 1.0).abs() < 1e-4);
        assert!((factor(0.3) - 2.0).abs() < 1e-6 && (factor(3.0) - 101.0).abs() < 1e-3);
        assert_eq!(Weighting::Ncsn.factor(3.0, &data), 1.0);
    }

    #[test]
    fn files_keep_the_names_that_they_had() {
        for (weighting, name) in [(Weighting::Ncsn, "\"paper\""), (Weighting::Edm, "\"edm\"")] {
            assert_eq!(serde_json::to_string(&weighting).expect("a name"), name);
            assert_eq!(serde_json::from_str::<Weighting>(name).expect("known"), weighting);
        }
    }
}
