//! The kernels that read and write images outside the network.

use super::lowering::{GROUP, Lowering};
use super::text::Text;
use crate::backend::fused::codegen::kernel::{Kernel, Operand};
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::Id;

/// The invocations that update an image together; a power of two.
const UPDATE_GROUP: usize = 256;

impl Lowering<'_> {
    /// See `kernels/load.wgsl`.
    pub fn load(&self, to: Id, patch: usize) -> Kernel {
        let shape = self.shape(to);
        let mut kernel = Text::new(include_kernel!("../kernels/load.wgsl"));
        self.image_shape(&mut kernel.values, patch);
        kernel.values.size("CHANNELS", shape.channels());
        kernel.values.size("GROUP", GROUP);
        kernel.read("image", Operand::Image);
        kernel.levels();
        kernel.write("to", "f32", Operand::Tensor(to));
        // The second axis counts rows: all numbers of a large image are too many for one axis.
        kernel
            .helper(include_kernel!("../kernels/patch.wgsl"))
            .finish([(shape.width * shape.channels()).div_ceil(GROUP), shape.height])
    }

    /// See `kernels/update.wgsl`.
    pub fn update(&self) -> Kernel {
        let mut kernel = Text::new(include_kernel!("../kernels/update.wgsl"));
        self.image_shape(&mut kernel.values, 1);
        kernel.values.size("GROUP", UPDATE_GROUP);
        kernel.read("image", Operand::Image);
        kernel.read("score", Operand::Score);
        kernel.read("before", Operand::Before);
        kernel.read_as("observation", "vec2f", Operand::Observation);
        kernel.read_as("mixtures", "vec2f", Operand::Mixtures);
        kernel.write("to", "f32", Operand::Next);
        kernel.write("denoised", "vec2f", Operand::Denoised);
        kernel.step = true;
        kernel
            .helper(include_kernel!("../kernels/random.wgsl"))
            .helper(include_kernel!("../kernels/normal.wgsl"))
            .helper(include_kernel!("../kernels/workgroup_sum.wgsl"))
            .finish([1, 1])
    }
}
