//! Finds the fastest tiles on this GPU by measuring the network itself with every tiling.
//!
//! The work is done in pieces, so that a page can do it while it is idle and stop at any time. A
//! piece compiles one kernel, or times evaluations for a quarter of a second at most, or a single
//! evaluation if that takes longer. How many that are is found for every tiling by doubling: some
//! take many times as long as others.

use super::self_test;
use crate::backend::fused::codegen::{Kernel, Lowered, Tiling};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::runtime::{Compiler, Network, platform};

/// Measures how fast a network is with each tiling of its strategy.
#[derive(Debug)]
pub struct Tuner {
    network: Network,
    batch: usize,
    /// Tilings whose kernels have not been generated yet.
    waiting: Vec<Tiling>,
    present: Option<Compiling>,
    /// Keeps the pipelines of all tilings so far, which other networks have no use for.
    compiler: Compiler,
    candidates: Vec<Candidate>,
    /// The scores of the network as it is; empty until computed.
    expected: Vec<f32>,
    /// How many evaluations are timed at once, unless they take too long: as many as the first
    /// candidate needed.
    evaluations: Option<usize>,
    /// The seconds of one with the wait for its end.
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
    /// How often it was run: first for its scores, then for its time.
    rounds: usize,
    /// How many evaluations are timed at once.
    evaluations: usize,
    /// The shortest time of an evaluation, in seconds.
    seconds: f64,
}

impl Tuner {
    /// How often each is run. The shortest time counts, since other work on the GPU only adds to it.
    const ROUNDS: usize = 6;
    /// The fewest seconds to time at once, and the most evaluations.
    const PIECE: f64 = 0.02;
    const MOST: usize = 256;
    /// The most seconds to time at once, however late the end is reported: on a slow GPU the
    /// evaluation itself takes that long.
    const LONG: f64 = 0.25;
    /// Evaluations per submission: the next is recorded while it runs.
    const SUBMITTED: usize = 16;
    /// Tiles that take so many times as long as the fastest are not timed again.
    const SLOW: f64 = 4.0;
    /// The share of the default tiles' time that others must stay below to be preferred: browsers'
    /// clocks are coarse, and chance should not decide.
    pub const BETTER: f64 = 0.95;

    /// Starts to measure with `batch` images at a time.
    pub fn new(network: &Network, batch: usize) -> Self {
        Self {
            network: network.clone(),
            batch,
            waiting: Tiling::of(network.config().strategy).iter().rev().copied().collect(),
            present: None,
            compiler: network.compiler().fork(),
            candidates: Vec::new(),
            expected: Vec::new(),
            evaluations: None,
            single: None,
        }
    }

    /// Does one more piece: compiles a kernel, or times some evaluations. Returns false once
    /// nothing is left to do. Tilings that do not compile, compute something else or do not fit
    /// into memory are left out.
    ///
    /// # Errors
    /// [`FusedError`] if the GPU itself fails.
    pub async fn step(&mut self) -> Result<bool, FusedError> {
        let gpu = self.network.gpu().clone();
        if let Some(more) = gpu.catch_errors(self.piece()).await {
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
                if self.compiler.compile(&kernel) {
                    gpu.idle().await?;
                    return Ok(true);
                }
            }
        }
        if let Some(Compiling { tiling, lowered, .. }) = self.present.take() {
            // Tiles that need more workgroups than the GPU allows are no candidate.
            let network = match self.network.tiled(tiling, lowered, &self.compiler) {
                Err(FusedError::Limit { .. }) => return Ok(true),
                network => network?,
            };
            let seconds = f64::INFINITY;
            self.candidates.push(Candidate { network, rounds: 0, evaluations: 1, seconds });
        }
        if let Some(tiling) = self.waiting.pop() {
            let lowered = self.compiler.lower(&self.network.compiled().plan, tiling);
            // In some networks several tilings give the same kernels.
            if self.candidates.iter().any(|one| one.network.compiled().runs(&lowered)) {
                return Ok(true);
            }
            let missing = lowered.kernels().cloned().collect();
            self.present = Some(Compiling { tiling, lowered, missing });
            return Ok(true);
        }
        let Some(next) = self.next() else { return Ok(false) };
        // If this fails, `step` leaves out one candidate after another until nothing is left to do.
        if self.expected.is_empty() {
            self.expected = scores(&self.network).await?;
        }
        let Candidate { network, rounds, evaluations, seconds } = &mut self.candidates[next];
        if *rounds == 0 {
            let scores = scores(network).await?;
            if !self_test::agree(&scores, &self.expected, self_test::TOLERANCE) {
                return Err(FusedError::Fault("these tiles compute something else".to_owned()));
            }
            *rounds += 1;
            return Ok(true);
        }
        let (count, took) = time(network, self.batch, *evaluations).await?;
        // The end is reported some milliseconds late, in one browser a hundred: that must be the
        // smaller part of the measured time, and the same part for all.
        let reported = 3.0 * *self.single.get_or_insert(took);
        let more = match self.evaluations {
            Some(all) => count < all,
            None => count < Self::MOST && took < reported.clamp(Self::PIECE, Self::LONG),
        };
        if more && 2.0 * took <= Self::LONG && seconds.is_infinite() {
            *evaluations = 2 * count;
            return Ok(true);
        }
        self.evaluations.get_or_insert(count);
        *seconds = seconds.min(took / count as f64);
        *rounds += 1;
        let fastest = self.times().map(|(_, seconds)| seconds).fold(f64::INFINITY, f64::min);
        let candidate = &mut self.candidates[next];
        if candidate.seconds > Self::SLOW * fastest {
            candidate.rounds = Self::ROUNDS;
        }
        Ok(true)
    }

    /// The candidate to run next. They take turns, so that a GPU that becomes faster or slower
    /// meanwhile does so for all alike. A single candidate needs no measurement.
    fn next(&self) -> Option<usize> {
        let all = self.candidates.iter().enumerate().filter(|(_, one)| one.rounds < Self::ROUNDS);
        let next = all.min_by_key(|(_, candidate)| candidate.rounds);
        next.map(|(index, _)| index).filter(|_| self.candidates.len() > 1)
    }

    /// The shortest time of an evaluation with each tiling, in seconds; infinite until measured.
    pub fn times(&self) -> impl Iterator<Item = (Tiling, f64)> {
        self.candidates
            .iter()
            .map(|candidate| (candidate.network.config().tiling, candidate.seconds))
    }

    /// The network with the fastest tiles so far.
    pub fn finish(self) -> Network {
        let default = Tiling::of(self.network.config().strategy)[0];
        let timed = self.candidates.into_iter().map(|Candidate { network, seconds, .. }| {
            let is_default = network.config().tiling == default;
            (seconds * if is_default { Self::BETTER } else { 1.0 }, network)
        });
        let fastest = timed.filter(|one| one.0.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0));
        fastest.map_or(self.network, |(_, network)| network)
    }
}

