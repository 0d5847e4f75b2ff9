//! The U-Net on a Burn device.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, GroupNormConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor};

use super::blocks::{Attention, ResidualBlock};
use super::description::UNetDescription;
use crate::net::ClassInput;
use crate::net::burn_layers::{
    ConditionEmbedding, column, conv, pixel_shuffle, pixel_unshuffle, zero_conv,
};
use crate::net::precondition::{Coefficients, Preconditioning};

/// A U-Net on a Burn device.
#[derive(Module, Debug)]
pub struct UNet {
    embedding: ConditionEmbedding,
    stem: Conv2d,
    down: Vec<Level>,
    middle: ResidualBlock,
    up: Vec<Level>,
    head_norm: GroupNorm,
    head: Conv2d,
    patch: usize,
    #[module(skip)]
    preconditioning: Preconditioning,
    guidance_max: f32,
}

/// The blocks at one resolution, on the way down or up.
#[derive(Module, Debug)]
struct Level {
    blocks: Vec<ResidualBlock>,
    attention: Option<Attention>,
    resample: Option<Conv2d>,
}

impl Level {
    fn forward(&self, mut x: Tensor<4>, embedding: &Tensor<2>) -> Tensor<4> {
        for block in &self.blocks {
            x = block.forward(x, embedding.clone());
        }
        match &self.attention {
            Some(attention) => attention.forward(x),
            None => x,
        }
    }
}

impl UNet {
    /// A U-Net of checked sizes with freshly drawn weights.
    pub(in crate::net) fn new(sizes: &UNetDescription, device: &Device) -> Self {
        let widths = &sizes.widths;
        let pixels = sizes.image_shape.channels * sizes.patch * sizes.patch;
        let (finest, coarsest) = (widths[0], widths[widths.len() - 1]);
        let level = |level: usize, first: usize, resample: Option<Conv2d>| {
            let width = widths[level];
            let inputs = |block| if block == 0 { first } else { width };
            let block = |block| ResidualBlock::new(inputs(block), width, sizes, device);
            Level {
                blocks: (0..sizes.blocks).map(block).collect(),
                attention: sizes.attention[level].then(|| Attention::new(width, sizes, device)),
                resample,
            }
        };
        let half = |l: usize| widths.get(l + 1).map(|&next| conv(widths[l] * 4, next, 1, device));
        let double = |l: usize| (l > 0).then(|| conv(widths[l], widths[l - 1] * 4, 1, device));
        Self {
            embedding: ConditionEmbedding::new(sizes.embedding, sizes.classes, device),
            stem: conv(pixels, finest, 3, device),
            down: (0..widths.len()).map(|l| level(l, widths[l], half(l))).collect(),
            middle: ResidualBlock::new(coarsest, coarsest, sizes, device),
            up: (0..widths.len()).map(|l| level(l, 2 * widths[l], double(l))).collect(),
            head_norm: GroupNormConfig::new(sizes.groups, finest).init(device),
            head: zero_conv(finest, pixels, 3, device),
            patch: sizes.patch,
            preconditioning: sizes.preconditioning,
            guidance_max: sizes.guidance_max,
        }
    }

    /// See [`crate::net::Network::classes`].
    pub fn classes(&self) -> usize {
        self.embedding.classes()
    }

    /// See [`crate::net::Network::guidance_max`].
    pub fn guidance_max(&self) -> f32 {
        self.guidance_max
    }

    /// See [`crate::net::Network::conditional_score`].
    pub fn score(&self, x: Tensor<4>, sigmas: &[f32], classes: &[ClassInput]) -> Tensor<4> {
        let device = x.device();
        let each = |f: fn(Coefficients) -> f32| {
            column(sigmas.iter().map(|&sigma| f(self.preconditioning.at(sigma))), &device)
        };
        let centered = x - self.preconditioning.mean;
        let embedding = self.embedding.forward(sigmas, classes, &device);
        let raw = self.raw(centered.clone() * each(|c| c.c_in), embedding);
        centered * each(|c| c.score_skip) + raw * each(|c| c.score_out)
    }

    /// F of [`crate::net::precondition`], computed in the type of the weights.
    fn raw(&self, x: Tensor<4>, embedding: Tensor<2>) -> Tensor<4> {
        let (outside, inside) = (x.dtype(), self.stem.weight.dtype());
        let mut x = self.stem.forward(pixel_unshuffle(x.cast(inside), self.patch));
        let mut skips = Vec::with_capacity(self.down.len());
        for level in &self.down {
            x = level.forward(x, &embedding);
            skips.push(x.clone());
            if let Some(resample) = &level.resample {
                x = resample.forward(pixel_unshuffle(x, 2));
            }
        }
        x = self.middle.forward(x, embedding.clone());
        for (level, skip) in self.up.iter().zip(skips).rev() {
            x = level.forward(Tensor::cat(vec![x, skip], 1), &embedding);
            if let Some(resample) = &level.resample {
                x = pixel_shuffle(resample.forward(x), 2);
            }
        }
        pixel_shuffle(self.head.forward(silu(self.head_norm.forward(x))), self.patch).cast(outside)
    }
}
