//! A buffer that frees its memory when it is dropped.

use std::ops::Deref;

/// A buffer that is destroyed when it is dropped, whatever else still refers to it, such as a bind
/// group. In the browser, to drop wgpu's handle of a buffer does nothing: the memory would stay in
/// use until the next garbage collection.
#[derive(Debug)]
pub struct OwnedBuffer(wgpu::Buffer);

impl From<wgpu::Buffer> for OwnedBuffer {
    fn from(buffer: wgpu::Buffer) -> Self {
        Self(buffer)
    }
}

impl Deref for OwnedBuffer {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.0
    }
}

impl Drop for OwnedBuffer {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::error::FusedError;
    use crate::backend::fused::runtime::{Gpu, TestGpu};

    /// Whether a submission may still use a buffer.
    fn is_usable(gpu: &Gpu, buffer: &wgpu::Buffer) -> bool {
        let clear = async {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            encoder.clear_buffer(buffer, 0, None);
            gpu.queue().submit([encoder.finish()]);
            Ok(())
        };
        block_on(gpu.catch_errors(clear)).is_some()
    }

    #[test]
    fn a_dropped_buffer_is_destroyed_though_others_refer_to_it() {
        let gpu = TestGpu::request();
        let owned = gpu.storage("a test", 16).expect("small");
        let other = owned.deref().clone();
        assert!(is_usable(&gpu, &other));
        drop(owned);
        assert!(!is_usable(&gpu, &other));
    }

    /// In the browser only a destroyed buffer gives its memory back.
    #[test]
    fn buffers_made_before_one_that_is_too_large_are_destroyed() {
        let gpu = TestGpu::request();
        let mut first = None;
        let mut allocate = || -> Result<[OwnedBuffer; 2], FusedError> {
            let fits = gpu.storage("a test", 16)?;
            first = Some(fits.deref().clone());
            Ok([fits, gpu.storage("a test", u64::MAX)?])
        };
        assert!(matches!(allocate(), Err(FusedError::Limit { .. })));
        assert!(!is_usable(&gpu, &first.expect("it was allocated")));
    }
}
