//! A training run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsAccumulator, ModuleOptimizer};
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Device, Tensor, TensorData};
use thiserror::Error;

use super::batch::Batch;
use super::shards::Shards;
use super::target::{StableTargets, Target};
use super::teacher::Teacher;
use super::{Augmentation, Autoguidance, Checkpoint, Options, ema, grad_clip};
use crate::data::{Images, Order};
use crate::loss::dsm;
use crate::net::weights::{self, Weights};
use crate::net::{DescriptionError, Network};
use crate::noise::NoiseSchedule;
use crate::random::Key;
use crate::sample::{Chain, StepTable};

/// Why a run cannot start, continue or be resumed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The options are impossible.
    #[error(transparent)]
    Options(#[from] super::OptionsError),
    /// The network is impossible.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// Burn does not accept what a checkpoint holds.
    #[error("the checkpoint does not fit this program: {0}")]
    Record(#[from] RecordError),
    /// The loss or a weight is NaN or infinite.
    #[error("the training diverged between steps {sound} and {step}: {what} is not finite")]
    Diverged {
        /// The last step after which everything was finite, to which the run has returned.
        sound: u64,
        /// The step after which it was not.
        step: u64,
        /// What is not finite.
        what: &'static str,
    },
    /// The device does not support the requested precision.
    #[error("this device cannot compute in bf16; train without --precision bf16")]
    Precision,
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

/// Adam's memory of squared gradients, a hundred steps: losses and gradients vary with the noise
/// levels that a batch draws, and runs are short.
const BETA_2: f32 = 0.99;
/// What Adam adds to their root, as by default in Burn.
const EPSILON: f32 = 1e-5;

/// A training run under way.
pub struct Trainer {
    options: Options,
    /// The first of the devices, which holds the state.
    device: Device,
    shards: Shards,
    order: Order,
    target: Target,
    state: State,
    /// The last state known to be finite. Tensors are shared until they are written to.
    sound: State,
    /// The sum of the losses since [`Self::take_loss`], on the device, and the number of steps.
    losses: Option<(Tensor<1>, u32)>,
}

/// Everything that a step changes.
#[derive(Clone)]
struct State {
    network: Network,
    ema: Network,
    optimizer: ModuleOptimizer,
    step: u64,
    seconds: f64,
}

impl Trainer {
    /// Starts a new run. Its state is on the first device. With several devices, each computes its
    /// share of every batch with a copy of the network, and gradients are added up on the first.
    ///
    /// # Errors
    /// [`TrainError::Options`], [`TrainError::Precision`], and [`TrainError::Device`] if there is
    /// no device.
    pub fn new(options: Options, images: &Images, devices: &[Device]) -> Result<Self, TrainError> {
        options.check()?;
        if !devices.iter().all(|device| device.supports_dtype(options.precision.dtype())) {
            return Err(TrainError::Precision);
        }
        let device = devices.first().ok_or_else(|| TrainError::Device("none was given".into()))?;
        let autodiff = device.clone().autodiff();
        autodiff.seed(options.seed);
        let network = Network::new(&options.architecture, &autodiff)?;
        let ema = network.valid();
        let order = Order::new(images.len(), options.seed);
        let optimizer = AdamConfig::new().with_beta_2(BETA_2).with_epsilon(EPSILON).init();
        let device = device.clone();
        let state = State { network, ema, optimizer, step: 0, seconds: 0.0 };
        let shards = Shards::new(devices, options.batch.div_ceil(options.grad_accum_steps))
            .map_err(|e| TrainError::Device(e.to_string()))?;
        let stable = options
            .stable_targets
            .map(|from| StableTargets::new(images, options.augmentation, from, devices));
        let target = stable.map_or(Target::Added, Target::Stable);
        let (sound, losses) = (state.clone(), None);
        Ok(Self { options, device, shards, order, target, state, sound, losses })
    }

    /// Starts from the weights of a model of the same architecture instead of random ones. Adam has
    /// no moments yet, so warm up.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn does not accept them.
    pub fn from_weights(self, weights: Weights) -> Result<Self, TrainError> {
        let State { network, ema, .. } = self.state.clone();
        let ema = weights::apply(ema, weights, &self.device);
        // Through a record, since otherwise autodiff would not track the weights.
        let network = network.try_load_record(ema.clone().into_record())?;
        let state = State { network, ema, ..self.state };
        Ok(Self { sound: state.clone(), state, ..self })
    }

    /// Learns the score of the model that the run starts from, guided away from a worse model's,
    /// instead of the score of the images. Noise is still added to the images.
    ///
    /// # Errors
    /// [`TrainError::Options`] if the two models do not fit together.
    pub fn autoguided(self, by: Autoguidance, worse: Weights) -> Result<Self, TrainError> {
        let worse = Network::with_weights(&by.worse, worse, &self.device)?;
        let guidance_scale = by.guidance_scale;
        let teacher = Teacher { network: self.state.ema.clone(), worse, guidance_scale };
        let options = Options { autoguidance: Some(by), ..self.options };
        options.check()?;
        Ok(Self { options, target: Target::Guided(Box::new(teacher)), ..self })
    }

    /// Continues a run from a checkpoint.
    ///
    /// # Errors
    /// [`TrainError`] if the checkpoint does not fit.
    pub fn resume(
        checkpoint: Checkpoint,
        images: &Images,
        devices: &[Device],
    ) -> Result<Self, TrainError> {
        let new = Self::new(checkpoint.options, images, devices)?;
        let State { network, ema, optimizer, .. } = new.state;
        let state = State {
            network: network.try_load_record(ModuleRecord::from_bytes(checkpoint.weights)?)?,
            ema: ema.try_load_record(ModuleRecord::from_bytes(checkpoint.ema)?)?,
            optimizer: optimizer.from_bytes(checkpoint.optimizer)?,
            step: checkpoint.step,
            seconds: checkpoint.seconds,
        };
        let target = match (&new.options.autoguidance, checkpoint.teacher) {
            (Some(by), Some([better, worse])) => {
                let network = state.ema.clone();
                let network = network.try_load_record(ModuleRecord::from_bytes(better)?)?;
                let drawn = Network::new(&by.worse, &new.device)?;
                let worse = drawn.try_load_record(ModuleRecord::from_bytes(worse)?)?;
                Target::Guided(Box::new(Teacher {
                    network,
                    worse,
                    guidance_scale: by.guidance_scale,
                }))
            }
            _ => new.target,
        };
        Ok(Self { sound: state.clone(), state, target, ..new })
    }

    /// Everything needed to continue.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn cannot write its state.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        let State { network, ema, optimizer, step, seconds } = self.state.clone();
        let bytes = |network: &Network| network.clone().into_record().into_bytes();
        let teacher = match &self.target {
            Target::Guided(teacher) => Some([bytes(&teacher.network)?, bytes(&teacher.worse)?]),
            Target::Added | Target::Stable(_) => None,
        };
        Ok(Checkpoint {
            options: self.options.clone(),
            step,
            seconds,
            weights: network.into_record().into_bytes()?,
            ema: ema.into_record().into_bytes()?,
            optimizer: optimizer.into_bytes()?,
            teacher,
        })
    }

    /// The options of the run.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Steps done.
    pub fn done(&self) -> u64 {
        self.state.step
    }

    /// Seconds spent in steps, over all sessions.
    pub fn seconds(&self) -> f64 {
        self.state.seconds
    }

    /// Makes one optimiser step.
    pub fn step(&mut self, images: &Images) {
        let started = Instant::now();
        let (options, state, target) = (&self.options, &mut self.state, &self.target);
        let (order, first) = (&mut self.order, state.step * options.batch as u64);
        let indices: Vec<usize> =
            (first..).take(options.batch).map(|position| order.at(position)).collect();

        let mut grads = GradientsAccumulator::new();
        let part = options.batch.div_ceil(options.grad_accum_steps);
        for first in (0..options.batch).step_by(part) {
            let part = first..options.batch.min(first + part);
            let step = state.step;
            let loss =
                self.shards.backward(part, &state.network, &mut grads, |part, network, device| {
                    let batch = Batch::of_step(options, images, &indices, step, part, device);
                    loss(&options.precision.cast(network.clone()), batch, options, target)
                });
            self.losses = Some(match self.losses.take() {
                Some((sum, count)) => (sum + loss, count),
                None => (loss, 0),
            });
        }
        if let Some((_, count)) = &mut self.losses {
            *count += 1;
        }

        let grads =
            grad_clip::clip_by_global_norm(&state.network, grads.grads(), options.max_grad_norm);
        let rate = options.learning_rate_at(state.step);
        state.network = state.optimizer.step(rate, state.network.clone(), grads);
        let decay = options.ema_decay_at(state.step);
        state.ema = ema::update(state.ema.clone(), &state.network.valid(), decay);
        state.step += 1;
        state.seconds += started.elapsed().as_secs_f64();
    }

    /// The mean weighted loss of the steps since the last call, over D/2, so that a network that
    /// always answers 0 has about 1 under the paper's weighting. Waits for the device. `None` if
    /// there was no step.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss or the weights are not finite; the run is then back at
    /// its state of the last call.
    pub fn take_loss(&mut self) -> Result<Option<f32>, TrainError> {
        let Some((sum, count)) = self.losses.take() else { return Ok(None) };
        let started = Instant::now();
        // The loss was computed with the weights before the step, so check the new ones, too.
        let norm = grad_clip::squared_norm(&self.state.network.valid());
        let read = Tensor::cat(vec![sum, norm], 0).try_into_data();
        let read = read.map_err(|e| TrainError::Device(format!("{e:?}")))?;
        let read: Vec<f32> = read.iter::<f32>().collect();
        self.state.seconds += started.elapsed().as_secs_f64();
        let not_finite =
            ["the loss", "a weight"].into_iter().zip(&read).find(|(_, v)| !v.is_finite());
        if let Some((what, _)) = not_finite {
            let (sound, step) = (self.sound.step, self.state.step);
            self.state = self.sound.clone();
            return Err(TrainError::Diverged { sound, step, what });
        }
        self.sound = self.state.clone();
        let dimension = self.options.architecture.image_shape().dimension();
        Ok(Some(2.0 * read[0] / count as f32 / dimension as f32))
    }

    /// Held-out `½ ‖σ s + z‖²` of the averaged network at a few noise levels, as (σ, loss): with
    /// the same images and noise at every call.
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
        let mut table = Vec::with_capacity(LEVELS);
        for sigma in own.unwrap_or(usual).sigmas() {
            let mut sum = 0.0;
            for (step, indices) in (0..).zip(indices.chunks(BATCH)) {
                let sigmas = vec![sigma; indices.len()];
                let plain = Augmentation::default();
                let key = Key { seed: 0, stream: 0, step };
                let batch = Batch::new(images, indices, plain, sigmas, key, &self.device);
                let score = self.state.ema.score(batch.noisy, &batch.sigmas);
                let losses = dsm(score, &batch.sigmas, batch.noise).try_into_data();
                let losses = losses.map_err(|e| TrainError::Device(format!("{e:?}")))?;
                sum += losses.iter::<f32>().map(f64::from).sum::<f64>();
            }
            table.push((sigma, (sum / indices.len().max(1) as f64) as f32));
        }
        Ok(table)
    }

    /// Images drawn with the averaged network, always from the same seed: `count` × C × H × W.
    /// `None` if `stop` is set before they are finished.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device fails.
    pub fn samples(
        &self,
        table: &StepTable,
        count: usize,
        stop: &AtomicBool,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        let (network, image) = (self.state.ema.clone(), self.options.architecture.image_shape());
        let mut chain = Chain::new(network, image, table.clone(), 1, 0..count, &self.device);
        while chain.step() {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            // The GPU's queue must not grow without bound.
            if chain.done().is_multiple_of(16) {
                self.device.sync().map_err(|e| TrainError::Device(format!("{e:?}")))?;
            }
        }
        let pixels = chain.noisy().try_into_data();
        let pixels = pixels.map_err(|e| TrainError::Device(format!("{e:?}")))?;
        Ok(Some(pixels.iter::<f32>().collect()))
    }

    /// The averaged weights, on the host.
    pub fn ema_weights(&self) -> Weights {
        weights::collect(&self.state.ema)
    }
}

/// The weighted loss of a part of a batch, divided by the number of images in the *whole* batch,
/// so that the losses of the parts add up to the batch's.
fn loss(network: &Network, batch: Batch, options: &Options, target: &Target) -> Tensor<1> {
    let data = options.architecture.preconditioning();
    // Without preconditioning, the weighting is the paper's; `Options::check` makes sure of that.
    let factor = |sigma| data.map_or(1.0, |data| options.weighting.factor(sigma, &data));
    let weight = |&sigma: &f32| factor(sigma) / options.batch as f32;
    let weights: Vec<f32> = batch.sigmas.iter().map(weight).collect();
    let weights = TensorData::new(weights, [batch.sigmas.len()]);
    let weights = Tensor::<1>::from_data(weights, &batch.noise.device());
    let noise = target.noise(&batch, options.precision);
    let score = network.score(batch.noisy, &batch.sigmas);
    (dsm(score, &batch.sigmas, noise) * weights).sum()
}
