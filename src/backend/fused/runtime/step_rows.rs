//! The steps of a step table as rows for the kernels, and the flow of each.

use std::ops::Range;

use bytemuck::Zeroable;

use super::level_rows::LevelRows;
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
    /// The rows of the tables that the chains read.
    level_rows: LevelRows,
    /// The number of chains.
    count: usize,
}

impl StepRows {
    /// The rows of some chains, of a network whose own scales of guidance reach up to
    /// `guidance_max`.
    pub fn new(
        conditioning: &Conditioning,
        guidance_max: f32,
        seed: u64,
        chains: Range<usize>,
        dimension: usize,
    ) -> Self {
        let (first, count) = (chains.start, chains.len());
        let classes = conditioning.classes.as_ref();
        let level_rows = LevelRows::new(classes, guidance_max, first, count);
        let mixture = conditioning.mixture(first as u32);
        let streams = [mixture.stream, u32::from(conditioning.path.is_none())];
        let block = conditioning.observation.as_ref().map(|observation| observation.block());
        Self { seed, other: mixture.other, streams, block, dimension, level_rows, count }
    }

    /// The rows of the tables that the chains read.
    pub fn level_rows(&self) -> &LevelRows {
        &self.level_rows
    }

    /// w − 1 of the guidance of a step; 0 if it is not guided, or there is no such step.
    fn guidance(&self, table: &StepTable, index: Option<usize>) -> f32 {
        let step = index.and_then(|index| table.steps.get(index));
        step.map_or(0.0, |step| self.level_rows.guidance(step.sigma))
    }

    /// The row that computes D(x, σ), where the rows of σ in the tables begin at `level`, and its
    /// flow.
    pub fn denoise(&self, level: u32, sigma: f32) -> (Flow, StepRow) {
        let gain = sigma * sigma;
        let row_period = self.level_rows.period() as u32;
        let row = StepRow::evaluate(self.count as u32, level, 1.0, gain);
        let row = StepRow { row_period, ..row };
        let guidance = self.level_rows.guidance(sigma);
        if guidance == 0.0 {
            return (Flow::Evaluate { guided: false }, row);
        }
        let update = UpdateRow { gain, guidance, ..UpdateRow::zeroed() };
        (Flow::Evaluate { guided: true }, StepRow { keep: 0.0, gain: 1.0, update, ..row })
    }

    /// The flow of a step.
    pub fn flow(&self, table: &StepTable, index: usize) -> Flow {
        let conditioned = self.block.is_some() || self.other.is_some();
        let measured = matches!(table.steps[index].update, Update::Corrector { .. });
        // Whether this step needs a stored score of the step before, or the next one that of this.
        let stored = [index, index + 1].iter().any(|&index| self.needs_stored(table, index));
        let guided = self.guidance(table, Some(index)) != 0.0;
        let kept = keeps_denoised(table, index);
        if guided || conditioned || measured || stored || kept {
            Flow::Update { guided }
        } else {
            Flow::Step
        }
    }

    /// Whether a step needs the stored score of the step before: it looks back, and cannot compute
    /// that score from the change of x, or must leave its own score to a next step that cannot.
    fn needs_stored(&self, table: &StepTable, index: usize) -> bool {
        (index..).take_while(|&index| table.looks_back(index)).any(|index| {
            self.block.is_some()
                || before(table, index).is_none()
                || self.guidance(table, Some(index)) != 0.0
        })
    }

    /// For a step that looks back: the drift of the step before, if the score of that step is
    /// computed from the change of x; `None` if the score was stored.
    pub fn earlier(&self, table: &StepTable, index: usize) -> Option<f32> {
        before(table, index).filter(|_| self.flow(table, index) == Flow::Step)
    }

    /// The row of a step whose noise level's rows in the tables begin at `level`.
    pub fn row(&self, table: &StepTable, index: usize, level: u32) -> StepRow {
        let seed = |seed| Key { seed, stream: 0, step: 0 }.seed_words();
        let [first_chain, chain_stride] = self.streams;
        let row = StepRow {
            first_chain,
            chain_stride,
            seed: seed(self.seed),
            other: seed(self.other.unwrap_or(self.seed)),
            noise_step: index as u32,
            row_period: self.level_rows.period() as u32,
            ..StepRow::evaluate(self.count as u32, level, 0.0, 1.0)
        };
        let step = table.steps[index];
        match (self.flow(table, index), step.update) {
            (Flow::Step, Update::Affine { drift, previous, noise }) => {
                let back = before(table, index).map_or(0.0, |drift| -previous / drift);
                StepRow { keep: 1.0 - back, gain: drift, noise, back, ..row }
            }
            // The last step of a multistep method looks at no other.
            (Flow::Step, Update::Multistep { drift, earlier: _, noise }) => {
                StepRow { keep: 1.0, gain: drift, noise, ..row }
            }
            _ => StepRow { update: self.update(table, index, step), ..row },
        }
    }

    fn update(&self, table: &StepTable, index: usize, step: Step) -> UpdateRow {
        let update = match step.update {
            Update::Affine { drift, previous, noise } => {
                UpdateRow { gain: drift, previous, noise, ..UpdateRow::zeroed() }
            }
            Update::Multistep { drift, earlier, noise } => {
                UpdateRow { gain: drift, earlier, noise, ..UpdateRow::zeroed() }
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
        let update = UpdateRow {
            guidance: self.guidance(table, Some(index)),
            previous_guidance: self.guidance(table, index.checked_sub(1)),
            denoise: if keeps_denoised(table, index) { step.sigma * step.sigma } else { 0.0 },
            ..update
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

/// Whether a step reads or stores denoised images.
fn keeps_denoised(table: &StepTable, index: usize) -> bool {
    table.denoised_kept(index) + table.denoised_kept(index + 1) > 0
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
