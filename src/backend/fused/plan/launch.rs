//! What a kernel launch computes. `codegen/lower/` turns launches into shaders.

use super::tensor::{Id, Slice};

/// One kernel launch.
#[derive(Clone, Debug)]
pub enum Launch {
    /// The noisy image, centered, scaled and unshuffled into patches.
    Load {
        /// The tensor of patches.
        to: Id,
        /// The patch's side.
        patch: usize,
    },
    /// Concatenates, normalizes and activates tensors.
    Norm(Norm),
    /// A sum of convolutions.
    Conv(Conv),
    /// Self-attention over all positions.
    Attention {
        /// Queries, keys and values of all heads, in this order.
        qkv: Id,
        /// How many heads.
        heads: usize,
        /// The mixed values.
        to: Id,
    },
    /// Replaces each position by the mean or maximum of a square around it.
    Pool {
        /// The tensor to pool.
        from: Id,
        /// Which of the two.
        pooling: Pooling,
        /// How far the square reaches to each side.
        reach: usize,
        /// The result, of the same size.
        to: Id,
    },
}

/// See [`Launch::Pool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean, with zeros beyond the edge.
    Mean,
    /// The maximum, with nothing beyond the edge.
    Maximum,
}

/// A function of each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The identity.
    None,
    /// x/(1 + e⁻ˣ).
    Silu,
    /// x, or eˣ − 1 below 0.
    Elu,
}

/// See [`Launch::Norm`].
#[derive(Clone, Debug)]
pub struct Norm {
    /// The tensors to concatenate.
    pub from: Vec<Id>,
    /// How they are scaled and shifted.
    pub scaling: Scaling,
    /// The activation that follows.
    pub activation: Activation,
    /// The result.
    pub to: Id,
}

/// How a normalization scales and shifts.
#[derive(Clone, Debug)]
pub enum Scaling {
    /// Not at all: there is only an activation.
    None,
    /// Group normalization.
    Group {
        /// The number of groups.
        groups: usize,
        /// Scale and shift.
        affine: Affine,
    },
    /// InstanceNorm++.
    Instance(Affine),
}

/// Where a normalization's scales and shifts are stored: one scale per padded channel, then the
/// shifts. InstanceNorm++ has the scales of the channels' means in between.
#[derive(Clone, Debug)]
pub enum Affine {
    /// In the parameters.
    Parameters(Slice),
    /// In a row of a table of parameters; σ determines the row.
    Rows(Slice),
    /// In each row of the table of noise levels, from here on; they depend on σ. The scale is 1
    /// plus what the table says.
    Table(usize),
}

/// See [`Launch::Conv`].
#[derive(Clone, Debug)]
pub struct Conv {
    /// The convolutions to add up.
    pub terms: Vec<Term>,
    /// Weights of all terms, then the biases.
    pub parameters: Slice,
    /// The number of biases to add up: one for each biased layer.
    pub biases: usize,
    /// Tensors added to the sum, and resized if they are of another size.
    pub residuals: Vec<Id>,
    /// The activation of the sum.
    pub activation: Activation,
    /// Where the sum is stored as well, before the activation, if a gradient needs it.
    #[cfg(feature = "training")]
    pub kept_sum: Option<Id>,
    /// If the sum is the gradient with respect to an activated tensor: the activation, and the
    /// tensor that it was applied to. The result is then the gradient with respect to that tensor.
    #[cfg(feature = "training")]
    pub derivative: Option<(Activation, Id)>,
    /// The columns computed at each position: the padded outputs of all pixels of a fold.
    pub columns: usize,
    /// Each position becomes `fold × fold` pixels, which the columns hold one after the other.
    pub fold: usize,
    /// Height and width of the grid of positions.
    pub grid: [usize; 2],
    /// Where the result goes.
    pub to: Target,
}

impl Conv {
    /// A sum of convolutions and no more: without biases, residuals, activation and folds.
    pub fn new(
        terms: Vec<Term>,
        parameters: Slice,
        columns: usize,
        grid: [usize; 2],
        to: Target,
    ) -> Self {
        Self {
            terms,
            parameters,
            biases: 0,
            residuals: Vec::new(),
            activation: Activation::None,
            #[cfg(feature = "training")]
            kept_sum: None,
            #[cfg(feature = "training")]
            derivative: None,
            columns,
            fold: 1,
            grid,
            to,
        }
    }
}

/// One convolution of a sum.
#[derive(Clone, Debug)]
pub struct Term {
    /// The tensor to convolve.
    pub source: Id,
    /// The side of the kernel.
    pub kernel: usize,
    /// The step between neighboring outputs.
    pub stride: usize,
    /// The step between neighboring taps.
    pub dilation: usize,
}

impl Term {
    /// A 3 × 3 convolution that keeps the size.
    pub fn square(source: Id) -> Self {
        Self::dilated(source, 1)
    }

    /// A 3 × 3 convolution whose taps are `dilation` apart.
    pub fn dilated(source: Id, dilation: usize) -> Self {
        Self { source, kernel: 3, stride: 1, dilation }
    }

    /// A linear map of the channels.
    pub fn pointwise(source: Id) -> Self {
        Self { source, kernel: 1, stride: 1, dilation: 1 }
    }

    /// A linear map of the channels of 2 × 2 positions at half the resolution.
    pub fn halving(source: Id) -> Self {
        Self { source, kernel: 2, stride: 2, dilation: 1 }
    }

    /// How many zeros precede the first position.
    pub fn padding(&self) -> usize {
        (self.kernel - self.stride) * self.dilation / 2
    }
}

/// Where a convolution's result goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// Into a tensor.
    Tensor(Id),
    /// Into an image buffer: the result is the network's raw output, from which the kernel computes
    /// the score and the next image.
    Image,
}
