//! The progress of chains, on the host.

use super::error::BackendError;
use crate::sample::StepTable;

/// The progress of chains. With the model, step table, conditioning, seed and numbers of the chains
/// it is all that [`super::Chains::restore`] needs, on any backend.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The number of steps done.
    pub done: usize,
    /// The noisy images x̃: N × C × H × W.
    pub x: Vec<f32>,
    /// The score of the step before, N × C × H × W, if the next step looks back at it.
    pub previous: Option<Vec<f32>>,
    /// The denoised images of the latest steps, the last step's first, N × C × H × W each: as many
    /// as the next steps look back at.
    pub denoised: Vec<Vec<f32>>,
}

impl State {
    /// Checks the sizes against a step table and the number of values of all images together.
    ///
    /// # Errors
    /// [`BackendError::State`] says what does not fit.
    pub(crate) fn check(&self, table: &StepTable, values: usize) -> Result<(), BackendError> {
        if self.done > table.nfe() {
            let (what, found, expected) = ("steps", self.done, table.nfe());
            return Err(BackendError::State { what, found, expected });
        }
        let previous = if table.looks_back(self.done) { values } else { 0 };
        let sizes = [
            ("values", self.x.len(), values),
            ("values of a score", self.previous.as_ref().map_or(0, Vec::len), previous),
        ];
        let kept = table.denoised_kept(self.done);
        let counts = [("denoised images of earlier steps", self.denoised.len(), kept)];
        let denoised = self.denoised.iter().map(|d| ("values of denoised images", d.len(), values));
        match sizes
            .into_iter()
            .chain(counts)
            .chain(denoised)
            .find(|(_, found, expected)| found != expected)
        {
            Some((what, found, expected)) => Err(BackendError::State { what, found, expected }),
            None => Ok(()),
        }
    }
}
