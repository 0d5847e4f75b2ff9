//! What a network amounts to on a GPU: a list of kernel launches over tensors, and the parameters
//! that they read. Everything is known but the number of pictures.
//!
//! Tensors are channels-last, with channels padded to a multiple of four. [`super::builder`] makes
//! plans, [`super::lower`] turns launches into shaders.

use super::conditioning::Conditioning;
use super::pack::Axis;
use super::precision::Precision;
use crate::net::Picture;

/// Which tensor.
pub type Id = usize;

/// Which of a plan's parameters.
pub type Slice = usize;

/// One picture's share of a tensor.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The channels of each part that was concatenated; each part is padded by itself.
    pub segments: Vec<usize>,
    /// In positions.
    pub height: usize,
    /// In positions.
    pub width: usize,
}

impl Shape {
    /// The channels in memory.
    pub fn channels(&self) -> usize {
        self.segments.iter().map(|&segment| padded(segment)).sum()
    }

    /// The positions of one picture.
    pub fn positions(&self) -> usize {
        self.height * self.width
    }
}

/// Channels come in fours.
pub fn padded(channels: usize) -> usize {
    channels.next_multiple_of(4)
}

/// What is held of a tensor.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its shape.
    pub shape: Shape,
    /// The order of its channels in memory.
    pub axis: Axis,
    /// Whether whoever writes it also has to leave its tiles' moments for a normalisation.
    pub statistics: bool,
    /// Whether it is f32 whatever the precision of the others.
    pub exact: bool,
}

impl Tensor {
    /// In what precision it is kept where the network's is `precision`.
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
    /// The noisy picture, centred, scaled and folded into patches.
    Load {
        /// The tensor of patches.
        to: Id,
        /// The patch's side.
        patch: usize,
    },
    /// What happens to tensors on their way into a convolution.
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
    /// Each position becomes what a square of positions around it amounts to.
    Pool {
        /// What is pooled.
        from: Id,
        /// What of the square is taken.
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

/// What becomes of each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// It stays.
    None,
    /// x/(1 + e⁻ˣ).
    Silu,
    /// x, or eˣ − 1 below 0.
    Elu,
}

/// See [`Launch::Norm`].
#[derive(Clone, Debug)]
pub struct Norm {
    /// What is concatenated.
    pub from: Vec<Id>,
    /// How it is scaled and shifted.
    pub scaling: Scaling,
    /// What follows.
    pub activation: Activation,
    /// The result.
    pub to: Id,
}

/// The affine map that a normalisation comes down to.
#[derive(Clone, Debug)]
pub enum Scaling {
    /// There is none, only an activation.
    None,
    /// Group normalisation.
    Group {
        /// How many groups.
        groups: usize,
        /// Scale and shift.
        affine: Affine,
    },
    /// InstanceNorm++.
    Instance(Affine),
}

/// Where a normalisation's scales and shifts are: as many scales as padded channels, then the
/// shifts; InstanceNorm++ has the scales of the channels' means between them.
#[derive(Clone, Debug)]
pub enum Affine {
    /// They are parameters.
    Parameters(Slice),
    /// They are a row of a table of parameters; which one, σ says.
    Rows(Slice),
    /// They depend on σ: they begin here in each row of the table of noise levels.
    Table(usize),
}

/// See [`Launch::Conv`].
#[derive(Clone, Debug)]
pub struct Conv {
    /// The convolutions that are added up.
    pub terms: Vec<Term>,
    /// Weights of all terms, then the bias.
    pub parameters: Slice,
    /// What is added to the sum; resized where it is of another size.
    pub residuals: Vec<Id>,
    /// What is taken of the sum.
    pub activation: Activation,
    /// The columns that are computed at each position: padded outputs of all pixels of a fold.
    pub columns: usize,
    /// Each position becomes `fold × fold`, which the columns hold one after the other.
    pub fold: usize,
    /// Height and width of the positions where it is computed.
    pub grid: [usize; 2],
    /// What becomes of the result.
    pub to: Target,
}

/// One convolution of a sum.
#[derive(Clone, Debug)]
pub struct Term {
    /// What is convolved.
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

    /// A 3 × 3 convolution whose taps are so far apart.
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

    /// Zeros before the first position.
    pub fn padding(&self) -> usize {
        (self.kernel - self.stride) * self.dilation / 2
    }
}

/// What becomes of a convolution's result.
#[derive(Clone, Debug)]
pub enum Target {
    /// It is a tensor.
    Tensor(Id),
    /// It is the network's raw output: the picture is brought forward by it.
    Picture,
}

/// A network as launches.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pictures.
    pub picture: Picture,
    /// How σ enters and leaves.
    pub conditioning: Conditioning,
    /// Every tensor.
    pub tensors: Vec<Tensor>,
    /// What depends on σ alone, run once for each noise level (a "picture" of one position): from
    /// features of σ to rows of the table.
    pub levels: Vec<Launch>,
    /// The tensors that hold the features and the table, where there are any.
    pub embedding: Option<[Id; 2]>,
    /// What a step runs.
    pub steps: Vec<Launch>,
    /// What the launches read.
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
                    Target::Picture => self.picture.channels,
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
