//! The flags that choose a sampler and its settings.

use anyhow::{bail, ensure};

use crate::model_file::Card;
use crate::sample::edm::Churn;
use crate::sample::parameters::{APPLIES_TO, DEFAULTS};
use crate::sample::{Sampler, Settings};
use crate::words::list;

/// Changes to the settings that a model recommends.
#[derive(clap::Args)]
pub struct SettingArgs {
    /// Use the model's best settings, as found by `ncsn eval --sweep`, instead of its recommended
    /// ones, which are nearly as good and faster.
    #[arg(long)]
    best: bool,
    /// The sampler; any but the recommended one starts from the full range of noise levels that the
    /// model was trained for [default: recommended by the model].
    #[arg(long)]
    sampler: Option<Sampler>,
    /// σ₁, the noise level to start at, for pixels from 0 to 1 [default: recommended by the model;
    /// with another --sampler the largest that it was trained for].
    #[arg(long)]
    sigma_max: Option<f32>,
    /// σ_L, the last noise level, for pixels from 0 to 1 [default: recommended by the model; with
    /// another --sampler the smallest that it was trained for].
    #[arg(long)]
    sigma_min: Option<f32>,
    /// L, the number of noise levels [default: recommended by the model; with another --sampler
    /// 100, or the network's own levels, but 39 for exact-langevin, 20 for heun, 10 for
    /// dpm-solver++, sde-dpm-solver++ and unipc, and 2 for consistency].
    #[arg(long, alias = "steps")]
    levels: Option<usize>,
    /// T, the Langevin steps (predictor–corrector: corrections) at each level [default: recommended
    /// by the model; with another --sampler 5 for exact-langevin, 1 for predictor-corrector].
    #[arg(long)]
    steps_each: Option<usize>,
    /// ε, the step size at the smallest level. What matters is ε/σ_L²: for Langevin it must be
    /// below 2, for exact Langevin at most 1; consistent sampling clamps it to between 1 − σᵢ₊₁/σᵢ
    /// and 1 [default: recommended by the model; for another sampler, derived from the noise
    /// levels].
    #[arg(long)]
    step_lr: Option<f32>,
    /// r, the signal-to-noise ratio of predictor–corrector's corrections, above 0 and below 1
    /// [default: recommended by the model; with another --sampler 0.16].
    #[arg(long)]
    snr: Option<f32>,
    /// ρ, from 1 to 100, which spaces the noise levels of heun, dpm-solver++, sde-dpm-solver++, unipc
    /// and consistency [default: recommended by the model; with another --sampler 7].
    #[arg(long)]
    rho: Option<f32>,
    /// S_churn, the noise that Heun's method adds and removes along the way; 0 for none, which is
    /// also the default with --sampler.
    #[arg(long)]
    churn: Option<f32>,
    /// S_tmin, the smallest σ to churn at [default: 0, unless the model recommends another].
    #[arg(long, requires = "churn")]
    churn_min: Option<f32>,
    /// S_tmax, the largest σ to churn at [default: no limit, unless the model recommends one].
    #[arg(long, requires = "churn")]
    churn_max: Option<f32>,
    /// S_noise, the standard deviation of the churning noise, from 0 to 2 [default: 1, unless the
    /// model recommends another].
    #[arg(long, requires = "churn")]
    churn_noise: Option<f32>,
    /// Remove the noise that is left after the last level.
    #[arg(long, overrides_with = "no_denoise")]
    denoise: bool,
    /// Keep the noise that is left after the last level.
    #[arg(long)]
    no_denoise: bool,
}

impl SettingArgs {
    /// The resulting settings.
    ///
    /// # Errors
    /// If the best settings are asked for but the card has none, or a flag has no effect on the
    /// sampler.
    pub fn over(&self, card: &Card) -> anyhow::Result<Settings> {
        let settings = match (self.best, card.best) {
            (false, _) => card.sampler,
            (true, Some(best)) => best,
            (true, None) => bail!(
                "the model's card does not say which settings are best; `ncsn eval --sweep` finds out"
            ),
        };
        self.put_over(settings, Settings::for_network(&card.architecture, card.schedule()))
    }

