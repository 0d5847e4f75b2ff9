//! The Burn executor: a program on a network, on any Burn device.
//!
//! Network, noise and update all run on the device; nothing is read back but what is asked for.

use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::program::{Program, Start, Step, Update};
use crate::net::{Network, Picture};
use crate::random::{INCREMENT, Key, MULTIPLIER};

/// Chains under way: they can be stepped, paused, looked at and carried on.
#[derive(Clone, Debug)]
pub struct Chain {
    network: Network,
    program: Program,
    noise: Noise,
    x: Tensor<4>,
    /// The score of the step before, where the next step asks for it.
    previous: Option<Tensor<4>>,
    done: usize,
}

impl Chain {
    /// Chains at the start of a program, on the device that the network is on.
    ///
    /// `chains` are the numbers of the chains: chain 7 is the same whether it runs alone, or in a
    /// batch from 0 to 100.
    pub fn new(
        network: Network,
        picture: Picture,
        program: Program,
        seed: u64,
        chains: Range<usize>,
        device: &Device,
    ) -> Self {
        let noise = Noise::new(seed, picture, chains, device);
        let x = match program.start {
            Start::Uniform { low, high } => noise.uniform(Program::START) * (high - low) + low,
            Start::Normal { mean, sigma } => noise.normal(Program::START) * sigma + mean,
        };
        Self { network, program, noise, x, previous: None, done: 0 }
    }

    /// The program that runs.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How many steps are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The next step; none once the program is over.
    pub fn next(&self) -> Option<Step> {
        self.program.steps.get(self.done).copied()
    }

    /// Submits one step; false once the program is over. Does not wait for the device: read
    /// something back now and then, or the queue grows without bound.
    pub fn step(&mut self) -> bool {
        let Some(step) = self.next() else { return false };
        let score = self.network.score(self.x.clone(), &[step.sigma]);
        match step.update {
            Update::Affine { drift, previous, noise } => {
                self.x = self.x.clone() + score.clone() * drift;
                if let Some(before) = self.previous.take().filter(|_| previous != 0.0) {
                    self.x = self.x.clone() + before * previous;
                }
                if noise > 0.0 {
                    self.x = self.x.clone() + self.noise.normal(self.done as u32) * noise;
                }
            }
            Update::Corrector { snr } => {
                let size = corrector_sizes(snr, step.sigma, &score);
                let z = self.noise.normal(self.done as u32);
                self.x = self.x.clone() + score.clone() * size.clone() + z * (size * 2.0).sqrt();
            }
        }
        self.done += 1;
        // Kept only for a step that looks back: a picture's worth of memory for each chain.
        self.previous = self.next().is_some_and(|next| next.update.looks_back()).then_some(score);
        true
    }

    /// One number that is known once every step so far is done: read it back to wait for them.
    pub fn mark(&self) -> Tensor<1> {
        self.x.clone().slice([0..1, 0..1, 0..1, 0..1]).reshape([1])
    }

    /// The noisy pictures x̃ as they stand: N × C × H × W.
    pub fn noisy(&self) -> Tensor<4> {
        self.x.clone()
    }

    /// What the network believes in, D(x̃, σ) at the σ of the next step: N × C × H × W. A finished
    /// chain's picture is what it is.
    pub fn denoised(&self) -> Tensor<4> {
        match self.next() {
            Some(step) => self.network.denoise(self.x.clone(), step.sigma),
            None => self.noisy(),
        }
    }
}

/// [`super::program::corrector_size`] of each chain: N × 1 × 1 × 1.
fn corrector_sizes(snr: f32, sigma: f32, score: &Tensor<4>) -> Tensor<4> {
    let [n, channels, height, width] = score.dims();
    let signal = 2.0 * snr * snr * (channels * height * width) as f32;
    let norm2: Tensor<2> = score.clone().square().flatten::<2>(1, 3).sum_dim(1);
    let norm2 = norm2.clamp_min(signal / (sigma * sigma)).reshape([n, 1, 1, 1]);
    norm2.recip() * signal
}

/// [`Key`]'s numbers for a whole batch, by the same integer arithmetic on tensors of i32 (whose
/// bits are those of u32; only the shift to the right must be told that they have no sign).
#[derive(Clone, Debug)]
struct Noise {
    seed: u64,
    shape: [usize; 4],
    /// `index · MULTIPLIER + INCREMENT` of each pixel: 1 × D.
    pixels: Tensor<2, Int>,
    /// Likewise of each chain: N × 1.
    chains: Tensor<2, Int>,
}

impl Noise {
    fn new(seed: u64, picture: Picture, chains: Range<usize>, device: &Device) -> Self {
        let Picture { channels, height, width } = picture;
        let affine = |word: u32| word.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) as i32;
        let word = |axis: usize, index: u32| {
            affine(Key { seed, stream: index, step: 0 }.words(index)[axis])
        };
        let tensor = |axis: usize, indices: Range<usize>, shape: [usize; 2]| {
            let words: Vec<i32> = indices.map(|index| word(axis, index as u32)).collect();
            Tensor::from_data(TensorData::new(words, shape), (device, DType::I32))
        };
        let count = chains.len();
        Self {
            seed,
            shape: [count, channels, height, width],
            pixels: tensor(0, 0..picture.dimension(), [1, picture.dimension()]),
            chains: tensor(1, chains, [count, 1]),
        }
    }

    /// The first two words of `pcg4d` for every chain and pixel, as uniform numbers in (0, 1).
    fn uniforms(&self, step: u32) -> [Tensor<4>; 2] {
        let [_, _, z, w] = Key { seed: self.seed, stream: 0, step }
            .words(0)
            .map(|word| word.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) as i32);
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
        u
    }

    fn normal(&self, step: u32) -> Tensor<4> {
        let [a, b] = self.uniforms(step);
        (a.log() * -2.0).sqrt() * (b * std::f32::consts::TAU).cos()
    }
}
