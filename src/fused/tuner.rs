//! Which tiles are the fastest on this GPU, found by trying them all on the network itself.
//!
//! The work comes in pieces of some milliseconds, so that a page can do it while nobody waits for
//! anything, and stop at any time.

use super::error::FusedError;
use super::lower::{Kernel, Lowered};
use super::network::{Network, pipeline};
use super::pipelines::Pipelines;
use super::platform;
use super::run::{Flow, Run};
use super::step::StepRow;
use super::tiling::Tiling;

/// Measures the tilings of a network's style against each other.
#[derive(Debug)]
pub struct Tuner {
    network: Network,
    batch: usize,
    /// The kernels that may not be compiled yet, and the pipelines of the others.
    missing: Vec<Kernel>,
    pipelines: Pipelines,
    /// What is not complete yet.
    lowered: Vec<(Tiling, Lowered)>,
    candidates: Vec<Candidate>,
    /// How many evaluations are timed at once; 0 until that is known.
    evaluations: usize,
    timed: usize,
}

#[derive(Debug)]
struct Candidate {
    network: Network,
    /// The least that an evaluation took, in seconds.
    seconds: f64,
}

impl Tuner {
    /// How often each is timed. The least counts, so that whatever else the GPU does is left out.
    const ROUNDS: usize = 5;
    /// Seconds that are timed at once, and the most evaluations.
    const PIECE: f64 = 0.02;
    const MOST: usize = 64;

    /// Begins to measure with so many pictures at a time.
    pub fn new(network: &Network, batch: usize) -> Self {
        let tilings = Tiling::of(network.setup().style);
        let lowered: Vec<_> =
            tilings.iter().map(|&tiling| (tiling, network.lowered(tiling))).collect();
        let all = lowered.iter().flat_map(|(_, lowered)| lowered.kernels());
        Self {
            network: network.clone(),
            batch,
            missing: all.cloned().collect(),
            pipelines: network.pipelines(),
            lowered,
            candidates: Vec::new(),
            evaluations: 0,
            timed: 0,
        }
    }

    /// Does one more piece: compiles a kernel, or times some evaluations. False once nothing is
    /// left to do.
    ///
    /// # Errors
    /// [`FusedError`] where the GPU fails, or has no room for so many pictures.
    pub async fn step(&mut self) -> Result<bool, FusedError> {
        while let Some(kernel) = self.missing.pop() {
            if self.pipelines.get(&kernel).is_some() {
                continue;
            }
            let pipeline = pipeline(self.network.gpu(), &kernel);
            self.pipelines.add(kernel, pipeline);
            self.network.gpu().idle().await?;
            return Ok(true);
        }
        for (tiling, lowered) in self.lowered.drain(..) {
            let network = self.network.tiled(tiling, lowered, &self.pipelines);
            self.candidates.push(Candidate { network, seconds: f64::INFINITY });
        }
        if self.candidates.len() < 2 || self.timed == Self::ROUNDS * self.candidates.len() {
            return Ok(false);
        }
        // In turns, so that a GPU that grows warm grows warm for all.
        let next = self.timed % self.candidates.len();
        if self.evaluations == 0 {
            let seconds = time(&self.candidates[next].network, self.batch, 1).await?;
            self.evaluations = (Self::PIECE / seconds.max(1e-6)).ceil() as usize;
            self.evaluations = self.evaluations.clamp(1, Self::MOST);
            return Ok(true);
        }
        let Candidate { network, seconds } = &mut self.candidates[next];
        *seconds = seconds.min(time(network, self.batch, self.evaluations).await?);
        self.timed += 1;
        Ok(true)
    }

    /// The least seconds of an evaluation with each tiling, as far as they are known.
    pub fn times(&self) -> impl Iterator<Item = (Tiling, f64)> {
        self.candidates
            .iter()
            .map(|candidate| (candidate.network.setup().tiling, candidate.seconds))
    }

    /// The network with the tiles that were the fastest so far.
    pub fn finish(self) -> Network {
        let fastest = self.candidates.into_iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds));
        fastest.map_or(self.network, |fastest| fastest.network)
    }
}

/// Seconds of an evaluation, of so many at once. Warm: one more is done before. Its memory is freed,
/// for there may be room for one only.
async fn time(network: &Network, batch: usize, evaluations: usize) -> Result<f64, FusedError> {
    let gpu = network.gpu();
    let mut run = Run::new(network, batch)?;
    run.write_steps(0, &[StepRow::ask(0, 0.0, 1.0)]);
    run.submit_levels(&[1.0]);
    run.submit([(Flow::Look, 0)]);
    gpu.idle().await?;
    let begun = platform::now();
    run.submit((0..evaluations).map(|_| (Flow::Look, 0)));
    gpu.idle().await?;
    let seconds = (platform::now() - begun) / evaluations as f64;
    drop(run);
    network.forget_buffers();
    Ok(seconds)
}
