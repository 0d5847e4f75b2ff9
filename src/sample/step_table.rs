//! Everything a sampler does, decided before its first step.
//!
//! A step table is a flat table with one row per network evaluation. Between rows a backend keeps
//! `x`, and what the next rows need of earlier ones: the score of the row before, or the denoised
//! images of the last two. There are three kinds of rows ([`Update`]). Affine ones cover Langevin,
//! ancestral and consistent sampling, Euler's method, Heun's (whose second half takes back half of
//! the first evaluation's drift), and EDM's churn, which is noise in the row before. Those of
//! multistep methods combine denoised images. A corrector's has a kind of its own, since its step
//! size alone is not known beforehand.

use crate::random::streams::START_STEP;

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

impl Start {
    /// The mean of chains whose images' mean is not known: an even gray, ½.
    pub const GRAY: f32 = 0.5;

    /// `N(½, sigma²)`; see [`StepTable::around`].
    pub fn noise(sigma: f32) -> Self {
        Self::Normal { mean: Self::GRAY, sigma }
    }

    /// `N(½, σ₁²)` for the first of these noise levels.
    pub(super) fn at_first(sigmas: &[f32]) -> Self {
        Self::noise(sigmas.first().copied().unwrap_or(1.0))
    }
}

/// One network evaluation and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The noise level at which the score is evaluated.
    pub sigma: f32,
    /// What it does with the score.
    pub update: Update,
    /// The index of that noise level in the whole schedule, from 0; for display.
    pub level: usize,
}

/// How a step moves x, where `s = s(x, σ)` is the score just evaluated, `s₋` that of the step
/// before, and `z ~ N(0, I)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Update {
    /// `x ← x + drift · s + previous · s₋ + noise · z`.
    Affine {
        /// The factor of the score.
        drift: f32,
        /// The factor of the score of the step before; 0 in a step table's first step.
        previous: f32,
        /// The factor of fresh noise; 0 draws none.
        noise: f32,
    },
    /// `x ← x + drift · s + a₁ (D₋₁ − x) + a₂ (D₋₂ − x) + noise · z`, where `D₋ⱼ = x₋ⱼ + σ₋ⱼ² s₋ⱼ` is
    /// the denoised image of the j-th step before. (With D = x + σ² s of this step, drift · s is
    /// `drift/σ² · (D − x)`, so all parts have one form.)
    Multistep {
        /// The factor of the score.
        drift: f32,
        /// a₁ and a₂; 0 where there is no such step before.
        earlier: [f32; 2],
        /// The factor of fresh noise; 0 draws none.
        noise: f32,
    },
    /// A Langevin step whose size is measured: `x ← x + ε s + √(2ε) z` with
    /// `ε = 2 (snr · √D/‖s‖)²`, at most σ² (Song et al. 2021, algorithm 4).
    ///
    /// The published code averages the norms of z and s over the batch. Here a chain must not
    /// depend on its batch, so ‖s‖ is the chain's own, over its D pixels, and ‖z‖ is √D, which its
    /// average tends to. A step of size σ² leads to the denoised image. The usual `snr` stays far
    /// below that bound, which keeps a chain finite where its score vanishes.
    Corrector {
        /// r, the ratio of the score's part of the move to the noise's part.
        snr: f32,
    },
}

impl Update {
    /// `x ← x + drift · s + noise · z`.
    pub fn affine(drift: f32, noise: f32) -> Self {
        Self::Affine { drift, previous: 0.0, noise }
    }

    /// Whether it draws noise.
    pub fn is_noisy(self) -> bool {
        match self {
            Self::Affine { noise, .. } | Self::Multistep { noise, .. } => noise > 0.0,
            Self::Corrector { .. } => true,
        }
    }

    /// Whether it needs the score of the step before.
    pub fn looks_back(self) -> bool {
        matches!(self, Self::Affine { previous, .. } if previous != 0.0)
    }

    /// How many of the latest denoised images it needs.
    pub fn earlier(self) -> usize {
        match self {
            Self::Multistep { earlier, .. } => {
                earlier.iter().rposition(|&factor| factor != 0.0).map_or(0, |last| last + 1)
            }
            Self::Affine { .. } | Self::Corrector { .. } => 0,
        }
    }
}

/// The size ε of a corrector's step at σ, for a chain of `dimension` pixels whose score has the
/// squared norm `norm2`: see [`Update::Corrector`].
pub fn corrector_size(snr: f32, sigma: f32, dimension: usize, norm2: f32) -> f32 {
    let signal = corrector_signal(snr, dimension);
    // Bounds the norm instead of ε, so that nothing is divided by zero.
    signal / norm2.max(signal / (sigma * sigma))
}

/// A corrector's size times the squared norm of the score, unless the bound applies.
pub(crate) fn corrector_signal(snr: f32, dimension: usize) -> f32 {
    2.0 * snr * snr * dimension as f32
}

/// All steps of a chain, which is fully described by (model, step table, conditioning, seed).
#[derive(Clone, Debug, PartialEq)]
pub struct StepTable {
    /// Where chains begin.
    pub start: Start,
    /// Their steps, in order.
    pub steps: Vec<Step>,
}

impl StepTable {
    /// The step that keys the noise of a chain's start; step i keys its noise by i.
    pub const START: u32 = START_STEP;

    /// The number of network evaluations, NFE.
    pub fn nfe(&self) -> usize {
        self.steps.len()
    }

    /// The noise level of x after `done` steps: the σ of the next step, and 0 at the end.
    pub fn sigma_at(&self, done: usize) -> f32 {
        self.steps.get(done).map_or(0.0, |step| step.sigma)
    }

    /// Whether the step after `done` steps needs the score of the one before.
    pub fn looks_back(&self, done: usize) -> bool {
        self.steps.get(done).is_some_and(|next| next.update.looks_back())
    }

    /// How many of the latest denoised images the steps after `done` steps need.
    pub fn denoised_kept(&self, done: usize) -> usize {
        // A step's D₋₁ is the next step's D₋₂.
        let needs = |(ahead, step): (usize, &Step)| step.update.earlier().saturating_sub(ahead);
        self.steps.iter().skip(done).take(2).enumerate().map(needs).max().unwrap_or(0)
    }

    /// The step that drew the latest noise once `done` steps are done; [`Self::START`] if that is
    /// the start's.
    pub fn last_noise(&self, done: usize) -> u32 {
        let noisy = self.steps.iter().take(done).rposition(|step| step.update.is_noisy());
        noisy.map_or(Self::START, |index| index as u32)
    }

    /// The same step table for chains that begin at `N(mean, σ₁²)`, where `mean` is the mean of the
    /// training images over all pixels, in \[0, 1\]. A uniform start stays as it is.
    ///
    /// The density at σ₁ is about `N(mean image, σ₁²)`. What a start around ½ adds to that is
    /// forgotten only if σ₁ is much larger than the distance between the two, ‖½ − mean image‖,
    /// which is 11 for MNIST.
    #[must_use]
    pub fn around(mut self, around: f32) -> Self {
        if let Start::Normal { mean, .. } = &mut self.start {
            *mean = around;
        }
        self
    }

    /// Ends the step table with `x ← x + σ² s(x, σ)` at its last noise level: Tweedie's formula
    /// removes the remaining noise (Jolicoeur-Martineau et al. 2020; NCSNv2, algorithm 1).
    pub(super) fn denoised(mut self) -> Self {
        if let Some(&last) = self.steps.last() {
            let update = Update::affine(last.sigma * last.sigma, 0.0);
            self.steps.push(Step { update, ..last });
        }
        self
    }
}
