//! The buffers of intermediate tensors.

use super::buffer_plan::BufferPlan;
use super::gpu::Gpu;
use super::owned_buffer::OwnedBuffer;
use crate::backend::fused::codegen::{Kernel, KernelPrecision, Operand};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::Plan;

/// The tensors of some launches, and the buffers that they share.
#[derive(Debug)]
pub struct Activations {
    plan: BufferPlan,
    buffers: Vec<OwnedBuffer>,
}

impl Activations {
    /// Allocates buffers for the tensors of kernels that run for `count` images or noise levels.
    /// `tiles` is for each tensor the number of tiles with moments of their own. Tensors that last
    /// are never overwritten by others.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(
        gpu: &Gpu,
        plan: &Plan,
        precision: KernelPrecision,
        tiles: &[usize],
        kernels: &[Kernel],
        count: usize,
        lasts: impl Fn(&Operand) -> bool,
    ) -> Result<Self, FusedError> {
        let size = |operand: &Operand| match *operand {
            Operand::Tensor(id) => {
                let tensor = &plan.tensors[id];
                let number = precision.unless_exact(tensor.exact).bytes();
                number * tensor.shape.positions() * tensor.shape.channels()
            }
            Operand::Statistics(id) => 8 * tiles[id] * plan.tensors[id].shape.channels(),
            Operand::Moments(id) | Operand::Normalization(id) => {
                8 * plan.tensors[id].shape.channels()
            }
            _ => 0,
        };
        let plan = BufferPlan::new(kernels, size, lasts);
        let what = if count > 1 { "the activations of a batch" } else { "the activations" };
        let buffer = |&size: &usize| gpu.storage(what, size as u64 * count as u64);
        let buffers = plan.sizes.iter().map(buffer).collect::<Result<_, _>>()?;
        Ok(Self { plan, buffers })
    }

    /// The bytes of an operand for one image; 0 if it is no tensor of these launches.
    #[cfg(feature = "training")]
    pub fn bytes(&self, operand: &Operand) -> usize {
        self.plan.bytes(operand)
    }

    /// The buffer of an operand, if it is a tensor of these launches.
    pub fn find(&self, operand: &Operand) -> Option<&wgpu::Buffer> {
        self.plan.find(operand).map(|slot| &*self.buffers[slot])
    }
}
