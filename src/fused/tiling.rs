//! The shapes of a convolution's tiles. Which is the fastest differs between GPUs and is measured
//! (`tuner.rs`); the results are the same up to rounding.

use super::setup::Style;

/// The most that one invocation and one workgroup of a convolution take. A row is divided evenly:
/// an invocation takes 14, 7, 2 or 1 pixels of a row of 14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// The name it is remembered by.
    pub name: &'static str,
    /// Neighbours of a row that one invocation computes.
    pub(super) pixels: usize,
    /// Output channels that it computes for each: 4 or 8 if staged. If direct, fewer neighbours
    /// leave room for more channels.
    pub(super) columns: usize,
    /// Invocations of a workgroup that share their inputs and have columns of their own.
    pub(super) lanes: usize,
    /// Invocations of a workgroup.
    pub(super) group: usize,
    /// Rows of a workgroup.
    pub(super) rows: usize,
    /// Bytes of workgroup memory. More than 16 KiB would keep GPUs from running several workgroups
    /// side by side.
    pub(super) memory: usize,
}

const fn tiling(name: &'static str, sizes: [usize; 5], memory: usize) -> Tiling {
    let [pixels, columns, lanes, group, rows] = sizes;
    Tiling { name, pixels, columns, lanes, group, rows, memory }
}

/// Twice as many sums run a tenth faster on software adapters, but take twice as long to compile.
const DIRECT: [Tiling; 2] = [
    tiling("16 x 3 in 16", [16, 3, 64, 16, 16], 0),
    tiling("16 x 6 in 16", [16, 6, 64, 16, 16], 0),
];

const STAGED: [Tiling; 8] = [
    tiling("8 x 4 in 128", [8, 4, 24, 128, 8], 1 << 14),
    // Half as many loads of inputs for each product, at twice the registers.
    tiling("8 x 8 in 128", [8, 8, 24, 128, 8], 1 << 14),
    // Fewer neighbours: more loads of weights for each product, and more invocations.
    tiling("4 x 4 in 128", [4, 4, 24, 128, 8], 1 << 14),
    tiling("4 x 8 in 128", [4, 8, 24, 128, 8], 1 << 14),
    // As many workgroups as possible, where a single picture would leave a large GPU idle.
    tiling("2 x 4 in 64", [2, 4, 16, 64, 4], 1 << 14),
    // Smaller and larger workgroups: more of them side by side, or more that share their inputs.
    tiling("8 x 4 in 64", [8, 4, 16, 64, 4], 1 << 14),
    tiling("8 x 4 in 256", [8, 4, 32, 256, 16], 1 << 14),
    // Fewer channels are staged at a time, so that a core has room for more workgroups.
    tiling("8 x 4 in 128, 8 KiB", [8, 4, 24, 128, 8], 1 << 13),
];

impl Tiling {
    /// The tilings of a style; the first is the default.
    pub fn of(style: Style) -> &'static [Self] {
        match style {
            Style::Direct => &DIRECT,
            Style::Staged => &STAGED,
        }
    }

    /// The tiling of that name.
    pub fn named(style: Style, name: &str) -> Option<Self> {
        Self::of(style).iter().copied().find(|tiling| tiling.name == name)
    }
}
