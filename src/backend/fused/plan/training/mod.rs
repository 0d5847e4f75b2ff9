//! The plan of a training step: the launches of an evaluation, then those that carry the gradient
//! of the loss back to every weight (reverse-mode differentiation).
//!
//! The forward launches are those of sampling, except that every normalization is a launch of its
//! own and that activated sums are also stored as they were: backward launches read both. Tensors
//! live until their last reader, so buffers are shared as for sampling.

mod backward;
mod placement;
mod transpose;

use super::{Conv, Id, Norm, Plan, Slice};
pub use placement::Place;

/// A network as the launches of a training step.
#[derive(Clone, Debug)]
pub struct TrainingPlan {
    /// The tensors, the forward launches and the parameters. Parameters have no values: before each
    /// step they are gathered from the weights, as [`Self::places`] says.
    pub plan: Plan,
    /// For each slice of the parameters, the weight that each number is a copy of.
    pub places: Vec<Vec<Place>>,
    /// The number of all weights.
    pub weights: usize,
    /// The launches after the forward ones, from the loss back to the first layer.
    pub backward: Vec<Backward>,
    /// The tensor of the gradients with respect to scales and shifts of normalizations, those that
    /// are parameters, side by side; and the slice of each with its first column.
    pub affine_gradients: (Id, Vec<(Slice, usize)>),
    /// The gradient with respect to what classes add to the embedding, if there are classes.
    pub class_gradient: Option<ClassGradient>,
}

/// See [`TrainingPlan::class_gradient`].
#[derive(Clone, Copy, Debug)]
pub struct ClassGradient {
    /// The gradient with respect to the row of each image's class.
    pub gradient: Id,
    /// The first weight of the rows of all classes.
    pub first: usize,
    /// The number of rows: one for each class, and one for none.
    pub rows: usize,
}

/// A launch that computes gradients.
#[derive(Clone, Debug)]
pub enum Backward {
    /// From the network's score and the noise to the loss and its gradient with respect to the raw
    /// output.
    Loss {
        /// The gradient with respect to the raw output, in patches.
        to: Id,
        /// The patch's side.
        patch: usize,
    },
    /// A gradient with respect to a convolution's input: a convolution with transposed weights.
    Conv(Conv),
    /// The gradient with respect to a convolution's weights and biases.
    Weights {
        /// The convolution.
        conv: Conv,
        /// The gradient with respect to its result.
        gradient: Id,
    },
    /// The sums over positions that gradients of a normalization need, which are also those with
    /// respect to its scales and shifts.
    NormSums(NormGradient),
    /// The gradient with respect to one of a normalization's sources.
    NormInput {
        /// The normalization and its gradients.
        norm: NormGradient,
        /// Which of its sources.
        source: usize,
        /// Further gradients with respect to this source, to be added.
        others: Vec<Id>,
        /// The sum.
        to: Id,
    },
    /// The gradient with respect to queries, keys and values.
    Attention {
        /// Queries, keys and values of all heads, in this order.
        qkv: Id,
        /// How many heads.
        heads: usize,
        /// The gradient with respect to the mixed values.
        gradient: Id,
        /// The result.
        to: Id,
    },
}

/// A normalization and the gradients around it.
#[derive(Clone, Debug)]
pub struct NormGradient {
    /// The normalization.
    pub norm: Norm,
    /// The gradient with respect to its result.
    pub gradient: Id,
    /// The tensor for gradients with respect to scales and shifts, and the first column there: one
    /// for each scale, then one for each shift. `None` if it does not scale.
    pub sums: Option<(Id, usize)>,
}

impl TrainingPlan {
    /// The row length of the gradients with respect to the table of scales and shifts, or of
    /// [`Self::affine_gradients`].
    pub fn row(&self, sums: Id) -> usize {
        self.plan.tensors[sums].shape.channels()
    }
}
