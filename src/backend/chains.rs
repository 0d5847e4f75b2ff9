//! Chains under way: what programs need of a backend.

use std::pin::Pin;

use super::error::BackendError;
use super::state::State;
use super::view::View;
use crate::sample::{Step, StepTable};

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
