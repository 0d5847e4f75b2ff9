//! The blocks of a U-Net, as Burn modules.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{GroupNorm, GroupNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{silu, softmax};
use burn::tensor::{Device, Tensor};

use super::UNetDescription;
use crate::net::burn_layers::{conv, modulated, zero_conv};

/// A residual block of two 3 × 3 convolutions; σ scales and shifts the second normalization
/// (adaptive group normalization; Dhariwal & Nichol 2021, section 3.1).
#[derive(Module, Debug)]
pub struct ResidualBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    modulation: Linear,
    norm2: GroupNorm,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
}

impl ResidualBlock {
    /// From `inputs` to `outputs` channels.
    pub fn new(inputs: usize, outputs: usize, sizes: &UNetDescription, device: &Device) -> Self {
        let norm = |channels| GroupNormConfig::new(sizes.groups, channels);
        Self {
            norm1: norm(inputs).init(device),
            conv1: conv(inputs, outputs, 3, device),
            modulation: LinearConfig::new(sizes.embedding, 2 * outputs).init(device),
            norm2: norm(outputs).with_affine(false).init(device),
            conv2: zero_conv(outputs, outputs, 3, device),
            shortcut: (inputs != outputs).then(|| conv(inputs, outputs, 1, device)),
        }
    }

    /// `x` is N × inputs × H × W, `embedding` N × E or 1 × E; returns N × outputs × H × W.
    pub fn forward(&self, x: Tensor<4>, embedding: Tensor<2>) -> Tensor<4> {
        let h = self.conv1.forward(silu(self.norm1.forward(x.clone())));
        let h = modulated(self.norm2.forward(h), self.modulation.forward(embedding));
        let h = self.conv2.forward(silu(h));
        h + match &self.shortcut {
            Some(shortcut) => shortcut.forward(x),
            None => x,
        }
    }
}

/// Self-attention among all positions, so that distant parts of an image can depend on each other.
#[derive(Module, Debug)]
pub struct Attention {
    norm: GroupNorm,
    qkv: Conv2d,
    out: Conv2d,
    heads: usize,
}

impl Attention {
    /// For `width` channels.
    pub fn new(width: usize, sizes: &UNetDescription, device: &Device) -> Self {
        Self {
            norm: GroupNormConfig::new(sizes.groups, width).init(device),
            qkv: conv(width, 3 * width, 1, device),
            out: zero_conv(width, width, 1, device),
            heads: sizes.heads,
        }
    }

    /// N × width × H × W in and out.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, width, h, w] = x.dims();
        let size = width / self.heads;
        // Heads are batches; q, k and v are size × positions, as the convolution leaves them.
        let qkv = self.qkv.forward(self.norm.forward(x.clone()));
        let qkv = qkv.reshape([n, 3, self.heads, size, h * w]);
        let [q, k, v] = [0, 1, 2]
            .map(|i| qkv.clone().slice([0..n, i..i + 1]).reshape([n, self.heads, size, h * w]));
        let q = q.mul_scalar((size as f32).sqrt().recip());
        let weights = softmax(q.swap_dims(2, 3).matmul(k), 3);
        let mixed = v.matmul(weights.swap_dims(2, 3)).reshape([n, width, h, w]);
        x + self.out.forward(mixed)
    }
}
