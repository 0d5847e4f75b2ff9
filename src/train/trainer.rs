//! A training run.

use std::time::Instant;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Device, Tensor, TensorData};
use thiserror::Error;

use super::batch::Batch;
use super::{Augmentation, Checkpoint, Options, average, clip};
use crate::data::{Order, Pictures};
use crate::loss::dsm;
use crate::net::weights::{self, Weights};
use crate::net::{Architecture, Network, Preconditioning};
use crate::noise::Ladder;

/// Why a run cannot start, go on or be resumed.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The options are impossible.
    #[error(transparent)]
    Options(#[from] super::OptionsError),
    /// Burn does not take what a checkpoint holds.
    #[error("the checkpoint does not fit this program: {0}")]
    Record(#[from] RecordError),
    /// The loss is NaN or infinite.
    #[error(
        "the loss is {loss} at step {step}: the training diverged; resume with a smaller --lr from \
         the last checkpoint"
    )]
    Diverged {
        /// The loss.
        loss: f32,
        /// The step.
        step: u64,
    },
    /// The device failed.
    #[error("the device failed: {0}")]
    Device(String),
}

/// A training run under way.
pub struct Trainer {
    options: Options,
    device: Device,
    network: Network,
    average: Network,
    optimizer: ModuleOptimizer,
    order: Order,
    step: u64,
    seconds: f64,
    /// The sum of losses since they were last asked for, on the device, and how many.
    losses: Option<(Tensor<1>, u32)>,
}

impl Trainer {
    /// A new run.
    ///
    /// # Errors
    /// [`TrainError::Options`].
    pub fn new(options: Options, pictures: &Pictures, device: &Device) -> Result<Self, TrainError> {
        options.check()?;
        let autodiff = device.clone().autodiff();
        autodiff.seed(options.seed);
        let network = Network::new(&options.architecture, &autodiff)
            .map_err(|e| TrainError::Device(e.to_string()))?;
        let average = network.valid();
        let order = Order::new(pictures.len(), options.seed);
        let optimizer = AdamConfig::new().with_beta_2(0.99).init();
        let device = device.clone();
        Ok(Self {
            options,
            device,
            network,
            average,
            optimizer,
            order,
            step: 0,
            seconds: 0.0,
            losses: None,
        })
    }

    /// A run that goes on where a checkpoint was written.
    ///
    /// # Errors
    /// [`TrainError`] where the checkpoint does not fit.
    pub fn resume(
        checkpoint: Checkpoint,
        pictures: &Pictures,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let mut run = Self::new(checkpoint.options, pictures, device)?;
        run.network = run.network.try_load_record(ModuleRecord::from_bytes(checkpoint.weights)?)?;
        run.average = run.average.try_load_record(ModuleRecord::from_bytes(checkpoint.average)?)?;
        run.optimizer = run.optimizer.from_bytes(checkpoint.optimizer)?;
        (run.step, run.seconds) = (checkpoint.step, checkpoint.seconds);
        Ok(run)
    }

    /// All that is needed to go on.
    ///
    /// # Errors
    /// [`TrainError::Record`] where Burn cannot write its state.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        Ok(Checkpoint {
            options: self.options.clone(),
            step: self.step,
            seconds: self.seconds,
            weights: self.network.clone().into_record().into_bytes()?,
            average: self.average.clone().into_record().into_bytes()?,
            optimizer: self.optimizer.into_bytes()?,
        })
    }

    /// What the run is made of.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Steps done.
    pub fn done(&self) -> u64 {
        self.step
    }

    /// Seconds spent in steps, over all sessions.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// One optimiser step.
    pub fn step(&mut self, pictures: &Pictures) {
        let started = Instant::now();
        let autodiff = self.device.clone().autodiff();
        let options = &self.options;
        let batch = Batch::of_step(options, pictures, &mut self.order, self.step, &autodiff);

        let score = self.network.score(batch.noisy, &batch.sigmas);
        let data = self.preconditioning();
        let lambda: Vec<f32> =
            batch.sigmas.iter().map(|&sigma| options.weighting.factor(sigma, &data)).collect();
        let lambda = TensorData::new(lambda, [batch.sigmas.len()]);
        let lambda = Tensor::<1>::from_data(lambda, &autodiff);
        let loss = (dsm(score, &batch.sigmas, batch.noise) * lambda).mean();

        let grads = GradientsParams::from_grads(loss.backward(), &self.network);
        let grads = clip::clip_by_global_norm(&self.network, grads, options.clip);
        let rate = options.learning_rate_at(self.step);
        self.network = self.optimizer.step(rate, self.network.clone(), grads);
        let decay = options.ema_decay_at(self.step);
        self.average = average::update(self.average.clone(), &self.network.valid(), decay);

        let loss = loss.inner();
        self.losses = Some(match self.losses.take() {
            Some((sum, count)) => (sum + loss, count + 1),
            None => (loss, 1),
        });
        self.step += 1;
        self.seconds += started.elapsed().as_secs_f64();
    }

    /// The mean weighted loss of the steps since this was last asked for, over D/2, so that a
    /// network that always answers 0 stands at about 1 under the paper's weighting. Waits for the
    /// device. `None` where there was no step.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] where it is not finite.
    pub fn take_loss(&mut self) -> Result<Option<f32>, TrainError> {
        let Some((sum, count)) = self.losses.take() else { return Ok(None) };
        let started = Instant::now();
        let sum: f32 = sum
            .try_into_data()
            .map_err(|e| TrainError::Device(format!("{e:?}")))?
            .iter::<f32>()
            .sum();
        self.seconds += started.elapsed().as_secs_f64();
        let loss = sum / count as f32;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { loss, step: self.step });
        }
        let dimension = self.options.architecture.picture().dimension();
        Ok(Some(2.0 * loss / dimension as f32))
    }

    /// Held-out `½ ‖σ s + z‖²` of the averaged network at a few noise levels: (σ, loss). The same
    /// pictures and noise at every call.
    ///
    /// # Errors
    /// [`TrainError::Device`] where the device fails.
    pub fn held_out(&self, pictures: &Pictures) -> Result<Vec<(f32, f32)>, TrainError> {
        const LEVELS: usize = 8;
        const PICTURES: usize = 256;
        const BATCH: usize = 64;
        let Options { sigma_max, sigma_min, .. } = self.options;
        let indices: Vec<usize> = (0..pictures.len().min(PICTURES)).collect();
        let mut table = Vec::with_capacity(LEVELS);
        for sigma in (Ladder { sigma_max, sigma_min, levels: LEVELS }).sigmas() {
            let mut sum = 0.0;
            for (step, indices) in (0..).zip(indices.chunks(BATCH)) {
                let sigmas = vec![sigma; indices.len()];
                let plain = Augmentation::default();
                let batch = Batch::new(pictures, indices, plain, sigmas, 0, step, &self.device);
                let score = self.average.score(batch.noisy, &batch.sigmas);
                let losses = dsm(score, &batch.sigmas, batch.noise).try_into_data();
                let losses = losses.map_err(|e| TrainError::Device(format!("{e:?}")))?;
                sum += losses.iter::<f32>().map(f64::from).sum::<f64>();
            }
            table.push((sigma, (sum / indices.len().max(1) as f64) as f32));
        }
        Ok(table)
    }

    /// The averaged weights, on the host.
    pub fn average(&self) -> Weights {
        weights::collect(&self.average)
    }

    fn preconditioning(&self) -> Preconditioning {
        match &self.options.architecture {
            Architecture::UNet(unet) => unet.preconditioning,
        }
    }
}
