//! The host executor: programs on the CPU, on anything whose score is known there. The reference
//! in its plainness, and what the toys run on.

use super::program::{Program, Start, Update, corrector_size};
use crate::random::Key;
use crate::score::Score;

/// Where `chains` chains of the given dimension begin: chains × dimension.
pub fn start(program: &Program, dimension: usize, seed: u64, chains: usize) -> Vec<f32> {
    let mut x = vec![0.0; chains * dimension];
    for (stream, x) in (0..).zip(x.chunks_exact_mut(dimension)) {
        let key = Key { seed, stream, step: Program::START };
        match program.start {
            Start::Uniform { low, high } => {
                key.fill_uniform(x);
                x.iter_mut().for_each(|x| *x = low + (high - low) * *x);
            }
            Start::Normal { mean, sigma } => {
                key.fill_normal(x);
                x.iter_mut().for_each(|x| *x = mean + sigma * *x);
            }
        }
    }
    x
}

/// Runs a whole program on `chains` chains; returns their ends, chains × dimension.
pub fn run(program: &Program, density: &impl Score, seed: u64, chains: usize) -> Vec<f32> {
    let dimension = density.dimension();
    let mut x = start(program, dimension, seed, chains);
    let [mut score, mut before] = [vec![0.0; x.len()], vec![0.0; x.len()]];
    let mut z = vec![0.0; dimension];
    for (index, step) in (0..).zip(&program.steps) {
        density.score(&x, step.sigma, &mut score);
        let chains = x.chunks_exact_mut(dimension);
        let scores = score.chunks_exact(dimension).zip(before.chunks_exact(dimension));
        for (stream, (x, (s, before))) in (0..).zip(chains.zip(scores)) {
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
                Key { seed, stream, step: index }.fill_normal(&mut z);
                crate::noise::perturb(x, noise, &z);
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
