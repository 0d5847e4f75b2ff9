//! The recipe of a training run: what every step draws, and how far it goes. A pure function of the
//! seed and the step, whatever computes it, natively or in the browser.

pub(crate) mod checks;
mod defaults;
mod images;
mod learning_rate;
mod order;

pub use checks::RecipeError;
pub use images::{stable_sigma, statistics};
pub use learning_rate::learning_rate_share;
pub use order::Order;

use crate::loss::Weighting;
use crate::noise::NoiseSchedule;
use crate::random::Key;
use crate::random::streams::{DROPOUT_INDEX, GUIDANCE_INDEX, LEVELS_STREAM};

/// Adam's memory of gradients, as published.
pub const BETA_1: f32 = 0.9;
/// Adam's memory of squared gradients, a hundred steps: losses and gradients vary with the noise
/// levels that a batch draws, and runs are short.
pub const BETA_2: f32 = 0.99;
/// What Adam adds to the root of the mean squared gradients: Burn's default.
pub const EPSILON: f32 = 1e-5;

/// What every step of a run draws and does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// The seed of the run.
    pub seed: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Images per step.
    pub batch: usize,
    /// The number of parts that a batch is computed in, one after another.
    pub grad_accum_steps: usize,
    /// Adam's learning rate after warm-up, before decay.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from 0.
    pub warmup_steps: u64,
    /// The largest norm of all gradients together.
    pub max_grad_norm: f32,
    /// The decay of the moving average of the weights, per step.
    pub ema_decay: f64,
    /// The median of σ in training, which draws `ln σ ~ N(ln sigma_median, p_std²)`, clamped to a
    /// range: `e^P_mean` in EDM (Karras et al. 2022, table 1), but for pixels in \[0, 1\] instead of
    /// \[−1, 1\].
    pub sigma_median: f32,
    /// P_std, the standard deviation of ln σ; in nats.
    pub p_std: f32,
    /// The smallest and the largest σ.
    pub sigmas: [f32; 2],
    /// λ(σ).
    pub weighting: Weighting,
    /// How often a class-conditional network is not conditioned on an image's class, from 0 to 1, so
    /// that it also learns the score of all images, which guidance needs (Ho & Salimans 2022,
    /// algorithm 1).
    pub label_dropout: f32,
    /// Whether every image is mirrored, left for right, with probability ½.
    pub flip: bool,
    /// Whether bytes are spread over their gray levels.
    pub dequantize: bool,
}

impl Recipe {
    /// Checks every number.
    ///
    /// # Errors
    /// [`RecipeError`] names the first impossible one.
    pub fn check(&self) -> Result<(), RecipeError> {
        let [sigma_min, sigma_max] = self.sigmas;
        let ends = NoiseSchedule { sigma_max, sigma_min, levels: 1 };
        ends.check()?;
        checks::positive("the learning rate", self.learning_rate)?;
        checks::positive("the clipping norm", f64::from(self.max_grad_norm))?;
        checks::sigma_median("sigma_median", self.sigma_median)?;
        checks::positive("p_std", f64::from(self.p_std))?;
        if !(0.0..=1.0).contains(&self.label_dropout) {
            return Err(RecipeError::LabelDropout(self.label_dropout));
        }
        if !(0.0..1.0).contains(&self.ema_decay) {
            return Err(RecipeError::EmaDecay(self.ema_decay));
        }
        checks::batch(self.batch)?;
        if !(1..=self.batch).contains(&self.grad_accum_steps) {
            let Self { batch, grad_accum_steps, .. } = *self;
            return Err(RecipeError::GradAccumSteps { batch, grad_accum_steps });
        }
        checks::steps(self.steps)
    }

    /// The σ of image i of a step.
    pub fn sigma(&self, step: u64, i: usize) -> f32 {
        self.sigma_of(key(self.seed, step).normal(i as u32))
    }

    /// The σ that a standard normal number stands for.
    pub fn sigma_of(&self, normal: f32) -> f32 {
        let [smallest, largest] = self.sigmas;
        (self.sigma_median.ln() + self.p_std * normal).exp().clamp(smallest, largest)
    }

    /// Whether the network is conditioned on the class of image i of a step, which otherwise is dropped.
    pub fn keeps_label(&self, step: u64, i: usize) -> bool {
        key(self.seed, step).uniform(DROPOUT_INDEX + i as u32) > self.label_dropout
    }

    /// The scale of guidance that image i of a step teaches, from 1 to `most`: its logarithm is
    /// uniform, since the scales that people use are small.
    pub fn guidance(&self, step: u64, i: usize, most: f32) -> f32 {
        most.powf(key(self.seed, step).uniform(GUIDANCE_INDEX + i as u32))
    }

    /// The learning rate at a step.
    pub fn learning_rate_at(&self, step: u64) -> f64 {
        self.learning_rate * learning_rate_share(step, self.warmup_steps, self.steps)
    }

    /// The moving average's decay at a step.
    pub fn ema_decay_at(&self, step: u64) -> f64 {
        ema_decay(self.ema_decay, step)
    }
}

/// The key of what is drawn for the images of a step besides their noise.
pub fn key(seed: u64, step: u64) -> Key {
    Key { seed, stream: LEVELS_STREAM, step: step as u32 }
}

/// The decay of a moving average at a step: smaller at first, so that the random start does not
/// linger.
pub fn ema_decay(decay: f64, step: u64) -> f64 {
    let step = step as f64;
    decay.min((1.0 + step) / (10.0 + step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_forget_sooner() {
        assert_eq!((ema_decay(0.999, 0), ema_decay(0.999, 1_000_000)), (0.1, 0.999));
        assert!((ema_decay(0.999, 90) - 0.91).abs() < 1e-9);
    }

    #[test]
    fn impossible_numbers_are_named() {
        let possible = Recipe::usual(10, [0.01, 9.0]);
        let said = |recipe: Recipe| recipe.check().expect_err("refused").to_string();
        for (recipe, what) in [
            (Recipe { steps: 0, ..possible }, "the number of steps"),
            (Recipe { batch: 0, ..possible }, "the batch"),
            (Recipe { grad_accum_steps: 65, ..possible }, "65 parts"),
            (Recipe { learning_rate: -1.0, ..possible }, "the learning rate"),
            (Recipe { learning_rate: f64::NAN, ..possible }, "the learning rate"),
            (Recipe { max_grad_norm: 0.0, ..possible }, "the clipping norm"),
            (Recipe { ema_decay: 1.0, ..possible }, "the EMA's decay"),
            (Recipe { sigmas: [9.0, 0.01], ..possible }, "sigma_min"),
            (Recipe { sigma_median: -1.2, ..possible }, "sigma_median"),
            (Recipe { p_std: 0.0, ..possible }, "p_std"),
            (Recipe { label_dropout: 1.5, ..possible }, "the label dropout"),
        ] {
            let problem = said(recipe);
            assert!(problem.contains(what), "{problem}");
        }
    }
}
