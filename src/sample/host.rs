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
    let dimension = density.dimension();
    let mut x = vec![0.0; chains * dimension];
    let [mut score, mut before] = [x.clone(), x.clone()];
    // The noise that each chain drew last.
    let mut z = x.clone();
    for (chain, (x, z)) in
        (0..).zip(x.chunks_exact_mut(dimension).zip(z.chunks_exact_mut(dimension)))
    {
        steering.fill_start(program.start, seed, chain, x);
        steering.fill_normal(seed, chain, Program::START, z);
        if let Some(observation) = &steering.observation {
            observation.impose(x, program.sigma_at(0), z);
        }
    }
    for (index, step) in program.steps.iter().enumerate() {
        density.score(&x, step.sigma, &mut score);
        let chains = x.chunks_exact_mut(dimension).zip(z.chunks_exact_mut(dimension));
        let scores = score.chunks_exact(dimension).zip(before.chunks_exact(dimension));
        for (chain, ((x, z), (s, before))) in (0..).zip(chains.zip(scores)) {
            let (drift, previous, noise) = match step.update {
                Update::Affine { drift, previous, noise } => (drift, previous, noise),
                Update::Corrector { snr } => {
                    let norm2 = s.iter().map(|s| s * s).sum();
                    let size = corrector_size(snr, step.sigma, dimension, norm2);
                    (size, 0.0, (2.0 * size).sqrt())
                }
            };
            for ((x, s), before) in x.iter_mut().zip(s).zip(before) {
                *x += drift * s + previous * before;
            }
            if step.update.is_noisy() {
                steering.fill_normal(seed, chain, index as u32, z);
                crate::noise::perturb(x, noise, z);
            }
            if let Some(observation) = &steering.observation {
                observation.impose(x, program.sigma_at(index + 1), z);
            }
        }
        std::mem::swap(&mut score, &mut before);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Ladder;
    use crate::sample::langevin;
    use crate::toy::GaussianMixture;

    #[test]
    fn a_chain_does_not_depend_on_the_others() {
        let sigmas = Ladder { sigma_max: 5.0, sigma_min: 0.5, levels: 4 }.sigmas();
        let program = langevin::annealed(&sigmas, 3, 0.02);
        let toy = GaussianMixture::two_modes();
        let (few, many) = (run(&program, &toy, 6, 3), run(&program, &toy, 6, 10));
        assert_eq!(few, many[..few.len()]);
        assert_ne!(few, run(&program, &toy, 7, 3));
    }
}
