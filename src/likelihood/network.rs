//! The divergence of a network's score, by automatic differentiation.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::net::weights::Weights;
use crate::net::{Architecture, ImageShape, Network, NetworkError, burn_layers};
use crate::score::{Score, ScoreWithDivergence};

/// A network whose score and divergence are read on the host.
#[derive(Clone, Debug)]
pub struct NetworkDivergence {
    network: Network,
    image_shape: ImageShape,
    /// The device, with gradients.
    device: Device,
}

impl NetworkDivergence {
    /// A network on a device.
    ///
    /// # Errors
    /// [`NetworkError`] if the sizes do not fit together, or the weights are of another network.
    pub fn new(
        architecture: &Architecture,
        weights: Weights,
        device: &Device,
    ) -> Result<Self, NetworkError> {
        let device = device.clone().autodiff();
        // Gradients are needed with respect to x, not to the weights.
        let network = Network::with_weights(architecture, weights, &device)?.no_grad();
        Ok(Self { network, image_shape: architecture.image_shape(), device })
    }

    fn images(&self, values: &[f32]) -> Tensor<4> {
        burn_layers::images(values.to_vec(), self.image_shape, &self.device)
    }
}

fn read(tensor: Tensor<4>, out: &mut [f32]) {
    for (out, value) in out.iter_mut().zip(tensor.into_data().iter::<f32>()) {
        *out = value;
    }
}

impl Score for NetworkDivergence {
    fn dimension(&self) -> usize {
        self.image_shape.dimension()
    }

    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        read(self.network.score(self.images(x), &[sigma]), out);
    }
}

impl ScoreWithDivergence for NetworkDivergence {
    fn score_and_divergence(
        &self,
        x: &[f32],
        sigma: f32,
        v: &[f32],
        score: &mut [f32],
    ) -> Vec<f32> {
        let (x, v) = (self.images(x).require_grad(), self.images(v));
        let s = self.network.score(x.clone(), &[sigma]);
        // The images of a batch are independent: one gradient serves all of them.
        let grads = (s.clone() * v.clone()).sum().backward();
        read(s.inner(), score);
        match x.grad(&grads) {
            Some(gradient) => {
                let product: Tensor<2> = (gradient * v.inner()).flatten(1, 3);
                product.sum_dim(1).into_data().iter::<f32>().collect()
            }
            // A score that does not depend on x.
            None => vec![0.0; score.len() / self.dimension()],
        }
    }
}
