//! The likelihood of images under a model, via the probability-flow ODE (Song et al. 2021,
//! section 4.3 and appendix D.2).
//!
//! The flow `dx/dσ = −σ s(x, σ)` carries the density at σ_L to the one at σ₁, which is known. Along
//! it `log p` changes by the divergence of the flow:
//!
//! `log p_σL(x) = log N(x(σ₁); m, σ₁² I) − ∫ σ ∇·s(x(σ), σ) dσ` from σ_L to σ₁, where chains begin at
//! `N(m, σ₁² I)`.
//!
//! This is the density of what deterministic samplers make before their last step, which removes
//! the noise of σ_L.

#[cfg(all(feature = "cli", not(target_family = "wasm")))]
mod network;

#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub use network::NetworkDivergence;

use crate::random::Key;
use crate::random::streams::PROBE_STEP;
use crate::score::ScoreWithDivergence;

/// How the divergence `∇·s` is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trace {
    /// From the derivatives along all d axes.
    Exact,
    /// From the derivative along one vector of random signs per point, the same all along the flow:
    /// unbiased (Hutchinson 1989; Grathwohl et al., *FFJORD*, 2019). Point i of a call has the
    /// vector `first + i` of the seed.
    Hutchinson {
        /// The seed of the signs.
        seed: u64,
        /// The number of the first point.
        first: u32,
    },
}

/// `log p_σL(x)` in nats for each of n points, n × d, by Heun's method on the given levels, largest
/// first. `mean` is m, that of every pixel at the largest level, in \[0, 1\].
pub fn log_density(
    model: &impl ScoreWithDivergence,
    x: &[f32],
    sigmas: &[f32],
    mean: f32,
    trace: Trace,
) -> Vec<f64> {
    let d = model.dimension();
    let probes = probes(trace, d, x.len() / d);
    let mut x = x.to_vec();
    let mut logs = vec![0.0; x.len() / d];
    let [mut before, mut after] = [vec![0.0; x.len()], vec![0.0; x.len()]];
    for pair in sigmas.windows(2).rev() {
        let (next, sigma) = (pair[0], pair[1]);
        let half = 0.5 * (next - sigma);

        let divergence = divergence(model, &x, sigma, &probes, &mut before);
        for (x, s) in x.iter_mut().zip(&before) {
            *x -= 2.0 * half * sigma * s;
        }
        let divergence_after = self::divergence(model, &x, next, &probes, &mut after);
        for ((x, s), after) in x.iter_mut().zip(&before).zip(&after) {
            *x -= half * (next * after - sigma * s);
        }
        for ((log, here), there) in logs.iter_mut().zip(divergence).zip(divergence_after) {
            let flow = f64::from(sigma) * here + f64::from(next) * there;
            *log -= f64::from(half) * flow;
        }
    }
    let widest = f64::from(sigmas.first().copied().unwrap_or(1.0));
    for (log, x) in logs.iter_mut().zip(x.chunks_exact(d)) {
        let norm2: f64 = x.iter().map(|&x| f64::from(x - mean).powi(2)).sum();
        let constant = d as f64 * (std::f64::consts::TAU.ln() / 2.0 + widest.ln());
        *log -= 0.5 * norm2 / (widest * widest) + constant;
    }
    logs
}

/// Bits per dimension of bytes whose dequantized values, `(byte + u)/256` with u uniform in \[0,
/// 1), have the log density `nats`: on average an upper bound on the bits that code the bytes
/// themselves (Theis et al. 2016).
pub fn bits_per_dimension(nats: f64, dimension: usize) -> f64 {
    8.0 - nats / (dimension as f64 * std::f64::consts::LN_2)
}

/// The vectors v whose `vᵀ (∂s/∂x) v` are added up to the divergence: each n × d.
fn probes(trace: Trace, d: usize, n: usize) -> Vec<Vec<f32>> {
    match trace {
        Trace::Exact => {
            let axis = |axis| (0..n * d).map(|i| f32::from(u8::from(i % d == axis))).collect();
            (0..d).map(axis).collect()
        }
        Trace::Hutchinson { seed, first } => {
            let sign = |i: usize| {
                let key = Key { seed, stream: first + (i / d) as u32, step: PROBE_STEP };
                if key.uniform((i % d) as u32) < 0.5 { -1.0 } else { 1.0 }
            };
            vec![(0..n * d).map(sign).collect()]
        }
    }
}

fn divergence(
    model: &impl ScoreWithDivergence,
    x: &[f32],
    sigma: f32,
    probes: &[Vec<f32>],
    score: &mut [f32],
) -> Vec<f64> {
    let mut sums = vec![0.0; x.len() / model.dimension()];
    for probe in probes {
        let along = model.score_and_divergence(x, sigma, probe, score);
        for (sum, along) in sums.iter_mut().zip(along) {
            *sum += f64::from(along);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::NoiseSchedule;
    use crate::noise::karras::karras_sigmas;
    use crate::toy::GaussianMixture;

    /// The toy of two modes: its density at the smallest level, by the flow and in closed form.
    #[test]
    fn the_flow_finds_the_density_of_a_mixture() {
        let toy = GaussianMixture::two_modes();
        let x = [5.0, 5.0, -4.0, -6.0, 7.0, 4.0];
        let schedule = NoiseSchedule { sigma_max: 2_000.0, sigma_min: 0.1, levels: 0 };
        let found = |levels| {
            let sigmas = karras_sigmas(&NoiseSchedule { levels, ..schedule }, 7.0);
            log_density(&toy, &x, &sigmas, 0.5, Trace::Exact)
        };
        let largest =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let [coarse, fine, finest] = [129, 257, 513].map(found);
        let truth: Vec<f64> = x.chunks(2).map(|x| toy.log_density(x, 0.1)).collect();
        let error = largest(&finest, &truth);
        assert!(error < 0.01, "{error}");
        // The error left at last is that of a finite largest σ; differences show that of the steps.
        let order = (largest(&coarse, &fine) / largest(&fine, &finest)).log2();
        assert!((1.7..2.3).contains(&order), "of order {order}");
    }

    /// Random signs are unbiased: right on average over many of them.
    #[test]
    fn random_signs_are_right_on_average() {
        let toy = GaussianMixture::two_modes();
        let n = 400;
        let x = [0.5, 0.2].repeat(n);
        let sigmas =
            karras_sigmas(&NoiseSchedule { sigma_max: 50.0, sigma_min: 0.5, levels: 60 }, 7.0);
        let exact = log_density(&toy, &x[..2], &sigmas, 0.5, Trace::Exact)[0];
        let found = log_density(&toy, &x, &sigmas, 0.5, Trace::Hutchinson { seed: 3, first: 0 });
        let mean = found.iter().sum::<f64>() / n as f64;
        let variance = found.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let error = (variance / n as f64).sqrt();
        assert!(error > 1e-3, "signs must matter: {error}");
        assert!((mean - exact).abs() < 4.0 * error, "{mean} ± {error}, {exact}");
    }

    #[test]
    fn uniform_bytes_take_eight_bits() {
        assert_eq!(bits_per_dimension(0.0, 784), 8.0);
        // If all are surely 0, (byte + u)/256 is uniform on a 256th.
        assert!((bits_per_dimension(784.0 * 256f64.ln(), 784)).abs() < 1e-12);
    }
}
