//! The host executor: programs on the CPU, on anything whose score is known there. The reference
//! in its plainness, and what the toys run on.

use super::program::{Program, Update, corrector_size};
use super::steering::Steering;
use crate::score::Score;

/// Where `chains` chains of the given dimension begin: chains × dimension.
pub fn start(program: &Program, dimension: usize, seed: u64, chains: usize) -> Vec<f32> {
    let mut x = vec![0.0; chains * dimension];
    for (chain, x) in (0..).zip(x.chunks_exact_mut(dimension)) {
        Steering::default().fill_start(program.start, seed, chain, x);
    }
    x
}

/// Runs a whole program on `chains` chains; returns their ends, chains × dimension.
pub fn run(program: &Program, density: &impl Score, seed: u64, chains: usize) -> Vec<f32> {
    run_steered(program, &Steering::default(), density, seed, chains)
}

/// As [`run`], under a steering that has been checked.
pub fn run_steered(
    program: &Program,
    steering: &Steering,
    density: &impl Score,
    seed: u64,
    chains: usize,
) -> Vec<f32> {
    let chains = 0..chains as u32;
    chains.flat_map(|chain| walk(program, steering, density, seed, chain)).collect()
}

/// One chain, from its start to its end.
fn walk(
    program: &Program,
    steering: &Steering,
    density: &impl Score,
    seed: u64,
    chain: u32,
) -> Vec<f32> {
    let dimension = density.dimension();
    let [mut x, mut score, mut before, mut z] = [(); 4].map(|()| vec![0.0; dimension]);
    let observe = |x: &mut [f32], sigma, z: &[f32]| {
        if let Some(observation) = &steering.observation {
            observation.impose(x, sigma, z);
        }
    };
    steering.fill_start(program.start, seed, chain, &mut x);
    steering.fill_normal(seed, chain, Program::START, &mut z);
    observe(&mut x, program.sigma_at(0), &z);
    for (index, step) in program.steps.iter().enumerate() {
        density.score(&x, step.sigma, &mut score);
        let (drift, previous, noise) = match step.update {
            Update::Affine { drift, previous, noise } => (drift, previous, noise),
            Update::Corrector { snr } => {
                let norm2 = score.iter().map(|s| s * s).sum();
                let size = corrector_size(snr, step.sigma, dimension, norm2);
                (size, 0.0, (2.0 * size).sqrt())
            }
        };
        for ((x, s), before) in x.iter_mut().zip(&score).zip(&before) {
            *x += drift * s + previous * before;
        }
        if step.update.is_noisy() {
            steering.fill_normal(seed, chain, index as u32, &mut z);
            crate::noise::perturb(&mut x, noise, &z);
        }
        // With the noise that was drawn last, in this step or before.
        observe(&mut x, program.sigma_at(index + 1), &z);
        std::mem::swap(&mut score, &mut before);
    }
    x
}
