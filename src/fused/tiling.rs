//! The shapes of a convolution's tiles. Which is the fastest differs between GPUs, and is measured
//! (`tuner.rs`); the results are the same up to rounding.

use super::setup::Style;

/// What one invocation and one workgroup of a convolution take, at most: layers whose sizes are no
/// multiples take less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// What it is remembered by.
    pub name: &'static str,
    /// Neighbours of a row that one invocation computes.
    pub(super) pixels: usize,
    /// Sums that it holds: pixels × columns.
    pub(super) sums: usize,
    /// Invocations of a workgroup that share their inputs and have columns of their own.
    pub(super) lanes: usize,
    /// Invocations of a workgroup.
    pub(super) group: usize,
    /// Rows of a workgroup.
    pub(super) rows: usize,
}

const fn tiling(name: &'static str, [pixels, sums, lanes, group, rows]: [usize; 5]) -> Tiling {
    Tiling { name, pixels, sums, lanes, group, rows }
}

/// Twice as many sums run a tenth faster on software adapters, and compile for twice as long.
const DIRECT: [Tiling; 2] =
    [tiling("16 x 3 in 16", [16, 48, 64, 16, 16]), tiling("16 x 6 in 16", [16, 96, 64, 16, 16])];

const STAGED: [Tiling; 6] = [
    tiling("8 x 4 in 128", [8, 32, 24, 128, 8]),
    // Half the weights and half the inputs for each product, at twice the registers.
    tiling("8 x 8 in 128", [8, 64, 24, 128, 8]),
    // More invocations, for small pictures that leave a large GPU idle.
    tiling("4 x 4 in 128", [4, 16, 24, 128, 8]),
    tiling("4 x 8 in 128", [4, 32, 24, 128, 8]),
    // Smaller and larger workgroups: more of them side by side, or more that share their inputs.
    tiling("8 x 4 in 64", [8, 32, 16, 64, 4]),
    tiling("8 x 4 in 256", [8, 32, 32, 256, 16]),
];

impl Tiling {
    /// Those that a style can use; the first until somebody has measured.
    pub fn of(style: Style) -> &'static [Self] {
        match style {
            Style::Direct => &DIRECT,
            Style::Staged => &STAGED,
        }
    }

    /// The one of that name.
    pub fn named(style: Style, name: &str) -> Option<Self> {
        Self::of(style).iter().copied().find(|tiling| tiling.name == name)
    }
}
