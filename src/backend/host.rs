//! The host backend: runs step tables on the CPU, on anything with a [`Score`]. It is the plain
//! reference, and what the toys run on.

use std::future::ready;
use std::ops::Range;

use super::{BackendError, Chains, Pending, State, View};
use crate::sample::ConditioningError;
use crate::sample::step_table::corrector_size;
use crate::sample::{Conditioning, StepTable, Update};
use crate::score::Score;

/// The starts of `chains` chains of the given dimension: chains × dimension.
pub fn start(table: &StepTable, dimension: usize, seed: u64, chains: usize) -> Vec<f32> {
    let conditioning = Conditioning::default();
    let begin = |chain| Chain::start(table, &conditioning, dimension, seed, chain).x;
    (0..chains as u32).flat_map(begin).collect()
}

/// Runs a whole step table on `chains` chains; returns their ends, chains × dimension.
pub fn run(table: &StepTable, density: &impl Score, seed: u64, chains: usize) -> Vec<f32> {
    ends(table, &Conditioning::default(), density, seed, chains)
}

/// As [`run`], with a conditioning.
///
/// # Errors
/// [`ConditioningError`] says what does not fit the density's points.
pub fn run_conditioned(
    table: &StepTable,
    conditioning: &Conditioning,
    density: &impl Score,
    seed: u64,
    chains: usize,
) -> Result<Vec<f32>, ConditioningError> {
    check(conditioning, density)?;
    Ok(ends(table, conditioning, density, seed, chains))
}

fn check(conditioning: &Conditioning, density: &impl Score) -> Result<(), ConditioningError> {
    conditioning.check(density.dimension())?;
    // A density on the host has no classes.
    conditioning.check_classes(0)
}

/// The ends of chains with a conditioning that fits.
fn ends(
    table: &StepTable,
    conditioning: &Conditioning,
    density: &impl Score,
    seed: u64,
    chains: usize,
) -> Vec<f32> {
    let end = |chain| {
        let mut chain = Chain::start(table, conditioning, density.dimension(), seed, chain);
        (0..table.nfe()).for_each(|done| chain.step(done, table, conditioning, density));
        chain.x
    };
    (0..chains as u32).flat_map(end).collect()
}

/// A batch of chains on the host.
#[derive(Clone, Debug)]
pub struct HostChains<S> {
    density: S,
    table: StepTable,
    conditioning: Conditioning,
    chains: Vec<Chain>,
    done: usize,
}

impl<S: Score> HostChains<S> {
    /// No chains yet, with a step table that has not begun: for programs that start some later.
    pub fn none(density: S, table: StepTable) -> Self {
        Self { density, table, conditioning: Conditioning::default(), chains: Vec::new(), done: 0 }
    }

    /// Chains at the start of a step table.
    ///
    /// `chains` are the numbers of the chains: chain 7 is the same whether it runs alone or in a
    /// batch from 0 to 100.
    ///
    /// # Errors
    /// [`BackendError::Chains`] if there are none or a number is too large.
    pub fn new(
        density: S,
        table: StepTable,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, BackendError> {
        Self::conditioned(density, table, &Conditioning::default(), seed, chains)
    }

    /// As [`Self::new`], with a conditioning.
    ///
    /// # Errors
    /// As [`Self::new`], and if the conditioning does not fit the density's points.
    pub fn conditioned(
        density: S,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, BackendError> {
        BackendError::check_chains(&chains)?;
        check(conditioning, &density)?;
        let dimension = density.dimension();
        let start = |chain| Chain::start(&table, conditioning, dimension, seed, chain as u32);
        let chains = chains.map(start).collect();
        Ok(Self { density, table, conditioning: conditioning.clone(), chains, done: 0 })
    }

    /// Takes the next step of all chains; false if none is left.
    pub fn step(&mut self) -> bool {
        let Self { density, table, conditioning, chains, done } = self;
        if *done == table.nfe() {
            return false;
        }
        chains.iter_mut().for_each(|chain| chain.step(*done, table, conditioning, density));
        *done += 1;
        true
    }

    /// The chains' positions: chains × dimension.
    pub fn x(&self) -> Vec<f32> {
        self.chains.iter().flat_map(|chain| &chain.x).copied().collect()
    }

    /// The denoiser's answer at the σ of the next step, as [`Chains::read`] has it.
    fn denoised(&self) -> Vec<f32> {
        let x = self.x();
        let Some(step) = self.next() else { return x };
        let mut denoised = vec![0.0; x.len()];
        self.density.denoise(&x, step.sigma, &mut denoised);
        denoised
    }
}

/// The host has no queue: every answer is there at once.
impl<S: Score> Chains for HostChains<S> {
    fn step_table(&self) -> &StepTable {
        &self.table
    }

    fn done(&self) -> usize {
        self.done
    }

    fn advance(&mut self, steps: usize) -> Pending<'_, usize> {
        let steps = usize::from(steps > 0 && self.step());
        Box::pin(ready(Ok(steps)))
    }

    fn wait(&mut self) -> Pending<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn read(&mut self, view: View) -> Pending<'_, Vec<f32>> {
        let images = match view {
            View::Noisy => self.x(),
            View::Denoised => self.denoised(),
        };
        Box::pin(ready(Ok(images)))
    }

