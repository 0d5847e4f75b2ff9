//! Convolution layers as networks define them.

use super::launch::Term;

/// A convolution layer.
#[derive(Clone, Debug)]
pub struct ConvLayer {
    /// Its name among the weights.
    pub name: String,
    /// The terms that its inputs are spread over.
    pub terms: Vec<Term>,
    /// Whether it has a bias.
    pub biased: bool,
    /// Whether it averages 2 × 2 neighboring outputs.
    pub averaged: bool,
}

impl ConvLayer {
    /// A layer with a bias.
    pub fn new(name: impl Into<String>, terms: impl Into<Vec<Term>>) -> Self {
        Self { name: name.into(), terms: terms.into(), biased: true, averaged: false }
    }

    /// Drops the bias.
    pub fn unbiased(self) -> Self {
        Self { biased: false, ..self }
    }

    /// Averages 2 × 2 neighboring outputs. That is a convolution with a kernel larger by one at
    /// every second position: 16 products instead of 36 for a 3 × 3 kernel, and no extra pass.
    pub fn averaged(mut self) -> Self {
        for term in &mut self.terms {
            term.kernel += 1;
            term.stride = 2;
        }
        Self { averaged: true, ..self }
    }
}

/// The `kernel × kernel` weights of a [`ConvLayer::averaged`], from those of the layer.
pub fn averaged_weights(weights: &[f32], kernel: usize) -> Vec<f32> {
    let side = kernel - 1;
    let mut means = vec![0.0; weights.len() / (side * side) * kernel * kernel];
    for (weights, means) in
        weights.chunks_exact(side * side).zip(means.chunks_exact_mut(kernel * kernel))
    {
        for (tap, weight) in weights.iter().enumerate() {
            let corner = tap / side * kernel + tap % side;
            for at in [corner, corner + 1, corner + kernel, corner + kernel + 1] {
                means[at] += 0.25 * weight;
            }
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nine taps spread over sixteen, each a quarter of the sum of its neighbors.
    #[test]
    fn a_mean_of_neighbors_is_a_larger_kernel() {
        let one = averaged_weights(&[4.0], 2);
        assert_eq!(one, [1.0; 4]);
        let nine = averaged_weights(
            &[[4.0; 9], [0.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0]].concat(),
            4,
        );
        let flat = [1.0, 2.0, 2.0, 1.0, 2.0, 4.0, 4.0, 2.0, 2.0, 4.0, 4.0, 2.0, 1.0, 2.0, 2.0, 1.0];
        assert_eq!(nine[..16], flat);
        let center =
            [0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(nine[16..], center);
    }
}
