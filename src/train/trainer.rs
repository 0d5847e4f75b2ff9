//! A training run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::Device;
use flate2::Crc;
use pollster::block_on;

use super::learner::Learner;
use super::learner::burn::BurnLearner;
use super::learner::fused::FusedLearner;
use super::{
    Augmentation, Checkpoint, Options, OptionsError, Ranks, Start, TrainError, batch, checks,
};
use crate::backend::View;
use crate::backend::fused::Gpu;
use crate::data::Images;
use crate::net::weights::{Weights, check_weights, checksum};
use crate::noise::NoiseSchedule;
use crate::random::Key;
use crate::recipe::Order;
use crate::sample::{ClassConditioning, Conditioning, GuidanceScale, StepTable};

/// A training run under way.
pub struct Trainer {
    options: Options,
    order: Order,
    learner: Box<dyn Learner>,
    progress: Progress,
    /// The progress when everything was last known to be finite.
    sound: Progress,
}

/// How far a run is.
#[derive(Clone, Copy, Default)]
struct Progress {
    step: u64,
    seconds: f64,
}

impl Trainer {
    /// Starts a new run. Its state is on the first device. With several devices, each computes its
    /// share of every batch with a copy of the network, and gradients are added up on the first.
    ///
    /// # Errors
    /// [`TrainError::Options`], [`TrainError::Precision`], [`TrainError::Weights`] if weights are not
    /// those of their network, [`TrainError::Teacher`] if the options ask for what is learned from a
    /// model, but the start has none, and [`TrainError::Device`] if there is no device.
    pub fn new(
        options: Options,
        start: Start,
        images: &Images,
        devices: &[Device],
    ) -> Result<Self, TrainError> {
        let options = start.complete(options)?;
        check_images(&options, images)?;
        let learner = BurnLearner::new(&options, images, devices)?;
        Self::started(options, start, images, Box::new(learner))
    }

    /// As [`Self::new`], on a GPU by this crate's own kernels.
    ///
    /// # Errors
    /// As [`Self::new`], [`TrainError::Unsupported`] if these kernels cannot train this way, and
    /// [`TrainError::Gpu`] if the GPU is too small.
    pub fn on_gpu(
        options: Options,
        start: Start,
        images: &Images,
        gpu: &Gpu,
    ) -> Result<Self, TrainError> {
        let options = start.complete(options)?;
        check_images(&options, images)?;
        let learner = FusedLearner::new(&options, images, gpu)?;
        Self::started(options, start, images, Box::new(learner))
    }

    /// The run before its first step.
    fn started(
        options: Options,
        start: Start,
        images: &Images,
        mut learner: Box<dyn Learner>,
    ) -> Result<Self, TrainError> {
        let mut start_from = |weights: Weights| {
            check_weights(&options.architecture, &weights)?;
            learner.start_from(weights)
        };
        let teacher = match start {
            Start::Random => Vec::new(),
            Start::From(weights) => {
                start_from(weights)?;
                Vec::new()
            }
            Start::Distilled(weights) => {
                start_from(weights)?;
                vec![learner.ema_weights()?]
            }
            Start::Autoguided { better, by, worse } => {
                check_weights(&by.worse, &worse)?;
                start_from(better)?;
                vec![learner.ema_weights()?, worse]
            }
            Start::Matched { generator, by, model } => {
                check_weights(&by.model, &model)?;
                start_from(generator)?;
                vec![model]
            }
        };
        learner.set_teacher(&options, teacher)?;
        Ok(Self::with(options, images, learner, Progress::default()))
    }

    fn with(
        options: Options,
        images: &Images,
        learner: Box<dyn Learner>,
        progress: Progress,
    ) -> Self {
        let order = Order::new(images.len(), options.seed);
        Self { options, order, learner, progress, sound: progress }
    }

