//! What an ONNX file should be like.

use crate::sample::Settings;

/// How many images a graph takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// This many, and one σ for all: the runtime knows every shape beforehand.
    Fixed(usize),
    /// Any number, and one σ for all or one for each.
    Dynamic,
}

/// What a file should be like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The number of images.
    pub batch: Batch,
    /// The version of ONNX's operators, from [`Options::OPSETS`].
    pub opset: i64,
    /// The sampler whose step table is put into the metadata; `None` for the one that the card
    /// recommends.
    pub settings: Option<Settings>,
}

impl Options {
    /// The versions in which all operators used here mean the same.
    pub const OPSETS: std::ops::RangeInclusive<i64> = 13..=24;
    /// Supported by every runtime of recent years.
    pub const DEFAULT_OPSET: i64 = 17;
    /// The most images of a fixed batch.
    pub const MAX_BATCH: usize = 65_536;
}
