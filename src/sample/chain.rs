//! The Burn executor: a program on a network, on any Burn device.
//!
//! Network, noise and update all run on the device; nothing is read back but what is asked for.

mod noise;
mod observed;

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use self::noise::Noise;
use self::observed::Observed;
use super::guide::Guide;
use super::program::{Program, Step, Update, corrector_signal};
use super::steering::{Steering, SteeringError};
use crate::net::{Network, Picture};

/// Chains under way: they can be stepped, paused, looked at, saved and carried on.
#[derive(Clone, Debug)]
pub struct Chain {
    network: Network,
    program: Program,
    noise: Noise,
    observed: Option<Observed>,
    guides: Vec<Arc<dyn Guide>>,
    /// The step whose noise was drawn last.
    last_noise: u32,
    state: State,
}

/// How far chains have come. With the model, the program, the steering, the seed and the numbers
/// of the chains it is all there is to know: see [`Chain::carried_on`].
#[derive(Clone, Debug)]
pub struct State {
    /// The number of steps done.
    pub done: usize,
    /// The noisy pictures x̃: N × C × H × W.
    pub x: Tensor<4>,
    /// The score of the step before, N × C × H × W, where the next step asks for it.
    pub previous: Option<Tensor<4>>,
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
        let noise = Noise::new(seed, &Steering::default(), picture, chains, device);
        Self::begin(network, program, noise, None)
    }

    /// As [`Self::new`], under a steering.
    ///
    /// # Errors
    /// [`SteeringError`] says what does not fit the model's pictures.
    pub fn steered(
        network: Network,
        picture: Picture,
        program: Program,
        steering: &Steering,
        seed: u64,
        chains: Range<usize>,
        device: &Device,
    ) -> Result<Self, SteeringError> {
        steering.check(picture.dimension())?;
        let noise = Noise::new(seed, steering, picture, chains, device);
        let observed = steering.observation.as_ref().map(|o| Observed::new(o, device));
        Ok(Self::begin(network, program, noise, observed))
    }

    fn begin(network: Network, program: Program, noise: Noise, observed: Option<Observed>) -> Self {
        let state = State { done: 0, x: noise.start(program.start), previous: None };
        let last_noise = Program::START;
        let guides = Vec::new();
        let mut chain = Self { network, program, noise, observed, guides, last_noise, state };
        chain.observe();
        chain
    }

    /// These chains with something more that adds to the network's score.
    pub fn guided(mut self, guide: Arc<dyn Guide>) -> Self {
        self.guides.push(guide);
        self
    }

    /// These chains where a state left off that is theirs: the same model, program, steering, seed
    /// and chains.
    pub fn carried_on(mut self, state: State) -> Self {
        self.last_noise = self.program.last_noise(state.done);
        self.state = state;
        self
    }

    /// What has to be kept to carry on later, elsewhere, or after a device was lost.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The program that runs.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How many steps are done.
    pub fn done(&self) -> usize {
        self.state.done
    }

    /// The next step; none once the program is over.
    pub fn next(&self) -> Option<Step> {
        self.program.steps.get(self.state.done).copied()
    }

    /// Submits one step; false once the program is over. Does not wait for the device: read
    /// something back now and then, or the queue grows without bound.
    pub fn step(&mut self) -> bool {
        let Some(step) = self.next() else { return false };
        let score = self.score(step.sigma);
        let State { done, x, previous: before } = &mut self.state;
        let moved = match step.update {
            Update::Affine { drift, previous, noise } => {
                let mut moved = x.clone() + score.clone() * drift;
                if let Some(before) = before.take() {
                    moved = moved + before * previous;
                }
                if noise > 0.0 {
                    moved = moved + self.noise.normal(*done as u32) * noise;
                }
                moved
            }
            Update::Corrector { snr } => {
                let size = corrector_sizes(snr, step.sigma, &score);
                let z = self.noise.normal(*done as u32);
                x.clone() + score.clone() * size.clone() + z * (size * 2.0).sqrt()
            }
        };
        if step.update.is_noisy() {
            self.last_noise = *done as u32;
        }
        *x = moved;
        *done += 1;
        // Kept only for a step that looks back: it is as large as x.
        let looks_back = self.next().is_some_and(|next| next.update.looks_back());
        self.state.previous = looks_back.then_some(score);
        self.observe();
        true
    }

    /// s(x, σ), with what guides add.
    fn score(&self, sigma: f32) -> Tensor<4> {
        let State { x, .. } = &self.state;
        let score = self.network.score(x.clone(), &[sigma]);
        let pulls = self.guides.iter().map(|guide| guide.pull(x, sigma, &score));
        pulls.fold(score.clone(), |sum, pull| sum + pull)
    }

    /// Replaces the observed component of x by what was observed, at the present noise.
    fn observe(&mut self) {
        if let Some(observed) = &self.observed {
            let sigma = self.program.sigma_at(self.state.done);
            let z = self.noise.normal(self.last_noise);
            self.state.x = observed.impose(self.state.x.clone(), sigma, z);
        }
    }

    /// One number that is known once every step so far is done: read it back to wait for them.
    pub fn mark(&self) -> Tensor<1> {
        self.state.x.clone().slice([0..1, 0..1, 0..1, 0..1]).reshape([1])
    }

    /// The noisy pictures x̃ as they stand: N × C × H × W.
    pub fn noisy(&self) -> Tensor<4> {
        self.state.x.clone()
    }

    /// What the network believes in, D(x̃, σ) at the σ of the next step: N × C × H × W. A finished
    /// chain's picture is what it is.
    pub fn denoised(&self) -> Tensor<4> {
        match self.next() {
            Some(step) => self.noisy() + self.score(step.sigma) * (step.sigma * step.sigma),
            None => self.noisy(),
        }
    }
}

/// [`super::program::corrector_size`] of each chain: N × 1 × 1 × 1.
fn corrector_sizes(snr: f32, sigma: f32, score: &Tensor<4>) -> Tensor<4> {
    let [n, channels, height, width] = score.dims();
    let signal = corrector_signal(snr, channels * height * width);
    let norm2: Tensor<2> = score.clone().square().flatten::<2>(1, 3).sum_dim(1);
    let norm2 = norm2.clamp_min(signal / (sigma * sigma)).reshape([n, 1, 1, 1]);
    norm2.recip() * signal
}
