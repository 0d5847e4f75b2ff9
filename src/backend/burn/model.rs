//! A network on a Burn device, with what has to agree with it.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;

use crate::net::weights::Weights;
use crate::net::{Architecture, ImageShape, Network, NetworkError};
use crate::sample::Guide;

/// A network on a Burn device, with the guides that add to its score. It makes chains, as a
/// [`ChainSource`](crate::backend::ChainSource).
#[derive(Clone, Debug)]
pub struct BurnModel {
    pub(super) network: Network,
    pub(super) image_shape: ImageShape,
    pub(super) device: Device,
    pub(super) guides: Vec<Arc<dyn Guide>>,
}

impl BurnModel {
    /// The network of a model file, on a device. Its weights are not to be trained.
    ///
    /// # Errors
    /// [`NetworkError`] if the sizes do not fit together, or the weights are of another network.
    pub fn with_weights(
        architecture: &Architecture,
        weights: Weights,
        device: &Device,
    ) -> Result<Self, NetworkError> {
        let network = Network::with_weights(architecture, weights, device)?.no_grad();
        Ok(Self::new(network, architecture.image_shape()))
    }

    /// A network that is on a device already. `image_shape` is that of the architecture which it was
    /// made with: Burn panics once a network meets images of a shape that it cannot take.
    pub fn new(network: Network, image_shape: ImageShape) -> Self {
        // A network that was drawn for training has a device with autodiff; chains need no gradients.
        let device = network.devices().into_iter().next().unwrap_or_default().inner();
        Self { network, image_shape, device, guides: Vec::new() }
    }

    /// Adds a guide on the same device, which contributes to the network's score.
    pub fn guided(mut self, guide: Arc<dyn Guide>) -> Self {
        self.guides.push(guide);
        self
    }

    /// The device that the network is on.
    pub fn device(&self) -> &Device {
        &self.device
    }
}
