//! The GPU of a test.

use std::ops::Deref;
use std::thread;

use pollster::block_on;

use super::gpu::Gpu;

/// A GPU, or an adapter in software, that must be sound when the test is over.
pub struct TestGpu(Gpu);

impl TestGpu {
    /// As [`Gpu::request`].
    ///
    /// # Panics
    /// If there is none.
    pub fn request() -> Self {
        Self(block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}")))
    }
}

impl Deref for TestGpu {
    type Target = Gpu;

    fn deref(&self) -> &Gpu {
        &self.0
    }
}

impl Drop for TestGpu {
    fn drop(&mut self) {
        // A second panic would end the process before it says why the test has failed.
        if !thread::panicking() {
            assert_eq!(self.0.check(), Ok(()));
        }
    }
}
