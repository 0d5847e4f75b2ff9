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
        let left = all.iter().find(|bound| is_idle(bound) && bound.buffers.batch == batch);
        if let Some(bound) = left {
            return Ok(Arc::clone(bound));
        }
        all.retain(|bound| !is_idle(bound));
        let bound = Arc::new(BoundBuffers::new(network, batch)?);
        all.push(Arc::clone(&bound));
        Ok(bound)
    }

    /// Frees the buffers of finished runs.
    pub fn clear(&self) {
        lock(&self.0).retain(|bound| !is_idle(bound));
    }
}

/// Whether no run uses these buffers.
fn is_idle(bound: &Arc<BoundBuffers>) -> bool {
    Arc::strong_count(bound) == 1
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
    use crate::backend::fused::runtime::TestGpu;
    use crate::backend::fused::tune::self_test;

    #[test]
    fn only_buffers_of_finished_runs_are_freed() {
        let gpu = TestGpu::request();
        let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
        let network = self_test::network(&gpu, config).expect("it is small");
        let pool = BufferPool::default();
        let in_use = pool.take(network.compiled(), 2).expect("they are small");
        pool.clear();
        let kept = Arc::downgrade(&in_use);
        drop(in_use);
        let again = pool.take(network.compiled(), 2).expect("they are small");
        assert!(kept.ptr_eq(&Arc::downgrade(&again)), "the next run reuses them");
        drop(again);
        pool.clear();
        assert!(kept.upgrade().is_none());
    }
}
