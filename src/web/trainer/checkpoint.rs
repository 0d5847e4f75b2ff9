//! A checkpoint of a run as bytes, which a page keeps: the step, the seconds of training so far,
//! and the weights, their moving average and Adam's moments, all little-endian.

use super::error::TrainerError;
use crate::backend::fused::TrainingState;

/// Everything needed to continue a run.
pub(super) struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// Seconds that these steps took.
    pub seconds: f64,
    /// What is on the GPU.
    pub state: TrainingState,
}

impl Checkpoint {
    /// The bytes: 8 for the step, 8 for the seconds, and 16 for each weight.
    pub fn bytes(&self) -> Vec<u8> {
        let TrainingState { weights, average, moments } = &self.state;
        let mut bytes = self.step.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.seconds.to_le_bytes());
        bytes.extend_from_slice(bytemuck::cast_slice(weights));
        bytes.extend_from_slice(bytemuck::cast_slice(average));
        bytes.extend_from_slice(bytemuck::cast_slice(moments));
        bytes
    }

    /// Reads [`Self::bytes`] of a network with so many weights. Earlier versions of the page wrote
    /// no seconds, which then are 0.
    ///
    /// # Errors
    /// [`TrainerError`] if it is of another network, or has a number that is not finite.
    pub fn read(bytes: &[u8], weights: usize) -> Result<Self, TrainerError> {
        let other = || TrainerError::new("this checkpoint is of another network");
        let (step, rest) = bytes.split_first_chunk::<8>().ok_or_else(other)?;
        let (seconds, state) = match rest.len().checked_sub(16 * weights) {
            Some(0) => (0.0, rest),
            Some(8) => {
                let (seconds, state) = rest.split_first_chunk::<8>().ok_or_else(other)?;
                (f64::from_le_bytes(*seconds), state)
            }
            _ => return Err(other()),
        };
        let numbers: Vec<f32> = bytemuck::pod_collect_to_vec(state);
        if !seconds.is_finite() || numbers.iter().any(|number| !number.is_finite()) {
            return Err(TrainerError::new("this checkpoint is damaged"));
        }
        let state = TrainingState {
            weights: numbers[..weights].to_vec(),
            average: numbers[weights..2 * weights].to_vec(),
            moments: numbers[2 * weights..]
                .chunks_exact(2)
                .map(|pair| [pair[0], pair[1]])
                .collect(),
        };
        Ok(Self { step: u64::from_le_bytes(*step), seconds, state })
    }
}