    /// Trains together with other processes, each of which has made the same trainer: from now on
    /// it computes its share of every batch. Rank 0 makes the steps, and the others
    /// [follow](Self::follow).
    ///
    /// # Errors
    /// [`TrainError::Options`] if there are more ranks than images in a batch, [`TrainError::Ranks`] if
    /// the trainers are not the same, and [`TrainError`] if the device fails. The others have then to be
    /// ended by [`Ranks::abort`].
    pub fn distributed(mut self, ranks: Box<dyn Ranks>) -> Result<Self, TrainError> {
        let (batch, size) = (self.options.batch, ranks.world_size());
        if size > batch {
            let problem = format!("a batch of {batch} cannot be shared by {size} ranks");
            return Err(OptionsError::Impossible(problem).into());
        }
        if !self.agrees(&*ranks)? {
            return Err(TrainError::Ranks);
        }
        self.learner.distribute(ranks);
        Ok(self)
    }

    /// Whether all ranks compute alike, and are at the same step of the same run with the same weights:
    /// hosts may read other files of the same name, and kinds of devices draw other first weights. If
    /// they do not agree, at least one of them gets `false`.
    fn agrees(&self, ranks: &dyn Ranks) -> Result<bool, TrainError> {
        // Settings for samplers may differ: they come from a model that other hosts may not have.
        let run = Options { sampler: None, best: None, ..self.options.clone() };
        let weights = std::iter::once(self.ema_weights()?).chain(self.learner.models());
        let weights: Vec<u32> = weights.map(|weights| checksum(&weights)).collect();
        let (kind, step) = (self.learner.kind(), self.progress.step);
        let state = format!("{kind} {step} {weights:?} {run:?}");
        let mut crc = Crc::new();
        crc.update(state.as_bytes());
        // There are at most as many ranks as images in a batch, 65536: f32 has sums of bytes exactly.
        let own = crc.sum().to_be_bytes().map(f32::from);
        let mut sums = own;
        ranks.all_reduce_sum(&mut sums);
        Ok(sums == own.map(|byte| byte * ranks.world_size() as f32))
    }

    /// Takes part in every step that rank 0 makes, until it ends the run. Losses are dropped: rank
    /// 0 reports them.
    ///
    /// # Errors
    /// If the device fails: the other ranks then wait, and have to be ended by [`Ranks::abort`].
    pub fn follow(&mut self, images: &Images) -> Result<(), TrainError> {
        // Reading losses waits for the device.
        const CHECK: u64 = 10;
        while self.learner.another_step() {
            self.step(images);
            self.learner.check()?;
            // Some drivers do not report work that the GPU gave up; the losses' report shows it.
            if self.progress.step.is_multiple_of(CHECK) {
                self.learner.take_losses()?;
            }
        }
        Ok(())
    }

    /// Continues a run from a checkpoint. This checks that the images have the shape and the classes of
    /// the run, but not that they and their labels are those that it began with: to find out, compare
    /// [`super::Fingerprint::of`] them with the checkpoint's `options.images`.
    ///
    /// # Errors
    /// [`TrainError`] if the checkpoint does not fit, or the devices fail.
    pub fn resume(
        checkpoint: Checkpoint,
        images: &Images,
        devices: &[Device],
    ) -> Result<Self, TrainError> {
        check(&checkpoint.options, images)?;
        let learner = BurnLearner::new(&checkpoint.options, images, devices)?;
        Self::resumed(checkpoint, images, Box::new(learner))
    }

    /// As [`Self::resume`], with the same checks, on a GPU by this crate's own kernels.
    ///
    /// # Errors
    /// As [`Self::resume`], [`TrainError::Unsupported`] if these kernels cannot train this way, and
    /// [`TrainError::Gpu`] if the GPU is too small.
    pub fn resume_on_gpu(
        checkpoint: Checkpoint,
        images: &Images,
        gpu: &Gpu,
    ) -> Result<Self, TrainError> {
        check(&checkpoint.options, images)?;
        let learner = FusedLearner::new(&checkpoint.options, images, gpu)?;
        Self::resumed(checkpoint, images, Box::new(learner))
    }

    fn resumed(
        checkpoint: Checkpoint,
        images: &Images,
        mut learner: Box<dyn Learner>,
    ) -> Result<Self, TrainError> {
        let Checkpoint { options, step, seconds, records } = checkpoint;
        learner.resume(&options, records)?;
        Ok(Self::with(options, images, learner, Progress { step, seconds }))
    }

