//! The slope of a network, by automatic differentiation.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::net::weights::Weights;
use crate::net::{Architecture, DescriptionError, Network, Picture};
use crate::score::{Score, Slope};

/// A network whose score and slope are read on the host.
#[derive(Clone, Debug)]
pub struct NetworkSlope {
    network: Network,
    picture: Picture,
    /// The device, with gradients.
    device: Device,
}

impl NetworkSlope {
    /// A network on a device.
    ///
    /// # Errors
    /// [`DescriptionError`] if the sizes do not fit together.
    pub fn new(
        architecture: &Architecture,
        weights: Weights,
        device: &Device,
    ) -> Result<Self, DescriptionError> {
        let device = device.clone().autodiff();
        // Gradients are needed with respect to x, not to the weights.
        let network = Network::with_weights(architecture, weights, &device)?.no_grad();
        Ok(Self { network, picture: architecture.picture(), device })
    }

    fn pictures(&self, values: &[f32]) -> Tensor<4> {
        let Picture { channels, height, width } = self.picture;
        let count = values.len() / self.picture.dimension();
        let data = TensorData::new(values.to_vec(), [count, channels, height, width]);
        Tensor::from_data(data, &self.device)
    }
}

fn read(tensor: Tensor<4>, out: &mut [f32]) {
    for (out, value) in out.iter_mut().zip(tensor.into_data().iter::<f32>()) {
        *out = value;
    }
}

impl Score for NetworkSlope {
    fn dimension(&self) -> usize {
        self.picture.dimension()
    }

    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        read(self.network.score(self.pictures(x), &[sigma]), out);
    }
}

impl Slope for NetworkSlope {
    fn score_and_slope(&self, x: &[f32], sigma: f32, v: &[f32], score: &mut [f32]) -> Vec<f32> {
        let (x, v) = (self.pictures(x).require_grad(), self.pictures(v));
        let s = self.network.score(x.clone(), &[sigma]);
        // The pictures of a batch are independent: one gradient serves all of them.
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
