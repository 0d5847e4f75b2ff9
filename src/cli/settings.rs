//! The flags that choose a sampler and its settings.

use anyhow::bail;

use crate::model_file::Card;
use crate::sample::edm::Churn;
use crate::sample::{Sampler, Settings};

/// What is said over what a model recommends.
#[derive(clap::Args)]
pub struct SettingArgs {
    /// Take the settings that made the model's best pictures, where `ncsn eval --sweep` has found
    /// them, instead of those that made nearly as good ones in the least time.
    #[arg(long)]
    best: bool,
    /// Which sampler; the model recommends one, and the settings below.
    #[arg(long)]
    sampler: Option<Sampler>,
    /// σ₁, the noise level that sampling begins at.
    #[arg(long)]
    sigma_max: Option<f32>,
    /// σ_L, the last noise level.
    #[arg(long)]
    sigma_min: Option<f32>,
    /// L, the number of noise levels.
    #[arg(long)]
    levels: Option<usize>,
    /// T, Langevin steps (of predictor–corrector: corrections) at each level.
    #[arg(long)]
    steps_each: Option<usize>,
    /// ε, the step size at the smallest level. What counts is ε/σ_L²: for Langevin it must be below 2;
    /// consistent sampling takes the nearest number from 1 − σᵢ₊₁/σᵢ to 1.
    #[arg(long)]
    step_lr: Option<f32>,
    /// r, the signal-to-noise ratio of the corrections of predictor–corrector.
    #[arg(long)]
    snr: Option<f32>,
    /// ρ of Heun's grid of levels.
    #[arg(long)]
    rho: Option<f32>,
    /// S_churn, the noise that Heun's method adds on the way and takes off again; 0 is none, as where
    /// --sampler is given without this.
    #[arg(long)]
    churn: Option<f32>,
    /// S_tmin, the smallest σ that is churned.
    #[arg(long, requires = "churn")]
    churn_min: Option<f32>,
    /// S_tmax, the largest σ that is churned.
    #[arg(long, requires = "churn")]
    churn_max: Option<f32>,
    /// S_noise, the deviation of the noise that churns.
    #[arg(long, requires = "churn")]
    churn_noise: Option<f32>,
    /// Take off the noise that is left after the last level.
    #[arg(long, overrides_with = "no_denoise")]
    denoise: bool,
    /// Leave it.
    #[arg(long)]
    no_denoise: bool,
}

impl SettingArgs {
    /// The settings that come of it.
    ///
    /// # Errors
    /// Where the best are asked for, and nobody has looked for them.
    pub fn over(&self, card: &Card) -> anyhow::Result<Settings> {
        match (self.best, card.best) {
            (false, _) => Ok(self.change(card.sampler)),
            (true, Some(best)) => Ok(self.change(best)),
            (true, None) => bail!(
                "the model's card does not say which settings are best; `ncsn eval --sweep` finds out"
            ),
        }
    }

    /// Settings with what is said put over them.
    fn change(&self, mut settings: Settings) -> Settings {
        settings.sampler = self.sampler.unwrap_or(settings.sampler);
        settings.ladder.sigma_max = self.sigma_max.unwrap_or(settings.ladder.sigma_max);
        settings.ladder.sigma_min = self.sigma_min.unwrap_or(settings.ladder.sigma_min);
        settings.ladder.levels = self.levels.unwrap_or(settings.ladder.levels);
        settings.steps_each = self.steps_each.unwrap_or(settings.steps_each);
        settings.step_lr = self.step_lr.unwrap_or(settings.step_lr);
        settings.snr = self.snr.unwrap_or(settings.snr);
        settings.rho = self.rho.unwrap_or(settings.rho);
        settings.churn = match self.churn {
            Some(amount) => {
                let churn = settings.churn.unwrap_or(Churn::NONE);
                Some(Churn {
                    amount,
                    min: self.churn_min.unwrap_or(churn.min),
                    max: self.churn_max.unwrap_or(churn.max),
                    noise: self.churn_noise.unwrap_or(churn.noise),
                })
            }
            // Whoever names Heun's method means the deterministic one, also where the model's
            // recommendation churns.
            None => settings.churn.filter(|_| self.sampler.is_none()),
        };
        settings.denoise = match (self.denoise, self.no_denoise) {
            (true, _) => true,
            (_, true) => false,
            _ => settings.denoise,
        };
        settings
    }
}

impl clap::ValueEnum for Sampler {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        settings: SettingArgs,
    }

    #[test]
    fn a_sampler_that_is_named_churns_only_when_told_to() {
        let churn = Churn { amount: 10.0, max: 5.0, ..Churn::NONE };
        let card = Settings {
            sampler: Sampler::Heun,
            churn: Some(churn),
            ..Settings::recommended(20.0, 0.01)
        };
        let churn_of = |arguments: &str| {
            let command = Command::try_parse_from(arguments.split(' ')).expect("known flags");
            command.settings.change(card).churn
        };
        assert_eq!(churn_of("ncsn --levels 30"), Some(churn));
        assert_eq!(churn_of("ncsn --sampler heun --levels 30"), None);
        let asked = Some(Churn { amount: 20.0, ..churn });
        assert_eq!(churn_of("ncsn --sampler heun --churn 20"), asked);
        assert_eq!(churn_of("ncsn --churn 20"), asked);
    }
}