    /// Everything needed to continue.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn cannot write its state.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let Progress { step, seconds } = self.progress;
        let records = self.learner.records(&self.options, step)?;
        Ok(Checkpoint { options: self.options.clone(), step, seconds, records })
    }

    /// The options of the run.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Steps done.
    pub fn done(&self) -> u64 {
        self.progress.step
    }

    /// Seconds spent in steps, over all sessions.
    pub fn seconds(&self) -> f64 {
        self.progress.seconds
    }

    /// Makes one optimizer step. The device may still be at work on it, so [`Self::take_loss`] reports
    /// failures.
    pub fn step(&mut self, images: &Images) {
        let started = Instant::now();
        let (options, step) = (&self.options, self.progress.step);
        let indices = self.order.batch(step, options.batch);
        self.learner.step(options, images, &indices, step);
        self.progress.step += 1;
        self.progress.seconds += started.elapsed().as_secs_f64();
    }

    /// The mean weighted loss of the steps since the last call, over D/2, so that a network whose output
    /// is 0 has about 1 under NCSN's weighting; of a consistency model, whose losses are distances and
    /// not their squares, over √D; of a run that matches a distribution, that of the critic. Waits for
    /// the device. `None` if there was no step.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss or the weights are not finite; the run is then back at
    /// its state of the last call.
    pub fn take_loss(&mut self) -> Result<Option<f32>, TrainError> {
        let started = Instant::now();
        let Some(losses) = self.learner.take_losses()? else { return Ok(None) };
        self.progress.seconds += started.elapsed().as_secs_f64();
        // The loss was computed with the weights before the step, so check the new ones, too.
        let not_finite = [("the loss", losses.sum), ("a weight", losses.weights)]
            .into_iter()
            .find(|(_, value)| !value.is_finite());
        if let Some((what, _)) = not_finite {
            let (sound, step) = (self.sound.step, self.progress.step);
            self.learner.restore();
            self.progress = self.sound;
            return Err(TrainError::Diverged { sound, step, what });
        }
        self.learner.keep();
        self.sound = self.progress;
        let dimension = self.options.architecture.image_shape().dimension() as f32;
        let unit =
            if self.options.consistency.is_some() { dimension.sqrt() } else { dimension / 2.0 };
        Ok(Some(losses.sum / losses.steps as f32 / unit))
    }

    /// Held-out `½ ‖σ s + z‖²` of the averaged network at a few noise levels, as (σ, loss): with
    /// the same images and noise at every call. Empty without images.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device fails.
    pub fn held_out(&self, images: &Images) -> Result<Vec<(f32, f32)>, TrainError> {
        const LEVELS: usize = 8;
        const IMAGES: usize = 256;
        const BATCH: usize = 64;
        let Options { sigma_max, sigma_min, .. } = self.options;
        let usual = NoiseSchedule { sigma_max, sigma_min, levels: LEVELS };
        // A network with few levels of its own is evaluated at those.
        let own = self.options.architecture.schedule().filter(|own| own.levels <= 2 * LEVELS);
        let indices: Vec<usize> = (0..images.len().min(IMAGES)).collect();
        if indices.is_empty() {
            return Ok(Vec::new());
        }
        let averaged = self.learner.averaged()?;
        let mut table = Vec::with_capacity(LEVELS);
        for sigma in own.unwrap_or(usual).sigmas() {
            let mut sum = 0.0;
            for (step, indices) in (0..).zip(indices.chunks(BATCH)) {
                let sigmas = vec![sigma; indices.len()];
                let plain = Augmentation::default();
                let key = Key { seed: 0, stream: 0, step };
                let [x, noise] = batch::noisy(images, indices, plain, &sigmas, key);
                let classes: Vec<_> = indices.iter().map(|&index| images.label(index)).collect();
                let score = averaged.score(x, images.shape, &sigmas, &classes)?;
                let square = |(s, z): (f32, f32)| 0.5 * f64::from(sigma * s + z).powi(2);
                sum += score.into_iter().zip(noise).map(square).sum::<f64>();
            }
            table.push((sigma, (sum / indices.len() as f64) as f32));
        }
        Ok(table)
    }

    /// Images drawn with the averaged network, always from the same seed: `count` × C × H × W. If
    /// the network has classes, they take turns. `None` if `stop` is set before they are finished.
    ///
    /// # Errors
    /// [`TrainError::Samples`] if the device fails.
    pub fn samples(
        &self,
        table: &StepTable,
        count: usize,
        stop: &AtomicBool,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        let architecture = &self.options.architecture;
        let classes = match architecture.classes() {
            0 => None,
            classes => Some(ClassConditioning {
                classes: (0..classes).collect(),
                first: 0,
                guidance_scale: GuidanceScale::NONE,
            }),
        };
        let conditioning = Conditioning { classes, ..Conditioning::default() };
        let source = self.learner.averaged()?.into_source(architecture.image_shape());
        let mut chains = source.chains(table.clone(), &conditioning, 1, 0..count)?;
        while block_on(chains.advance(usize::MAX))? > 0 {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
        Ok(Some(block_on(chains.read(View::Noisy))?))
    }

    /// The averaged weights, on the host.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub fn ema_weights(&self) -> Result<Weights, TrainError> {
        self.learner.ema_weights()
    }
}

