//! Precision and recall of samples (Kynkäänniemi et al. 2019): the share of samples that lie among
//! the images, and of images that lie among the samples.

use burn::tensor::Device;

use super::Points;

/// Which nearest neighbor determines the radius around a point.
const K: usize = 3;

/// The fewest points for which each has that neighbor.
pub const MIN_SAMPLES: usize = K + 1;

/// The squared distance of each point to its third-nearest neighbor; infinite if there are fewer points
/// than [`MIN_SAMPLES`].
///
/// # Panics
/// If there are no points, or the device fails.
pub fn radii(points: &Points, device: &Device) -> Vec<f32> {
    let mut radii = Vec::with_capacity(points.len());
    points.squared_distances(points, device, |row, distances| {
        let mut nearest = [f32::INFINITY; K];
        for (_, &distance) in distances.iter().enumerate().filter(|&(other, _)| other != row) {
            let at = nearest.partition_point(|&near| near <= distance);
            if at < K {
                nearest[at..].rotate_right(1);
                nearest[at] = distance;
            }
        }
        radii.push(nearest[K - 1]);
    });
    radii
}

/// The share of `points` that lie within the radius of at least one of `others`, whose squared
/// [`radii`] are given. For samples among images this is precision, for images among samples
/// recall. It is from 0 to 1, and NaN if there are no `points`.
///
/// # Panics
/// If there are no `others`, they are of another dimension, or the device fails.
pub fn share_within(points: &Points, others: &Points, radii: &[f32], device: &Device) -> f64 {
    let mut inside = 0;
    points.squared_distances(others, device, |_, distances| {
        inside += usize::from(distances.iter().zip(radii).any(|(near, radius)| near <= radius));
    });
    inside as f64 / points.len() as f64
}

#[cfg(test)]
mod tests {
    use super::super::points::tests::normal;
    use super::*;

    #[test]
    fn the_third_neighbor_decides_how_far_surroundings_reach() {
        let device = Device::flex();
        let line = |values: &[f32]| Points { dimension: 1, values: values.to_vec() };
        let images = line(&[0.0, 1.0, 3.0, 7.0, 15.0]);
        let radii = radii(&images, &device);
        assert_eq!(radii, [7.0, 6.0, 4.0, 7.0, 14.0].map(|radius: f32| radius * radius));
        // Two at the very edge, and one beyond each.
        let samples = line(&[-8.0, -7.0, 29.0, 30.0]);
        assert_eq!(share_within(&samples, &images, &radii, &device), 0.5);
    }

    #[test]
    fn samples_among_images_are_precise_and_a_part_of_them_recalls_a_part() {
        let device = Device::flex();
        let images = normal(1, 2000, 2, 0.0, 1.0);
        let real = radii(&images, &device);
        // All around one place: precise, but with little recall.
        let narrow = normal(2, 2000, 2, 0.0, 0.05);
        let share = |points: &Points, others: &Points, radii: &[f32]| {
            share_within(points, others, radii, &device)
        };
        assert!(share(&narrow, &images, &real) > 0.95);
        assert!(share(&images, &narrow, &radii(&narrow, &device)) < 0.2);
        let far = normal(3, 500, 2, 30.0, 1.0);
        assert!(share(&far, &images, &real) < 1e-6);
    }
}
