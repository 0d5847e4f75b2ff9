//! The blocks of a RefineNet, as Burn modules.

use burn::module::{Module, Param};
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};

use super::description::{RefineNetDescription, Stage, Variant};
use crate::net::NORM_EPSILON;
use crate::net::burn_layers::conv;

/// The row of the normalizations' tables for each image: N of them, or one for all.
pub type Rows = Tensor<1, Int>;

/// InstanceNorm++ (Song & Ermon 2019, appendix A.1): normalizes each channel of each image over
/// its pixels, and adds back, scaled by α, what that removes: how the channel's mean compares with
/// the other channels' means.
///
/// `z = γ [(x − μ)/σ + α (μ − m)/v] + β`, with a row of γ, α and β for each level.
#[derive(Module, Debug)]
pub struct InstanceNormPlus {
    /// rows × 3 C: γ, α and β side by side.
    table: Param<Tensor<2>>,
}

impl InstanceNormPlus {
    /// As published: γ, α ~ N(1, 0.02²), β = 0.
    pub fn new(rows: usize, channels: usize, device: &Device) -> Self {
        let normal = Distribution::Normal(1.0, 0.02);
        let scales = Tensor::random([rows, 2 * channels], normal, device);
        let table = Tensor::cat(vec![scales, Tensor::zeros([rows, channels], device)], 1);
        Self { table: Param::from_tensor(table) }
    }

    /// N × C × H × W in and out.
    pub fn forward(&self, x: Tensor<4>, rows: &Rows) -> Tensor<4> {
        let [_, channels, ..] = x.dims();
        let table = self.table.val().select(0, rows.clone());
        let [n, _] = table.dims();
        let [gamma, alpha, beta] =
            table.reshape([n, 3 * channels, 1, 1]).chunk(3, 1).try_into().expect("three thirds");

        let means = x.clone().mean_dim(3).mean_dim(2);
        let centered = x - means.clone();
        let variance = centered.clone().square().mean_dim(3).mean_dim(2);
        let normal = centered / (variance + NORM_EPSILON).sqrt();

        let means = means.clone() - means.mean_dim(1);
        // Unbiased, unlike the variance above, as in the published networks.
        let spread = means.clone().square().sum_dim(1).div_scalar((channels - 1) as f32);
        let means = means / (spread + NORM_EPSILON).sqrt();
        (normal + means * alpha) * gamma + beta
    }
}

/// The exponential linear unit. Burn's own also computes exp(x) of large x, on the branch that it
/// does not use, which makes a gradient of 0 · ∞.
pub fn elu(x: Tensor<4>) -> Tensor<4> {
    x.clone().clamp_min(0.0) + (x.clamp_max(0.0).exp() - 1.0)
}

/// A 3 × 3 convolution that keeps height and width.
fn dilated_conv(inputs: usize, outputs: usize, dilation: usize, device: &Device) -> Conv2d {
    let padding = PaddingConfig2d::Explicit(dilation, dilation, dilation, dilation);
    Conv2dConfig::new([inputs, outputs], [3, 3])
        .with_dilation([dilation, dilation])
        .with_padding(padding)
        .init(device)
}

/// A residual block of the encoder.
#[derive(Module, Debug)]
pub struct Residual {
    norm1: InstanceNormPlus,
    conv1: Conv2d,
    norm2: InstanceNormPlus,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
    halves: bool,
}

impl Residual {
    /// The block of a stage that changes the shape (`first`), or the one after it.
    pub fn new(stage: &Stage, first: bool, rows: usize, device: &Device) -> Self {
        let (outputs, dilation) = (stage.outputs, stage.dilation);
        let inputs = if first { stage.inputs } else { outputs };
        let shortcut = |kernel| match kernel {
            1 => conv(inputs, outputs, 1, device),
            _ => dilated_conv(inputs, outputs, dilation, device),
        };
        Self {
            norm1: InstanceNormPlus::new(rows, inputs, device),
            conv1: dilated_conv(inputs, inputs, dilation, device),
            norm2: InstanceNormPlus::new(rows, inputs, device),
            conv2: dilated_conv(inputs, outputs, dilation, device),
            shortcut: stage.shortcut().filter(|_| first).map(shortcut),
            halves: first && stage.halves,
        }
    }

    /// N × inputs × H × W in; N × outputs × H × W out, or half of both sides.
    pub fn forward(&self, x: Tensor<4>, rows: &Rows) -> Tensor<4> {
        let h = self.conv1.forward(elu(self.norm1.forward(x.clone(), rows)));
        let h = self.conv2.forward(elu(self.norm2.forward(h, rows)));
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x),
            None => x,
        };
        let sum = h + shortcut;
        if self.halves { avg_pool2d(sum, AvgPoolOptions::new([2, 2])) } else { sum }
    }
}

/// A 3 × 3 convolution, with a normalization before it in NCSN.
#[derive(Module, Debug)]
struct NormConv {
    norm: Option<InstanceNormPlus>,
    conv: Conv2d,
}

impl NormConv {
    fn new(
        inputs: usize,
        outputs: usize,
        bias: bool,
        sizes: &RefineNetDescription,
        device: &Device,
    ) -> Self {
        let norm = || InstanceNormPlus::new(sizes.rows(), inputs, device);
        let conv = Conv2dConfig::new([inputs, outputs], [3, 3])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .with_bias(bias)
            .init(device);
        Self { norm: sizes.normalizes_refinements().then(norm), conv }
    }