    /// Applies the flags to `recommended`, or to `usual` if another sampler is chosen.
    fn put_over(&self, recommended: Settings, usual: Settings) -> anyhow::Result<Settings> {
        let sampler = self.sampler.unwrap_or(recommended.sampler);
        self.check(sampler)?;
        if sampler == recommended.sampler {
            return Ok(self.change(recommended));
        }
        let settings = self.change(usual.for_sampler(sampler));
        // The step size follows from the levels, which other flags may have changed.
        Ok(if self.step_lr.is_none() { settings.with_step_by_rule() } else { settings })
    }

    /// Refuses flags that have no effect on the sampler.
    fn check(&self, sampler: Sampler) -> anyhow::Result<()> {
        let denoise = self.denoise || self.no_denoise;
        let flags: [(&str, bool, &[Sampler]); 6] = [
            ("steps-each", self.steps_each.is_some(), APPLIES_TO.steps_each),
            ("step-lr", self.step_lr.is_some(), APPLIES_TO.step_lr),
            ("snr", self.snr.is_some(), APPLIES_TO.snr),
            ("rho", self.rho.is_some(), APPLIES_TO.rho),
            ("churn", self.churn.is_some(), APPLIES_TO.churn),
            ("[no-]denoise", denoise, APPLIES_TO.denoise),
        ];
        for (flag, said, of) in flags {
            ensure!(
                !said || of.contains(&sampler),
                "--{flag} only applies to {}, but the sampler is {}; see --sampler",
                list(&of.iter().map(|sampler| sampler.name()).collect::<Vec<_>>(), "and"),
                sampler.name()
            );
        }
        Ok(())
    }

    /// Applies the flags to some settings.
    fn change(&self, mut settings: Settings) -> Settings {
        settings.schedule.sigma_max = self.sigma_max.unwrap_or(settings.schedule.sigma_max);
        settings.schedule.sigma_min = self.sigma_min.unwrap_or(settings.schedule.sigma_min);
        settings.schedule.levels = self.levels.unwrap_or(settings.schedule.levels);
        settings.steps_each = self.steps_each.unwrap_or(settings.steps_each);
        settings.step_lr = self.step_lr.unwrap_or(settings.step_lr);
        settings.snr = self.snr.unwrap_or(settings.snr);
        settings.rho = self.rho.unwrap_or(settings.rho);
        settings.churn = match self.churn {
            Some(s_churn) => {
                let churn = settings.churn.unwrap_or(DEFAULTS.churn);
                Some(Churn {
                    s_churn,
                    s_tmin: self.churn_min.unwrap_or(churn.s_tmin),
                    s_tmax: self.churn_max.unwrap_or(churn.s_tmax),
                    s_noise: self.churn_noise.unwrap_or(churn.s_noise),
                })
            }
            // Asking for Heun's method by name means the deterministic one, even if the model's
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
        Some(clap::builder::PossibleValue::new(self.name()).aliases(self.aliases()))
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::noise::rules;
    use crate::sample::Suited;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        settings: SettingArgs,
    }

    const CHURN: Churn = Churn { s_churn: 10.0, s_tmax: 5.0, ..Churn::NONE };

    /// Parses flags for a model trained from σ = 20 to 0.01 that recommends Heun's method on a
    /// short noise schedule.
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
        let ends = |settings: Settings| (settings.schedule.sigma_max, settings.schedule.sigma_min);
        let heun = over("ncsn --sampler heun --levels 30").expect("possible");
        assert_eq!((ends(heun), heun.schedule.levels), ((8.0, 0.1), 30));
        let langevin = over("ncsn --sampler langevin --levels 10 --steps-each 100");
        let langevin = langevin.expect("possible");
        assert_eq!((ends(langevin), langevin.churn), ((20.0, 0.01), None));
        let step = rules::step(100, langevin.schedule.ratio()) as f32 * 0.01 * 0.01;
        assert!((langevin.step_lr / step - 1.0).abs() < 0.01, "{}", langevin.step_lr);
        let exact = over("ncsn --sampler exact-langevin --levels 40 --steps-each 5");
        let exact = exact.expect("possible");
        assert_eq!((ends(exact), exact.step_lr), ((20.0, 0.01), 2.5e-5), "a = ¼");
        let few = over("ncsn --sampler consistency").expect("possible");
        assert_eq!((ends(few), few.schedule.levels), ((20.0, 0.01), 2));
        let four = over("ncsn --sampler consistency --steps 4").expect("possible");
        assert_eq!(four.schedule.levels, 4);
        assert_eq!(over("ncsn --sampler ddim").expect("an alias").sampler, Sampler::Euler);
        let given = over("ncsn --sampler langevin --step-lr 2e-5 --sigma-max 1").expect("possible");
        assert_eq!((ends(given), given.step_lr), ((1.0, 0.01), 2e-5));
    }

