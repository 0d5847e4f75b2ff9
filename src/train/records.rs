//! The state of a run as checkpoints have it, whatever computes the steps.

use burn::tensor::Bytes;

/// The state of a run as Burn writes it.
#[derive(Clone)]
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