    /// `between` goes between normalization and convolution.
    fn forward(
        &self,
        x: Tensor<4>,
        rows: &Rows,
        between: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let x = match &self.norm {
            Some(norm) => norm.forward(x, rows),
            None => x,
        };
        self.conv.forward(between(x))
    }
}

/// Residual convolution units (RCU; Lin et al. 2016, section 3.2): pairs of activations and
/// convolutions, with a shortcut around each pair.
#[derive(Module, Debug)]
struct Units {
    convs: Vec<NormConv>,
}

impl Units {
    fn new(channels: usize, units: usize, sizes: &RefineNetDescription, device: &Device) -> Self {
        let conv = |_| NormConv::new(channels, channels, false, sizes, device);
        Self { convs: (0..2 * units).map(conv).collect() }
    }

    fn forward(&self, mut x: Tensor<4>, rows: &Rows) -> Tensor<4> {
        for unit in self.convs.chunks_exact(2) {
            let inner = unit.iter().fold(x.clone(), |h, conv| conv.forward(h, rows, elu));
            x = x + inner;
        }
        x
    }
}

/// A refinement (Lin et al. 2016, figure 3): brings a stage and the next coarser refinement to the
/// same shape, adds them, and makes every position depend on a wide neighborhood.
#[derive(Module, Debug)]
pub struct Refinement {
    /// For the stage, and for the coarser refinement if there is one.
    adapt: Vec<Units>,
    /// Multi-resolution fusion (MSF); none at the coarsest stage.
    fuse: Vec<NormConv>,
    /// Chained residual pooling (CRP).
    pool: Vec<NormConv>,
    output: Units,
    averages: bool,
}

impl Refinement {
    /// The refinement of `stages[index]`.
    pub fn new(
        index: usize,
        stages: &[Stage],
        sizes: &RefineNetDescription,
        device: &Device,
    ) -> Self {
        let Stage { outputs, refined, .. } = stages[index];
        let inputs = if index + 1 < stages.len() { 2 } else { 1 };
        let adapt = |_| Units::new(outputs, RefineNetDescription::ADAPT_UNITS, sizes, device);
        let fuse = |_| NormConv::new(outputs, refined, true, sizes, device);
        let pool = |_| NormConv::new(refined, refined, false, sizes, device);
        Self {
            adapt: (0..inputs).map(adapt).collect(),
            fuse: (0..inputs).filter(|_| inputs > 1).map(fuse).collect(),
            pool: (0..RefineNetDescription::POOLS).map(pool).collect(),
            output: Units::new(refined, RefineNetDescription::output_units(index), sizes, device),
            averages: sizes.variant == Variant::Ncsn,
        }
    }

    /// `stage` is N × outputs × H × W, `coarser` the output of the next coarser refinement, of the
    /// same size or half of it; returns N × refined × H × W.
    pub fn forward(&self, stage: Tensor<4>, coarser: Option<Tensor<4>>, rows: &Rows) -> Tensor<4> {
        let [_, _, height, width] = stage.dims();
        let inputs = [Some(stage), coarser].into_iter().flatten();
        let mut adapted = self.adapt.iter().zip(inputs).map(|(units, x)| units.forward(x, rows));
        let fused = if self.fuse.is_empty() {
            adapted.next()
        } else {
            let resized = self
                .fuse
                .iter()
                .zip(adapted)
                .map(|(conv, x)| resize(conv.forward(x, rows, |x| x), height, width));
            resized.reduce(|sum, x| sum + x)
        };
        let x = elu(fused.expect("a stage is always there"));

        let mut sum = x.clone();
        let mut path = x;
        for conv in &self.pool {
            path = conv.forward(path, rows, |x| self.pooled(x));
            sum = sum + path.clone();
        }
        self.output.forward(sum, rows)
    }

    /// The mean or maximum of the 5 × 5 pixels around each. Beyond the edge the mean counts zeros,
    /// the maximum nothing.
    fn pooled(&self, x: Tensor<4>) -> Tensor<4> {
        if self.averages {
            let options = AvgPoolOptions::new([5, 5]).with_stride([1, 1]);
            avg_pool2d(x, options.with_padding([2, 2]))
        } else {
            let options = MaxPoolOptions::new([5, 5]).with_stride([1, 1]);
            max_pool2d(x, options.with_padding([2, 2]))
        }
    }
}

/// Bilinear interpolation with aligned corners (PyTorch's `align_corners`), one axis after the
/// other as products with small matrices: not all of Burn's devices can differentiate its own.
fn resize(x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    let x = resize_rows(x, width);
    resize_rows(x.swap_dims(2, 3), height).swap_dims(2, 3)
}

/// N × C × H × W to N × C × H × `width`.
fn resize_rows(x: Tensor<4>, width: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    if w == width {
        return x;
    }
    let mut matrix = vec![0.0; w * width];
    for column in 0..width {
        let place = column as f64 * (w - 1) as f64 / (width - 1).max(1) as f64;
        let left = (place as usize).min(w.saturating_sub(2));
        let share = place - left as f64;
        matrix[left * width + column] = (1.0 - share) as f32;
        if w > 1 {
            matrix[(left + 1) * width + column] = share as f32;
        }
    }
    let matrix = Tensor::<2>::from_data(TensorData::new(matrix, [w, width]), &x.device());
    x.clone().reshape([n * c * h, w]).matmul(matrix.cast(x.dtype())).reshape([n, c, h, width])
}
