//! How kernels use a GPU.

/// How kernels use a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Convolutions keep everything in registers, without workgroup memory and barriers, which are
    /// expensive on software adapters. Normalizations are separate passes. (Sums over a whole image
    /// use workgroup memory with either strategy: InstanceNorm++, the moments and norms of
    /// `kernels/reduce_moments.wgsl` and `update.wgsl`; and in training the loss, the reduction,
    /// Adam, stable targets and the gradient of attention.)
    Direct,
    /// Inputs are staged in workgroup memory, and normalized as they are loaded into it.
    Staged,
}
