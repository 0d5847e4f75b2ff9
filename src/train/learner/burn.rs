//! A run on Burn devices: autodiff, and Burn's Adam.

use std::ops::Range;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor};

use super::averaged::Averaged;
use super::burn_state::{BurnState, Critic, drawn};
use super::{Learner, Losses};
use crate::data::Images;
use crate::loss::dsm;
use crate::net::Network;
use crate::net::weights::{self, Weights};
use crate::train::batch::Batch;
use crate::train::distribution_matching::Turn;
use crate::train::distribution_matching_loss::{self as matching, Noise};
use crate::train::error::TrainError;
use crate::train::ranks::gradients::sum_over;
use crate::train::ranks::{Membership, Ranks};
use crate::train::records::Records;
use crate::train::shards::Shards;
use crate::train::target::{StableTargets, Target};
use crate::train::teacher::Teacher;
use crate::train::weighted_sum::weighted_sum;
use crate::train::{DistributionMatching, Options, consistency_loss, ema, grad_clip};
use crate::words::one_line;

/// A run on Burn devices. Its state is on the first. With several devices, each computes its share
/// of every batch with a copy of the network, and gradients are added up on the first.
pub struct BurnLearner {
    device: Device,
    shards: Shards,
    target: Target,
    state: BurnState,
    /// The last state known to be finite. Tensors are shared until they are written to.
    sound: BurnState,
    /// The sum of the losses since they were last taken, on the device.
    losses: Option<(Tensor<1>, u32)>,
    /// The other processes of a distributed run.
    membership: Membership,
}

impl BurnLearner {
    /// A run on one or more devices.
    ///
    /// # Errors
    /// [`TrainError::Precision`], and [`TrainError::Device`] if there is no device.
    pub fn new(options: &Options, images: &Images, devices: &[Device]) -> Result<Self, TrainError> {
        if !devices.iter().all(|device| device.supports_dtype(options.precision.dtype())) {
            return Err(TrainError::Precision);
        }
        let device = devices.first().ok_or_else(|| TrainError::Device("none was given".into()))?;
        let state = BurnState::new(options, device)?;
        let shards = Shards::new(devices, options.batch.div_ceil(options.grad_accum_steps))
            .map_err(|e| TrainError::Device(one_line(e)))?;
        let stable = options.stable_targets.map(|from| {
            let classes = options.architecture.classes();
            StableTargets::new(images, options.augmentation, from, classes, devices)
        });
        let target = stable.map_or(Target::Added, Target::Stable);
        let (sound, losses, device) = (state.clone(), None, device.clone());
        let membership = Membership::default();
        Ok(Self { device, shards, target, state, sound, losses, membership })
    }

    /// The gradients of a loss with respect to the weights of a module, clipped, over the whole batch,
    /// and the loss itself: `loss` computes that of a part.
    fn gradients(
        &self,
        options: &Options,
        module: &Network,
        loss: impl Fn(Range<usize>, &Network, &Device) -> Tensor<1> + Sync,
    ) -> (GradientsParams, Tensor<1>) {
        let mut grads = GradientsAccumulator::new();
        let share = self.membership.share(options.batch);
        let part = share.len().div_ceil(options.grad_accum_steps).max(1);
        let mut sum = Tensor::<1>::zeros([1], &self.device);
        for first in share.clone().step_by(part) {
            let part = first..share.end.min(first + part);
            sum = sum + self.shards.backward(part, module, &mut grads, &loss);
        }
        let mut grads = grads.grads();
        if let Some(ranks) = self.membership.ranks() {
            (grads, sum) = sum_over(ranks, module, grads, sum);
        }
        (grad_clip::clip_by_global_norm(module, grads, options.max_grad_norm), sum)
    }

