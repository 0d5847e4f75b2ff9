//! How a convolution's output is divided into tiles. Which tiling is the fastest differs between
//! GPUs and is measured (`tune/tuner.rs`); the results are the same up to rounding.

use super::strategy::Strategy;

/// The most that one invocation and one workgroup of a convolution compute. A row is divided
/// evenly: an invocation computes 14, 7, 2 or 1 pixels of a row of 14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// The name by which a tuning line refers to it: the invocations of a workgroup, / those that
    /// share a tile.
    pub name: &'static str,
    /// Neighbors of a row that one invocation computes.
    pub(super) pixels: usize,
    /// Output channels that it computes for each: 4 if staged. If direct, fewer neighbors leave
    /// room for more channels.
    pub(super) columns: usize,
    /// Invocations of a workgroup that share their inputs and have columns of their own.
    pub(super) lanes: usize,
    /// Invocations of a workgroup.
    pub(super) group: usize,
    /// Rows of a workgroup.
    pub(super) rows: usize,
    /// Invocations that share a tile, with a part of the input channels each; 1 if direct.
    pub(super) split_k: usize,
    /// Bytes of workgroup memory. More than 16 KiB would keep GPUs from running several workgroups
    /// side by side.
    pub(super) memory: usize,
}

const fn tiling(name: &'static str, sizes: [usize; 6], memory: usize) -> Tiling {
    let [pixels, columns, lanes, group, rows, split_k] = sizes;
    Tiling { name, pixels, columns, lanes, group, rows, split_k, memory }
}

/// Twice as many sums run a tenth faster on software adapters, but take twice as long to compile.
const DIRECT: [Tiling; 2] = [
    tiling("16 x 3 in 16", [16, 3, 64, 16, 16, 1], 0),
    tiling("16 x 6 in 16", [16, 6, 64, 16, 16, 1], 0),
];

const STAGED: [Tiling; 7] = [
    tiling("256 / 4", [8, 4, 24, 256, 8, 4], 1 << 14),
    // Fewer or more invocations to a tile: fewer are enough with many images, which keep a GPU
    // busy.
    tiling("256 / 2", [8, 4, 24, 256, 8, 2], 1 << 14),
    tiling("256 / 8", [8, 4, 24, 256, 8, 8], 1 << 14),
    tiling("256", [8, 4, 32, 256, 16, 1], 1 << 14),
    // Smaller workgroups, and fewer channels at a time, so that a core has room for more of them.
    tiling("128", [8, 4, 24, 128, 8, 1], 1 << 14),
    tiling("128, 8 KiB", [8, 4, 24, 128, 8, 1], 1 << 13),
    // Fewer neighbors: more loads of weights for each product, and fewer registers.
    tiling("128 / 2, narrow", [4, 4, 24, 128, 8, 2], 1 << 14),
];

impl Tiling {
    /// The tilings of a strategy; the first is the default.
    pub fn of(strategy: Strategy) -> &'static [Self] {
        match strategy {
            Strategy::Direct => &DIRECT,
            Strategy::Staged => &STAGED,
        }
    }

    /// The tiling of that name.
    pub fn named(strategy: Strategy, name: &str) -> Option<Self> {
        Self::of(strategy).iter().copied().find(|tiling| tiling.name == name)
    }
}
