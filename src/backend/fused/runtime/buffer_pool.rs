//! Keeps the buffers of finished runs, so that a restart allocates nothing.

use std::sync::{Arc, Mutex};

use super::bound_buffers::BoundBuffers;
use super::compiled_plan::CompiledPlan;
use super::gpu::lock;
use crate::backend::fused::error::FusedError;

/// The buffers of a network's runs, including finished ones.
#[derive(Debug, Default)]
pub struct BufferPool(Mutex<Vec<Arc<BoundBuffers>>>);

impl BufferPool {
    /// Buffers for a batch of images: those of a finished run of this size, or else new ones after
    /// the buffers of all finished runs are freed.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if a buffer is larger than the GPU allows.
    pub fn take(
        &self,
        network: &CompiledPlan,
        batch: usize,
    ) -> Result<Arc<BoundBuffers>, FusedError> {
        let mut all = lock(&self.0);
        let idle = |bound: &Arc<BoundBuffers>| Arc::strong_count(bound) == 1;
        let left = all.iter().find(|bound| idle(bound) && bound.buffers.batch == batch);
        if let Some(bound) = left {
            return Ok(Arc::clone(bound));
        }
        all.retain(|bound| !idle(bound));
        let bound = Arc::new(BoundBuffers::new(network, batch)?);
        all.push(Arc::clone(&bound));
        Ok(bound)
    }

    /// Frees the buffers of finished runs.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }
}
