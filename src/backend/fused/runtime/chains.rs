//! A batch of chains that runs through a step table.

use std::ops::Range;

use super::buffers::Buffers;
use super::network::Network;
use super::recorder::{Flow, Recorder};
use super::step_row::StepRow;
use super::step_rows::StepRows;
use super::throttle::Throttle;
use crate::backend::fused::error::FusedError;
use crate::sample::{Conditioning, Step, StepTable, View};

/// A batch of chains on the fused kernels, which can be stepped, paused, inspected and resumed.
#[derive(Debug)]
pub struct FusedChains {
    network: Network,
    table: StepTable,
    rows: StepRows,
    count: usize,
    recorder: Recorder,
    done: usize,
    window: Window,
    throttle: Throttle,
}

/// The steps whose rows are in the tables.
#[derive(Debug, Default)]
struct Window {
    steps: Range<usize>,
    /// The row of each step's noise level.
    rows: Vec<u32>,
}

impl FusedChains {
    /// Chains at the start of a step table.
    ///
    /// `chains` are the numbers of the chains: chain 7 is the same whether it runs alone or in a
    /// batch from 0 to 100.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if so many chains do not fit on the GPU.
    pub fn new(
        network: &Network,
        table: StepTable,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, FusedError> {
        Self::conditioned(network, table, &Conditioning::default(), seed, chains)
    }

    /// As [`Self::new`], with a conditioning.
    ///
    /// # Errors
    /// As [`Self::new`], and if the conditioning does not fit the model's images.
    pub fn conditioned(
        network: &Network,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, FusedError> {
        let dimension = network.image_shape().dimension();
        conditioning.check(dimension)?;
        let recorder = network.recorder(chains.len())?;
        let mut x = vec![0.0; chains.len() * dimension];
        let mut z = vec![0.0; dimension];
        for (chain, x) in chains.clone().zip(x.chunks_exact_mut(dimension)) {
            let chain = chain as u32;
            conditioning.fill_start(table.start, seed, chain, x);
            if let Some(observation) = &conditioning.observation {
                conditioning.fill_normal(seed, chain, StepTable::START, &mut z);
                observation.impose(x, table.sigma_at(0), &z);
            }
        }
        recorder.write_images(&x);
        if let Some(observation) = &conditioning.observation {
            recorder.write_observation(observation);
        }
        let weights: Vec<[f32; 2]> =
            chains.clone().map(|chain| conditioning.mixture(chain as u32).weights).collect();
        recorder.write_mixtures(&weights);
        let rows = StepRows::new(conditioning, seed, chains.start as u32, dimension);
        let (network, count) = (network.clone(), chains.len());
        let (window, throttle) = (Window::default(), Throttle::default());
        Ok(Self { network, table, rows, count, recorder, done: 0, window, throttle })
    }

    /// The step table being recorder.
    pub fn step_table(&self) -> &StepTable {
        &self.table
    }

    /// The number of steps submitted so far.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The next step, or `None` once the step table is over.
    pub fn next(&self) -> Option<Step> {
        self.table.steps.get(self.done).copied()
    }

    /// Records and submits at most `steps` steps and returns how many: as many as take some
    /// milliseconds, or none if the step table is over or enough submissions are in flight.
    ///
    /// Only a few submissions are in flight at a time. Natively this waits for the oldest; in the
    /// browser it returns 0, and the page tries again after [`Self::wait`] or a frame.
    pub fn submit(&mut self, steps: usize) -> usize {
        let left = self.table.steps.len() - self.done;
        if left == 0 || steps == 0 || !self.throttle.make_room(self.network.gpu().device()) {
            return 0;
        }
        self.prepare();
        let count = steps.min(self.window.steps.end - self.done).min(self.throttle.steps());
        let first = self.done - self.window.steps.start;
        let flow = |row| (self.rows.flow(&self.table, self.window.steps.start + row), row);
        let submission = self.recorder.submit((first..first + count).map(flow));
        self.throttle.submitted(self.network.gpu().queue(), submission, count);
        self.done += count;
        count
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// What went wrong on the GPU.
    pub async fn wait(&self) -> Result<(), FusedError> {
        self.network.gpu().idle().await
    }

    /// The noisy images x̃ as they are now: N × C × H × W.
    ///
    /// # Errors
    /// What went wrong on the GPU.
    pub async fn noisy(&self) -> Result<Vec<f32>, FusedError> {
        self.network.gpu().read(self.recorder.noisy(), self.numbers()).await
    }

    /// The denoised images D(x̃, σ) at the σ of the next step: N × C × H × W. Those of finished
    /// chains are returned as they are.
    ///
    /// # Errors
    /// What went wrong on the GPU.
    pub async fn denoised(&mut self) -> Result<Vec<f32>, FusedError> {
        if !self.evaluate() {
            return self.noisy().await;
        }
        self.network.gpu().read(self.recorder.result(), self.numbers()).await
    }

    /// Draws the images onto a render target, `columns` to a row and `gap` of their pixels apart,
    /// with nearest-neighbour sampling, clamped to \[0, 1\].
    ///
    /// # Errors
    /// What went wrong on the GPU.
    pub fn render(
        &mut self,
        view: View,
        columns: usize,
        gap: usize,
        target: &wgpu::TextureView,
    ) -> Result<(), FusedError> {
        let gpu = self.network.gpu().clone();
        gpu.check()?;
        let denoised = view == View::Denoised && self.evaluate();
        let renderer = self.network.renderer(target.texture().format())?;
        let images = if denoised { self.recorder.result() } else { self.recorder.noisy() };
        renderer.draw(&gpu, images, self.count, [columns, gap], target);
        Ok(())
    }

    fn numbers(&self) -> usize {
        self.count * self.network.image_shape().dimension()
    }

    /// Submits one evaluation of the denoiser at the next step's σ; false if no step is left.
    fn evaluate(&mut self) -> bool {
        let Some(Step { sigma, .. }) = self.next() else { return false };
        self.prepare();
        let row = self.window.rows[self.done - self.window.steps.start];
        self.recorder.write_steps(Buffers::STEPS, &[StepRow::evaluate(row, 1.0, sigma * sigma)]);
        self.recorder.submit([(Flow::Evaluate, Buffers::STEPS)]);
        true
    }

    /// Makes sure that the tables hold the next step, and as many after it as they have room for.
    fn prepare(&mut self) {
        if self.window.steps.contains(&self.done) {
            return;
        }
        let (mut sigmas, mut rows): (Vec<f32>, Vec<u32>) = Default::default();
        for step in self.table.steps[self.done..].iter().take(Buffers::STEPS) {
            let row = match sigmas.iter().rposition(|&sigma| sigma == step.sigma) {
                Some(row) => row,
                None if sigmas.len() == Buffers::LEVELS => break,
                None => {
                    sigmas.push(step.sigma);
                    sigmas.len() - 1
                }
            };
            rows.push(row as u32);
        }
        let table: Vec<StepRow> = (self.done..)
            .zip(&rows)
            .map(|(index, &row)| self.rows.row(&self.table, index, row))
            .collect();
        self.recorder.write_steps(0, &table);
        self.recorder.submit_levels(&sigmas);
        self.window = Window { steps: self.done..self.done + rows.len(), rows };
    }
}
