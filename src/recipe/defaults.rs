//! What a run uses unless it is given: natively, where runs are long, and on the page, where a
//! visitor waits for them.

use super::Recipe;
use crate::loss::Weighting;

impl Recipe {
    /// The default of [`Self::seed`].
    pub const SEED: u64 = 0;
    /// The default of [`Self::batch`], natively.
    pub const BATCH: usize = 64;
    /// The default of [`Self::learning_rate`] for a new U-Net.
    pub const LEARNING_RATE: f64 = 2e-3;
    /// The same for a new RefineNet: NCSN's, as published.
    pub const LEARNING_RATE_OF_REFINENETS: f64 = 1e-3;
    /// The same for a run that starts from a model, natively: enough to learn something new, but not
    /// so much that everything is lost first.
    pub const LEARNING_RATE_FROM_MODEL: f64 = 1e-3;
    /// The default of [`Self::warmup_steps`], natively, for runs that are long enough; see
    /// [`Self::usual_warmup_steps`].
    pub const WARMUP_STEPS: u64 = 500;
    /// The same on the page, where the native default would be most of a run of 600 steps.
    pub const WARMUP_STEPS_ON_PAGE: u64 = 20;
    /// The default of [`Self::max_grad_norm`].
    pub const MAX_GRAD_NORM: f32 = 1.0;
    /// The default of [`Self::ema_decay`].
    pub const EMA_DECAY: f64 = 0.999;
    /// The same for a run of fewer than [`Self::SHORT`] steps on the page, which ends before an
    /// average over a thousand steps has followed it.
    pub const EMA_DECAY_OF_SHORT_RUNS: f64 = 0.99;
    /// From so many steps on, a run on the page is no longer short.
    pub const SHORT: u64 = 4000;
    /// The default of [`Self::sigma_median`].
    pub const SIGMA_MEDIAN: f32 = 0.4;
    /// The default of [`Self::p_std`].
    pub const P_STD: f32 = 1.5;
    /// The default of the smallest σ: 2.5 of 256 gray levels, which is invisible.
    pub const SIGMA_MIN: f32 = 0.01;
    /// The default of [`Self::label_dropout`] for a class-conditional network.
    pub const LABEL_DROPOUT: f32 = 0.1;

    /// The native default of [`Self::warmup_steps`]: at most an eighth of the run, so that short ones
    /// also learn at the rate that is asked for.
    pub fn usual_warmup_steps(steps: u64) -> u64 {
        Self::WARMUP_STEPS.min(steps / 8)
    }

    /// The native defaults: those of `train` without flags, for an unconditional U-Net. `sigmas` are
    /// the smallest and the largest σ.
    pub fn usual(steps: u64, sigmas: [f32; 2]) -> Self {
        Self {
            seed: Self::SEED,
            steps,
            batch: Self::BATCH,
            grad_accum_steps: 1,
            learning_rate: Self::LEARNING_RATE,
            warmup_steps: Self::usual_warmup_steps(steps),
            max_grad_norm: Self::MAX_GRAD_NORM,
            ema_decay: Self::EMA_DECAY,
            sigma_median: Self::SIGMA_MEDIAN,
            p_std: Self::P_STD,
            sigmas,
            weighting: Weighting::Edm,
            label_dropout: 0.0,
            flip: false,
            dequantize: false,
        }
    }

    /// As [`Self::usual`], but short enough for a visitor of the page. Their form gives the seed, the
    /// batch, the learning rate and mirroring in any case.
    pub fn on_page(steps: u64, sigmas: [f32; 2]) -> Self {
        let short = steps < Self::SHORT;
        Self {
            warmup_steps: Self::WARMUP_STEPS_ON_PAGE,
            ema_decay: if short { Self::EMA_DECAY_OF_SHORT_RUNS } else { Self::EMA_DECAY },
            ..Self::usual(steps, sigmas)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_possible_and_short_runs_average_over_fewer_steps() {
        let sigmas = [Recipe::SIGMA_MIN, 9.0];
        Recipe::usual(30_000, sigmas).check().expect("possible");
        let warmup = |steps| Recipe::usual(steps, sigmas).warmup_steps;
        assert_eq!([1, 80, 4000, 30_000].map(warmup), [0, 10, 500, 500]);
        for (steps, decay) in [(600, 0.99), (3999, 0.99), (4000, 0.999)] {
            let recipe = Recipe::on_page(steps, sigmas);
            recipe.check().expect("possible");
            assert_eq!((recipe.ema_decay, recipe.warmup_steps), (decay, 20), "{steps}");
        }
    }
}