    /// Changes the network, and its moving average.
    fn network_step(&mut self, now: &Now<'_>) {
        let Now { options, step, .. } = *now;
        let (state, target) = (&self.state, &self.target);
        let (grads, sum) = self.gradients(options, &state.network, |part, network, device| {
            let network = options.precision.cast(network.clone());
            match (&state.critic, target) {
                (Some(Critic { network: critic, .. }), Target::Teacher(teacher)) => {
                    let critic = now.constant(critic, device);
                    let noise = now.noise(part.clone(), device);
                    let batch = now.batch(part, device);
                    matching::generator_loss(&network, &critic, teacher, batch, &noise, options)
                }
                _ => loss(&network, now.batch(part, device), options, target, step),
            }
        });
        self.add_losses(sum);
        let state = &mut self.state;
        let rate = options.learning_rate_at(step);
        state.network = state.optimizer.step(rate, state.network.clone(), grads);
        let decay = options.ema_decay_at(step);
        state.ema = ema::update(state.ema.clone(), &state.network.valid(), decay);
    }

    /// Changes the critic of a run that matches a distribution.
    fn critic_step(&mut self, now: &Now<'_>) {
        let Now { options, step, .. } = *now;
        let state = &self.state;
        let Some(Critic { network: critic, .. }) = &state.critic else { return };
        let (grads, sum) = self.gradients(options, critic, |part, critic, device| {
            let critic = options.precision.cast(critic.clone());
            let generator = now.constant(&state.network, device);
            let noise = now.noise(part.clone(), device);
            matching::critic_loss(&critic, &generator, now.batch(part, device), &noise, options)
        });
        self.add_losses(sum);
        if let Some(Critic { network, optimizer }) = &mut self.state.critic {
            let rate = DistributionMatching::CRITIC_RATE * options.learning_rate_at(step);
            *network = optimizer.step(rate, network.clone(), grads);
        }
    }

    fn add_losses(&mut self, sum: Tensor<1>) {
        self.losses = Some(match self.losses.take() {
            Some((losses, count)) => (losses + sum, count + 1),
            None => (sum, 1),
        });
    }

    /// Makes the networks of [`Teacher::architectures`] the source of the target, if the options ask for
    /// any.
    fn set_target(&mut self, options: &Options, networks: Vec<Network>) -> Result<(), TrainError> {
        if let Some(method) = options.teacher_method() {
            let teacher = Teacher::new(options, networks).ok_or(TrainError::Teacher(method))?;
            self.target = Target::Teacher(Box::new(teacher));
        }
        Ok(())
    }
}

/// The step that is being made.
struct Now<'a> {
    options: &'a Options,
    images: &'a Images,
    indices: &'a [usize],
    step: u64,
}

impl Now<'_> {
    /// A part of its batch, on a device.
    fn batch(&self, part: Range<usize>, device: &Device) -> Batch {
        let Self { options, images, indices, step } = *self;
        Batch::of_step(options, images, indices, step, part, device)
    }

    /// The noise for images that are generated from a part of it, without autodiff.
    fn noise(&self, part: Range<usize>, device: &Device) -> Noise {
        Noise::of_step(self.options, self.step, part, &device.clone().inner())
    }

    /// A network that the step does not change, without autodiff.
    fn constant(&self, network: &Network, device: &Device) -> Network {
        self.options.precision.cast(network.valid().to_device(&device.clone().inner()))
    }
}

impl Learner for BurnLearner {
    fn kind(&self) -> String {
        // A machine's GPUs are numbered, and each of its ranks may have another one.
        let device = format!("{:?}", self.device);
        format!("Burn on {}", device.replace(|c: char| c.is_ascii_digit(), ""))
    }

    fn start_from(&mut self, weights: Weights) -> Result<(), TrainError> {
        self.state = self.state.clone().with_weights(weights, &self.device)?;
        self.keep();
        Ok(())
    }

    fn set_teacher(&mut self, options: &Options, models: Vec<Weights>) -> Result<(), TrainError> {
        if let (Some(by), Some(model)) = (&options.distribution_matching, models.first()) {
            self.state.critic = Some(Critic::of_model(options, by, model.clone(), &self.device)?);
            self.keep();
        }
        let mut networks = Vec::with_capacity(models.len());
        for (architecture, weights) in Teacher::architectures(options).into_iter().zip(models) {
            networks.push(Network::with_weights(architecture, weights, &self.device)?);
        }
        self.set_target(options, networks)
    }

