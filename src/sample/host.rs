//! The host backend: runs step tables on the CPU, on anything with a [`Score`]. It is the plain
//! reference, and what the toys run on.

use super::conditioning::Conditioning;
use super::step_table::{StepTable, Update, corrector_size};
use crate::score::Score;

/// The starts of `chains` chains of the given dimension: chains × dimension.
pub fn start(table: &StepTable, dimension: usize, seed: u64, chains: usize) -> Vec<f32> {
    let conditioning = Conditioning::default();
    let begin = |chain| HostChain::start(table, &conditioning, dimension, seed, chain).x;
    (0..chains as u32).flat_map(begin).collect()
}

/// Runs a whole step table on `chains` chains; returns their ends, chains × dimension.
pub fn run(table: &StepTable, density: &impl Score, seed: u64, chains: usize) -> Vec<f32> {
    run_conditioned(table, &Conditioning::default(), density, seed, chains)
}

/// As [`run`], with a conditioning that has been checked.
pub fn run_conditioned(
    table: &StepTable,
    conditioning: &Conditioning,
    density: &impl Score,
    seed: u64,
    chains: usize,
) -> Vec<f32> {
    let end = |chain| {
        let mut chain = HostChain::start(table, conditioning, density.dimension(), seed, chain);
        while chain.step(table, conditioning, density) {}
        chain.x
    };
    (0..chains as u32).flat_map(end).collect()
}

/// One chain in progress: what its next step needs besides its step table.
#[derive(Clone, Debug)]
pub struct HostChain {
    seed: u64,
    chain: u32,
    done: usize,
    x: Vec<f32>,
    score: Vec<f32>,
    /// The score of the step before.
    before: Vec<f32>,
    /// The noise drawn last.
    z: Vec<f32>,
}

impl HostChain {
    /// Chain number `chain` of a seed, at its start.
    pub fn start(
        table: &StepTable,
        conditioning: &Conditioning,
        dimension: usize,
        seed: u64,
        chain: u32,
    ) -> Self {
        let [mut x, score, before, mut z] = [(); 4].map(|()| vec![0.0; dimension]);
        conditioning.fill_start(table.start, seed, chain, &mut x);
        conditioning.fill_normal(seed, chain, StepTable::START, &mut z);
        let mut chain = Self { seed, chain, done: 0, x, score, before, z };
        chain.observe(table, conditioning);
        chain
    }

    /// The chain's position: `dimension` coordinates.
    pub fn x(&self) -> &[f32] {
        &self.x
    }

    /// Takes the next step; false if none is left.
    pub fn step(
        &mut self,
        table: &StepTable,
        conditioning: &Conditioning,
        density: &impl Score,
    ) -> bool {
        let Some(step) = table.steps.get(self.done) else {
            return false;
        };
        density.score(&self.x, step.sigma, &mut self.score);
        let (drift, previous, noise) = match step.update {
            Update::Affine { drift, previous, noise } => (drift, previous, noise),
            Update::Corrector { snr } => {
                let norm2 = self.score.iter().map(|s| s * s).sum();
                let size = corrector_size(snr, step.sigma, self.x.len(), norm2);
                (size, 0.0, (2.0 * size).sqrt())
            }
        };
        for ((x, s), before) in self.x.iter_mut().zip(&self.score).zip(&self.before) {
            *x += drift * s + previous * before;
        }
        if step.update.is_noisy() {
            conditioning.fill_normal(self.seed, self.chain, self.done as u32, &mut self.z);
            crate::noise::perturb(&mut self.x, noise, &self.z);
        }
        self.done += 1;
        self.observe(table, conditioning);
        std::mem::swap(&mut self.score, &mut self.before);
        true
    }

    /// Makes x agree with the observation, under the noise drawn last, in this step or an earlier
    /// one.
    fn observe(&mut self, table: &StepTable, conditioning: &Conditioning) {
        if let Some(observation) = &conditioning.observation {
            observation.impose(&mut self.x, table.sigma_at(self.done), &self.z);
        }
    }
}
