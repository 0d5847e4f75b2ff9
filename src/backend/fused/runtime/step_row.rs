//! The numbers that one step needs, as `codegen/kernels/step.wgsl` declares them.

use bytemuck::{Pod, Zeroable};

/// A row of the table of steps: the uniform `step` of the kernels.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct StepRow {
    /// The first row of the tables of noise levels for this step.
    pub row: u32,
    /// How many rows the images take turns to read: 1 if all share one.
    pub row_period: u32,
    /// The stream of the first chain's noise.
    pub first_chain: u32,
    /// How much further the next chain's stream is: 0 if all draw the same.
    pub chain_stride: u32,
    /// The seed's lower word, and what its upper word adds to each index.
    pub seed: [u32; 2],
    /// The same for the seed at the other end of a path.
    pub other: [u32; 2],
    /// The number of images. If an evaluation is for more, the others are the same images again, and
    /// read the row after all of `row_period`.
    pub images: u32,
    /// The step that keys the noise.
    pub noise_step: u32,
    /// The factor of the image.
    pub keep: f32,
    /// The factor of the score.
    pub gain: f32,
    /// The factor of the noise.
    pub noise: f32,
    /// The factor of the image before the last step.
    pub back: f32,
    /// What the update kernel does if the last layer only computes the score.
    pub update: UpdateRow,
    /// Makes the size a multiple of 16 bytes, as for every uniform.
    pub padding: [u32; 3],
}

/// What `codegen/kernels/update.wgsl` does with the score.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct UpdateRow {
    /// The factor of the score.
    pub gain: f32,
    /// w − 1 of classifier-free guidance; 0 if the step is not guided.
    pub guidance: f32,
    /// w − 1 of the step before, if its score is used again.
    pub previous_guidance: f32,
    /// The factor of the score of the step before.
    pub previous: f32,
    /// The factor of the noise.
    pub noise: f32,
    /// The factors of what the last two steps' denoised images differ from the image by.
    pub earlier: [f32; 2],
    /// σ², if this or a later step looks back at denoised images; otherwise 0.
    pub denoise: f32,
    /// If the step's size is measured, that size times ‖s‖²; 0 if the size is known.
    pub signal: f32,
    /// The lower bound of ‖s‖².
    pub bound: f32,
    /// The step whose noise is added to an observation.
    pub observed_step: u32,
    /// The standard deviation of that noise.
    pub observed_sigma: f32,
    /// The size of the blocks whose means are observed: channels, height and width, or all 0 if
    /// nothing is observed.
    pub block: [u32; 3],
}

impl StepRow {
    /// A row that only computes `keep x + gain s` for this many images.
    pub fn evaluate(images: u32, row: u32, keep: f32, gain: f32) -> Self {
        Self { row, row_period: 1, images, keep, gain, ..Self::zeroed() }
    }
}