    /// EDM's own default of S_tmax is infinity.
    #[test]
    fn churn_without_a_limit_survives_json() {
        let settings = over("ncsn --churn 20 --churn-max inf").expect("possible");
        settings.step_table().expect("possible");
        let json = serde_json::to_string(&settings).expect("plain data");
        let read: Settings = serde_json::from_str(&json).expect("its own output");
        assert_eq!(read.churn.map(|churn| churn.s_tmax), Some(f32::MAX));
        let nan = over("ncsn --churn 20 --churn-max nan").expect("a number to clap");
        nan.step_table().expect_err("no noise level");
    }

    #[test]
    fn what_a_sampler_does_not_look_at_is_refused() {
        for (arguments, of) in [
            ("ncsn --snr 0.1", "predictor-corrector"),
            ("ncsn --sampler ancestral --churn 20", "heun"),
            ("ncsn --no-denoise", "langevin, exact-langevin and plain-langevin"),
        ] {
            let refusal = over(arguments).expect_err("it has no effect").to_string();
            assert!(refusal.contains(of), "{refusal}");
        }
    }

    #[test]
    fn the_help_has_the_numbers_that_suit_each_sampler() {
        let command = Command::command();
        let help = |id: &str| {
            let argument = command.get_arguments().find(|argument| argument.get_id() == id);
            argument.and_then(clap::Arg::get_help).expect("a flag with help").to_string()
        };
        // The number that belongs to a sampler in "20 for heun, 10 for dpm-solver++ and unipc".
        let number = |help: &str, sampler: Sampler| -> Option<usize> {
            let words: Vec<&str> = help.split([' ', ',', ']']).collect();
            let at = words.iter().position(|&word| word == sampler.name())?;
            let of = words[..at].iter().rposition(|&word| word == "for")?;
            words.get(of.checked_sub(1)?)?.parse().ok()
        };
        let (levels, steps_each) = (help("levels"), help("steps_each"));
        for sampler in Sampler::ALL {
            let suited = Suited::of(sampler);
            let said = suited.map(|suited| suited.levels).filter(|&n| n != Settings::LEVELS);
            assert_eq!(number(&levels, sampler), said, "{}: {levels}", sampler.name());
            let said = suited.and_then(|suited| suited.steps_each);
            assert_eq!(number(&steps_each, sampler), said, "{}: {steps_each}", sampler.name());
        }
        assert!(levels.contains(&format!("another --sampler {}", Settings::LEVELS)), "{levels}");
        for (id, default) in [("snr", DEFAULTS.snr), ("rho", DEFAULTS.rho)] {
            let help = help(id);
            assert!(help.contains(&format!("another --sampler {default}]")), "{help}");
        }
    }

    #[test]
    fn a_sampler_that_is_named_churns_only_when_told_to() {
        let churn = CHURN;
        let churn_of = |arguments: &str| over(arguments).expect("possible").churn;
        assert_eq!(churn_of("ncsn --levels 30"), Some(churn));
        assert_eq!(churn_of("ncsn --sampler heun --levels 30"), None);
        let asked = Some(Churn { s_churn: 20.0, ..churn });
        assert_eq!(churn_of("ncsn --sampler heun --churn 20"), asked);
        assert_eq!(churn_of("ncsn --churn 20"), asked);
    }
}
