//! Which tiles are the fastest on this GPU, found by trying them all on the network itself.
//!
//! The work comes in pieces, so that a page can do it while nobody waits for anything, and stop at any
//! time: a kernel is compiled, or as many evaluations are timed as take some tenths of a second at
//! most. Where a single one takes longer, it is a single one.

use super::error::FusedError;
use super::lower::{Kernel, Lowered};
use super::network::{Network, pipeline};
use super::pipelines::Pipelines;
use super::run::{Flow, Run};
use super::step::StepRow;
use super::tiling::Tiling;
use super::{platform, self_test};

/// Measures the tilings of a network's style against each other.
#[derive(Debug)]
pub struct Tuner {
    network: Network,
    batch: usize,
    /// What no kernel has been made for yet.
    waiting: Vec<Tiling>,
    present: Option<Compiling>,
    /// Of all tilings so far.
    pipelines: Pipelines,
    candidates: Vec<Candidate>,
    /// What the network as it is answers; empty until it was asked.
    expected: Vec<f32>,
    /// How many evaluations are timed at once, and seconds of a single one with the wait for its end.
    evaluations: usize,
    single: Option<f64>,
}

/// A tiling some of whose kernels may not be compiled yet.
#[derive(Debug)]
struct Compiling {
    tiling: Tiling,
    lowered: Lowered,
    missing: Vec<Kernel>,
}

#[derive(Debug)]
struct Candidate {
    network: Network,
    /// How often it was asked: first for its answer, then for its time.
    rounds: usize,
    /// The least that an evaluation took, in seconds.
    seconds: f64,
}

impl Tuner {
    /// How often each is asked. The least time counts, so that whatever else the GPU does is left
    /// out.
    const ROUNDS: usize = 6;
    /// Seconds that are timed at once, at least, and the most evaluations.
    const PIECE: f64 = 0.02;
    const MOST: usize = 256;
    /// More seconds are not asked for, however late the end is heard of: on a slow GPU it is the
    /// evaluation itself that takes so long.
    const LONG: f64 = 0.25;
    /// Evaluations of one submission: the next is recorded while it runs, and no system takes it for
    /// a hang.
    const SUBMITTED: usize = 16;
    /// The share of the default tiles' time that others may take and still be preferred: browsers'
    /// clocks are coarse, and chance should not decide.
    pub const BETTER: f64 = 0.95;

    /// Begins to measure with so many pictures at a time.
    pub fn new(network: &Network, batch: usize) -> Self {
        Self {
            network: network.clone(),
            batch,
            waiting: Tiling::of(network.setup().style).iter().rev().copied().collect(),
            present: None,
            pipelines: network.pipelines(),
            candidates: Vec::new(),
            expected: Vec::new(),
            evaluations: 1,
            single: None,
        }
    }

    /// Does one more piece: compiles a kernel, or times some evaluations. False once nothing is
    /// left to do. A tiling that does not compile, that computes something else or that there is no
    /// memory for is left out.
    ///
    /// # Errors
    /// [`FusedError`] where the GPU itself fails.
    pub async fn step(&mut self) -> Result<bool, FusedError> {
        let gpu = self.network.gpu().clone();
        if let Some(more) = gpu.quietly(self.piece()).await {
            return Ok(more);
        }
        gpu.check()?;
        if self.present.take().is_none()
            && let Some(next) = self.next()
        {
            self.candidates.remove(next);
        }
        Ok(true)
    }

    async fn piece(&mut self) -> Result<bool, FusedError> {
        let gpu = self.network.gpu();
        if let Some(Compiling { missing, .. }) = &mut self.present {
            while let Some(kernel) = missing.pop() {
                if self.pipelines.get(&kernel).is_none() {
                    let pipeline = pipeline(gpu, &kernel);
                    self.pipelines.add(kernel, pipeline);
                    gpu.idle().await?;
                    return Ok(true);
                }
            }
        }
        if let Some(Compiling { tiling, lowered, .. }) = self.present.take() {
            let network = self.network.tiled(tiling, lowered, &self.pipelines);
            self.candidates.push(Candidate { network, rounds: 0, seconds: f64::INFINITY });
        }
        if let Some(tiling) = self.waiting.pop() {
            let lowered = self.network.lowered(tiling);
            // In some networks shapes come down to the same.
            if self.candidates.iter().any(|one| one.network.runs(&lowered)) {
                return Ok(true);
            }
            let missing = lowered.kernels().cloned().collect();
            self.present = Some(Compiling { tiling, lowered, missing });
            return Ok(true);
        }
        if self.expected.is_empty() {
            self.expected = answer(&self.network).await?;
        }
        let Some(next) = self.next() else { return Ok(false) };
        let Candidate { network, rounds, seconds } = &mut self.candidates[next];
        if *rounds == 0 {
            if !self_test::agree(&answer(network).await?, &self.expected) {
                return Err(FusedError::Fault("these tiles compute something else".to_owned()));
            }
            *rounds += 1;
            return Ok(true);
        }
        let took = time(network, self.batch, self.evaluations).await?;
        // Hearing of the end takes some milliseconds too, in one browser a hundred: it must be the
        // smaller part of what is timed.
        let heard = 3.0 * *self.single.get_or_insert(took);
        let enough = heard.clamp(Self::PIECE, Self::LONG);
        if took < enough && self.evaluations < Self::MOST && seconds.is_infinite() {
            self.evaluations *= 2;
            return Ok(true);
        }
        *seconds = seconds.min(took / self.evaluations as f64);
        *rounds += 1;
        Ok(true)
    }

