//! The flags that choose a sampler and its settings.

use anyhow::{bail, ensure};

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
    /// Which sampler; the model recommends one, and the settings below. Another one begins with all
    /// the noise levels that the model was trained for.
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
    /// consistent sampling takes the nearest number from 1 − σᵢ₊₁/σᵢ to 1 [default: as recommended; for
    /// another sampler than that by NCSNv2's rule].
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
    /// Where the best are asked for, and nobody has looked for them, and where something is said that
    /// the sampler does not look at.
    pub fn over(&self, card: &Card) -> anyhow::Result<Settings> {
        let settings = match (self.best, card.best) {
            (false, _) => card.sampler,
            (true, Some(best)) => best,
            (true, None) => bail!(
                "the model's card does not say which settings are best; `ncsn eval --sweep` finds out"
            ),
        };
        self.put_over(settings, Settings::for_network(&card.architecture, card.ladder()))
    }

    /// Puts the flags over `recommended`, or over `usual` where another sampler is named.
    fn put_over(&self, recommended: Settings, usual: Settings) -> anyhow::Result<Settings> {
        let sampler = self.sampler.unwrap_or(recommended.sampler);
        self.check(sampler)?;
        if sampler == recommended.sampler {
            return Ok(self.change(recommended));
        }
        // What is right for one, such as a short ladder or its ε, is not for another.
        let settings = self.change(Settings { sampler, ..usual });
        Ok(if self.step_lr.is_none() { settings.with_step_by_rule() } else { settings })
    }

    /// Whether the sampler looks at all that is said.
    fn check(&self, sampler: Sampler) -> anyhow::Result<()> {
        use Sampler::{Consistent, Heun, Langevin, PlainLangevin, PredictorCorrector};
        let denoise = self.denoise || self.no_denoise;
        let flags: [(&str, bool, &[Sampler]); 6] = [
            (
                "steps-each",
                self.steps_each.is_some(),
                &[Langevin, PlainLangevin, PredictorCorrector],
            ),
            ("step-lr", self.step_lr.is_some(), &[Langevin, PlainLangevin, Consistent]),
            ("snr", self.snr.is_some(), &[PredictorCorrector]),
            ("rho", self.rho.is_some(), &[Heun]),
            ("churn", self.churn.is_some(), &[Heun]),
            ("[no-]denoise", denoise, &[Langevin, PlainLangevin]),
        ];
        for (flag, said, of) in flags {
            ensure!(
                !said || of.contains(&sampler),
                "--{flag} is of {}, but the sampler is {}; see --sampler",
                of.iter().map(|sampler| sampler.name()).collect::<Vec<_>>().join(" and "),
                sampler.name()
            );
        }
        Ok(())
    }

    /// Settings with what is said put over them.
    fn change(&self, mut settings: Settings) -> Settings {
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
    use crate::noise::rules;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        settings: SettingArgs,
    }

    const CHURN: Churn = Churn { amount: 10.0, max: 5.0, ..Churn::NONE };

    /// Over Heun's method on a short ladder, for a model that was trained from σ = 20 to 0.01.
    fn over(arguments: &str) -> anyhow::Result<Settings> {
        let short = Settings {
            sampler: Sampler::Heun,
            churn: Some(CHURN),
            ..Settings::recommended(8.0, 0.1)
        };
        let command = Command::try_parse_from(arguments.split(' ')).expect("known flags");
        command.settings.put_over(short, Settings::recommended(20.0, 0.01))
    }

    #[test]
    fn another_sampler_begins_with_all_that_the_model_was_trained_for() {
        let ends = |settings: Settings| (settings.ladder.sigma_max, settings.ladder.sigma_min);
        let heun = over("ncsn --sampler heun --levels 30").expect("possible");
        assert_eq!((ends(heun), heun.ladder.levels), ((8.0, 0.1), 30));
        let langevin = over("ncsn --sampler langevin --levels 10 --steps-each 100");
        let langevin = langevin.expect("possible");
        assert_eq!((ends(langevin), langevin.churn), ((20.0, 0.01), None));
        let step = rules::step(100, langevin.ladder.ratio()) as f32 * 0.01 * 0.01;
        assert!((langevin.step_lr / step - 1.0).abs() < 0.01, "{}", langevin.step_lr);
        let given = over("ncsn --sampler langevin --step-lr 2e-5 --sigma-max 1").expect("possible");
        assert_eq!((ends(given), given.step_lr), ((1.0, 0.01), 2e-5));
    }

    #[test]
    fn what_a_sampler_does_not_look_at_is_refused() {
        for (arguments, of) in [
            ("ncsn --snr 0.1", "predictor-corrector"),
            ("ncsn --sampler ancestral --churn 20", "heun"),
            ("ncsn --no-denoise", "langevin and plain-langevin"),
        ] {
            let refusal = over(arguments).expect_err("it has no effect").to_string();
            assert!(refusal.contains(of), "{refusal}");
        }
    }

    #[test]
    fn a_sampler_that_is_named_churns_only_when_told_to() {
        let churn = CHURN;
        let churn_of = |arguments: &str| over(arguments).expect("possible").churn;
        assert_eq!(churn_of("ncsn --levels 30"), Some(churn));
        assert_eq!(churn_of("ncsn --sampler heun --levels 30"), None);
        let asked = Some(Churn { amount: 20.0, ..churn });
        assert_eq!(churn_of("ncsn --sampler heun --churn 20"), asked);
        assert_eq!(churn_of("ncsn --churn 20"), asked);
    }
}
