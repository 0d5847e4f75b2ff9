//! A batch of chains that runs through a step table.

use std::ops::Range;

use super::buffers::Buffers;
use super::network::Network;
use super::recorder::Recorder;
use super::step_row::StepRow;
use super::step_rows::StepRows;
use super::throttle::Throttle;
use crate::backend::fused::error::FusedError;
use crate::backend::{BackendError, ChainSource, Chains, Pending, State, View};
use crate::net::ImageShape;
use crate::sample::{Conditioning, Step, StepTable};

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
    /// The first row of each step's noise level.
    rows: Vec<u32>,
}

impl FusedChains {
    /// Chains at the start of a step table.
    ///
    /// `chains` are the numbers of the chains: chain 7 is the same whether it runs alone or in a
    /// batch from 0 to 100.
    ///
    /// # Errors
    /// [`BackendError::Chains`] if there are none or a number is too large, [`FusedError::Limit`] if
    /// so many do not fit on the GPU.
    pub fn new(
        network: &Network,
        table: StepTable,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, BackendError> {
        Self::conditioned(network, table, &Conditioning::default(), seed, chains)
    }

    /// As [`Self::new`], with a conditioning.
    ///
    /// # Errors
    /// As [`Self::new`], and if the conditioning does not fit the network's images or classes.
    pub fn conditioned(
        network: &Network,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, BackendError> {
        BackendError::check_chains(&chains)?;
        let dimension = network.image_shape().dimension();
        conditioning.check_shape(network.image_shape())?;
        conditioning.check_classes(network.classes())?;
        let guidance_max = network.guidance_max();
        let rows = StepRows::new(conditioning, guidance_max, seed, chains.clone(), dimension);
        let mut recorder = network.recorder(chains.len(), rows.level_rows().is_guided())?;
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
        let (network, count) = (network.clone(), chains.len());
        let (window, throttle) = (Window::default(), Throttle::default());
        Ok(Self { network, table, rows, count, recorder, done: 0, window, throttle })
    }

    /// Records and submits at most `steps` steps and returns how many: as many as take some
    /// milliseconds and as the tables hold, or none if the step table is over or enough submissions
    /// are in flight.
    ///
    /// Only a few submissions are in flight at a time. Natively this waits for the oldest. The
    /// browser cannot wait: there it returns 0, and [`Chains::advance`] tries again once the GPU is
    /// idle.
    pub fn submit(&mut self, steps: usize) -> usize {
        let left = self.table.steps.len() - self.done;
        if left == 0 || steps == 0 || !self.throttle.make_room(self.network.gpu().device()) {
            return 0;
        }
        self.prepare();
        let count = steps.min(self.window.steps.end - self.done).min(self.throttle.steps());
        let first = self.done - self.window.steps.start;
        let flow = |row| (self.rows.flow(&self.table, self.window.steps.start + row), row);
        let steps: Vec<_> = (first..first + count).map(flow).collect();
        let submitted = self.recorder.submit(&steps, self.throttle.launches());
        self.throttle.submitted(self.network.gpu().queue(), submitted, count);
        self.done += count;
        count
    }

    /// The score of the last step, with its guidance.
    async fn last_score(&self) -> Result<Vec<f32>, FusedError> {
        let (gpu, numbers) = (self.network.gpu(), self.numbers());
        let step = self.done.checked_sub(1).and_then(|index| self.table.steps.get(index));
        let guidance = step.map_or(0.0, |step| self.rows.level_rows().guidance(step.sigma));
        if guidance == 0.0 {
            return gpu.read(self.recorder.last_score(), numbers).await;
        }
        let both = gpu.read(self.recorder.last_score(), 2 * numbers).await?;
        let (of_class, of_none) = both.split_at(numbers);
        Ok(of_class.iter().zip(of_none).map(|(s, none)| s + guidance * (s - none)).collect())
    }

    fn numbers(&self) -> usize {
        self.count * self.network.image_shape().dimension()
    }

    /// Submits one evaluation of the denoiser at the next step's σ; false if no step is left.
    fn evaluate(&mut self) -> bool {
        let Some(Step { sigma, .. }) = self.next() else { return false };
        self.prepare();
        let row = self.window.rows[self.done - self.window.steps.start];
        let (flow, row) = self.rows.denoise(row, sigma);
        self.recorder.write_steps(Buffers::STEPS, &[row]);
        self.recorder.submit(&[(flow, Buffers::STEPS)], self.throttle.launches());
        true
    }

    /// Makes sure that the tables hold the next step, and as many after it as they have room for.
    fn prepare(&mut self) {
        if self.window.steps.contains(&self.done) {
            return;
        }
        let level_rows = self.rows.level_rows();
        let most = self.recorder.level_rows();
        let (mut sigmas, mut rows): (Vec<f32>, Vec<u32>) = Default::default();
        for step in self.table.steps[self.done..].iter().take(Buffers::STEPS) {
            let row = match sigmas.iter().rposition(|&sigma| sigma == step.sigma) {
                Some(row) => row,
                None if (sigmas.len() + 1) * level_rows.per_level() > most => break,
                None => {
                    sigmas.push(step.sigma);
                    sigmas.len() - 1
                }
            };
            rows.push((row * level_rows.per_level()) as u32);
        }
        let table: Vec<StepRow> = (self.done..)
            .zip(&rows)
            .map(|(index, &row)| self.rows.row(&self.table, index, row))
            .collect();
        self.recorder.write_steps(0, &table);
        let levels: Vec<_> = sigmas.iter().flat_map(|&sigma| level_rows.rows(sigma)).collect();
        self.recorder.submit_levels(&levels);
        self.window = Window { steps: self.done..self.done + rows.len(), rows };
    }
}

impl ChainSource for Network {
    fn image_shape(&self) -> ImageShape {
        // The network's own method, which takes precedence over this one.
        Self::image_shape(self)
    }

    fn chains(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Box<dyn Chains>, BackendError> {
        Ok(Box::new(FusedChains::conditioned(self, table, conditioning, seed, numbers)?))
    }
}

impl Chains for FusedChains {
    fn step_table(&self) -> &StepTable {
        &self.table
    }

    fn done(&self) -> usize {
        self.done
    }

    fn advance(&mut self, steps: usize) -> Pending<'_, usize> {
        Box::pin(async move {
            loop {
                let count = self.submit(steps);
                self.network.gpu().check()?;
                if count > 0 || steps == 0 || self.next().is_none() {
                    return Ok(count);
                }
                // Enough is in flight.
                self.network.gpu().idle().await?;
            }
        })
    }

    fn wait(&mut self) -> Pending<'_, ()> {
        Box::pin(async { Ok(self.network.gpu().idle().await?) })
    }

    fn read(&mut self, view: View) -> Pending<'_, Vec<f32>> {
        Box::pin(async move {
            let images = match view {
                View::Denoised if self.evaluate() => self.recorder.result(),
                View::Noisy | View::Denoised => self.recorder.noisy(),
            };
            Ok(self.recorder.read(images, self.numbers()).await?)
        })
    }

