//! A network as a GPU runs it: a list of kernel launches over tensors, and the parameters that they
//! read. Only the number of images is left open.
//!
//! Tensors are channels-last, with channels padded to a multiple of four. [`super::builder`] makes
//! plans, [`super::lower`] turns launches into shaders.

use super::pack::ChannelLayout;
use super::precision::Precision;
use super::sigma_embedding::SigmaEmbedding;
use crate::net::ImageShape;

/// The index of a tensor.
pub type Id = usize;

/// The index of one of a plan's [`Parameters`].
pub type Slice = usize;

/// The shape of a tensor for one image.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The channels of each part that was concatenated; each part is padded by itself.
    pub segments: Vec<usize>,
    /// Height in positions.
    pub height: usize,
    /// Width in positions.
    pub width: usize,
}

impl Shape {
    /// The channels in memory, padding included.
    pub fn channels(&self) -> usize {
        self.segments.iter().map(|&segment| padded(segment)).sum()
    }

    /// The positions of one image.
    pub fn positions(&self) -> usize {
        self.height * self.width
    }
}

/// Rounds channels up to the multiple of four that memory holds.
pub fn padded(channels: usize) -> usize {
    channels.next_multiple_of(4)
}

/// What a plan knows of a tensor.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its shape.
    pub shape: Shape,
    /// The order of its channels in memory.
    pub axis: ChannelLayout,
    /// Whether its writer must also leave its tiles' moments for a normalisation.
    pub statistics: bool,
    /// Whether it is always f32.
    pub exact: bool,
}

impl Tensor {
    /// The precision it is kept in if the network's is `precision`.
    pub fn precision(&self, precision: Precision) -> Precision {
        if self.exact { Precision::Single } else { precision }
    }
}

/// Numbers that launches read.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// In the order of memory.
    pub values: Vec<f32>,
    /// As [`Tensor::exact`].
    pub exact: bool,
}

impl Parameters {
    /// As [`Tensor::precision`].
    pub fn precision(&self, precision: Precision) -> Precision {
        if self.exact { Precision::Single } else { precision }
    }
}

/// One kernel launch.
#[derive(Clone, Debug)]
pub enum Launch {
    /// The noisy image, centred, scaled and folded into patches.
    Load {
        /// The tensor of patches.
        to: Id,
        /// The patch's side.
        patch: usize,
    },
    /// Concatenates, normalises and activates tensors.
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

/// How a normalisation scales and shifts.
#[derive(Clone, Debug)]
pub enum Scaling {
    /// Not at all: there is only an activation.
    None,
    /// Group normalisation.
    Group {
        /// The number of groups.
        groups: usize,
        /// Scale and shift.
        affine: Affine,
    },
    /// InstanceNorm++.
    Instance(Affine),
}

/// Where a normalisation's scales and shifts are: one scale per padded channel, then the shifts.
/// InstanceNorm++ has the scales of the channels' means in between.
#[derive(Clone, Debug)]
pub enum Affine {
    /// In the parameters.
    Parameters(Slice),
    /// In a row of a table of parameters; σ says which.
    Rows(Slice),
    /// In each row of the table of noise levels, from here on; they depend on σ.
    Table(usize),
}

/// See [`Launch::Conv`].
#[derive(Clone, Debug)]
pub struct Conv {
    /// The convolutions to add up.
    pub terms: Vec<Term>,
    /// Weights of all terms, then the bias.
    pub parameters: Slice,
    /// Tensors added to the sum, and resized if they are of another size.
    pub residuals: Vec<Id>,
    /// The activation of the sum.
    pub activation: Activation,
    /// The columns computed at each position: the padded outputs of all pixels of a fold.
    pub columns: usize,
    /// Each position becomes `fold × fold` pixels, which the columns hold one after the other.
    pub fold: usize,
    /// Height and width of the grid of positions.
    pub grid: [usize; 2],
    /// Where the result goes.
    pub to: Target,
}

/// One convolution of a sum.
#[derive(Clone, Debug)]
pub struct Term {
    /// The tensor to convolve.
    pub source: Id,
    /// The side of the kernel.
    pub kernel: usize,
    /// The step between neighbouring outputs.
    pub stride: usize,
    /// The step between neighbouring taps.
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
    /// Into the image: it is the network's raw output, which moves the image forward.
    Image,
}

/// A network as launches.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The images.
    pub image_shape: ImageShape,
    /// How the network depends on σ.
    pub sigma_embedding: SigmaEmbedding,
    /// Every tensor.
    pub tensors: Vec<Tensor>,
    /// The launches that depend on σ alone, run once per noise level (an "image" of one position):
    /// from features of σ to rows of the table.
    pub levels: Vec<Launch>,
    /// The tensors that hold the features and the table, if there are any.
    pub embedding: Option<[Id; 2]>,
    /// The launches of a step.
    pub steps: Vec<Launch>,
    /// The parameters that the launches read.
    pub parameters: Vec<Parameters>,
}

impl Plan {
    /// The length of the table's rows.
    pub fn row(&self) -> usize {
        self.embedding.map_or(0, |[_, table]| self.tensors[table].shape.channels())
    }

    /// See [`super::Network::operations`].
    pub fn operations(&self) -> u64 {
        let channels = |id: Id| self.tensors[id].axis.channels();
        let of = |launch: &Launch| match launch {
            Launch::Conv(conv) => {
                let taps = |term: &Term| term.kernel * term.kernel * channels(term.source);
                let inputs: usize = conv.terms.iter().map(taps).sum();
                let outputs = match conv.to {
                    Target::Tensor(id) => channels(id),
                    Target::Image => self.image_shape.channels,
                };
                conv.grid[0] * conv.grid[1] * conv.fold * conv.fold * outputs * inputs
            }
            Launch::Attention { to, .. } => {
                let positions = self.tensors[*to].shape.positions();
                2 * positions * positions * channels(*to)
            }
            Launch::Load { .. } | Launch::Norm(_) | Launch::Pool { .. } => 0,
        };
        2 * self.steps.iter().map(|launch| of(launch) as u64).sum::<u64>()
    }
}
