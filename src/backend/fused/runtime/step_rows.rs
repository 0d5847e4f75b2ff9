//! The steps of a step table as rows for the kernels, and the flow of each.

use bytemuck::Zeroable;

use super::recorder::Flow;
use super::step_row::{StepRow, UpdateRow};
use crate::random::Key;
use crate::sample::observation::Block;
use crate::sample::step_table::corrector_signal;
use crate::sample::{Conditioning, Step, StepTable, Update};

/// Makes the rows of a batch of chains: holds what all their steps have in common.
#[derive(Debug)]
pub struct StepRows {
    seed: u64,
    /// The seed at the other end of a path.
    other: Option<u64>,
    /// The stream of the first chain's noise, and how much further the next chain's is.
    streams: [u32; 2],
    /// The blocks whose means are observed.
    block: Option<Block>,
    dimension: usize,
}

impl StepRows {
    /// The rows of the chains from number `first` on.
    pub fn new(conditioning: &Conditioning, seed: u64, first: u32, dimension: usize) -> Self {
        let mixture = conditioning.mixture(first);
        let streams = [mixture.stream, u32::from(conditioning.path.is_none())];
        let block = conditioning.observation.as_ref().map(|observation| observation.block());
        Self { seed, other: mixture.other, streams, block, dimension }
    }

    /// The flow of a step.
    pub fn flow(&self, table: &StepTable, index: usize) -> Flow {
        let conditioned = self.block.is_some() || self.other.is_some();
        let measured = matches!(table.steps[index].update, Update::Corrector { .. });
        // Whether this step needs a stored score of the step before, or the next one that of this.
        let stored = [index, index + 1].iter().any(|&index| self.needs_stored(table, index));
        if conditioned || measured || stored { Flow::Update } else { Flow::Step }
    }

    /// Whether a step needs the stored score of the step before: it looks back, and cannot compute
    /// that score from the change of x, or must leave its own score to a next step that cannot.
    fn needs_stored(&self, table: &StepTable, index: usize) -> bool {
        let looking_back =
            |&index: &usize| table.steps.get(index).is_some_and(|step| step.update.looks_back());
        (index..)
            .take_while(looking_back)
            .any(|index| self.block.is_some() || before(table, index).is_none())
    }

    /// For a step that looks back: the drift of the one before, if it tells that one's score from
    /// how far x has moved; otherwise it reads the score itself.
    pub fn earlier(&self, table: &StepTable, index: usize) -> Option<f32> {
        before(table, index).filter(|_| self.flow(table, index) == Flow::Step)
    }

    /// The row of a step whose noise level is in row `level` of the tables.
    pub fn row(&self, table: &StepTable, index: usize, level: u32) -> StepRow {
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
            ..StepRow::evaluate(level, 0.0, 1.0)
        };
        let step = table.steps[index];
        match (self.flow(table, index), step.update) {
            (Flow::Step, Update::Affine { drift, previous, noise }) => {
                let back = before(table, index).map_or(0.0, |drift| -previous / drift);
                StepRow { keep: 1.0 - back, gain: drift, noise, back, ..row }
            }
            _ => StepRow { update: self.update(table, index, step), ..row },
        }
    }

    fn update(&self, table: &StepTable, index: usize, step: Step) -> UpdateRow {
        let update = match step.update {
            Update::Affine { drift, previous, noise } => {
                UpdateRow { gain: drift, previous, noise, ..UpdateRow::zeroed() }
            }
            Update::Corrector { snr } => {
                let signal = corrector_signal(snr, self.dimension);
                UpdateRow {
                    signal,
                    bound: signal / (step.sigma * step.sigma),
                    ..UpdateRow::zeroed()
                }
            }
        };
        let Some(Block { channels, height, width }) = self.block else { return update };
        UpdateRow {
            observed_step: table.last_noise(index + 1),
            observed_sigma: table.sigma_at(index + 1),
            block: [channels, height, width].map(|size| size as u32),
            ..update
        }
    }
}

/// The drift of the step before, if that step was only `x ← x + drift · s`. Then its score follows
/// from the change of x, and the image that it started from is still in the buffer which the next
/// image is written to.
fn before(table: &StepTable, index: usize) -> Option<f32> {
    match table.steps[index.checked_sub(1)?].update {
        Update::Affine { drift, previous: 0.0, noise: 0.0 } if drift != 0.0 => Some(drift),
        _ => None,
    }
}