/// Checks the options of a run on these images.
fn check(options: &Options, images: &Images) -> Result<(), TrainError> {
    options.check()?;
    check_images(options, images)
}

/// Checks that the images are those that the network is for.
fn check_images(options: &Options, images: &Images) -> Result<(), TrainError> {
    let architecture = &options.architecture;
    checks::images(images, architecture.image_shape(), architecture.classes())
        .map_err(TrainError::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::weights::WeightsMismatch;
    use crate::net::{Architecture, ImageShape, UNetDescription};
    use crate::train::test_network::tiny;
    use crate::train::{Autoguidance, DistributionMatching, Method};

    /// Six images of 4 × 4, of two classes.
    fn images() -> Images {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        let bytes = (0..6 * 16).map(|at| (at * 37 % 251) as u8).collect();
        Images { labels: Some(vec![0, 1, 0, 1, 0, 1]), ..Images::new(shape, bytes) }
    }

    /// A run of a small network with these classes.
    fn options(images: &Images) -> Options {
        let unet = UNetDescription { classes: 2, ..tiny(images.shape) };
        let usual = Options::for_images(images).expect("images that differ");
        let architecture = Architecture::UNet(unet);
        Options { architecture, batch: 2, steps: 4, stable_targets: None, ..usual }
    }

    fn started(options: &Options, start: Start, images: &Images) -> Result<Trainer, TrainError> {
        Trainer::new(options.clone(), start, images, &[Device::flex()])
    }

    /// First weights for these options.
    fn drawn(options: &Options, images: &Images) -> Weights {
        let trainer = started(options, Start::Random, images).expect("possible");
        trainer.ema_weights().expect("on the CPU")
    }

    /// A run that learns a model's score guided away from one of a network like that of the run.
    fn away_from(options: &Options, better: Weights, worse: Weights) -> Start {
        let guidance_scale = GuidanceScale { weight: 2.0, ..GuidanceScale::NONE };
        let (architecture, name) = (options.architecture.clone(), "worse".into());
        let by = Autoguidance { worse: architecture, name, guidance_scale };
        Start::Autoguided { better, by, worse }
    }

    /// A run that matches the distribution of a model of the options' network.
    fn matching(options: &Options, generator: Weights, model: Weights) -> Start {
        let (architecture, name) = (options.architecture.clone(), "model".into());
        let by = DistributionMatching { model: architecture, name, critic_steps: 1 };
        Start::Matched { generator, by, model }
    }

    /// The same options for a network that takes a scale of guidance.
    fn guided(options: &Options) -> Options {
        let architecture = options.architecture.clone().with_guidance_max(4.0);
        Options { architecture, ..options.clone() }
    }

    #[test]
    fn a_run_without_its_teacher_is_refused_instead_of_learning_the_images() {
        let images = images();
        let options = options(&images);
        let weights = drawn(&options, &images);
        let away = started(&options, away_from(&options, weights.clone(), weights), &images);
        let autoguided = away.expect("they fit together").options().clone();
        let guided = guided(&options);
        for options in [&guided, &autoguided] {
            let error = started(options, Start::Random, &images).err().expect("refused");
            assert!(matches!(error, TrainError::Teacher(_)), "{error}");
        }
        let weights = drawn(&options, &images);
        let distills = started(&guided, Start::Distilled(weights), &images);
        let mut distills = distills.expect("it takes a scale");
        distills.step(&images);
        assert!(distills.take_loss().expect("finite").is_some());
        assert_eq!(distills.done(), 1);
    }

    #[test]
    fn only_what_the_options_ask_for_is_distilled() {
        let images = images();
        let plain = Options { warmup_steps: 0, ..options(&images) };
        let weights = drawn(&plain, &images);
        let with_teacher = [
            started(&guided(&plain), matching(&plain, weights.clone(), weights.clone()), &images),
            started(&plain, away_from(&plain, weights.clone(), weights.clone()), &images),
        ];
        let refused = |options: &Options, what: &str| {
            let made = started(options, Start::Distilled(weights.clone()), &images);
            let error = made.err().expect("refused").to_string();
            assert!(error.contains(what), "{error}");
        };
        for run in with_teacher {
            refused(run.expect("they fit together").options(), "another model");
        }
        refused(&plain, "distills no model");
    }

    #[test]
    fn a_checkpoint_without_a_teacher_that_the_run_has_is_refused() {
        let images = images();
        let options = options(&images);
        let weights = drawn(&options, &images);
        let new = started(&options, away_from(&options, weights.clone(), weights), &images);
        let whole = new.and_then(|run| run.checkpoint()).expect("they fit together");
        let resume = |teachers: usize| {
            let mut checkpoint = whole.clone();
            checkpoint.records.teacher.truncate(teachers);
            Trainer::resume(checkpoint, &images, &[Device::flex()])
        };
        for teachers in [0, 1] {
            let error = resume(teachers).err().expect("refused");
            assert!(matches!(error, TrainError::Teacher(Method::Autoguidance)), "{error}");
        }
        resume(2).expect("it is whole");
    }

    #[test]
    fn a_checkpoint_without_the_critic_that_the_run_has_is_refused() {
        let images = images();
        let options = Options { warmup_steps: 0, ..options(&images) };
        let weights = drawn(&options, &images);
        let new = started(&options, matching(&options, weights.clone(), weights), &images);
        let whole = new.and_then(|run| run.checkpoint()).expect("it fits");
        let resume = |parts: usize| {
            let mut checkpoint = whole.clone();
            checkpoint.records.critic.truncate(parts);
            Trainer::resume(checkpoint, &images, &[Device::flex()])
        };
        for parts in [0, 1] {
            let error = resume(parts).err().expect("refused");
            assert!(matches!(error, TrainError::Critic), "{error}");
        }
        resume(2).expect("it is whole");
    }

    #[test]
    fn images_of_another_shape_are_refused_and_so_are_none() {
        let images = images();
        let options = options(&images);
        let shape = ImageShape { height: 2, width: 8, ..images.shape };
        let other = Images { shape, ..images.clone() };
        let none = Images { labels: Some(Vec::new()), ..Images::new(images.shape, Vec::new()) };
        for (images, what) in [(other, "1 × 2 × 8"), (none, "no images")] {
            let made = started(&options, Start::Random, &images);
            let error = made.err().expect("refused").to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn weights_of_another_network_are_refused() {
        let images = images();
        let options = Options { warmup_steps: 0, ..options(&images) };
        let good = drawn(&options, &images);
        let mut other = good.clone();
        other.remove("stem.bias");
        let starts = [
            Start::From(other.clone()),
            away_from(&options, other.clone(), good.clone()),
            away_from(&options, good.clone(), other.clone()),
            matching(&options, other.clone(), good.clone()),
            matching(&options, good.clone(), other),
        ];
        for start in starts {
            let error = started(&options, start, &images).err().expect("refused");
            let TrainError::Weights(WeightsMismatch::Missing(name)) = &error else {
                panic!("{error}");
            };
            assert_eq!(name, "stem.bias");
        }
        started(&options, Start::From(good), &images).expect("the same network");
    }
}
