//! The layers that networks share, as Burn modules.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor, TensorData};

use super::class_input::ClassInput;
use super::image_shape::ImageShape;
use super::precondition::sigma_features;

/// A convolution that keeps height and width; `kernel` is odd.
pub fn conv(inputs: usize, outputs: usize, kernel: usize, device: &Device) -> Conv2d {
    conv_config(inputs, outputs, kernel).init(device)
}

/// As [`conv`], but zero at first: whatever it is added to starts out unchanged.
pub fn zero_conv(inputs: usize, outputs: usize, kernel: usize, device: &Device) -> Conv2d {
    conv_config(inputs, outputs, kernel).with_initializer(Initializer::Zeros).init(device)
}

fn conv_config(inputs: usize, outputs: usize, kernel: usize) -> Conv2dConfig {
    let padding = PaddingConfig2d::Explicit(kernel / 2, kernel / 2, kernel / 2, kernel / 2);
    Conv2dConfig::new([inputs, outputs], [kernel, kernel]).with_padding(padding)
}

/// N images on a device, N × C × H × W, from the values of one after another.
///
/// # Panics
/// If the last of them is not whole.
pub fn images(values: Vec<f32>, shape: ImageShape, device: &Device) -> Tensor<4> {
    let ImageShape { channels, height, width } = shape;
    let count = values.len() / shape.dimension();
    Tensor::from_data(TensorData::new(values, [count, channels, height, width]), device)
}

/// A number for each of N images, for all of their pixels: N × 1 × 1 × 1.
pub fn column(values: impl IntoIterator<Item = f32>, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = values.into_iter().collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count, 1, 1, 1]), device)
}

/// Scales and shifts each channel of the normalized `h`, N × C × H × W, depending on σ:
/// `h (1 + a) + b` for a modulation `(a, b)` of N × 2C or 1 × 2C (adaptive group normalization;
/// Dhariwal & Nichol 2021, section 3.1).
pub fn modulated(h: Tensor<4>, modulation: Tensor<2>) -> Tensor<4> {
    let [n, channels] = modulation.dims();
    let [scale, shift] =
        modulation.reshape([n, channels, 1, 1]).chunk(2, 1).try_into().expect("two halves");
    h * (scale + 1.0) + shift
}

/// Space to depth (PyTorch's `pixel_unshuffle`): N × C × H × W becomes N × C r² × H/r × W/r.
pub fn pixel_unshuffle(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h / r, r, w / r, r]).permute([0, 1, 3, 5, 2, 4]).reshape([
        n,
        c * r * r,
        h / r,
        w / r,
    ])
}

/// Depth to space, the inverse of [`pixel_unshuffle`]: N × C r² × H × W becomes N × C × H r × W r.
pub fn pixel_shuffle(x: Tensor<4>, r: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let c = c / (r * r);
    x.reshape([n, c, r, r, h, w]).permute([0, 1, 4, 2, 5, 3]).reshape([n, c, h * r, w * r])
}

/// What the blocks are conditioned on, σ and the class if there are classes: features of ln σ through
/// two linear layers, with the class's row added before the last activation.
#[derive(Module, Debug)]
pub struct ConditionEmbedding {
    first: Linear,
    second: Linear,
    /// (C + 1) × size: a row for each class, then one for no class.
    classes: Option<Param<Tensor<2>>>,
}

impl ConditionEmbedding {
    /// An embedding of the given (even) size for C classes, or none.
    ///
    /// The rows of the classes begin at 0, so that a network which began without classes is the
    /// same network at first.
    pub fn new(size: usize, classes: usize, device: &Device) -> Self {
        let linear = || LinearConfig::new(size, size).init(device);
        let rows = || Initializer::Zeros.init([classes + 1, size], device);
        Self { first: linear(), second: linear(), classes: (classes > 0).then(rows) }
    }

    /// C; 0 without classes.
    pub fn classes(&self) -> usize {
        self.classes.as_ref().map_or(0, |rows| rows.dims()[0] - 1)
    }

    /// N × size for N values of σ and N classes, either of which may be a single one for all.
    /// Classes are ignored by an embedding without classes; those beyond the last count as none.
    pub fn forward(&self, sigmas: &[f32], classes: &[ClassInput], device: &Device) -> Tensor<2> {
        let [size, _] = self.first.weight.dims();
        let features: Vec<f32> =
            sigmas.iter().flat_map(|&sigma| sigma_features(sigma, size / 2)).collect();
        let features = Tensor::from_data(TensorData::new(features, [sigmas.len(), size]), device);
        let features: Tensor<2> = features;
        let dtype = self.first.weight.dtype();
        let embedding = self.second.forward(silu(self.first.forward(features.cast(dtype))));
        silu(match &self.classes {
            Some(rows) => {
                let shares = row_shares(classes, rows.dims()[0], device);
                embedding + shares.cast(dtype).matmul(rows.val())
            }
            None => embedding,
        })
    }
}

/// N × rows: how much of each row of the table of classes is added for each image.
fn row_shares(classes: &[ClassInput], rows: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; classes.len() * rows];
    for (shares, class) in values.chunks_exact_mut(rows).zip(classes) {
        for (row, share) in class.rows(rows - 1) {
            shares[row] += share;
        }
    }
    Tensor::from_data(TensorData::new(values, [classes.len(), rows]), device)
}
