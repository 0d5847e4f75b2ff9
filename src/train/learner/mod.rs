//! What changes the weights: one implementation for each kind of device.

mod averaged;
pub(super) mod burn;
mod burn_state;
pub(super) mod fused;
mod moments;

use averaged::Averaged;

use super::Options;
use super::error::TrainError;
use super::ranks::Ranks;
use super::records::Records;
use crate::data::Images;
use crate::net::weights::Weights;

/// The weights of a run, their moving average and the optimizer's state, on a device, and what
/// changes them.
pub trait Learner {
    /// The backend and the kind of device, whichever of several equal devices it is. Others order
    /// gradients differently or round steps differently, so all ranks must have the same.
    fn kind(&self) -> String;

    /// Replaces freshly drawn weights by those of a model, which must be of the same network: the
    /// trainer has checked that.
    ///
    /// # Errors
    /// [`TrainError::Record`] if Burn does not accept them.
    fn start_from(&mut self, weights: Weights) -> Result<(), TrainError>;

    /// Sets the models to learn from instead of the images, guided as the options say. The weights are
    /// those of [`Teacher::architectures`](super::teacher::Teacher::architectures), which the trainer
    /// has checked.
    ///
    /// # Errors
    /// [`TrainError::Teacher`] if a model is missing.
    fn set_teacher(&mut self, options: &Options, models: Vec<Weights>) -> Result<(), TrainError>;

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// [`TrainError`] if it does not fit.
    fn resume(&mut self, options: &Options, records: Records) -> Result<(), TrainError>;

    /// Computes only this rank's share of each batch from now on.
    fn distribute(&mut self, ranks: Box<dyn Ranks>);

    /// Waits for rank 0 to begin another step. `false` if the run has ended, or is not distributed.
    fn another_step(&self) -> bool;

    /// Makes an optimizer step on the images of these indices. If the options ask for a teacher, it has
    /// been set. The device may still be at work on the step; [`Self::take_losses`] reports failures.
    fn step(&mut self, options: &Options, images: &Images, indices: &[usize], step: u64);

    /// Checks that the last steps were made, as far as the device has reported so far.
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

    /// The weights of the models that are learned from, as in [`Self::set_teacher`].
    fn models(&self) -> Vec<Weights>;

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
