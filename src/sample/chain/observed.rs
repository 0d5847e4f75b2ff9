//! An observation on a Burn device.

use burn::tensor::{Device, Tensor, TensorData};

use super::super::observation::{Block, Observation};
use crate::net::ImageShape;

/// [`Observation::impose`] for a whole batch.
#[derive(Clone, Debug)]
pub struct Observed {
    block: Block,
    /// P y: 1 × C × H × W.
    target: Tensor<4>,
    /// 1 where something is observed: 1 × C × H × W.
    mask: Tensor<4>,
}

impl Observed {
    /// The observation on a device.
    pub fn new(observation: &Observation, device: &Device) -> Self {
        let ImageShape { channels, height, width } = observation.image_shape();
        let tensor = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [1, channels, height, width]);
            Tensor::from_data(data, device)
        };
        let (target, mask) = (tensor(observation.target()), tensor(observation.mask()));
        Self { block: observation.block(), target, mask }
    }

    /// `(I − P) x + P (y + σ z)`, N × C × H × W. Exact for blocks of one pixel: `x − x` is 0.
    pub fn impose(&self, x: Tensor<4>, sigma: f32, z: Tensor<4>) -> Tensor<4> {
        let seen = x.clone() - self.block_means(x.clone());
        let seen = seen + self.target.clone() + self.block_means(z * sigma);
        x * (1.0 - self.mask.clone()) + seen * self.mask.clone()
    }

    /// Each pixel replaced by the mean of its block.
    fn block_means(&self, x: Tensor<4>) -> Tensor<4> {
        let Block { channels: deep, height: high, width: wide } = self.block;
        let [n, c, h, w] = x.dims();
        let mut x = x;
        if deep > 1 {
            x = x
                .reshape([n, c / deep, deep, h, w])
                .mean_dim(2)
                .repeat_dim(2, deep)
                .reshape([n, c, h, w]);
        }
        if high * wide > 1 {
            let blocks = x.reshape([n * c, h / high, high, w / wide, wide]);
            let means = blocks.mean_dim(2).mean_dim(4);
            x = means.repeat_dim(2, high).repeat_dim(4, wide).reshape([n, c, h, w]);
        }
        x
    }
}
