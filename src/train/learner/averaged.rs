//! The averaged network of a run, for evaluations between steps.

use burn::tensor::Device;
use pollster::block_on;

use crate::backend::{BurnModel, ChainSource, fused};
use crate::net::{ImageShape, Network, burn_layers};
use crate::train::error::TrainError;
use crate::words::one_line;

/// The averaged network, ready to run.
pub enum Averaged {
    /// On a Burn device.
    Burn(Box<Network>, Device),
    /// On a GPU, by this crate's kernels.
    Fused(fused::Network),
}

impl Averaged {
    /// The score of N images, N × C × H × W like `x`, each with its own σ and class.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device fails.
    pub fn score(
        &self,
        x: Vec<f32>,
        shape: ImageShape,
        sigmas: &[f32],
        classes: &[Option<usize>],
    ) -> Result<Vec<f32>, TrainError> {
        match self {
            Self::Burn(network, device) => {
                let x = burn_layers::images(x, shape, device);
                let score = network.class_score(x, sigmas, classes);
                let data = score.try_into_data().map_err(|e| TrainError::Device(one_line(e)))?;
                Ok(data.iter::<f32>().collect())
            }
            Self::Fused(network) => {
                let score = block_on(network.class_score(&x, sigmas, classes));
                score.map_err(TrainError::from)
            }
        }
    }

    /// What makes chains of it; its images have this shape.
    pub fn into_source(self, shape: ImageShape) -> Box<dyn ChainSource> {
        match self {
            Self::Burn(network, _) => Box::new(BurnModel::new(*network, shape)),
            Self::Fused(network) => Box::new(network),
        }
    }
}
