//! What changes the weights: one implementation for each kind of device.

mod averaged;
pub(super) mod burn;
mod burn_state;
pub(super) mod fused;
mod moments;

use ::burn::tensor::Bytes;
use averaged::Averaged;

use super::error::TrainError;
use super::ranks::Ranks;
use super::{Autoguidance, DistributionMatching, Options};
use crate::data::Images;
use crate::net::weights::Weights;

/// The weights of a run, their moving average and the optimizer's state, on a device, and what
/// changes them.
pub trait Learner {
    /// The name of the backend. Backends order gradients differently, so all ranks must have the
    /// same one.
    fn kind(&self) -> &'static str;

    /// Replaces freshly drawn weights by those of a model, which must be of the same network: the
    /// trainer has checked that.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn does not accept them.
    fn start_from(&mut self, weights: Weights) -> Result<(), TrainError>;

    /// Continues from a checkpoint after this step.
    ///
    /// # Errors
    /// [`TrainError`] if it does not fit.
    fn resume(&mut self, options: &Options, step: u64, records: Records) -> Result<(), TrainError>;

    /// Learns what the weights of the start do when guided away from a worse model, whose weights the
    /// trainer has checked, too.
    ///
    /// # Errors
    /// [`TrainError`] if the device cannot, or there is no such network.
    fn learn_from(&mut self, by: &Autoguidance, worse: Weights) -> Result<(), TrainError>;

    /// Learns what the weights of the start do: with classifier-free guidance, if the network takes its
    /// scale as an input.
    ///
    /// # Errors
    /// [`TrainError`] if the device cannot.
    fn learn_from_itself(&mut self, options: &Options) -> Result<(), TrainError>;

    /// Learns to draw from the distribution of a model, whose weights the trainer has checked.
    ///
    /// # Errors
    /// [`TrainError`] if the device cannot, or there is no such network.
    fn learn_distribution(
        &mut self,
        options: &Options,
        by: &DistributionMatching,
        model: Weights,
    ) -> Result<(), TrainError>;

    /// Computes only this rank's share of each batch from now on.
    fn distribute(&mut self, ranks: Box<dyn Ranks>);

    /// Waits for rank 0 to begin another step. `false` if the run has ended, or is not distributed.
    fn another_step(&self) -> bool;

    /// Makes an optimizer step on the images of these indices. The device may still be at work on
    /// it; [`Self::take_losses`] tells of failures.
    fn step(&mut self, options: &Options, images: &Images, indices: &[usize], step: u64);

    /// Tells whether a step was not made, although [`Self::step`] was called.
    ///
    /// # Errors
    /// Why, once.
    fn check(&mut self) -> Result<(), TrainError>;

    /// The losses since the last call, `None` if there was no step. Waits for the device.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device failed.
    fn take_losses(&mut self) -> Result<Option<Losses>, TrainError>;

    /// Remembers the state.
    fn keep(&mut self);

    /// Goes back to the state that was last remembered, at first that of the start.
    fn restore(&mut self);

    /// The state for a checkpoint after this step.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    fn records(&self, options: &Options, step: u64) -> Result<Records, TrainError>;

    /// The averaged weights, on the host.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device fails.
    fn ema_weights(&self) -> Result<Weights, TrainError>;

    /// The averaged network on the device.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the device fails.
    fn averaged(&self) -> Result<Averaged, TrainError>;
}

/// See [`Learner::take_losses`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// The sum of the steps' losses.
    pub sum: f32,
    /// The number of steps.
    pub steps: u32,
    /// The sum of the squares of all weights, a critic's included: not finite if any of them is not.
    pub weights: f32,
}

/// The state of a run as Burn writes it.
pub struct Records {
    /// The weights.
    pub weights: Bytes,
    /// Their moving average.
    pub ema: Bytes,
    /// Adam's moments.
    pub optimizer: Bytes,
    /// The model that is learned from, if there is one, and the worse one of an autoguided run.
    pub teacher: Vec<Bytes>,
    /// The critic of a run that matches a distribution, and its optimizer.
    pub critic: Vec<Bytes>,
}