    fn resume(&mut self, options: &Options, mut records: Records) -> Result<(), TrainError> {
        let models = std::mem::take(&mut records.teacher);
        self.state = self.state.clone().resumed(records)?;
        let autodiff = self.device.clone().autodiff();
        let mut networks = Vec::with_capacity(models.len());
        for (architecture, record) in Teacher::architectures(options).into_iter().zip(models) {
            let (_, network) = drawn(architecture, &autodiff, options.seed)?;
            networks.push(network.try_load_record(ModuleRecord::from_bytes(record)?)?);
        }
        self.set_target(options, networks)?;
        self.keep();
        Ok(())
    }

    fn distribute(&mut self, ranks: Box<dyn Ranks>) {
        self.membership = Membership::of(ranks);
    }

    fn another_step(&self) -> bool {
        self.membership.another_step()
    }

    fn step(&mut self, options: &Options, images: &Images, indices: &[usize], step: u64) {
        debug_assert!(
            options.teacher_method().is_none() || matches!(self.target, Target::Teacher(_)),
            "the trainer has set the teacher"
        );
        self.membership.begin_step();
        let now = Now { options, images, indices, step };
        match &options.distribution_matching {
            Some(by) if by.turn(step, options.warmup_steps) == Turn::Critic => {
                self.critic_step(&now);
            }
            _ => self.network_step(&now),
        }
    }

    fn check(&mut self) -> Result<(), TrainError> {
        // Burn reports what failed when losses are read.
        Ok(())
    }

    fn take_losses(&mut self) -> Result<Option<Losses>, TrainError> {
        let Some((sum, steps)) = self.losses.take() else { return Ok(None) };
        let critic = self.state.critic.as_ref().map(|critic| &critic.network);
        let norm = std::iter::once(&self.state.network)
            .chain(critic)
            .map(|network| grad_clip::squared_norm(&network.valid()))
            .fold(Tensor::zeros([1], &sum.device()), |norm, square| norm + square);
        let read = Tensor::cat(vec![sum, norm], 0).try_into_data();
        let read = read.map_err(|e| TrainError::Device(one_line(e)))?;
        let read: Vec<f32> = read.iter::<f32>().collect();
        Ok(Some(Losses { sum: read[0], steps, weights: read[1] }))
    }

    fn keep(&mut self) {
        self.sound = self.state.clone();
    }

    fn restore(&mut self) {
        self.state = self.sound.clone();
    }

    fn records(&self, _: &Options, _: u64) -> Result<Records, TrainError> {
        let bytes = |network: &Network| network.clone().into_record().into_bytes();
        let teacher = match &self.target {
            Target::Teacher(teacher) => teacher.networks().map(bytes).collect::<Result<_, _>>()?,
            Target::Added | Target::Stable(_) => Vec::new(),
        };
        Ok(Records { teacher, ..self.state.records()? })
    }

    fn ema_weights(&self) -> Result<Weights, TrainError> {
        Ok(weights::collect(&self.state.ema))
    }

    fn models(&self) -> Vec<Weights> {
        match &self.target {
            Target::Teacher(teacher) => teacher.networks().map(weights::collect).collect(),
            Target::Added | Target::Stable(_) => Vec::new(),
        }
    }

    fn averaged(&self) -> Result<Averaged, TrainError> {
        Ok(Averaged::Burn(Box::new(self.state.ema.clone()), self.device.clone()))
    }
}

/// The loss of a part of a batch, as [`weighted_sum`] adds it up.
fn loss(
    network: &Network,
    batch: Batch,
    options: &Options,
    target: &Target,
    step: u64,
) -> Tensor<1> {
    let sigmas = batch.sigmas.clone();
    let losses = match &options.consistency {
        Some(consistency) => {
            let Options { sigma_min, steps, .. } = *options;
            let rs = consistency.earlier(&batch.sigmas, sigma_min, step, steps);
            let noise = target.noise_along(&batch, &rs, options.precision);
            consistency_loss::distances(network, batch, noise, &rs)
        }
        None => {
            let noise = target.noise(&batch, options.precision);
            let score = network.conditional_score(batch.noisy, &batch.sigmas, &batch.classes);
            dsm(score, &batch.sigmas, noise)
        }
    };
    weighted_sum(losses, &sigmas, options)
}
