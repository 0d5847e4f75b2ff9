//! Points in a space of any dimension, and the distances between them.

use burn::tensor::{Device, Tensor, TensorData};

/// Points of equal dimension, one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// The number of coordinates of each point, at least 1.
    pub dimension: usize,
    /// N × dimension.
    pub values: Vec<f32>,
}

/// The number of distances computed at once: 64 MiB.
const BLOCK: usize = 1 << 24;

impl Points {
    /// The number of points.
    ///
    /// # Panics
    /// If the dimension is 0.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The points, one after another.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.dimension)
    }

    /// Calls `visit` for each point with its squared distances to all of `others`, in order.
    ///
    /// # Panics
    /// If there are no `others`, they are of another dimension, or the device fails.
    pub fn squared_distances(
        &self,
        others: &Self,
        device: &Device,
        mut visit: impl FnMut(usize, &[f32]),
    ) {
        let tensor = |values: &[f32]| {
            let shape = [values.len() / self.dimension, self.dimension];
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device)
        };
        let there = tensor(&others.values);
        let there_norms = there.clone().square().sum_dim(1).swap_dims(0, 1);
        let there = there.swap_dims(0, 1);
        let rows = (BLOCK / others.len().max(1)).max(1);
        for (block, values) in self.values.chunks(rows * self.dimension).enumerate() {
            let here = tensor(values);
            let norms = here.clone().square().sum_dim(1);
            // ‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b, which rounding can make slightly negative.
            let distances = here.matmul(there.clone()) * -2.0 + norms + there_norms.clone();
            let distances = distances.clamp_min(0.0).into_data();
            let distances: Vec<f32> = distances.iter::<f32>().collect();
            for (row, distances) in distances.chunks_exact(others.len()).enumerate() {
                visit(block * rows + row, distances);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::random::Key;

    /// Normal points with the given mean and standard deviation.
    pub fn normal(seed: u64, count: usize, dimension: usize, mean: f32, scale: f32) -> Points {
        let mut values = vec![0.0; count * dimension];
        Key { seed, stream: 0, step: 0 }.fill_normal(&mut values);
        values.iter_mut().for_each(|value| *value = mean + scale * *value);
        Points { dimension, values }
    }

    #[test]
    fn distances_are_those_of_the_definition() {
        let (a, b) = (normal(1, 5, 3, 0.0, 1.0), normal(2, 4, 3, 1.0, 2.0));
        let mut rows = 0;
        a.squared_distances(&b, &Device::flex(), |row, distances| {
            rows += 1;
            let here = &a.values[3 * row..][..3];
            for (there, found) in b.iter().zip(distances) {
                let truth: f32 = here.iter().zip(there).map(|(x, y)| (x - y).powi(2)).sum();
                assert!((truth - found).abs() < 1e-4, "{truth} {found}");
            }
        });
        assert_eq!(rows, 5);
    }
}