/// The network's scores of some noise.
async fn scores(network: &Network) -> Result<Vec<f32>, FusedError> {
    let scores = self_test::scores(network).await;
    network.free_buffers();
    scores
}

/// How many evaluations were timed, and the seconds that they took together: as many as asked for,
/// after one to warm up, or only that one if it is long. Frees their memory, since there may be room
/// for only one batch.
async fn time(
    network: &Network,
    batch: usize,
    evaluations: usize,
) -> Result<(usize, f64), FusedError> {
    let gpu = network.gpu();
    let mut recorder = network.evaluator(batch)?;
    let mut begun = platform::now();
    recorder.evaluate();
    gpu.idle().await?;
    let (mut count, mut seconds) = (1, platform::now() - begun);
    if seconds < Tuner::LONG {
        count = evaluations;
        begun = platform::now();
        let mut left = count;
        while left > 0 {
            let part = left.min(Tuner::SUBMITTED);
            recorder.evaluate_at_once(part);
            left -= part;
        }
        gpu.idle().await?;
        seconds = platform::now() - begun;
    }
    drop(recorder);
    network.free_buffers();
    Ok((count, seconds))
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
    use crate::backend::fused::runtime::{Gpu, TestGpu};

    fn tuner(gpu: &Gpu) -> Tuner {
        let config = KernelConfig::new(Strategy::Staged, KernelPrecision::F32);
        let network = self_test::network(gpu, config).expect("it is small");
        Tuner::new(&network, 2)
    }

    fn complete(tuner: &mut Tuner) {
        while block_on(tuner.step()).expect("the GPU is healthy") {}
    }

    #[test]
    fn tiles_that_do_not_compile_are_left_out() {
        let gpu = TestGpu::request();
        let mut tuner = tuner(&gpu);
        assert_eq!(block_on(tuner.step()), Ok(true));
        let Compiling { tiling: left_out, missing, .. } = tuner.present.as_mut().expect("begun");
        let (left_out, kernel) = (*left_out, missing[0].clone());
        missing.push(Kernel { source: "@compute fn main() { this is no WGSL }".into(), ..kernel });
        complete(&mut tuner);
        let rest: Vec<Tiling> = tuner.times().map(|(tiling, _)| tiling).collect();
        assert_eq!(rest, different(&tuner.network, Some(left_out)));
    }

    #[test]
    fn tiles_with_too_many_workgroups_are_left_out() {
        let gpu = TestGpu::request();
        let mut tuner = tuner(&gpu);
        while tuner.candidates.len() < 2 || tuner.present.is_none() {
            assert_eq!(block_on(tuner.step()), Ok(true));
        }
        let Compiling { tiling: left_out, lowered, .. } = tuner.present.as_mut().expect("begun");
        let left_out = *left_out;
        lowered.steps[0].groups = [1 << 16, 1];
        complete(&mut tuner);
        let rest: Vec<Tiling> = tuner.times().map(|(tiling, _)| tiling).collect();
        assert_eq!(rest, different(&tuner.network, Some(left_out)));
    }

    /// The tilings whose kernels differ from those of all earlier ones.
    fn different(network: &Network, except: Option<Tiling>) -> Vec<Tiling> {
        let mut different: Vec<(Tiling, Vec<_>)> = Vec::new();
        let tilings = Tiling::of(network.config().strategy).iter().copied();
        for tiling in tilings.filter(|&tiling| except != Some(tiling)) {
            let plan = &network.compiled().plan;
            let kernels = network.compiler().lower(plan, tiling).steps.into_iter();
            let texts = kernels.map(|kernel| kernel.source).collect();
            if different.iter().all(|(_, others)| *others != texts) {
                different.push((tiling, texts));
            }
        }
        different.into_iter().map(|(tiling, _)| tiling).collect()
    }

    #[test]
    fn tiles_that_give_the_same_kernels_are_measured_once() {
        let gpu = TestGpu::request();
        let mut tuner = tuner(&gpu);
        let expected = different(&tuner.network, None);
        assert!(expected.len() < Tiling::of(tuner.network.config().strategy).len());
        complete(&mut tuner);
        assert!(tuner.times().all(|(_, seconds)| seconds.is_finite()));
        assert_eq!(tuner.times().map(|(tiling, _)| tiling).collect::<Vec<_>>(), expected);
    }

    /// If the default tiles are left out, no others are preferred in their place.
    #[test]
    fn only_the_default_tiles_are_preferred_to_slightly_faster_ones() {
        let gpu = TestGpu::request();
        let chosen = |left_out: usize| {
            let mut tuner = compiled(&gpu);
            tuner.candidates.drain(..left_out);
            for (candidate, seconds) in tuner.candidates.iter_mut().zip([1.0, 0.98]) {
                candidate.seconds = seconds;
            }
            let tilings: Vec<Tiling> = tuner.times().map(|(tiling, _)| tiling).collect();
            let chosen = tuner.finish().config().tiling;
            tilings.iter().position(|&tiling| tiling == chosen)
        };
        assert_eq!(chosen(0), Some(0));
        assert_eq!(chosen(1), Some(1));
    }

    /// Compiles all candidates.
    fn compiled(gpu: &Gpu) -> Tuner {
        let mut tuner = tuner(gpu);
        while !tuner.waiting.is_empty() || tuner.present.is_some() {
            assert_eq!(block_on(tuner.step()), Ok(true));
        }
        tuner
    }

    #[test]
    fn tiles_that_take_several_times_as_long_are_timed_once() {
        let gpu = TestGpu::request();
        let mut tuner = compiled(&gpu);
        let others = tuner.candidates.len() - 1;
        // As if the first were done, and very fast.
        tuner.evaluations = Some(1);
        tuner.candidates[0].rounds = Tuner::ROUNDS;
        tuner.candidates[0].seconds = 1e-12;
        let mut pieces = 0;
        while block_on(tuner.step()).expect("the GPU is healthy") {
            pieces += 1;
        }
        assert_eq!(pieces, 2 * others, "scores, and a time");
        assert!(tuner.times().all(|(_, seconds)| seconds.is_finite()));
    }

    /// Otherwise slow tiles would keep a GPU busy for as long as they are slower than the first.
    #[test]
    fn every_tiling_begins_with_a_single_evaluation() {
        let gpu = TestGpu::request();
        let mut tuner = compiled(&gpu);
        tuner.evaluations = Some(4);
        let mut before: Vec<usize> = Vec::new();
        loop {
            let now: Vec<usize> = tuner.candidates.iter().map(|one| one.evaluations).collect();
            let begins = before.is_empty() && now.iter().all(|count| *count == 1);
            let doubles = before.iter().zip(&now).all(|(b, now)| now == b || *now == 2 * b);
            assert!(begins || (before.len() == now.len() && doubles), "{before:?} {now:?}");
            assert!(now.iter().all(|count| *count <= 4), "{now:?}");
            before = now;
            if !block_on(tuner.step()).expect("the GPU is healthy") {
                break;
            }
        }
    }

    #[test]
    fn tiles_that_compute_something_else_are_left_out() {
        let gpu = TestGpu::request();
        let mut tuner = tuner(&gpu);
        let mut expected = block_on(scores(&tuner.network)).expect("the GPU is healthy");
        expected[0] += 100.0;
        tuner.expected = expected;
        complete(&mut tuner);
        // The last candidate left is never run.
        assert!(tuner.times().all(|(_, seconds)| seconds.is_infinite()));
        let before = tuner.network.config();
        assert_eq!(tuner.finish().config(), before);
    }
}
