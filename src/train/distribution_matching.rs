//! Distribution matching distillation: a network learns to draw, in one to four evaluations, from the
//! distribution of a model that learned the score.

use serde::{Deserialize, Serialize};

use super::options_error::OptionsError;
use crate::net::Architecture;

/// Distribution matching distillation (DMD: Yin et al., *One-step Diffusion with Distribution Matching
/// Distillation*, 2024) without pairs of noise and images (DMD2: Yin et al., *Improved Distribution
/// Matching Distillation for Fast Image Synthesis*, 2024).
///
/// The generator is the network's denoiser, `G(x, t) = x + t² s(x, t)`: an evaluation of the sampler
/// [`crate::sample::Sampler::Consistency`]. Let q be the density of its images and p that of the
/// model's; with noise of level σ, q_σ and p_σ. The gradient of `KL(q_σ ‖ p_σ)` with respect to an image
/// `x = G(x̃, t)` is the difference of two scores at `y = x + σ z`, `s_q(y, σ) − s_p(y, σ)`. With
/// `n = −σ s`, the noise that a score sees, the generator descends along
///
/// `g = (n_p(y, σ) − n_q(y, σ)) / mean |n_p(y, σ) − z|`.
///
/// The mean over the pixels, which makes steps equally large at all σ, is DMD's weight. The paper writes
/// both differences in denoised images; each is σ times the one in noise, so σ cancels.
///
/// s_p is the model's score, guided or not. s_q is that of the *critic*, which starts as a copy of the
/// model and learns the score of generated images by denoising score matching. It takes several steps
/// for each of the generator (DMD2's two time-scale update rule), and all steps of the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DistributionMatching {
    /// The model's network, which is also the critic's.
    pub model: Architecture,
    /// The model in words, for the card.
    pub name: String,
    /// Steps of the critic for each of the generator.
    pub critic_steps: u32,
}

/// Which network a step changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Critic,
    Generator,
}

impl DistributionMatching {
    /// The default of [`Self::critic_steps`], as published (DMD2).
    pub const CRITIC_STEPS: u32 = 5;
    /// How many times the generator's learning rate the critic's is, which has to keep up.
    pub(super) const CRITIC_RATE: f64 = 5.0;
    /// Adam's memory of gradients for both networks: none, since each learns from the other as it is
    /// now.
    pub(super) const BETA_1: f32 = 0.0;

    /// Checks that this network can be the generator of a run of so many steps.
    pub(super) fn check(
        &self,
        generator: &Architecture,
        steps: u64,
        warmup_steps: u64,
    ) -> Result<(), OptionsError> {
        let fail = |message: String| Err(OptionsError::Impossible(message));
        let Self { model, critic_steps, .. } = self;
        model.check()?;
        if [model, generator].iter().any(|network| network.preconditioning().is_none()) {
            return fail("distribution matching needs preconditioned networks: U-Nets".into());
        }
        let [theirs, own] = [model, generator].map(Architecture::image_shape);
        if theirs != own {
            return fail(format!("the model to match makes {theirs}, this one {own}"));
        }
        let [theirs, own] = [model, generator].map(Architecture::classes);
        if theirs != own {
            let advice = if theirs == 0 {
                "train this one on data without labels"
            } else {
                "match a model with the same classes"
            };
            return fail(format!(
                "the model to match has {theirs} classes, this one {own}; {advice}"
            ));
        }
        if *critic_steps == 0 {
            return fail("the critic needs at least one step for each of the generator".into());
        }
        let first = Self::steps_before_generator(warmup_steps, *critic_steps);
        if steps <= first {
            return fail(format!(
                "of {steps} steps the critic takes the first {first}, warm-up included, so the network \
                 would not learn; make more steps, or fewer of warm-up"
            ));
        }
        Ok(())
    }

    /// The number of steps before the generator's first: those of the warm-up, and the critic's of the
    /// first round.
    pub fn steps_before_generator(warmup_steps: u64, critic_steps: u32) -> u64 {
        warmup_steps + u64::from(critic_steps)
    }

    /// Which network a step changes.
    pub(super) fn turn(&self, step: u64, warmup_steps: u64) -> Turn {
        let round = u64::from(self.critic_steps) + 1;
        match step.checked_sub(warmup_steps) {
            Some(step) if step % round + 1 == round => Turn::Generator,
            _ => Turn::Critic,
        }
    }

    /// How many steps the generator has made before a step of the run.
    pub(super) fn generator_steps(&self, step: u64, warmup_steps: u64) -> u64 {
        step.saturating_sub(warmup_steps) / (u64::from(self.critic_steps) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ImageShape;
    use crate::train::test_network::tiny;

    #[test]
    fn the_critic_has_the_warm_up_and_all_steps_but_one_of_each_round() {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        let by = DistributionMatching {
            model: Architecture::UNet(tiny(shape)),
            name: "a model".into(),
            critic_steps: 2,
        };
        let turns: Vec<Turn> = (0..10).map(|step| by.turn(step, 3)).collect();
        let generator = |(step, turn): (usize, &Turn)| (*turn == Turn::Generator).then_some(step);
        let generators: Vec<usize> = turns.iter().enumerate().filter_map(generator).collect();
        assert_eq!(generators, [5, 8]);
        let made: Vec<u64> = (0..12).map(|step| by.generator_steps(step, 3)).collect();
        assert_eq!(made, [0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
    }
}
