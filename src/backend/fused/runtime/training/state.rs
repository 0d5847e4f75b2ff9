//! What a run has learned, on the GPU and on the host.

use bytemuck::NoUninit;

use super::Training;
use crate::backend::fused::codegen::TrainingBuffer;
use crate::backend::fused::error::FusedError;

/// The weights of a network under training, their moving average, and Adam's moments: flat, in the
/// order of the architecture's tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingState {
    /// The weights.
    pub weights: Vec<f32>,
    /// Their moving average.
    pub average: Vec<f32>,
    /// Adam's mean gradients and mean squares, in pairs.
    pub moments: Vec<[f32; 2]>,
}

impl TrainingState {
    /// The state of a run that starts from these weights.
    pub fn new(weights: Vec<f32>) -> Self {
        let moments = vec![[0.0; 2]; weights.len()];
        Self { average: weights.clone(), weights, moments }
    }
}

impl Training {
    /// Replaces the state.
    ///
    /// # Errors
    /// [`FusedError::State`] if it is of a network with another number of weights; then nothing is
    /// replaced.
    pub fn write(&self, state: &TrainingState) -> Result<(), FusedError> {
        let TrainingState { weights, average, moments } = state;
        for found in [weights.len(), average.len(), moments.len()] {
            if found != self.weights {
                return Err(FusedError::State { found, weights: self.weights });
            }
        }
        self.replace(TrainingBuffer::Weights, weights);
        self.replace(TrainingBuffer::Average, average);
        self.replace(TrainingBuffer::Moments, moments);
        self.gather();
        Ok(())
    }

    /// Reads the state back.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn read(&self) -> Result<TrainingState, FusedError> {
        let moments = self.numbers(TrainingBuffer::Moments, 2 * self.weights).await?;
        Ok(TrainingState {
            weights: self.numbers(TrainingBuffer::Weights, self.weights).await?,
            average: self.average().await?,
            moments: moments.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect(),
        })
    }

    /// The moving average of the weights.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn average(&self) -> Result<Vec<f32>, FusedError> {
        self.numbers(TrainingBuffer::Average, self.weights).await
    }

    /// The gradient of the last step with respect to all weights, before it was clipped.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn gradients(&self) -> Result<Vec<f32>, FusedError> {
        self.numbers(TrainingBuffer::Gradients, self.weights).await
    }

    /// The noisy images of the last part, and their noise.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU fails.
    pub async fn batch(&self, values: usize) -> Result<[Vec<f32>; 2], FusedError> {
        let noisy = self.gpu.read(&self.buffers.image, values).await?;
        Ok([noisy, self.numbers(TrainingBuffer::Noise, values).await?])
    }

    /// The first numbers of a buffer.
    pub(super) async fn numbers(
        &self,
        buffer: TrainingBuffer,
        count: usize,
    ) -> Result<Vec<f32>, FusedError> {
        self.gpu.read(self.buffers.of(buffer), count).await
    }

    /// Replaces what a buffer begins with.
    pub(super) fn replace<T: NoUninit>(&self, buffer: TrainingBuffer, values: &[T]) {
        let bytes = bytemuck::cast_slice(values);
        self.gpu.queue().write_buffer(self.buffers.of(buffer), 0, bytes);
    }

    /// Remembers the state, on the GPU.
    pub fn keep(&self) {
        self.copy(self.buffers.state());
    }

    /// Goes back to the state that was last remembered.
    pub fn restore(&self) {
        self.copy(self.buffers.state().map(|(state, kept)| (kept, state)));
        self.gather();
    }

    fn copy<'a>(&self, pairs: impl Iterator<Item = (&'a wgpu::Buffer, &'a wgpu::Buffer)>) {
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        for (from, to) in pairs {
            encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
        }
        self.gpu.queue().submit([encoder.finish()]);
    }
}
