//! Chains: a program at work.

use std::ops::Range;

use super::error::FusedError;
use super::network::Network;
use super::pace::Pace;
use super::render::Renderer;
use super::run::{Flow, Run};
use super::step::StepRow;
use crate::random::Key;
use crate::sample::{Program, Steering, Step, Update, View};

/// Chains under way: they can be stepped, paused, looked at and carried on.
#[derive(Debug)]
pub struct Chain {
    network: Network,
    program: Program,
    seed: u64,
    chains: Range<usize>,
    run: Run,
    done: usize,
    window: Window,
    pace: Pace,
    renderer: Option<Renderer>,
}

/// The steps whose rows are in the tables.
#[derive(Debug, Default)]
struct Window {
    steps: Range<usize>,
    /// The row of each step's noise level.
    rows: Vec<u32>,
}

impl Chain {
    /// Chains at the start of a program.
    ///
    /// `chains` are the numbers of the chains: chain 7 is the same whether it runs alone, or in a
    /// batch from 0 to 100.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where so many chains do not fit the GPU.
    pub fn new(
        network: &Network,
        program: Program,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, FusedError> {
        Self::steered(network, program, &Steering::default(), seed, chains)
    }

    /// As [`Self::new`], under a steering.
    ///
    /// # Errors
    /// As [`Self::new`], and where the steering does not fit or is not [supported](Self::supports).
    pub fn steered(
        network: &Network,
        program: Program,
        steering: &Steering,
        seed: u64,
        chains: Range<usize>,
    ) -> Result<Self, FusedError> {
        let dimension = network.0.plan.picture.dimension();
        steering.check(dimension)?;
        Self::supports(&program, steering)?;
        let run = Run::new(network, chains.len())?;
        let mut x = vec![0.0; chains.len() * dimension];
        for (chain, x) in chains.clone().zip(x.chunks_exact_mut(dimension)) {
            steering.fill_start(program.start, seed, chain as u32, x);
        }
        run.write_picture(&x);
        let (network, window, pace) = (network.clone(), Window::default(), Pace::default());
        Ok(Self { network, program, seed, chains, run, done: 0, window, pace, renderer: None })
    }

    /// Whether these kernels can run a program under a steering.
    ///
    /// # Errors
    /// [`FusedError::Unsupported`] names what they cannot do.
    pub fn supports(program: &Program, steering: &Steering) -> Result<(), FusedError> {
        if steering.observation.is_some() {
            return Err(FusedError::Unsupported("observations"));
        }
        if steering.path.is_some() {
            return Err(FusedError::Unsupported("interpolation"));
        }
        let affine = |step: &Step| matches!(step.update, Update::Affine { .. });
        if !program.steps.iter().all(affine) {
            return Err(FusedError::Unsupported("correctors"));
        }
        let pairs = program.steps.windows(2).filter(|pair| pair[1].update.looks_back());
        match pairs.into_iter().all(|pair| moves_by_score_alone(pair[0]).is_some()) {
            true => Ok(()),
            false => Err(FusedError::Unsupported("multistep methods")),
        }
    }

    /// The program that runs.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How many steps are submitted.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The next step; none once the program is over.
    pub fn next(&self) -> Option<Step> {
        self.program.steps.get(self.done).copied()
    }

    /// Records and submits up to so many steps, and returns how many: as many as take some
    /// milliseconds, and none once the program is over or the GPU has enough to do.
    ///
    /// Never are more than two submissions under way. Where waiting is possible this waits for the
    /// older; in the browser it returns 0, and the page comes back after [`Self::wait`] or a frame.
    pub fn submit(&mut self, steps: usize) -> usize {
        let left = self.program.steps.len() - self.done;
        if left == 0 || steps == 0 || !self.pace.make_room(self.network.gpu().device()) {
            return 0;
        }
        self.prepare();
        let count = steps.min(self.window.steps.end - self.done).min(self.pace.steps());
        let first = self.done - self.window.steps.start;
        let submission = self.run.submit((first..first + count).map(|row| (Flow::Step, row)));
        self.pace.submitted(self.network.gpu().queue(), submission, count);
        self.done += count;
        count
    }

    /// Waits until everything that was submitted is done.
    ///
    /// # Errors
    /// What went wrong on the GPU.
    pub async fn wait(&self) -> Result<(), FusedError> {
        self.network.gpu().idle().await
    }

    /// The noisy pictures x̃ as they stand: N × C × H × W.
    ///
    /// # Errors
    /// What went wrong on the GPU.
    pub async fn noisy(&self) -> Result<Vec<f32>, FusedError> {
        self.network.gpu().read(self.run.present(), self.numbers()).await
    }

    /// What the network believes in, D(x̃, σ) at the σ of the next step: N × C × H × W. A finished
    /// chain's picture is what it is.
    ///
    /// # Errors
    /// What went wrong on the GPU.
    pub async fn denoised(&mut self) -> Result<Vec<f32>, FusedError> {
        if !self.look() {
            return self.noisy().await;
        }
        self.network.gpu().read(self.run.seen(), self.numbers()).await
    }

    /// Draws the pictures on a texture that can be rendered to, `columns` in a row and `gap` of their
    /// pixels apart, by nearest neighbours, clamped to \[0, 1\].
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
        let seen = view == View::Denoised && self.look();
        let format = target.texture().format();
        let renderer = match self.renderer.take().filter(|renderer| renderer.format() == format) {
            Some(renderer) => renderer,
            None => Renderer::new(&gpu, self.network.0.plan.picture, format)?,
        };
        let pictures = if seen { self.run.seen() } else { self.run.present() };
        renderer.draw(&gpu, pictures, self.chains.len(), [columns, gap], target);
        self.renderer = Some(renderer);
        Ok(())
    }

