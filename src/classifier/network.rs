//! The classifier as a Burn module: convolutions with normalizations that σ scales and shifts, then
//! features, then classes.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig};
use burn::nn::{GroupNorm, GroupNormConfig, Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor};

use super::description::ClassifierDescription;
use crate::net::burn_layers::{ConditionEmbedding, column, conv, modulated, pixel_unshuffle};
use crate::net::{DescriptionError, Preconditioning};

/// A classifier on a Burn device.
#[derive(Module, Debug)]
pub struct Classifier {
    embedding: ConditionEmbedding,
    blocks: Vec<Block>,
    features: Linear,
    classes: Linear,
    patch: usize,
    #[module(skip)]
    preconditioning: Preconditioning,
}

#[derive(Module, Debug)]
struct Block {
    conv: Conv2d,
    norm: GroupNorm,
    modulation: Linear,
    pool: Option<AvgPool2d>,
}

impl Block {
    fn forward(&self, x: Tensor<4>, embedding: Tensor<2>) -> Tensor<4> {
        let h = self.norm.forward(self.conv.forward(x));
        let h = silu(modulated(h, self.modulation.forward(embedding)));
        match &self.pool {
            Some(pool) => pool.forward(h),
            None => h,
        }
    }
}

impl Classifier {
    /// A classifier with random weights.
    ///
    /// # Errors
    /// [`DescriptionError`] if the sizes do not fit together.
    pub fn new(
        description: &ClassifierDescription,
        device: &Device,
    ) -> Result<Self, DescriptionError> {
        description.check()?;
        let ClassifierDescription { patch, embedding, preconditioning, .. } = *description;
        let mut channels = description.image_shape.channels * patch * patch;
        let mut blocks = Vec::new();
        for (&width, &pool) in description.widths.iter().zip(&description.pools) {
            blocks.push(Block {
                conv: conv(channels, width, 3, device),
                norm: GroupNormConfig::new(description.groups, width)
                    .with_affine(false)
                    .init(device),
                modulation: LinearConfig::new(embedding, 2 * width).init(device),
                pool: pool.then(|| AvgPool2dConfig::new([2, 2]).init()),
            });
            channels = width;
        }
        let [height, width] = description.last_sides();
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Ok(Self {
            embedding: ConditionEmbedding::new(embedding, 0, device),
            blocks,
            features: linear(channels * height * width, description.features),
            classes: linear(description.features, description.classes),
            patch,
            preconditioning,
        })
    }

    /// The features that classes are predicted from, N × F, for `x` of N × C × H × W. `sigmas`
    /// holds one σ > 0 for each of the N images, or a single one for all.
    pub fn features(&self, x: Tensor<4>, sigmas: &[f32]) -> Tensor<2> {
        let device = x.device();
        let Preconditioning { mean, .. } = self.preconditioning;
        let c_in = |&sigma: &f32| self.preconditioning.at(sigma).c_in;
        let c_in = column(sigmas.iter().map(c_in), &device);
        let embedding = self.embedding.forward(sigmas, &[None.into()], &device);
        let mut h = pixel_unshuffle((x - mean) * c_in, self.patch);
        for block in &self.blocks {
            h = block.forward(h, embedding.clone());
        }
        silu(self.features.forward(h.flatten::<2>(1, 3)))
    }

    /// The logits of the classes, N × K, for features of N × F.
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        self.classes.forward(features)
    }
}
