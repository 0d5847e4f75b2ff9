//! Fréchet's distance between Gaussians (Dowson & Landau 1982), applied to features as by Heusel et
//! al. 2017. In the features of Inception it is FID.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rayon::prelude::*;

use super::Points;

/// The Gaussian with the mean and covariance of some points.
#[derive(Clone, Debug)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: Covariance,
}

/// A covariance Σ of d features.
#[derive(Clone, Debug)]
enum Covariance {
    /// All of it, d × d.
    Full(DMatrix<f64>),
    /// A with Σ = Aᵀ A, n × d: of n ≤ d points, which is the usual case where features are many, the
    /// eigenvalues of n × n products are as good and cost far less.
    Factor(DMatrix<f64>),
}

impl Covariance {
    fn trace(&self) -> f64 {
        match self {
            Self::Full(covariance) => covariance.trace(),
            Self::Factor(factor) => factor.norm_squared(),
        }
    }

    /// A matrix A with Σ = Aᵀ A.
    fn factor(&self) -> DMatrix<f64> {
        match self {
            Self::Factor(factor) => factor.clone(),
            Self::Full(covariance) => {
                let SymmetricEigen { mut eigenvectors, eigenvalues } =
                    covariance.clone().symmetric_eigen();
                for (mut column, value) in eigenvectors.column_iter_mut().zip(&eigenvalues) {
                    column *= value.max(0.0).sqrt();
                }
                eigenvectors.transpose()
            }
        }
    }
}

impl Gaussian {
    /// The Gaussian of at least two points, N × d: one point has no spread.
    ///
    /// # Panics
    /// If the points have no coordinates.
    pub fn of(points: &Points) -> Self {
        let (n, d) = (points.len(), points.dimension);
        let values = points.values.iter().map(|&value| f64::from(value));
        let mut centered = DMatrix::from_row_iterator(n, d, values);
        let mean = centered.row_mean().transpose();
        for (mut column, mean) in centered.column_iter_mut().zip(mean.iter()) {
            column.add_scalar_mut(-mean);
        }
        centered /= ((n.max(2) - 1) as f64).sqrt();
        let covariance = match n <= d {
            true => Covariance::Factor(centered),
            false => Covariance::Full(centered.tr_mul(&centered)),
        };
        Self { mean, covariance }
    }
}

/// The square of the Wasserstein-2 distance between two Gaussians: `‖μ − μ'‖² + tr(Σ + Σ' − 2 (Σ
/// Σ')^½)`, at least 0.
///
/// # Panics
/// If they are of different dimensions, or one of them is that of no points.
pub fn frechet_distance(a: &Gaussian, b: &Gaussian) -> f64 {
    distance(a, b, &b.covariance.factor())
}

/// The distance, given a factor of the covariance of `b`.
fn distance(a: &Gaussian, b: &Gaussian, factor: &DMatrix<f64>) -> f64 {
    // With Σ' = Aᵀ A, the symmetric A Σ Aᵀ has the eigenvalues of Σ Σ', but for zeros; likewise, of
    // two factors B and A, do P Pᵀ and Pᵀ P for P = B Aᵀ.
    let product = match &a.covariance {
        Covariance::Full(covariance) => factor * covariance * factor.transpose(),
        Covariance::Factor(other) => {
            let product = other * factor.transpose();
            match product.nrows() <= product.ncols() {
                true => &product * product.transpose(),
                false => product.tr_mul(&product),
            }
        }
    };
    let shared: f64 = product.symmetric_eigenvalues().iter().map(|v| v.max(0.0).sqrt()).sum();
    let apart = (&a.mean - &b.mean).norm_squared();
    // Rounding may make the distance of equal Gaussians slightly negative.
    (apart + a.covariance.trace() + b.covariance.trace() - 2.0 * shared).max(0.0)
}

