//! The sliced Wasserstein distance (Rabin et al. 2012), for points of low dimension: the toys.

use super::Points;
use crate::random::Key;

/// The root mean square of the Wasserstein-2 distances between two sets of points, projected onto
/// `directions` random directions.
///
/// # Panics
/// If the sets differ in their number of points or dimension.
pub fn sliced_wasserstein(a: &Points, b: &Points, directions: u32, seed: u64) -> f64 {
    assert_eq!((a.len(), a.dimension), (b.len(), b.dimension), "as many points of one dimension");
    let squares = (0..directions).map(|stream| {
        let mut direction = vec![0.0; a.dimension];
        Key { seed, stream, step: 0 }.fill_normal(&mut direction);
        let length = direction.iter().map(|v| v * v).sum::<f32>().sqrt();
        let along = |points: &Points| {
            let dot = |x: &[f32]| -> f32 { x.iter().zip(&direction).map(|(x, v)| x * v).sum() };
            let mut along: Vec<f32> = points.iter().map(|x| dot(x) / length).collect();
            along.sort_unstable_by(f32::total_cmp);
            along
        };
        let pairs = along(a).into_iter().zip(along(b));
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len() as f64
    });
    (squares.sum::<f64>() / f64::from(directions)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::points::tests::normal;
    use super::*;

    /// A shift by v appears as v·direction along each direction: ‖v‖/√d in root mean square.
    #[test]
    fn a_shift_is_seen_as_large_as_it_is() {
        let here = normal(1, 500, 2, 0.0, 1.0);
        let values = here.values.iter().map(|x| x + 3.0).collect();
        let distance = sliced_wasserstein(&here, &Points { dimension: 2, values }, 2000, 7);
        assert!((distance / 3.0 - 1.0).abs() < 0.05, "{distance}");
        assert!(sliced_wasserstein(&here, &here, 10, 7) < 1e-6);
    }
}
