//! The numbers that one step needs, as `kernels/step.wgsl` declares them.

use bytemuck::{Pod, Zeroable};

/// See the shader.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct StepRow {
    /// The row of the tables of noise levels for the first picture.
    pub row: u32,
    /// How much further the next picture's row is: 0 if all share one.
    pub row_stride: u32,
    /// The number of the first chain.
    pub first_chain: u32,
    /// The step under which noise is drawn.
    pub noise_step: u32,
    /// The seed's lower word.
    pub seed_low: u32,
    /// What the seed's upper word adds to each index.
    pub seed_high: u32,
    /// The factor of the picture.
    pub keep: f32,
    /// The factor of the score.
    pub gain: f32,
    /// The factor of the noise.
    pub noise: f32,
    /// The factor of the picture before the last step.
    pub back: f32,
    /// Uniforms are multiples of 16 bytes.
    pub padding: [u32; 2],
}

impl StepRow {
    /// The row that only asks: `keep x + gain s`.
    pub fn ask(row: u32, keep: f32, gain: f32) -> Self {
        Self { row, keep, gain, ..Self::zeroed() }
    }
}
