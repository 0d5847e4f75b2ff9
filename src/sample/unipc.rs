//! UniPC (Zhao et al., *UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of
//! Diffusion Models*, 2023): a multistep method whose corrector costs no evaluation of its own.

use super::step_table::{Start, Step, StepTable, Update};

/// UniPC-2 with data prediction (algorithms 5 and 6 of the paper, B₂(h) = eʰ − 1), of third order.
///
/// As in [`super::dpm_solver`], αₜ = 1, λ = −ln σ, D(x, σ) = x + σ² s(x, σ), and `e^(−hᵢ) = σᵢ₊₁/σᵢ`.
/// The step from level i − 1 to i, with `h = hᵢ₋₁`, predicts by UniP-2
///
/// `x̃ᵢ = e^(−h) xᵢ₋₁ + (1 − e^(−h)) (Dᵢ₋₁ + ½ (Dᵢ₋₂ − Dᵢ₋₁)/r)`, `r = −hᵢ₋₂/hᵢ₋₁`.
///
/// The denoised image at the prediction, Dᵢ = D(x̃ᵢ, σᵢ), corrects it by UniC-2,
///
/// `xᵢ = e^(−h) xᵢ₋₁ + (1 − e^(−h)) (Dᵢ₋₁ + a₁ (Dᵢ₋₂ − Dᵢ₋₁)/r + a₂ (Dᵢ − Dᵢ₋₁))`,
///
/// and serves the next prediction as well. With the φ-functions of −h, `φ₁ = (e^(−h) − 1)/(−h)` and
/// `φₖ₊₁ = (φₖ − 1/k!)/(−h)`, the conditions of order (equation 11 of the paper, for −h) are
/// `a₁ + a₂ = φ₂/φ₁` and `a₁ r + a₂ = 2 φ₃/φ₁`.
///
/// Between evaluations a chain holds the prediction x̃ᵢ. The correction relative to it is a
/// combination of the three denoised images, whose factors add up to 0:
///
/// `xᵢ = x̃ᵢ + w₀ Dᵢ + w₁ Dᵢ₋₁ + w₂ Dᵢ₋₂`, `w₀ = (1 − e^(−h)) a₂`, `w₂ = (1 − e^(−h)) (a₁ − ½)/r`.
///
/// So the correction of step i and the prediction of step i + 1 are one row, with `D = Dᵢ`,
/// `D₋₁ = Dᵢ₋₁` and `D₋₂ = Dᵢ₋₂`. The first prediction is of first order (DDIM's), the second step's
/// correction has `w₀ = −w₁ = ½ (1 − e^(−h))` (UniC-1), and the last row leads to D.
///
/// For the levels 4, 2 and 1:
///
/// | row | σ | update |
/// |---|---|---|
/// | 0 | 4 | `x ← x + 8 s`, half of the way to D |
/// | 1 | 2 | `x ← x + 3½ s − ⅜ (D₋₁ − x)`, of which `½ s − ⅛ (D₋₁ − x)` corrects row 0 |
/// | 2 | 1 | `x ← x + 1 s`, which is D |
pub fn unipc(sigmas: &[f32]) -> StepTable {
    let mut steps = Vec::with_capacity(sigmas.len());
    // h of the steps to this level and to the one before.
    let (mut h_last, mut h_before) = (None, None);
    for (level, &sigma) in sigmas.iter().enumerate() {
        let next = sigmas.get(level + 1).copied().unwrap_or(0.0);
        let ratio = f64::from(next) / f64::from(sigma);
        let h = -ratio.ln();
        let [w0, w1, w2] = correction(h_last, h_before);
        // The prediction's factors of D and D₋₁; h is infinite in the last step.
        let back =
            h_last.filter(|&last| next > 0.0 && last > 0.0).map_or(0.0, |last: f64| 0.5 * h / last);
        let (p0, p1) = ((1.0 - ratio) * (1.0 + back), -(1.0 - ratio) * back);
        let drift = ((ratio * w0 + p0) * f64::from(sigma).powi(2)) as f32;
        let earlier = [(ratio * w1 + p1) as f32, (ratio * w2) as f32];
        steps.push(Step { sigma, update: Update::Multistep { drift, earlier, noise: 0.0 }, level });
        (h_before, h_last) = (h_last, Some(h));
    }
    StepTable { start: Start::at_first(sigmas), steps }
}

/// w₀, w₁ and w₂ of the step to this level, of size `h_last`; `h_before` is that of the one before.
fn correction(h_last: Option<f64>, h_before: Option<f64>) -> [f64; 3] {
    let Some(h) = h_last else { return [0.0; 3] };
    // 1 − e^(−h).
    let way = -(-h).exp_m1();
    let Some(h_before) = h_before.filter(|&before| before > 0.0) else {
        return [0.5 * way, -0.5 * way, 0.0];
    };
    let r = -h_before / h;
    let [phi_1, phi_2, phi_3] = phi(-h);
    let (sum, first) = (phi_2 / phi_1, 2.0 * phi_3 / phi_1);
    let a1 = (sum - first) / (1.0 - r);
    let (w0, w2) = (way * (sum - a1), way * (a1 - 0.5) / r);
    [w0, -w0 - w2, w2]
}

/// φ₁, φ₂ and φ₃, where φₖ(x) = Σₙ xⁿ/(n + k)!.
fn phi(x: f64) -> [f64; 3] {
    if x.abs() < 0.5 {
        // Their recursion would subtract nearly equal numbers.
        return [1.0, 2.0, 3.0].map(|k: f64| {
            let mut term = 1.0 / (1..=k as u32).map(f64::from).product::<f64>();
            let mut sum = 0.0;
            for n in 1..20 {
                sum += term;
                term *= x / (f64::from(n) + k);
            }
            sum
        });
    }
    let phi_1 = x.exp_m1() / x;
    let phi_2 = (phi_1 - 1.0) / x;
    [phi_1, phi_2, (phi_2 - 0.5) / x]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in the documentation of [`unipc`].
    #[test]
    fn three_levels_are_three_rows() {
        let rows = unipc(&[4.0, 2.0, 1.0]).steps;
        for (row, (sigma, drift, back)) in
            rows.iter().zip([(4.0, 8.0, 0.0), (2.0, 3.5, -0.375), (1.0, 1.0, 0.0)])
        {
            let Update::Multistep { drift: d, earlier, noise: 0.0 } = row.update else { panic!() };
            assert_eq!((row.sigma, d, earlier), (sigma, drift, [back, 0.0]));
        }
    }

    /// φ₁, φ₂ and φ₃ integrate 1, τ and τ²/2 against e^((1 − τ) x) over τ from 0 to 1.
    #[test]
    fn phi_functions_are_their_integrals() {
        for x in [-8.0, -0.6, -0.4, -1e-3] {
            let found = phi(x);
            let n = 20_000;
            let mut sums = [0.0; 3];
            for i in 0..n {
                let tau = (f64::from(i) + 0.5) / f64::from(n);
                let weight = ((1.0 - tau) * x).exp() / f64::from(n);
                for (sum, value) in sums.iter_mut().zip([1.0, tau, tau * tau / 2.0]) {
                    *sum += weight * value;
                }
            }
            for (found, truth) in found.into_iter().zip(sums) {
                assert!((found / truth - 1.0).abs() < 1e-6, "{found} instead of {truth} at {x}");
            }
        }
    }
}
