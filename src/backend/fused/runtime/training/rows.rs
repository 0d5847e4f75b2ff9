//! What the kernels of a training step read, as `codegen/kernels/training/training.wgsl` declares
//! it.

use bytemuck::{Pod, Zeroable};

/// The numbers of one part of a step: the uniform `training`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct PartRow {
    /// The number of its images.
    pub images: u32,
    /// The place of the first in the batch.
    pub first: u32,
    /// The place of its example.
    pub example: u32,
    /// The images of the whole batch.
    pub batch: u32,
    /// 1 if gradients are added to those of the parts before.
    pub accumulates: u32,
    /// The step that keys the noise.
    pub noise_step: u32,
    /// The seed's lower word, and what its upper word adds to each index.
    pub seed: [u32; 2],
    /// 1 if images are mirrored at random.
    pub flip: u32,
    /// 1 if bytes are spread over their gray levels.
    pub dequantize: u32,
    /// Adam's learning rate.
    pub learning_rate: f32,
    /// The factor that corrects the bias of Adam's moments, `√(1 − β₂ᵗ)/(1 − β₁ᵗ)`.
    pub correction: f32,
    /// ε `√(1 − β₂ᵗ)`.
    pub epsilon: f32,
    /// The largest norm of the gradient.
    pub most: f32,
    /// Adam's β₁ and β₂.
    pub betas: [f32; 2],
    /// The decay of the moving average.
    pub decay: f32,
    /// Makes the size a multiple of 16 bytes, as for every uniform.
    pub padding: [u32; 3],
}

/// What is drawn for one image of a batch.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct ExampleRow {
    /// Its place in the data set.
    pub image: u32,
    /// The row of its class; the last row is for no class.
    pub class_row: u32,
    /// Its noise level.
    pub sigma: f32,
    /// The logarithm of that.
    pub ln_sigma: f32,
    /// The weight of its loss: λ(σ)/σ² over the images of the batch.
    pub weight: f32,
    /// See `SigmaInput::at`.
    pub c_in: f32,
    /// See there.
    pub score_skip: f32,
    /// See there.
    pub score_out: f32,
}