    fn save(&mut self) -> Pending<'_, State> {
        let scores = || self.chains.iter().flat_map(|chain| &chain.before).copied().collect();
        let previous = self.table.looks_back(self.done).then(scores);
        let denoised =
            |j: usize| self.chains.iter().flat_map(move |chain| &chain.denoised[j]).copied();
        let kept = self.table.denoised_kept(self.done);
        let denoised = (0..kept).map(|j| denoised(j).collect()).collect();
        Box::pin(ready(Ok(State { done: self.done, x: self.x(), previous, denoised })))
    }

    fn restore(&mut self, state: &State) -> Result<(), BackendError> {
        let dimension = self.density.dimension();
        state.check(&self.table, self.chains.len() * dimension)?;
        let last_noise = self.table.last_noise(state.done);
        for (index, chain) in self.chains.iter_mut().enumerate() {
            let values = index * dimension..(index + 1) * dimension;
            chain.x.copy_from_slice(&state.x[values.clone()]);
            if let Some(previous) = &state.previous {
                chain.before.copy_from_slice(&previous[values.clone()]);
            }
            for (kept, denoised) in chain.denoised.iter_mut().zip(&state.denoised) {
                kept.copy_from_slice(&denoised[values.clone()]);
            }
            self.conditioning.fill_normal(chain.seed, chain.number, last_noise, &mut chain.z);
        }
        self.done = state.done;
        Ok(())
    }
}

/// What one chain's next step needs besides its step table.
#[derive(Clone, Debug)]
struct Chain {
    seed: u64,
    number: u32,
    x: Vec<f32>,
    score: Vec<f32>,
    /// The score of the step before.
    before: Vec<f32>,
    /// The denoised images D₋₁ and D₋₂ of the two steps before, which multistep updates use.
    denoised: [Vec<f32>; 2],
    /// The noise drawn last.
    z: Vec<f32>,
}

impl Chain {
    /// Chain number `number` of a seed, at its start.
    fn start(
        table: &StepTable,
        conditioning: &Conditioning,
        dimension: usize,
        seed: u64,
        number: u32,
    ) -> Self {
        let zeros = || vec![0.0; dimension];
        let [mut x, score, before, mut z] = [(); 4].map(|()| zeros());
        let denoised = [zeros(), zeros()];
        conditioning.fill_start(table.start, seed, number, &mut x);
        conditioning.fill_normal(seed, number, StepTable::START, &mut z);
        let mut chain = Self { seed, number, x, score, before, denoised, z };
        chain.observe(0, table, conditioning);
        chain
    }

    /// Takes the step after `done` steps.
    fn step(
        &mut self,
        done: usize,
        table: &StepTable,
        conditioning: &Conditioning,
        density: &impl Score,
    ) {
        let step = table.steps[done];
        density.score(&self.x, step.sigma, &mut self.score);
        let (drift, previous, [a1, a2], noise) = match step.update {
            Update::Affine { drift, previous, noise } => (drift, previous, [0.0; 2], noise),
            Update::Multistep { drift, earlier, noise } => (drift, 0.0, earlier, noise),
            Update::Corrector { snr } => {
                let norm2 = self.score.iter().map(|s| s * s).sum();
                let size = corrector_size(snr, step.sigma, self.x.len(), norm2);
                (size, 0.0, [0.0; 2], (2.0 * size).sqrt())
            }
        };
        let [d1, d2] = &mut self.denoised;
        let scores = self.score.iter().zip(&self.before);
        for ((x, (s, before)), (d1, d2)) in self.x.iter_mut().zip(scores).zip(d1.iter_mut().zip(d2))
        {
            let denoised = *x + step.sigma * step.sigma * s;
            *x += drift * s + previous * before + a1 * (*d1 - *x) + a2 * (*d2 - *x);
            (*d1, *d2) = (denoised, *d1);
        }
        if step.update.is_noisy() {
            conditioning.fill_normal(self.seed, self.number, done as u32, &mut self.z);
            crate::noise::perturb(&mut self.x, noise, &self.z);
        }
        self.observe(done + 1, table, conditioning);
        std::mem::swap(&mut self.score, &mut self.before);
    }

    /// Makes x, after `done` steps, agree with the observation, under the noise drawn last, in this
    /// step or an earlier one.
    fn observe(&mut self, done: usize, table: &StepTable, conditioning: &Conditioning) {
        if let Some(observation) = &conditioning.observation {
            observation.impose(&mut self.x, table.sigma_at(done), &self.z);
        }
    }
}
