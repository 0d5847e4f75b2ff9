//! Counts the submissions that were computed to their end: some drivers report work as done that
//! they have given up, as Metal's do (wgpu takes a command buffer that failed for one that is
//! complete).
//!
//! Natively only. In the browser the code and its kernel would be a part of every first visit, and
//! the page looks at finished images instead (`web/verify.rs`).

#[cfg(not(target_family = "wasm"))]
pub use native::*;
#[cfg(target_family = "wasm")]
pub use wasm::*;

#[cfg(not(target_family = "wasm"))]
mod native {
    use crate::backend::fused::codegen::{Access, Binding, Kernel, Operand};
    use crate::backend::fused::error::FusedError;
    use crate::backend::fused::runtime::gpu::Gpu;
    use crate::backend::fused::runtime::owned_buffer::OwnedBuffer;
    use crate::backend::fused::runtime::pipelines;

    const KERNEL: &str = concat!(
        "@group(0) @binding(0) var<storage, read_write> report: array<f32>;\n",
        include_str!("../codegen/kernels/count.wgsl")
    );

    /// What counts submissions on the GPU.
    #[derive(Debug)]
    pub struct Counter {
        /// Its second number is how many were computed, as in training.
        report: OwnedBuffer,
        pipeline: wgpu::ComputePipeline,
        group: wgpu::BindGroup,
    }

    impl Counter {
        /// A counter at zero.
        ///
        /// # Errors
        /// [`FusedError::Limit`] if the GPU allows no buffers at all.
        pub fn new(gpu: &Gpu) -> Result<Self, FusedError> {
            let report = gpu.storage("the number of submissions", 8)?;
            // What it says here matters to no one: the buffer is the counter's own.
            let binding = Binding { operand: Operand::Next, access: Access::Write };
            let kernel = Kernel { source: KERNEL.into(), bindings: vec![binding], groups: [1, 1] };
            let compiled = pipelines::compile(gpu, &kernel);
            let group = compiled.bind(gpu, &kernel, |_| report.as_entire_buffer_binding());
            Ok(Self { report, pipeline: compiled.pipeline, group })
        }

        /// Starts again from zero.
        pub fn restart(&self, gpu: &Gpu) {
            gpu.queue().write_buffer(&self.report, 0, &[0; 8]);
        }

        /// The last launch of a submission.
        pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        }

        /// Reads numbers back from the beginning of a buffer.
        ///
        /// # Errors
        /// As [`Gpu::read`], and [`FusedError::Lost`] unless all of the `submitted` submissions
        /// since [`Self::restart`] were computed.
        pub async fn read(
            &self,
            gpu: &Gpu,
            buffer: &wgpu::Buffer,
            count: usize,
            submitted: u32,
        ) -> Result<Vec<f32>, FusedError> {
            let values = gpu.read(buffer, count).await?;
            // The GPU counts in f32, exactly up to 2²⁴: that takes it days.
            match gpu.read(&self.report, 2).await?[1] == submitted as f32 {
                true => Ok(values),
                false => Err(FusedError::Lost("it has not computed all steps".to_owned())),
            }
        }
    }
}

#[cfg(target_family = "wasm")]
mod wasm {
    use crate::backend::fused::error::FusedError;
    use crate::backend::fused::runtime::gpu::Gpu;

    /// Counts nothing.
    #[derive(Debug)]
    pub struct Counter;

    impl Counter {
        /// There is nothing to make.
        pub fn new(_: &Gpu) -> Result<Self, FusedError> {
            Ok(Self)
        }

        /// There is nothing to start again.
        pub fn restart(&self, _: &Gpu) {}

        /// There is nothing to launch.
        pub fn record(&self, _: &mut wgpu::ComputePass<'_>) {}

        /// Reads numbers back from the beginning of a buffer.
        ///
        /// # Errors
        /// As [`Gpu::read`].
        pub fn read(
            &self,
            gpu: &Gpu,
            buffer: &wgpu::Buffer,
            count: usize,
            _: u32,
        ) -> impl Future<Output = Result<Vec<f32>, FusedError>> {
            gpu.read(buffer, count)
        }
    }
}
