//! The averaged network of a run, for evaluations between steps.

use std::ops::Range;

use burn::tensor::Device;
use pollster::block_on;

use crate::backend::fused::{self, FusedChains};
use crate::backend::{BackendError, BurnChains, Chains};
use crate::net::{ImageShape, Network, layers};
use crate::sample::{Conditioning, StepTable};
use crate::train::error::TrainError;

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
                let x = layers::images(x, shape, device);
                let score = network.class_score(x, sigmas, classes);
                let data =
                    score.try_into_data().map_err(|e| TrainError::Device(format!("{e:?}")))?;
                Ok(data.iter::<f32>().collect())
            }
            Self::Fused(network) => {
                let score = block_on(network.class_score(&x, sigmas, classes));
                score.map_err(TrainError::from)
            }
        }
    }

    /// Chains of this network.
    ///
    /// # Errors
    /// [`BackendError`] if the device fails.
    pub fn chains(
        &self,
        shape: ImageShape,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Box<dyn Chains>, BackendError> {
        Ok(match self {
            Self::Burn(network, device) => Box::new(BurnChains::conditioned(
                Network::clone(network),
                shape,
                table,
                conditioning,
                seed,
                chains,
                device,
            )?),
            Self::Fused(network) => {
                Box::new(FusedChains::conditioned(network, table, conditioning, seed, chains)?)
            }
        })
    }
}