    fn numbers(&self) -> usize {
        self.chains.len() * self.network.0.plan.picture.dimension()
    }

    /// Submits one evaluation of the denoiser at the next step's σ; false where there is none.
    fn look(&mut self) -> bool {
        let Some(Step { sigma, .. }) = self.next() else { return false };
        self.prepare();
        let row = self.window.rows[self.done - self.window.steps.start];
        self.run.write_steps(Run::STEPS, &[StepRow::ask(row, 1.0, sigma * sigma)]);
        self.run.submit([(Flow::Look, Run::STEPS)]);
        true
    }

    /// Sees to it that the next step is in the tables, with as many after it as there is room for.
    fn prepare(&mut self) {
        if self.window.steps.contains(&self.done) {
            return;
        }
        let (mut sigmas, mut rows): (Vec<f32>, Vec<u32>) = Default::default();
        for step in self.program.steps[self.done..].iter().take(Run::STEPS) {
            let row = match sigmas.iter().rposition(|&sigma| sigma == step.sigma) {
                Some(row) => row,
                None if sigmas.len() == Run::LEVELS => break,
                None => {
                    sigmas.push(step.sigma);
                    sigmas.len() - 1
                }
            };
            rows.push(row as u32);
        }
        let step = |(index, (&row, step)): (usize, (&u32, &Step))| {
            let key = Key { seed: self.seed, stream: self.chains.start as u32, step: index as u32 };
            let [seed_high, first_chain, noise_step, seed_low] = key.words(0);
            let Update::Affine { drift, previous, noise } = step.update else {
                unreachable!("`supports` has refused it")
            };
            // The score of the step before is what that step moved by.
            let before = index.checked_sub(1).map(|before| self.program.steps[before]);
            let back = before.and_then(moves_by_score_alone).map_or(0.0, |drift| -previous / drift);
            StepRow {
                seed_high,
                first_chain,
                noise_step,
                seed_low,
                noise,
                back,
                ..StepRow::ask(row, 1.0 - back, drift)
            }
        };
        let table: Vec<StepRow> = (self.done..)
            .zip(rows.iter().zip(&self.program.steps[self.done..]))
            .map(step)
            .collect();
        self.run.write_steps(0, &table);
        self.run.submit_levels(&sigmas);
        self.window = Window { steps: self.done..self.done + rows.len(), rows };
    }
}

/// The drift of a step that is `x ← x + drift · s` and nothing else.
fn moves_by_score_alone(step: Step) -> Option<f32> {
    match step.update {
        Update::Affine { drift, previous: 0.0, noise: 0.0 } if drift != 0.0 => Some(drift),
        _ => None,
    }
}