    fn draw(
        &mut self,
        view: View,
        columns: usize,
        gap: usize,
        target: &wgpu::TextureView,
    ) -> Result<(), BackendError> {
        let gpu = self.network.gpu().clone();
        gpu.check()?;
        let denoised = view == View::Denoised && self.evaluate();
        let renderer = self.network.renderer(target.texture().format())?;
        let images = if denoised { self.recorder.result() } else { self.recorder.noisy() };
        renderer.draw(&gpu, images, self.count, [columns, gap], target);
        Ok(())
    }

    fn save(&mut self) -> Pending<'_, State> {
        Box::pin(async {
            let Self { network, table, rows, recorder, done, .. } = &*self;
            let (gpu, numbers) = (network.gpu(), self.numbers());
            let x = recorder.read(recorder.noisy(), numbers).await?;
            let moved = table.looks_back(*done).then(|| rows.earlier(table, *done));
            let previous = match moved {
                None => None,
                Some(None) => Some(self.last_score().await?),
                Some(Some(drift)) => {
                    let earlier = gpu.read(recorder.earlier(), numbers).await?;
                    Some(x.iter().zip(&earlier).map(|(x, earlier)| (x - earlier) / drift).collect())
                }
            };
            let kept = table.denoised_kept(*done);
            let pairs = match kept {
                0 => Vec::new(),
                _ => gpu.read(recorder.denoised(), 2 * numbers).await?,
            };
            let denoised =
                (0..kept).map(|j| pairs.iter().skip(j).step_by(2).copied().collect()).collect();
            Ok(State { done: *done, x, previous, denoised })
        })
    }

    fn restore(&mut self, state: &State) -> Result<(), BackendError> {
        state.check(&self.table, self.numbers())?;
        let State { done, x, previous, denoised } = state;
        self.recorder.write_images(x);
        // The tables may be among what a GPU has lost.
        self.window = Window::default();
        if let Some(previous) = previous {
            match self.rows.earlier(&self.table, *done) {
                None => self.recorder.write_last_score(previous),
                Some(drift) => {
                    let earlier = x.iter().zip(previous).map(|(x, score)| x - drift * score);
                    self.recorder.write_earlier(&earlier.collect::<Vec<f32>>());
                }
            }
        }
        if !denoised.is_empty() {
            let at = |j: usize, i: usize| denoised.get(j).map_or(0.0, |denoised| denoised[i]);
            let pairs: Vec<_> = (0..x.len()).map(|i| [at(0, i), at(1, i)]).collect();
            self.recorder.write_denoised(&pairs);
        }
        self.done = *done;
        Ok(())
    }
}
