//! The Burn backend: runs a step table on a network, on any Burn device.
//!
//! Network, noise and updates all run on the device; only what is asked for is read back.

mod noise;
mod observed;

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Device, Tensor};

use self::noise::Noise;
use self::observed::Observed;
use super::conditioning::{Conditioning, ConditioningError};
use super::guidance::Guide;
use super::step_table::{Step, StepTable, Update, corrector_signal};
use crate::net::{ImageShape, Network};

/// Chains in progress, which can be stepped, paused, inspected, saved and resumed.
#[derive(Clone, Debug)]
pub struct Chain {
    network: Network,
    table: StepTable,
    noise: Noise,
    observed: Option<Observed>,
    guides: Vec<Arc<dyn Guide>>,
    /// The step whose noise was drawn last.
    last_noise: u32,
    state: State,
}

/// The progress of chains. With the model, step table, conditioning, seed and numbers of the chains it is
/// all that [`Chain::carried_on`] needs.
#[derive(Clone, Debug)]
pub struct State {
    /// The number of steps done.
    pub done: usize,
    /// The noisy images x̃: N × C × H × W.
    pub x: Tensor<4>,
    /// The score of the step before, N × C × H × W, if the next step needs it.
    pub previous: Option<Tensor<4>>,
}

impl Chain {
    /// Chains at the start of a step table, on the device that the network is on.
    ///
    /// `chains` are the numbers of the chains: chain 7 is the same whether it runs alone or in a
    /// batch from 0 to 100.
    pub fn new(
        network: Network,
        image_shape: ImageShape,
        table: StepTable,
        seed: u64,
        chains: Range<usize>,
        device: &Device,
    ) -> Self {
        let noise = Noise::new(seed, &Conditioning::default(), image_shape, chains, device);
        Self::begin(network, table, noise, None)
    }

    /// As [`Self::new`], with a conditioning.
    ///
    /// # Errors
    /// [`ConditioningError`] says what does not fit the model's images.
    pub fn conditioned(
        network: Network,
        image_shape: ImageShape,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        chains: Range<usize>,
        device: &Device,
    ) -> Result<Self, ConditioningError> {
        conditioning.check(image_shape.dimension())?;
        let noise = Noise::new(seed, conditioning, image_shape, chains, device);
        let observed = conditioning.observation.as_ref().map(|o| Observed::new(o, device));
        Ok(Self::begin(network, table, noise, observed))
    }

    fn begin(network: Network, table: StepTable, noise: Noise, observed: Option<Observed>) -> Self {
        let state = State { done: 0, x: noise.start(table.start), previous: None };
        let last_noise = StepTable::START;
        let guides = Vec::new();
        let mut chain = Self { network, table, noise, observed, guides, last_noise, state };
        chain.observe();
        chain
    }

    /// Adds a guide, which contributes to the network's score.
    pub fn guided(mut self, guide: Arc<dyn Guide>) -> Self {
        self.guides.push(guide);
        self
    }

    /// Resumes from a state of these chains: of the same model, step table, conditioning, seed and
    /// numbers.
    pub fn carried_on(mut self, state: State) -> Self {
        self.last_noise = self.table.last_noise(state.done);
        self.state = state;
        self
    }

    /// What to keep in order to carry on later, elsewhere, or after the device is lost.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The step table being run.
    pub fn step_table(&self) -> &StepTable {
        &self.table
    }

    /// The number of steps done.
    pub fn done(&self) -> usize {
        self.state.done
    }

    /// The next step, or `None` once the step table is over.
    pub fn next(&self) -> Option<Step> {
        self.table.steps.get(self.state.done).copied()
    }

    /// Submits one step; false once the step table is over. Does not wait for the device: read
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
        // Keep the score only for a step that looks back: it is as large as x.
        let looks_back = self.next().is_some_and(|next| next.update.looks_back());
        self.state.previous = looks_back.then_some(score);
        self.observe();
        true
    }

    /// s(x, σ), plus what the guides add.
    fn score(&self, sigma: f32) -> Tensor<4> {
        let State { x, .. } = &self.state;
        let score = self.network.score(x.clone(), &[sigma]);
        let pulls = self.guides.iter().map(|guide| guide.pull(x, sigma, &score));
        pulls.fold(score.clone(), |sum, pull| sum + pull)
    }

    /// Replaces the observed component of x by the observation, at the current noise level.
    fn observe(&mut self) {
        if let Some(observed) = &self.observed {
            let sigma = self.table.sigma_at(self.state.done);
            let z = self.noise.normal(self.last_noise);
            self.state.x = observed.impose(self.state.x.clone(), sigma, z);
        }
    }

    /// One number that depends on every step so far: read it back to wait for them.
    pub fn mark(&self) -> Tensor<1> {
        self.state.x.clone().slice([0..1, 0..1, 0..1, 0..1]).reshape([1])
    }

    /// The noisy images x̃ as they are now: N × C × H × W.
    pub fn noisy(&self) -> Tensor<4> {
        self.state.x.clone()
    }

    /// The denoised images D(x̃, σ) at the σ of the next step: N × C × H × W. Those of finished
    /// chains are returned as they are.
    pub fn denoised(&self) -> Tensor<4> {
        match self.next() {
            Some(step) => self.noisy() + self.score(step.sigma) * (step.sigma * step.sigma),
            None => self.noisy(),
        }
    }
}

/// [`super::step_table::corrector_size`] of each chain: N × 1 × 1 × 1.
fn corrector_sizes(snr: f32, sigma: f32, score: &Tensor<4>) -> Tensor<4> {
    let [n, channels, height, width] = score.dims();
    let signal = corrector_signal(snr, channels * height * width);
    let norm2: Tensor<2> = score.clone().square().flatten::<2>(1, 3).sum_dim(1);
    let norm2 = norm2.clamp_min(signal / (sigma * sigma)).reshape([n, 1, 1, 1]);
    norm2.recip() * signal
}
