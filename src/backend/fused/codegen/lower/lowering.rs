//! What the kernels of one plan have in common.

use super::text::Text;
use crate::backend::fused::codegen::kernel::Operand;
use crate::backend::fused::codegen::kernel_config::KernelConfig;
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::template::Values;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::{Activation, Id, Norm, Plan, Shape};

/// A plan that is being turned into kernels.
pub struct Lowering<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// How kernels are generated.
    pub config: KernelConfig,
    /// Bytes of workgroup memory.
    pub memory: usize,
    /// For each tensor, the normalization that the kernels which read it apply as they load it, if
    /// that is not a launch of its own.
    pub norms: Vec<Option<&'a Norm>>,
    /// For each tensor, the number of tiles with moments of their own; 0 if nothing needs them.
    pub tiles: Vec<usize>,
    /// Whether normalizations leave what their gradients need.
    pub keeps_norms: bool,
}

/// Workgroup memory, in bytes, for each channel that a convolution normalizes: mean, squared
/// deviations, scale and shift.
pub const MOMENTS: usize = 16;

/// The type of a binding's elements, by precision.
pub type Element = fn(KernelPrecision) -> &'static str;

/// The default size of workgroups.
pub const GROUP: usize = 64;

impl Lowering<'_> {
    /// The shape of a tensor.
    pub fn shape(&self, id: Id) -> &Shape {
        &self.plan.tensors[id].shape
    }

    /// The precision of a tensor.
    pub fn precision(&self, id: Id) -> KernelPrecision {
        self.config.precision.unless_exact(self.plan.tensors[id].exact)
    }

    /// Binds a tensor that a kernel reads.
    pub fn read(&self, kernel: &mut Text, name: impl AsRef<str>, element: Element, id: Id) {
        kernel.read_as(name, element(self.precision(id)), Operand::Tensor(id));
    }

    /// Binds the tensor that a kernel writes, and adds the functions that round for it.
    pub fn write(&self, kernel: &mut Text, element: Element, id: Id) {
        let precision = self.precision(id);
        kernel.values.flag("HALF", precision == KernelPrecision::F16);
        kernel.add_helper(include_kernel!("../kernels/convert.wgsl"));
        kernel.write("to", element(precision), Operand::Tensor(id));
    }

    /// Defines the sizes of the images that a kernel accesses, in patches of this side.
    pub fn image_shape(&self, values: &mut Values, patch: usize) {
        let image_shape = self.plan.image_shape;
        values.size("COLORS", image_shape.channels);
        values.size("PATCH", patch);
        values.size("HEIGHT", image_shape.height / patch);
        values.size("WIDTH", image_shape.width / patch);
        values.size("DIMENSION", image_shape.dimension());
        values.float("MEAN", self.plan.sigma_input.mean());
    }
}

/// Tells a template which activation to use; the flags' names begin with `prefix`.
pub fn activates(values: &mut Values, prefix: &str, activation: Activation) {
    values.flag(format!("{prefix}SILU"), activation == Activation::Silu);
    values.flag(format!("{prefix}ELU"), activation == Activation::Elu);
}
