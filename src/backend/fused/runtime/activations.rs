//! The buffers of intermediate tensors.

use super::buffer_plan::BufferPlan;
use super::compiled_plan::{CompiledKernel, CompiledPlan};
use crate::backend::fused::codegen::Operand;
use crate::backend::fused::error::FusedError;

/// The tensors of some launches, and the buffers that they share.
#[derive(Debug)]
pub struct Activations {
    plan: BufferPlan,
    buffers: Vec<wgpu::Buffer>,
}

impl Activations {
    /// Allocates buffers for the tensors of kernels that run for `count` images or noise levels. Those
    /// that last are never overwritten by others.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(
        network: &CompiledPlan,
        launches: &[CompiledKernel],
        count: usize,
        lasts: impl Fn(&Operand) -> bool,
    ) -> Result<Self, FusedError> {
        let plan = &network.plan;
        let size = |operand: &Operand| match *operand {
            Operand::Tensor(id) => {
                let tensor = &plan.tensors[id];
                let number = network.config.precision.unless_exact(tensor.exact).bytes();
                number * tensor.shape.positions() * tensor.shape.channels()
            }
            Operand::Statistics(id) => 8 * network.tiles[id] * plan.tensors[id].shape.channels(),
            Operand::Moments(id) => 8 * plan.tensors[id].shape.channels(),
            _ => 0,
        };
        let kernels: Vec<_> = launches.iter().map(|launch| launch.kernel.clone()).collect();
        let placed = BufferPlan::new(&kernels, size, lasts);
        let buffer = |size| network.gpu.storage("the activations", size * count);
        let buffers = placed.sizes.iter().map(buffer).collect::<Result<_, _>>()?;
        Ok(Self { plan: placed, buffers })
    }

    /// The buffer of an operand, if it is a tensor of these launches.
    pub fn find(&self, operand: &Operand) -> Option<&wgpu::Buffer> {
        self.plan.find(operand).map(|slot| &self.buffers[slot])
    }
}

impl Drop for Activations {
    /// Frees the buffers now; a browser would wait for its next garbage collection.
    fn drop(&mut self) {
        self.buffers.iter().for_each(wgpu::Buffer::destroy);
    }
}
