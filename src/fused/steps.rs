//! A program's steps as rows of a table, and the flow of each.

use bytemuck::Zeroable;

use super::run::Flow;
use super::step::{Move, StepRow};
use crate::random::Key;
use crate::sample::observation::Block;
use crate::sample::program::corrector_signal;
use crate::sample::{Program, Steering, Step, Update};

/// What all steps of some chains have in common.
#[derive(Debug)]
pub struct Steps {
    seed: u64,
    /// The seed at the other end of a path.
    other: Option<u64>,
    /// The stream of the first chain's noise, and how much further the next chain's is.
    streams: [u32; 2],
    /// The blocks whose means are observed.
    block: Option<Block>,
    dimension: usize,
}

impl Steps {
    /// The steps of chains from `first` on.
    pub fn new(steering: &Steering, seed: u64, first: u32, dimension: usize) -> Self {
        let mixture = steering.mixture(first);
        let streams = [mixture.stream, u32::from(steering.path.is_none())];
        let block = steering.observation.as_ref().map(|observation| observation.block());
        Self { seed, other: mixture.other, streams, block, dimension }
    }

    /// The flow of a step.
    pub fn flow(&self, program: &Program, index: usize) -> Flow {
        let steered = self.block.is_some() || self.other.is_some();
        let measured = matches!(program.steps[index].update, Update::Corrector { .. });
        // The step that needs the last score, and the step that leaves it.
        let remembers = [index, index + 1].iter().any(|&index| self.remembers(program, index));
        if steered || measured || remembers { Flow::Move } else { Flow::Step }
    }

    /// Whether a step needs the score of the one before and cannot tell it from how far x has
    /// moved.
    fn remembers(&self, program: &Program, index: usize) -> bool {
        let looks_back = program.steps.get(index).is_some_and(|step| step.update.looks_back());
        looks_back && (self.block.is_some() || before(program, index).is_none())
    }

    /// The row of a step whose noise level is in row `level` of the tables.
    pub fn row(&self, program: &Program, index: usize, level: u32) -> StepRow {
        let seed = |seed| {
            let [high, _, _, low] = Key { seed, stream: 0, step: 0 }.words(0);
            [low, high]
        };
        let [first_chain, chain_stride] = self.streams;
        let row = StepRow {
            first_chain,
            chain_stride,
            seed: seed(self.seed),
            other: seed(self.other.unwrap_or(self.seed)),
            noise_step: index as u32,
            ..StepRow::ask(level, 0.0, 1.0)
        };
        let step = program.steps[index];
        match (self.flow(program, index), step.update) {
            (Flow::Step, Update::Affine { drift, previous, noise }) => {
                let back = before(program, index).map_or(0.0, |drift| -previous / drift);
                StepRow { keep: 1.0 - back, gain: drift, noise, back, ..row }
            }
            _ => StepRow { then: self.then(program, index, step), ..row },
        }
    }

    fn then(&self, program: &Program, index: usize, step: Step) -> Move {
        let then = match step.update {
            Update::Affine { drift, previous, noise } => {
                Move { gain: drift, previous, noise, ..Move::zeroed() }
            }
            Update::Corrector { snr } => {
                let signal = corrector_signal(snr, self.dimension);
                Move { signal, bound: signal / (step.sigma * step.sigma), ..Move::zeroed() }
            }
        };
        let Some(Block { channels, height, width }) = self.block else { return then };
        Move {
            observed_step: program.last_noise(index + 1),
            observed_sigma: program.sigma_at(index + 1),
            block: [channels, height, width].map(|size| size as u32),
            ..then
        }
    }
}

/// The drift of the step before, if that was just `x ← x + drift · s`. Then its score follows from
/// how far x has moved, and the picture it started from still lies where the next one is about to
/// be written.
fn before(program: &Program, index: usize) -> Option<f32> {
    match program.steps[index.checked_sub(1)?].update {
        Update::Affine { drift, previous: 0.0, noise: 0.0 } if drift != 0.0 => Some(drift),
        _ => None,
    }
}
