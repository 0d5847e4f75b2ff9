//! Backends: what evaluates the score for a batch of chains and moves them along a step table.
//!
//! Samplers end at a [`StepTable`]; a backend begins there, and knows no sampler. [`Chains`] is all
//! that programs need of one, so commands, the trainer and the page run chains without knowing on
//! what. There are three:
//!
//! | backend | evaluates | on |
//! |---|---|---|
//! | [`host`] | anything that implements [`crate::score::Score`] | the CPU, plainly: the reference, and what the toys run on |
//! | `burn` | a network's Burn module, with guides if wanted | any Burn device |
//! | `fused` | a network as hand-written WGSL kernels | any GPU, natively and in the browser |
//!
//! The same step table, conditioning, seed and chain number give the same image on each, up to
//! rounding.

#[cfg(feature = "burn")]
pub mod burn;
#[cfg(feature = "fused")]
pub mod fused;
pub mod host;
pub(crate) mod state;

use std::pin::Pin;

use thiserror::Error;

#[cfg(feature = "burn")]
pub use self::burn::BurnChains;
#[cfg(feature = "fused")]
use self::fused::FusedError;
pub use self::host::HostChains;
pub use self::state::State;
use crate::sample::ConditioningError;
use crate::sample::{Step, StepTable, View};

/// What a backend answers once its device is done. It is boxed so that one program can hold chains
/// of any backend, and not `Send`: in the browser, a GPU's handles stay on their thread.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + 'a>>;

/// A batch of chains under way on a backend: they can be advanced, paused, inspected, saved and
/// resumed.
///
/// An implementor must keep to this:
/// - A chain depends on the model, step table, conditioning, seed and its own number alone, and not
///   on the batch it is in, nor on when it is read or saved, nor on how many steps are asked for at
///   a time.
/// - The device's queue has a bound: [`Self::advance`] waits for earlier steps before it submits
///   more than the device needs to stay busy.
/// - Memory does not grow with the number of steps.
/// - In the browser nothing blocks: what has to wait for the device is a future.
pub trait Chains {
    /// The step table being run.
    fn step_table(&self) -> &StepTable;

    /// The number of steps that every chain has done or has submitted to the device.
    fn done(&self) -> usize;

    /// The next step, or `None` once the step table is over.
    fn next(&self) -> Option<Step> {
        self.step_table().steps.get(self.done()).copied()
    }

    /// Submits from 1 to `steps` steps, as many as the backend takes at a time, and answers how
    /// many; 0 if none is left or asked for. The device may still be at work on them.
    ///
    /// # Errors
    /// [`BackendError`] if the device failed.
    fn advance(&mut self, steps: usize) -> Pending<'_, usize>;

    /// Waits until the device has done all steps.
    ///
    /// # Errors
    /// [`BackendError`] if the device failed.
    fn wait(&mut self) -> Pending<'_, ()>;

    /// The images as they are now: N × C × H × W. The denoised ones are D(x̃, σ) at the σ of the
    /// next step, which takes one more evaluation; those of finished chains are as they are.
    ///
    /// # Errors
    /// [`BackendError`] if the device failed.
    fn read(&mut self, view: View) -> Pending<'_, Vec<f32>>;

    /// Draws the images as they are now onto a render target, `columns` to a row and `gap` of their
    /// pixels apart, with nearest-neighbor sampling, clamped to \[0, 1\].
    ///
    /// # Errors
    /// [`BackendError::CannotDraw`], as by default, or that the device failed.
    #[cfg(feature = "fused")]
    fn draw(
        &mut self,
        _view: View,
        _columns: usize,
        _gap: usize,
        _target: &wgpu::TextureView,
    ) -> Result<(), BackendError> {
        Err(BackendError::CannotDraw)
    }

    /// What to keep in order to carry on later, on another device or another backend.
    ///
    /// # Errors
    /// [`BackendError`] if the device failed.
    fn save(&mut self) -> Pending<'_, State>;

    /// Carries on from a state of these chains: of the same model, step table, conditioning, seed
    /// and chain numbers.
    ///
    /// # Errors
    /// [`BackendError::State`] if the state cannot be one of these chains.
    fn restore(&mut self, state: &State) -> Result<(), BackendError>;
}

/// Advances chains until they have done `stop` steps, or all of their steps if these are fewer.
/// `progress` is told how many steps were submitted, each time.
///
/// # Errors
/// [`BackendError`] if the device failed.
pub async fn advance_to(
    chains: &mut dyn Chains,
    stop: usize,
    mut progress: impl FnMut(usize),
) -> Result<(), BackendError> {
    while chains.done() < stop {
        match chains.advance(stop - chains.done()).await? {
            0 => break,
            steps => progress(steps),
        }
    }
    Ok(())
}

/// Why chains cannot start or go on.
#[derive(Debug, Error)]
pub enum BackendError {
    /// The conditioning does not fit the model's images.
    #[error(transparent)]
    Conditioning(#[from] ConditioningError),
    /// The fused backend cannot go on.
    #[cfg(feature = "fused")]
    #[error(transparent)]
    Fused(#[from] FusedError),
    /// A Burn device failed.
    #[error("the device failed: {0}")]
    Device(String),
    /// The backend draws nothing.
    #[error("this engine cannot draw; ask for pixels instead")]
    CannotDraw,
    /// A state is not one of these chains.
    #[error("the state does not fit these chains: it has {found} {what} instead of {expected}")]
    State {
        /// What differs.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}