    /// The candidate to ask next: in turns, so that a GPU that grows warm grows warm for all. A
    /// single one has nothing to be measured against.
    fn next(&self) -> Option<usize> {
        let all = self.candidates.iter().enumerate().filter(|(_, one)| one.rounds < Self::ROUNDS);
        let next = all.min_by_key(|(_, candidate)| candidate.rounds);
        next.map(|(index, _)| index).filter(|_| self.candidates.len() > 1)
    }

    /// The least seconds of an evaluation with each tiling, as far as they are known.
    pub fn times(&self) -> impl Iterator<Item = (Tiling, f64)> {
        self.candidates
            .iter()
            .map(|candidate| (candidate.network.setup().tiling, candidate.seconds))
    }

    /// The network with the tiles that were the fastest so far.
    pub fn finish(self) -> Network {
        // The first is the usual one.
        let handicap = |index: usize| if index == 0 { Self::BETTER } else { 1.0 };
        let timed = self.candidates.into_iter().enumerate();
        let timed = timed.map(|(index, one)| (handicap(index) * one.seconds, one.network));
        let fastest = timed.filter(|one| one.0.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0));
        fastest.map_or(self.network, |(_, network)| network)
    }
}

/// The scores of a few pictures of noise.
async fn answer(network: &Network) -> Result<Vec<f32>, FusedError> {
    let x = self_test::noise(0, 2 * network.picture().dimension());
    let score = network.score(&x, &[1.0]).await;
    network.forget_buffers();
    score
}

/// Seconds of so many evaluations at once. Warm: one more is done before. Its memory is freed, for
/// there may be room for one only.
async fn time(network: &Network, batch: usize, evaluations: usize) -> Result<f64, FusedError> {
    let gpu = network.gpu();
    let mut run = Run::new(network, batch)?;
    run.write_steps(0, &[StepRow::ask(0, 0.0, 1.0)]);
    run.submit_levels(&[1.0]);
    run.submit([(Flow::Look, 0)]);
    gpu.idle().await?;
    let begun = platform::now();
    let mut left = evaluations;
    while left > 0 {
        let count = left.min(Tuner::SUBMITTED);
        run.submit((0..count).map(|_| (Flow::Look, 0)));
        left -= count;
    }
    gpu.idle().await?;
    let seconds = platform::now() - begun;
    drop(run);
    network.forget_buffers();
    Ok(seconds)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::super::gpu::Gpu;
    use super::super::precision::Precision;
    use super::super::setup::{Setup, Style};
    use super::*;

    fn tuner() -> Tuner {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        let setup = Setup::new(Style::Staged, Precision::Single);
        let network = self_test::network(&gpu, setup).expect("it is small");
        Tuner::new(&network, 2)
    }

    fn complete(tuner: &mut Tuner) {
        while block_on(tuner.step()).expect("the GPU is healthy") {}
        assert_eq!(tuner.network.gpu().check(), Ok(()));
    }

    #[test]
    fn tiles_that_do_not_compile_are_left_out() {
        let mut tuner = tuner();
        assert_eq!(block_on(tuner.step()), Ok(true));
        let Compiling { tiling: left_out, missing, .. } = tuner.present.as_mut().expect("begun");
        let (left_out, kernel) = (*left_out, missing[0].clone());
        missing.push(Kernel { source: "@compute fn main() { this is no WGSL }".into(), ..kernel });
        complete(&mut tuner);
        let rest: Vec<Tiling> = tuner.times().map(|(tiling, _)| tiling).collect();
        assert_eq!(rest, different(&tuner.network, Some(left_out)));
    }

    /// The tilings that do not come down to the kernels of an earlier one.
    fn different(network: &Network, except: Option<Tiling>) -> Vec<Tiling> {
        let mut different: Vec<(Tiling, Vec<_>)> = Vec::new();
        let tilings = Tiling::of(network.setup().style).iter().copied();
        for tiling in tilings.filter(|&tiling| except != Some(tiling)) {
            let kernels = network.lowered(tiling).steps.into_iter();
            let texts = kernels.map(|kernel| kernel.source).collect();
            if different.iter().all(|(_, others)| *others != texts) {
                different.push((tiling, texts));
            }
        }
        different.into_iter().map(|(tiling, _)| tiling).collect()
    }

    #[test]
    fn tiles_that_come_down_to_the_same_are_measured_once() {
        let mut tuner = tuner();
        let expected = different(&tuner.network, None);
        assert!(expected.len() < Tiling::of(tuner.network.setup().style).len());
        complete(&mut tuner);
        assert!(tuner.times().all(|(_, seconds)| seconds.is_finite()));
        assert_eq!(tuner.times().map(|(tiling, _)| tiling).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn tiles_that_compute_something_else_are_left_out() {
        let mut tuner = tuner();
        let mut expected = block_on(answer(&tuner.network)).expect("the GPU is healthy");
        expected[0] += 100.0;
        tuner.expected = expected;
        complete(&mut tuner);
        // The last one is not asked any more.
        assert!(tuner.times().all(|(_, seconds)| seconds.is_infinite()));
        let before = tuner.network.setup();
        assert_eq!(tuner.finish().setup(), before);
    }
}
