//! A kernel's text, and what it is bound to.

use std::sync::Arc;

use crate::backend::fused::plan::{Id, Slice};

/// What a binding of a kernel refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A tensor.
    Tensor(Id),
    /// The moments of a tensor's tiles.
    Statistics(Id),
    /// The moments of a whole tensor, if it has so many tiles that `kernels/reduce_moments.wgsl`
    /// combines theirs.
    Moments(Id),
    /// A slice of the parameters.
    Parameters(Slice),
    /// The table of scales and shifts that depend on σ.
    Table,
    /// What the kernels need for each noise level: see `SigmaInput::at`.
    Levels,
    /// The noisy images before the step.
    Image,
    /// What the step writes: the noisy images after it, their score, or the result of an
    /// evaluation.
    Next,
    /// The score of the step, for `kernels/update.wgsl`.
    Score,
    /// The score of the step before.
    Before,
    /// The denoised images of the last two steps, in pairs.
    Denoised,
    /// The observed values and their mask.
    Observation,
    /// The weights of the two seeds in each image's noise.
    Mixtures,
    /// Mean and inverse deviation of each channel's group, which a normalization into this tensor
    /// leaves for its gradient.
    Normalization(Id),
    /// What only a training step needs.
    #[cfg(feature = "training")]
    Training(TrainingBuffer),
    /// The step's row, selected by a dynamic offset.
    Step,
    /// The row of a part of a training step, selected by a dynamic offset.
    #[cfg(feature = "training")]
    Part,
}

/// See [`Operand::Training`]. Each is a buffer, whose index is its place in [`Self::ALL`].
#[cfg(feature = "training")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainingBuffer {
    /// The bytes of all images.
    Data,
    /// What is drawn for each image of each batch: its place in the data, its noise level, …
    Examples,
    /// The frequencies of the features of σ.
    Frequencies,
    /// The noise that was added to the images, or what the network is to learn instead.
    Noise,
    /// The class of each training image, for stable targets.
    Labels,
    /// For stable targets: the logarithm of each training image's probability.
    Logits,
    /// For stable targets: the training images that count, and their weights, in pairs.
    Selected,
    /// For stable targets: how many those are.
    SelectedCounts,
    /// The loss of each image.
    Losses,
    /// All weights.
    Weights,
    /// The weights that the parameters are copies of.
    Places,
    /// The parameters of all launches.
    Parameters,
    /// Parts of the gradients with respect to the weights of convolutions.
    Partials,
    /// Where the parts of each weight's gradient are.
    Origins,
    /// The gradient with respect to all weights.
    Gradients,
    /// Sums of their squares.
    Squares,
    /// Adam's moments, in pairs.
    Moments,
    /// The moving average of the weights.
    Average,
    /// What is read back: the sum of losses, the number of submissions that were computed, and sums
    /// of the weights' squares.
    Report,
}

#[cfg(feature = "training")]
impl TrainingBuffer {
    /// All of them, in their order.
    pub const ALL: [Self; 19] = [
        Self::Data,
        Self::Examples,
        Self::Frequencies,
        Self::Noise,
        Self::Labels,
        Self::Logits,
        Self::Selected,
        Self::SelectedCounts,
        Self::Losses,
        Self::Weights,
        Self::Places,
        Self::Parameters,
        Self::Partials,
        Self::Origins,
        Self::Gradients,
        Self::Squares,
        Self::Moments,
        Self::Average,
        Self::Report,
    ];
}

/// A binding of a kernel.
#[derive(Clone, Debug)]
pub struct Binding {
    /// What it refers to.
    pub operand: Operand,
    /// What the kernel does with that.
    pub access: Access,
}

/// What a kernel does with an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It reads all of it.
    Read,
    /// It writes it, and may read it.
    Write,
    /// It reads one row of a table of uniforms, selected by a dynamic offset. A kernel has at most
    /// one such binding, its last.
    Row,
}

/// A kernel for one layer.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// WGSL, with one entry point `main`.
    pub source: Arc<str>,
    /// Its bindings, in order.
    pub bindings: Vec<Binding>,
    /// Workgroups for one image; the third axis counts images.
    pub groups: [u32; 2],
}

impl Kernel {
    /// What its bindings refer to, in order.
    pub fn operands(&self) -> impl Iterator<Item = &Operand> {
        self.bindings.iter().map(|binding| &binding.operand)
    }

    /// The row that it reads, if it reads one.
    pub fn row(&self) -> Option<&Operand> {
        self.bindings.last().filter(|last| last.access == Access::Row).map(|last| &last.operand)
    }
}

#[cfg(all(test, feature = "training"))]
mod tests {
    use super::*;

    #[test]
    fn all_buffers_are_in_the_order_of_their_indices() {
        for (index, buffer) in TrainingBuffer::ALL.into_iter().enumerate() {
            assert_eq!(buffer as usize, index);
        }
        let last = TrainingBuffer::Report as usize;
        assert_eq!(TrainingBuffer::ALL.len(), last + 1, "each is listed");
    }
}