/// The standard error of the distance between samples and a fixed reference, which is how much of it
/// is due to the seed: the jackknife, leaving out a twentieth of the samples at a time (Efron
/// & Stein 1981).
///
/// The samples must be in random order. Part k is every twentieth sample, from the k-th on, so classes
/// that come in turns, for one, would make parts that differ by more than chance.
///
/// # Panics
/// If there is a single sample, or it is of another dimension than the reference. Without samples the
/// error is NaN.
pub fn frechet_error(samples: &Points, reference: &Gaussian) -> f64 {
    const PARTS: usize = 20;
    let parts = PARTS.min(samples.len());
    let factor = reference.covariance.factor();
    let without = |part: usize| {
        let rest = samples.iter().enumerate().filter(|(index, _)| index % parts != part);
        let values = rest.flat_map(|(_, point)| point).copied().collect();
        let rest = Points { dimension: samples.dimension, values };
        distance(&Gaussian::of(&rest), reference, &factor)
    };
    // On all cores: of thousands of features, each distance takes seconds.
    let distances: Vec<f64> = (0..parts).into_par_iter().map(without).collect();
    let count = parts as f64;
    let mean = distances.iter().sum::<f64>() / count;
    let squares: f64 = distances.iter().map(|distance| (distance - mean).powi(2)).sum();
    ((count - 1.0) / count * squares).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::points::tests::normal;
    use super::*;

    /// Diagonal Gaussians have `Σ (μ − μ')² + (σ − σ')²`; the samples' own errors are known, too.
    #[test]
    fn gaussians_are_as_far_apart_as_theory_says() {
        let (n, d) = (20_000, 4);
        let distance =
            |a: &Points, b: &Points| frechet_distance(&Gaussian::of(a), &Gaussian::of(b));
        let here = normal(1, n, d, 0.0, 1.0);
        let there = normal(2, n, d, 0.5, 2.0);
        let truth = d as f64 * (0.25 + 1.0);
        let found = distance(&here, &there);
        assert!((found / truth - 1.0).abs() < 0.03, "{found} for {truth}");
        assert!(distance(&here, &here) < 1e-9);
        // Two samples of the same Gaussian: about d (d + 5)/4 of 2/n.
        let again = distance(&here, &normal(3, n, d, 0.0, 1.0));
        assert!((1e-5..2e-3).contains(&again), "{again}");
        // Rotations matter: covariances that do not commute.
        let turned = |angle: f64| {
            let (sin, cos) = angle.sin_cos();
            let turn = DMatrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]);
            let wide = DMatrix::from_diagonal(&DVector::from_vec(vec![9.0, 1.0]));
            let covariance = Covariance::Full(&turn * wide * turn.transpose());
            Gaussian { mean: DVector::zeros(2), covariance }
        };
        let (here, there) = (turned(0.0), turned(std::f64::consts::FRAC_PI_2));
        // The axes are swapped: (3 − 1)² + (1 − 3)².
        assert!((frechet_distance(&here, &there) - 8.0).abs() < 1e-9);
        let (one, other) = (turned(0.2), turned(0.9));
        let both = [frechet_distance(&one, &other), frechet_distance(&other, &one)];
        assert!((both[0] - both[1]).abs() < 1e-9 && both[0] > 0.5, "{both:?}");
    }

    /// Of fewer points than features, too, the distance is that of the full covariances.
    #[test]
    fn few_points_are_as_far_apart_by_their_factors_as_by_their_covariances() {
        let full = |points: &Points| {
            let mut gaussian = Gaussian::of(points);
            if let Covariance::Factor(factor) = &gaussian.covariance {
                gaussian.covariance = Covariance::Full(factor.tr_mul(factor));
            }
            gaussian
        };
        for (few, many) in [(5, 9), (9, 5), (5, 300), (300, 5), (12, 12)] {
            let (a, b) = (normal(1, few, 12, 0.0, 1.0), normal(2, many, 12, 0.5, 2.0));
            let found = frechet_distance(&Gaussian::of(&a), &Gaussian::of(&b));
            let truth = frechet_distance(&full(&a), &full(&b));
            assert!((found / truth - 1.0).abs() < 1e-6, "{few}, {many}: {found} for {truth}");
        }
    }

    /// With many seeds, the scatter of their distances is the error of each.
    #[test]
    fn the_error_is_how_far_seeds_are_apart() {
        let reference = Gaussian::of(&normal(1, 20_000, 4, 0.3, 1.2));
        let seeds = (2..102).map(|seed| {
            let samples = normal(seed, 500, 4, 0.0, 1.0);
            let distance = frechet_distance(&Gaussian::of(&samples), &reference);
            (distance, frechet_error(&samples, &reference))
        });
        let (distances, errors): (Vec<f64>, Vec<f64>) = seeds.unzip();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let center = mean(&distances);
        let squares: Vec<f64> = distances.iter().map(|d| (d - center).powi(2)).collect();
        let (estimated, true_error) = (mean(&errors), mean(&squares).sqrt());
        assert!((estimated / true_error - 1.0).abs() < 0.2, "{estimated} for {true_error}");
    }
}
