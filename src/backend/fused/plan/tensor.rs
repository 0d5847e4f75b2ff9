//! The tensors that launches read and write, and the parameters that they read.
//!
//! Tensors are channels-last, with channels padded to a multiple of four.

use super::channel_layout::ChannelLayout;

/// The index of a tensor.
pub type Id = usize;

/// The index of one of a plan's slices of [`Parameters`].
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
        self.segments.iter().map(|segment| segment.next_multiple_of(4)).sum()
    }

    /// The positions of one image.
    pub fn positions(&self) -> usize {
        self.height * self.width
    }
}

/// What a plan states about a tensor.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its shape.
    pub shape: Shape,
    /// The order of its channels in memory.
    pub layout: ChannelLayout,
    /// Whether the launch that writes it also writes the moments of its tiles, for a normalization.
    pub statistics: bool,
    /// Whether it is in f32 whatever the network's precision.
    pub exact: bool,
}

/// Trained numbers that launches read.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// The numbers, in the order of memory.
    pub values: Vec<f32>,
    /// As [`Tensor::exact`].
    pub exact: bool,
}
