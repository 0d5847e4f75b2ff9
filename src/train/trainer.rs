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
    Augmentation, Autoguidance, Checkpoint, DistributionMatching, Method, Options, OptionsError,
    Ranks, TrainError, batch, checks,
};
use crate::backend::View;
use crate::backend::fused::Gpu;
use crate::data::Images;
use crate::net::Architecture;
use crate::net::weights::{Weights, checksum, misfit};
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
    /// What still lacks the model to learn from; `None` if there is one, or none is needed.
    lacks_teacher: Option<Method>,
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
    /// If the options ask for what is learned from a model ([`Options::teacher_method`]), the run makes
    /// no steps before [`Self::autoguided`], [`Self::distilled`] or [`Self::matched`] has set it.
    ///
    /// # Errors
    /// [`TrainError::Options`], [`TrainError::Precision`], and [`TrainError::Device`] if there is
    /// no device.
    pub fn new(options: Options, images: &Images, devices: &[Device]) -> Result<Self, TrainError> {
        check(&options, images)?;
        let learner = BurnLearner::new(&options, images, devices)?;
        Ok(Self::with(options, images, Box::new(learner)))
    }

    /// As [`Self::new`], on a GPU by this crate's own kernels.
    ///
    /// # Errors
    /// [`TrainError::Options`], [`TrainError::Unsupported`] if these kernels cannot train this way,
    /// and [`TrainError::Gpu`] if the GPU is too small.
    pub fn on_gpu(options: Options, images: &Images, gpu: &Gpu) -> Result<Self, TrainError> {
        check(&options, images)?;
        let learner = FusedLearner::new(&options, images, gpu)?;
        Ok(Self::with(options, images, Box::new(learner)))
    }

    fn with(options: Options, images: &Images, learner: Box<dyn Learner>) -> Self {
        let order = Order::new(images.len(), options.seed);
        let (progress, sound) = (Progress::default(), Progress::default());
        let lacks_teacher = options.teacher_method();
        Self { options, order, learner, progress, sound, lacks_teacher }
    }

    /// Starts from the weights of a model of the same architecture instead of random ones. The rows
    /// of classes may be missing: they then begin at zero. Adam has no moments yet, so warm up.
    ///
    /// # Errors
    /// [`TrainError::Weights`] if they are of another network.
    pub fn from_weights(mut self, weights: Weights) -> Result<Self, TrainError> {
        check_weights(&self.options.architecture, &weights)?;
        self.learner.start_from(weights)?;
        Ok(self)
    }

    /// Learns the score of the model that the run starts from, guided away from a worse model's,
    /// instead of the score of the images. Noise is still added to the images.
    ///
    /// # Errors
    /// [`TrainError::Options`] if the two models do not fit together, [`TrainError::Weights`] if the
    /// weights are not those of the worse one's network.
    pub fn autoguided(self, by: Autoguidance, worse: Weights) -> Result<Self, TrainError> {
        check_weights(&by.worse, &worse)?;
        let better = self.ema_weights()?;
        let options = Options { autoguidance: Some(by), ..self.options };
        Self { options, ..self }.set_teacher(vec![better, worse])
    }

    /// Learns what the model that the run starts from does, instead of the score of the images. Noise
    /// is still added to the images.
    ///
    /// - If the network takes a scale of guidance: what the model does with classifier-free guidance,
    ///   for every scale from 1 to `guidance_max`. Afterwards a single evaluation has the guided score
    ///   (Meng et al. 2023, section 3.1).
    /// - With consistency distillation (Song et al. 2023, section 4): to lead to the end of the model's
    ///   flow, guided or not. [`Self::autoguided`] does so for one that is guided by another model.
    ///
    /// # Errors
    /// [`TrainError::Options`] if the options ask for neither, or [`Self::autoguided`] or
    /// [`Self::matched`] has said what is learned.
    pub fn distilled(self) -> Result<Self, TrainError> {
        let Options { autoguidance, distribution_matching, .. } = &self.options;
        if autoguidance.is_some() || distribution_matching.is_some() {
            let problem = "this run learns from another model than the one that it starts from";
            return Err(OptionsError(problem.into()).into());
        }
        if self.options.teacher_method().is_none() {
            return Err(OptionsError("this run distills no model".into()).into());
        }
        let model = self.ema_weights()?;
        self.set_teacher(vec![model])
    }

    /// Learns to draw in few evaluations from the distribution of a model, instead of learning the
    /// score: see [`DistributionMatching`]. Start from the model's weights, or better from those of a
    /// consistency model.
    ///
    /// # Errors
    /// [`TrainError::Options`] if the two networks do not fit together, [`TrainError::Weights`] if the
    /// weights are not those of the model's network.
    pub fn matched(self, by: DistributionMatching, model: Weights) -> Result<Self, TrainError> {
        check_weights(&by.model, &model)?;
        let options = Options { distribution_matching: Some(by), ..self.options };
        Self { options, ..self }.set_teacher(vec![model])
    }

    /// Sets the models that the options ask to learn from.
    fn set_teacher(mut self, models: Vec<Weights>) -> Result<Self, TrainError> {
        self.options.check()?;
        self.learner.set_teacher(&self.options, models)?;
        Ok(Self { lacks_teacher: None, ..self })
    }

    /// Checks that the run has the models that the options ask to learn from.
    fn check_teacher(&self) -> Result<(), TrainError> {
        self.lacks_teacher.map_or(Ok(()), |method| Err(TrainError::Teacher(method)))
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
        let (batch, count) = (self.options.batch, ranks.count());
        if count > batch {
            let problem = format!("a batch of {batch} cannot be shared by {count} ranks");
            return Err(OptionsError(problem).into());
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
        ranks.sum(&mut sums);
        Ok(sums == own.map(|byte| byte * ranks.count() as f32))
    }

    /// Takes part in every step that rank 0 makes, until it ends the run. Losses are dropped: rank
    /// 0 reports them.
    ///
    /// # Errors
    /// If the run lacks the model that it learns from, or the device fails: the other ranks then wait,
    /// and have to be ended by [`Ranks::abort`].
    pub fn follow(&mut self, images: &Images) -> Result<(), TrainError> {
        // Reading losses waits for the device.
        const CHECK: u64 = 10;
        self.check_teacher()?;
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
    /// As [`Self::new`], and [`TrainError`] if the checkpoint does not fit.
    pub fn resume(
        checkpoint: Checkpoint,
        images: &Images,
        devices: &[Device],
    ) -> Result<Self, TrainError> {
        let new = Self::new(checkpoint.options.clone(), images, devices)?;
        new.resumed(checkpoint)
    }

    /// As [`Self::resume`], with the same checks, on a GPU by this crate's own kernels.
    ///
    /// # Errors
    /// As [`Self::on_gpu`], and [`TrainError`] if the checkpoint does not fit.
    pub fn resume_on_gpu(
        checkpoint: Checkpoint,
        images: &Images,
        gpu: &Gpu,
    ) -> Result<Self, TrainError> {
        let new = Self::on_gpu(checkpoint.options.clone(), images, gpu)?;
        new.resumed(checkpoint)
    }

    fn resumed(mut self, checkpoint: Checkpoint) -> Result<Self, TrainError> {
        let Checkpoint { step, seconds, records, .. } = checkpoint;
        self.learner.resume(&self.options, records)?;
        let progress = Progress { step, seconds };
        // The checkpoint had the teacher, or the learner would have refused it.
        Ok(Self { progress, sound: progress, lacks_teacher: None, ..self })
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
    /// failures. A run that lacks the model that it learns from makes no step, and [`Self::done`] stays
    /// as it is: ask for the loss in a loop that waits for it to rise.
    pub fn step(&mut self, images: &Images) {
        if self.lacks_teacher.is_some() {
            return;
        }
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
    /// its state of the last call. [`TrainError::Teacher`] if the run lacks the model that it learns
    /// from, so that no steps are made.
    pub fn take_loss(&mut self) -> Result<Option<f32>, TrainError> {
        self.check_teacher()?;
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

/// Checks that weights are those of a network.
fn check_weights(architecture: &Architecture, weights: &Weights) -> Result<(), TrainError> {
    architecture.check()?;
    misfit(architecture, weights).map_or(Ok(()), |tensor| Err(TrainError::Weights(tensor)))
}

/// Checks the options of a run on these images.
fn check(options: &Options, images: &Images) -> Result<(), TrainError> {
    options.check()?;
    let architecture = &options.architecture;
    checks::images(images, architecture.image_shape(), architecture.classes())
        .map_err(TrainError::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{ImageShape, UNetDescription};
    use crate::train::test_network::tiny;

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

    fn trainer(options: &Options, images: &Images) -> Trainer {
        Trainer::new(options.clone(), images, &[Device::flex()]).expect("possible")
    }

    fn weights(trainer: &Trainer) -> Weights {
        trainer.ema_weights().expect("on the CPU")
    }

    /// Autoguidance away from a network like that of the run.
    fn away_from(options: &Options) -> Autoguidance {
        let guidance_scale = GuidanceScale { weight: 2.0, ..GuidanceScale::NONE };
        Autoguidance { worse: options.architecture.clone(), name: "worse".into(), guidance_scale }
    }

    #[test]
    fn without_its_teacher_a_run_makes_no_steps_instead_of_learning_the_images() {
        let images = images();
        let options = options(&images);
        let architecture = options.architecture.clone().with_guidance_max(4.0);
        let guided = Options { architecture, ..options.clone() };
        let autoguided = Options { autoguidance: Some(away_from(&options)), ..options.clone() };
        for options in [&guided, &autoguided] {
            let mut trainer = trainer(options, &images);
            let before = weights(&trainer);
            trainer.step(&images);
            let error = trainer.take_loss().expect_err("refused");
            assert!(matches!(error, TrainError::Teacher(_)), "{error}");
            assert_eq!((weights(&trainer), trainer.done()), (before, 0));
        }
        let mut distills = trainer(&guided, &images).distilled().expect("it takes a scale");
        distills.step(&images);
        assert!(distills.take_loss().expect("finite").is_some());
        assert_eq!(distills.done(), 1);
    }

    #[test]
    fn what_a_run_learns_from_is_said_once() {
        let images = images();
        let plain = Options { warmup_steps: 0, ..options(&images) };
        let architecture = plain.architecture.clone().with_guidance_max(4.0);
        let guided = Options { architecture, ..plain.clone() };
        let model = weights(&trainer(&plain, &images));
        let (architecture, name) = (plain.architecture.clone(), "model".into());
        let by = DistributionMatching { model: architecture, name, critic_steps: 1 };
        let matched = trainer(&guided, &images).matched(by, model.clone());
        let autoguided = trainer(&plain, &images).autoguided(away_from(&plain), model);
        for with_teacher in [matched, autoguided] {
            let again = with_teacher.expect("they fit together").distilled();
            let error = again.err().expect("refused").to_string();
            assert!(error.contains("another model"), "{error}");
        }
        let error = trainer(&plain, &images).distilled().err().expect("refused").to_string();
        assert!(error.contains("distills no model"), "{error}");
    }

    #[test]
    fn a_checkpoint_without_a_teacher_that_the_run_has_is_refused() {
        let images = images();
        let options = options(&images);
        let new = trainer(&options, &images);
        let worse = weights(&new);
        let new = new.autoguided(away_from(&options), worse).expect("they fit together");
        let whole = new.checkpoint().expect("on the CPU");
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
        let new = trainer(&options, &images);
        let (model, name) = (options.architecture.clone(), "model".into());
        let by = DistributionMatching { model, name, critic_steps: 1 };
        let weights = weights(&new);
        let whole = new.matched(by, weights).and_then(|run| run.checkpoint()).expect("it fits");
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
            let made = Trainer::new(options.clone(), &images, &[Device::flex()]);
            let error = made.err().expect("refused").to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn weights_of_another_network_are_refused() {
        let images = images();
        let options = options(&images);
        let good = weights(&trainer(&options, &images));
        let mut other = good.clone();
        other.remove("stem.bias");
        let refused = |made: Result<Trainer, TrainError>| {
            let error = made.err().expect("refused");
            assert!(matches!(&error, TrainError::Weights(name) if name == "stem.bias"), "{error}");
        };
        let new = || trainer(&options, &images);
        refused(new().from_weights(other.clone()));
        refused(new().autoguided(away_from(&options), other));
        new().from_weights(good).expect("the same network");
    }
}
