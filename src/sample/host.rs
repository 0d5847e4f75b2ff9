//! The host executor: runs programs on the CPU, on anything with a [`Score`]. It is the plain
//! reference, and what the toys run on.

use super::program::{Program, Update, corrector_size};
use super::steering::Steering;
use crate::score::Score;

/// The starts of `chains` chains of the given dimension: chains × dimension.
pub fn start(program: &Program, dimension: usize, seed: u64, chains: usize) -> Vec<f32> {
    let steering = Steering::default();
    let begin = |chain| Walk::start(program, &steering, dimension, seed, chain).x;
    (0..chains as u32).flat_map(begin).collect()
}

/// Runs a whole program on `chains` chains; returns their ends, chains × dimension.
pub fn run(program: &Program, density: &impl Score, seed: u64, chains: usize) -> Vec<f32> {
    run_steered(program, &Steering::default(), density, seed, chains)
}

/// As [`run`], with a steering that has been checked.
pub fn run_steered(
    program: &Program,
    steering: &Steering,
    density: &impl Score,
    seed: u64,
    chains: usize,
) -> Vec<f32> {
    let end = |chain| {
        let mut walk = Walk::start(program, steering, density.dimension(), seed, chain);
        while walk.step(program, steering, density) {}
        walk.x
    };
    (0..chains as u32).flat_map(end).collect()
}

/// One chain in progress: what its next step needs besides its program.
#[derive(Clone, Debug)]
pub struct Walk {
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

impl Walk {
    /// Chain number `chain` of a seed, at its start.
    pub fn start(
        program: &Program,
        steering: &Steering,
        dimension: usize,
        seed: u64,
        chain: u32,
    ) -> Self {
        let [mut x, score, before, mut z] = [(); 4].map(|()| vec![0.0; dimension]);
        steering.fill_start(program.start, seed, chain, &mut x);
        steering.fill_normal(seed, chain, Program::START, &mut z);
        let mut walk = Self { seed, chain, done: 0, x, score, before, z };
        walk.observe(program, steering);
        walk
    }

    /// The chain's position: `dimension` coordinates.
    pub fn x(&self) -> &[f32] {
        &self.x
    }

    /// Takes the next step; false if none is left.
    pub fn step(&mut self, program: &Program, steering: &Steering, density: &impl Score) -> bool {
        let Some(step) = program.steps.get(self.done) else {
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
            steering.fill_normal(self.seed, self.chain, self.done as u32, &mut self.z);
            crate::noise::perturb(&mut self.x, noise, &self.z);
        }
        self.done += 1;
        self.observe(program, steering);
        std::mem::swap(&mut self.score, &mut self.before);
        true
    }

    /// Makes x agree with the observation, under the noise drawn last, in this step or an earlier
    /// one.
    fn observe(&mut self, program: &Program, steering: &Steering) {
        if let Some(observation) = &steering.observation {
            observation.impose(&mut self.x, program.sigma_at(self.done), &self.z);
        }
    }
}
