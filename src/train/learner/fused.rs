//! A run on a GPU, by this crate's own kernels.

use burn::tensor::Device;
use pollster::block_on;

use super::averaged::Averaged;
use super::burn_state::BurnState;
use super::moments::{self, Moments};
use super::{Learner, Losses};
use crate::backend::fused::{
    self, Compiler, DataSet, Example, FusedError, Gpu, Training, TrainingState, TrainingStep,
    check_training,
};
use crate::data::Images;
use crate::net::weights::{self, Weights};
use crate::net::{Architecture, UNetDescription};
use crate::recipe::Recipe;
use crate::train::Options;
use crate::train::batch::levels_of_step;
use crate::train::error::TrainError;
use crate::train::ranks::{Membership, Ranks};
use crate::train::records::Records;

/// A run on a GPU. What is not computed there, such as the first weights, is on the CPU.
pub struct FusedLearner {
    architecture: Architecture,
    sizes: UNetDescription,
    compiler: Compiler,
    training: Training,
    /// Steps since the losses were last taken.
    steps: u32,
    /// The other processes of a distributed run.
    membership: Membership,
    /// Why a step was not made.
    failure: Option<FusedError>,
}

impl FusedLearner {
    /// A run on a GPU.
    ///
    /// # Errors
    /// [`TrainError::Unsupported`] for what only Burn can train, [`TrainError::Gpu`] if the GPU is
    /// too small, or computes other gradients than it should.
    pub fn new(options: &Options, images: &Images, gpu: &Gpu) -> Result<Self, TrainError> {
        let sizes = options.for_kernels().map_err(TrainError::Unsupported)?;
        let compiler = Compiler::new(gpu, block_on(check_training(gpu))?)?;
        let (batch, parts) = (options.batch, options.grad_accum_steps);
        let labels: Vec<u32> = match (&images.labels, sizes.classes) {
            (Some(labels), 1..) => labels.iter().map(|&label| label.into()).collect(),
            _ => Vec::new(),
        };
        let data = DataSet {
            bytes: &images.bytes,
            labels: &labels,
            images: images.len(),
            stable_from: options.stable_targets,
            mirrored: options.augmentation.flip,
        };
        let training = Training::new(&compiler, sizes, &data, batch, parts)?;
        let (architecture, sizes) = (options.architecture.clone(), sizes.clone());
        let (membership, failure) = (Membership::default(), None);
        let new = Self { architecture, sizes, compiler, training, steps: 0, membership, failure };
        let drawn = BurnState::new(options, &Device::flex())?;
        new.write(&drawn, &Moments::new())?;
        block_on(gpu.idle())?;
        Ok(new)
    }

    /// Moves a state of the CPU to the GPU, and remembers it.
    fn write(&self, state: &BurnState, moments: &Moments) -> Result<(), FusedError> {
        let flat = |network| weights::flat(&self.architecture, &weights::collect(network));
        let pairs = |(name, shape): (String, Vec<usize>)| {
            let none = || vec![[0.0; 2]; shape.iter().product()];
            moments.get(&name).cloned().unwrap_or_else(none)
        };
        self.training.write(&TrainingState {
            weights: flat(&state.network),
            average: flat(&state.ema),
            moments: self.architecture.tensors().into_iter().flat_map(pairs).collect(),
        })?;
        self.training.keep();
        Ok(())
    }
}

impl Learner for FusedLearner {
    fn kind(&self) -> String {
        "kernels".into()
    }

    fn start_from(&mut self, weights: Weights) -> Result<(), TrainError> {
        let values = weights::flat(&self.architecture, &weights);
        self.training.write(&TrainingState::new(values))?;
        self.training.keep();
        Ok(())
    }

    fn set_teacher(&mut self, _: &Options, _: Vec<Weights>) -> Result<(), TrainError> {
        // Whatever is learned from a model needs Burn, or there would be no such learner.
        Ok(())
    }

    fn resume(&mut self, options: &Options, records: Records) -> Result<(), TrainError> {
        let state = BurnState::new(options, &Device::flex())?.resumed(records)?;
        let moments = moments::take(&state.optimizer, &state.network);
        Ok(self.write(&state, &moments)?)
    }

    fn distribute(&mut self, ranks: Box<dyn Ranks>) {
        self.membership = Membership::of(ranks);
    }

    fn another_step(&self) -> bool {
        self.membership.another_step()
    }

    fn step(&mut self, options: &Options, images: &Images, indices: &[usize], step: u64) {
        self.membership.begin_step();
        let share = self.membership.share(options.batch);
        let (sigmas, classes) = levels_of_step(options, images, indices, step, share.clone());
        let examples = indices[share.clone()].iter().zip(sigmas).zip(classes);
        let examples = examples.map(|((&index, sigma), class)| Example { index, sigma, class });
        let recipe = Recipe { grad_accum_steps: self.training.parts(), ..options.recipe() };
        let step = TrainingStep::of_share(&recipe, &self.sizes, step, share, examples);
        self.steps += 1;
        let made = match self.membership.ranks() {
            Some(ranks) => {
                block_on(self.training.step_together(&step, |values| ranks.all_reduce_sum(values)))
            }
            None => {
                // Waits until the GPU has done all but the last steps.
                self.training.room();
                self.training.submit(&[step])
            }
        };
        if let Err(error) = made {
            self.failure.get_or_insert(error);
        }
    }

    fn check(&mut self) -> Result<(), TrainError> {
        self.failure.take().map_or(Ok(()), |error| Err(error.into()))
    }

    fn take_losses(&mut self) -> Result<Option<Losses>, TrainError> {
        self.check()?;
        if self.steps == 0 {
            return Ok(None);
        }
        let report = block_on(self.training.report())?;
        let steps = std::mem::take(&mut self.steps);
        Ok(Some(Losses { sum: report.loss, steps, weights: report.weight_squares }))
    }

    fn keep(&mut self) {
        self.training.keep();
    }

    fn restore(&mut self) {
        self.training.restore();
    }

    fn records(&self, options: &Options, step: u64) -> Result<Records, TrainError> {
        let state = block_on(self.training.read())?;
        let mut first = 0;
        let pairs = |(name, shape): (String, Vec<usize>)| {
            let count: usize = shape.iter().product();
            let pairs = state.moments[first..first + count].to_vec();
            first += count;
            (name, pairs)
        };
        let moments: Moments = self.architecture.tensors().into_iter().map(pairs).collect();
        let device = Device::flex();
        let drawn = BurnState::new(options, &device)?;
        let with = drawn
            .clone()
            .with_weights(weights::unflat(&self.architecture, &state.weights), &device)?;
        let average =
            drawn.with_weights(weights::unflat(&self.architecture, &state.average), &device)?;
        let optimizer = moments::give(with.optimizer, &with.network, &moments, step);
        BurnState { network: with.network, ema: average.ema, optimizer, critic: None }.records()
    }

    fn ema_weights(&self) -> Result<Weights, TrainError> {
        Ok(weights::unflat(&self.architecture, &block_on(self.training.average())?))
    }

    fn models(&self) -> Vec<Weights> {
        Vec::new()
    }

    fn averaged(&self) -> Result<Averaged, TrainError> {
        let weights = self.ema_weights()?;
        let network = fused::Network::new(&self.compiler, &self.architecture, &weights);
        Ok(Averaged::Fused(block_on(network)?))
    }
}
