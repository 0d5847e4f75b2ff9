//! What a sampler amounts to, decided before its first step.

/// Where chains begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Each pixel uniform in `low..high`.
    Uniform {
        /// The lower end.
        low: f32,
        /// The upper end.
        high: f32,
    },
    /// Each pixel normal: `N(mean, sigma²)`.
    Normal {
        /// The mean of each pixel.
        mean: f32,
        /// The standard deviation of each pixel.
        sigma: f32,
    },
}

/// One network evaluation and what follows from it: `x ← x + drift · s(x, σ) + noise · z`, where
/// `z ~ N(0, I)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The noise level at which the score is asked for.
    pub sigma: f32,
    /// The factor of the score.
    pub drift: f32,
    /// The factor of fresh noise; 0 draws none.
    pub noise: f32,
    /// The index of the noise level, from 0; for display.
    pub level: usize,
}

/// A chain's whole plan: executors need nothing else, a chain is shared as (model, program, seed).
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Where chains begin.
    pub start: Start,
    /// What they do, in order.
    pub steps: Vec<Step>,
}

impl Program {
    /// The number of network evaluations, NFE.
    pub fn nfe(&self) -> usize {
        self.steps.len()
    }

    /// Ends the program with `x ← x + σ² s(x, σ)` at its last noise level: Tweedie's formula takes
    /// off the noise that is left (Jolicoeur-Martineau et al. 2020; NCSNv2, technique 5).
    pub(super) fn denoised(mut self) -> Self {
        if let Some(&last) = self.steps.last() {
            let drift = last.sigma * last.sigma;
            self.steps.push(Step { drift, noise: 0.0, ..last });
        }
        self
    }
}
