//! Pooling as a shader.

use super::lowering::{GROUP, Lowering};
use super::text::Text;
use crate::backend::fused::codegen::kernel::Kernel;
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::{Id, Pooling};

impl Lowering<'_> {
    /// See `kernels/pool.wgsl`.
    pub fn pool(&self, from: Id, pooling: Pooling, reach: usize, to: Id) -> Kernel {
        let shape = self.shape(to);
        let mut kernel = Text::new(include_kernel!("../kernels/pool.wgsl"));
        kernel.values.size("GROUP", GROUP);
        kernel.values.size("QUADS", shape.channels() / 4);
        kernel.values.size("HEIGHT", shape.height);
        kernel.values.size("WIDTH", shape.width);
        kernel.values.size("REACH", reach);
        kernel.values.flag("MAXIMUM", pooling == Pooling::Maximum);
        self.read(&mut kernel, "source", KernelPrecision::quad, from);
        self.write(&mut kernel, KernelPrecision::quad, to);
        // The second axis counts rows: all quads of a large image are too many for one axis.
        kernel.finish([(shape.width * shape.channels() / 4).div_ceil(GROUP), shape.height])
    }
}
