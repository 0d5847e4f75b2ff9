//! The training image nearest to each sample, which detects memorization.

use burn::tensor::Device;

use super::Points;

/// A nearest neighbor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The index of the neighbor.
    pub index: usize,
    /// The Euclidean distance.
    pub distance: f32,
}

/// The nearest of `others` for each point, in the order of the points.
///
/// # Panics
/// If there are no `others`, they are of another dimension, or the device fails.
pub fn nearest(points: &Points, others: &Points, device: &Device) -> Vec<Nearest> {
    let mut all = Vec::with_capacity(points.len());
    points.squared_distances(others, device, |_, distances| {
        let of = distances.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        let (index, distance) = of.map_or((0, f32::NAN), |(index, d)| (index, d.sqrt()));
        all.push(Nearest { index, distance });
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found() {
        let points = |values: &[f32]| Points { dimension: 1, values: values.to_vec() };
        let found = nearest(&points(&[0.9, 7.0]), &points(&[5.0, 0.0, 1.0]), &Device::flex());
        assert_eq!(found.iter().map(|n| n.index).collect::<Vec<_>>(), [2, 0]);
        assert!((found[0].distance - 0.1).abs() < 1e-3 && (found[1].distance - 2.0).abs() < 1e-3);
    }
}
