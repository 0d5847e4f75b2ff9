//! A kernel of a training step: what it computes, and how often its workgroups are launched.

use crate::backend::fused::codegen::kernel::Kernel;

/// Invocations of a workgroup in kernels that go through all weights; a power of two.
pub const FLAT_GROUP: usize = 256;

/// A kernel, and how often its workgroups are launched along the third axis.
#[derive(Clone, Debug)]
pub struct TrainingKernel {
    /// What it computes, in a word.
    pub name: &'static str,
    /// The kernel.
    pub kernel: Kernel,
    /// The third axis.
    pub extent: Extent,
    /// Floating-point operations for one image: two for each multiplication of convolutions, of
    /// their gradients and of attention; 0 for everything else.
    pub operations: u64,
}

/// What the third axis of a kernel's workgroups counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The images of a part.
    Images,
    /// So many images of a part at a time.
    Blocks(u32),
    /// This many workgroups.
    Fixed(u32),
}

impl Extent {
    /// The workgroups along the third axis for a part of so many images.
    pub fn workgroups(self, images: u32) -> u32 {
        match self {
            Self::Images => images,
            Self::Blocks(size) => images.div_ceil(size),
            Self::Fixed(count) => count,
        }
    }
}

/// A kernel whose third axis counts the images of a part.
pub fn per_image(name: &'static str, kernel: Kernel) -> TrainingKernel {
    TrainingKernel { name, kernel, extent: Extent::Images, operations: 0 }
}

/// A kernel whose workgroups are launched once along the third axis.
pub fn once(name: &'static str, kernel: Kernel) -> TrainingKernel {
    TrainingKernel { name, kernel, extent: Extent::Fixed(1), operations: 0 }
}
