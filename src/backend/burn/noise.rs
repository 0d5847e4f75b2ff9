//! The noise of a batch of chains on a Burn device.

use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::net::ImageShape;
use crate::net::burn_layers::column;
use crate::random::{BELOW_ONE, Key, congruential};
use crate::sample::{Conditioning, Start, StepTable};

/// [`Conditioning::fill_normal`] and [`Conditioning::fill_start`] for a whole batch.
#[derive(Clone, Debug)]
pub struct Noise {
    here: Stream,
    /// The other end of a path between seeds, and the weights of both: N × 1 × 1 × 1 each.
    mixed: Option<(Stream, [Tensor<4>; 2])>,
    /// The images around which chains begin: N × C × H × W.
    origin: Option<Tensor<4>>,
}

impl Noise {
    /// The noise of the given chains, whose numbers and conditioning have been checked.
    pub fn new(
        seed: u64,
        conditioning: &Conditioning,
        image_shape: ImageShape,
        chains: Range<usize>,
        device: &Device,
    ) -> Self {
        let count = chains.len();
        let chains = chains.map(|chain| chain as u32);
        let mixtures: Vec<_> = chains.clone().map(|chain| conditioning.mixture(chain)).collect();
        let streams: Vec<u32> = mixtures.iter().map(|mixture| mixture.stream).collect();
        let stream = |seed| Stream::new(seed, image_shape, &streams, device);
        let weights =
            |end: usize| column(mixtures.iter().map(|mixture| mixture.weights[end]), device);
        let other = mixtures.first().and_then(|mixture| mixture.other);
        let ImageShape { channels, height, width } = image_shape;
        let origins: Option<Vec<_>> = chains.map(|chain| conditioning.origin_of(chain)).collect();
        let origin = origins.map(|origins| {
            let data = TensorData::new(origins.concat(), [count, channels, height, width]);
            Tensor::from_data(data, device)
        });
        let mixed = other.map(|seed| (stream(seed), [weights(0), weights(1)]));
        Self { here: stream(seed), mixed, origin }
    }

    /// The normal numbers of a step: N × C × H × W.
    pub fn normal(&self, step: u32) -> Tensor<4> {
        let z = self.here.normal(step);
        match &self.mixed {
            None => z,
            Some((there, [a, b])) => z * a.clone() + there.normal(step) * b.clone(),
        }
    }

    /// Where the chains begin, before any observation: N × C × H × W.
    pub fn start(&self, start: Start) -> Tensor<4> {
        match start {
            Start::Uniform { low, high } => {
                let u = self.here.uniform(StepTable::START);
                let u = match &self.mixed {
                    None => u,
                    Some((there, [a, b])) => {
                        let other = there.uniform(StepTable::START);
                        u * a.clone().square() + other * b.clone().square()
                    }
                };
                u * (high - low) + low
            }
            Start::Normal { mean, sigma } => {
                let noise = self.normal(StepTable::START) * sigma;
                match &self.origin {
                    None => noise + mean,
                    Some(origin) => noise + origin.clone(),
                }
            }
        }
    }
}

/// [`Key`]'s numbers for a whole batch, by the same integer arithmetic on tensors of i32. Their
/// bits are those of u32; only shifts to the right must mask out the sign.
#[derive(Clone, Debug)]
struct Stream {
    seed: u64,
    shape: [usize; 4],
    /// [`congruential`] of the word that each pixel has of its own: 1 × D.
    pixels: Tensor<2, Int>,
    /// The same for each chain: N × 1.
    chains: Tensor<2, Int>,
}

impl Stream {
    /// The numbers of the streams of some chains.
    fn new(seed: u64, image_shape: ImageShape, streams: &[u32], device: &Device) -> Self {
        let ImageShape { channels, height, width } = image_shape;
        let words = |stream, index| {
            Key { seed, stream, step: 0 }.words(index).map(|word| congruential(word) as i32)
        };
        let tensor = |words: Vec<i32>, shape: [usize; 2]| {
            Tensor::from_data(TensorData::new(words, shape), (device, DType::I32))
        };
        let (count, dimension) = (streams.len(), image_shape.dimension());
        let pixels = (0..dimension as u32).map(|index| words(0, index)[0]).collect();
        let chains = streams.iter().map(|&stream| words(stream, 0)[1]).collect();
        Self {
            seed,
            shape: [count, channels, height, width],
            pixels: tensor(pixels, [1, dimension]),
            chains: tensor(chains, [count, 1]),
        }
    }

    /// The first two words of `pcg4d` for every chain and pixel, as uniform numbers in (0, 1].
    fn uniforms(&self, step: u32) -> [Tensor<4>; 2] {
        let key = Key { seed: self.seed, stream: 0, step };
        let [_, _, z, w] = key.words(0).map(|word| congruential(word) as i32);
        let (x, y) = (self.pixels.clone(), self.chains.clone());

        let x = x + y.clone().mul_scalar(w);
        let y = y + x.clone().mul_scalar(z);
        let z = (x.clone() * y.clone()).add_scalar(z);
        let w = (y.clone() * z.clone()).add_scalar(w);
        let [x, y, z, w] = [x, y, z, w].map(|v| {
            let shifted = v.clone().bitwise_right_shift_scalar(16).bitwise_and_scalar(0xFFFF);
            v.bitwise_xor(shifted)
        });
        let x = x + y.clone() * w;
        let y = y + z * x.clone();
        [x, y].map(|v| {
            let top = v.bitwise_right_shift_scalar(8).bitwise_and_scalar(0x00FF_FFFF);
            (top.float() + 0.5).mul_scalar(1.0 / 16_777_216.0).reshape(self.shape)
        })
    }

    fn uniform(&self, step: u32) -> Tensor<4> {
        let [u, _] = self.uniforms(step);
        u.clamp_max(BELOW_ONE)
    }

    fn normal(&self, step: u32) -> Tensor<4> {
        let [a, b] = self.uniforms(step);
        // On some devices the logarithm of 1 is a little above 0, where −2 ln a has no root.
        (a.log().abs() * 2.0).sqrt() * (b * std::f32::consts::TAU).cos()
    }
}
