//! The options of a run, from the flags, the images and the model that it starts from.

use anyhow::ensure;

use super::arguments::Arguments;
use super::network::Net;
use super::noise::StableTargets;
use crate::cli::model::was_trained_on;
use crate::data::DataSet;
use crate::model_file::Card;
use crate::noise::NoiseSchedule;
use crate::recipe::Recipe;
use crate::train::{Fingerprint, Options, STABLE_TARGETS_VALUES, stable_sigma, usual_steps};
use crate::words::count;

impl Arguments {
    /// The noise levels for this data.
    ///
    /// # Errors
    /// If they cannot be chosen.
    pub fn schedule(&self, data: &DataSet) -> anyhow::Result<NoiseSchedule> {
        self.noise.schedule(data, self.network.arch)
    }

    /// The options of a new run on this data, which starts from the model `origin` if there is one.
    ///
    /// # Errors
    /// If the noise levels cannot be chosen.
    pub fn options(&self, data: &DataSet, origin: Option<&Card>) -> anyhow::Result<Options> {
        let Self { run, optimization, noise, network, .. } = self;
        let classes =
            self.classes(data, origin.map_or(network.arch, |card| Net::of(&card.architecture)));
        let (architecture, schedule) = match origin {
            Some(card) => (card.architecture.clone(), card.schedule()),
            None => {
                let schedule = self.schedule(data)?;
                let scale = data.train.statistics();
                (network.architecture(data.train.shape, scale, schedule), schedule)
            }
        };
        let NoiseSchedule { sigma_max, sigma_min, levels } = schedule;
        let net = Net::of(&architecture);
        let architecture = architecture
            .with_classes(classes.len())
            .with_guidance_max(run.method.distill_guidance.unwrap_or(0.0));
        let batch = optimization.batch;
        let steps = optimization.steps.unwrap_or_else(|| usual_steps(data.train.len(), batch));
        let images = Fingerprint::of(&data.train);
        ensure!(
            !classes.is_empty() || self.labels.label_dropout.is_none(),
            "--label-dropout has no effect: the network is unconditional"
        );
        // The license holds for the same images; measured sampler settings also need a network of
        // the same kind (score or few-step).
        let same = origin.filter(|card| was_trained_on(card, &data.name, images));
        let alike = same.filter(|card| card.is_few_step() == run.method.is_few_step());
        Ok(Options {
            architecture,
            images: Some(images),
            license: run.license.clone().or_else(|| Some(same?.license.clone())),
            from: origin.map(in_words),
            sampler: alike.map(|card| card.sampler),
            best: alike.and_then(|card| card.best),
            seed: optimization.seed,
            steps,
            batch,
            grad_accum_steps: optimization.grad_accum_steps,
            precision: optimization.precision.unwrap_or_default(),
            learning_rate: optimization.lr.unwrap_or_else(|| match origin {
                None => net.learning_rate(),
                Some(_) => Recipe::LEARNING_RATE_FROM_MODEL,
            }),
            warmup_steps: optimization.warmup_steps.unwrap_or(Recipe::usual_warmup_steps(steps)),
            max_grad_norm: optimization.max_grad_norm,
            ema_decay: optimization.ema_decay,
            weighting: noise.weighting.unwrap_or(net.weighting()),
            sigma_max,
            sigma_min,
            sigma_median: noise.sigma_median,
            p_std: noise.p_std,
            levels,
            augmentation: self.augmentation(),
            label_dropout: match classes.is_empty() {
                true => 0.0,
                false => self.labels.label_dropout.unwrap_or(Recipe::LABEL_DROPOUT),
            },
            stable_targets: self.stable_targets(data, net),
            autoguidance: None,
            consistency: run.method.consistency(),
            distribution_matching: None,
        })
    }

    /// The σ from which this run learns means over all images.
    pub(super) fn stable_targets(&self, data: &DataSet, net: Net) -> Option<f32> {
        let few = self.augmentation().every_len(&data.train) <= STABLE_TARGETS_VALUES;
        let of_a_model = self.run.method.learns_from_a_model();
        let usual = match net {
            Net::Unet if few && !of_a_model => StableTargets::Auto,
            Net::Unet | Net::Ncsn | Net::Ncsnv2 => StableTargets::Off,
        };
        match self.noise.stable_targets.unwrap_or(usual) {
            StableTargets::Auto => stable_sigma(&data.train),
            StableTargets::Off => None,
            StableTargets::From(sigma) => Some(sigma),
        }
    }
}

/// How a card describes another model: the one that a run started from, is guided away from or
/// matches.
pub fn in_words(card: &Card) -> String {
    let examples =
        card.training.as_ref().map(|t| format!(", {} of {}", count(t.examples, "image"), t.data));
    format!("{}{}", card.name, examples.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::train::test_model::model;
    use crate::data::{Images, LoadReport};
    use crate::net::ImageShape;
    use crate::random::Key;
    use crate::sample::Sampler;

    /// Fifty images without classes.
    fn noise() -> DataSet {
        let shape = ImageShape { channels: 1, height: 8, width: 8 };
        let key = Key { seed: 1, stream: 0, step: 0 };
        let bytes = (0..50 * 64).map(|index| (key.uniform(index) * 256.0) as u8).collect();
        let (train, held_out) = (Images::new(shape, bytes), Images::new(shape, Vec::new()));
        let (name, classes, found) = ("noise".into(), Vec::new(), LoadReport::default());
        DataSet { name, train, held_out, classes, found }
    }

    fn options(data: &DataSet, origin: Option<&Card>, flags: &str) -> anyhow::Result<Options> {
        let words = ["train --data noise", flags].concat();
        Arguments::parse_from(words.split(' ')).options(data, origin)
    }

    #[test]
    fn the_librarys_options_are_those_without_flags() {
        let data = noise();
        let library = Options::for_images(&data.train).expect("images that differ");
        assert_eq!(options(&data, None, "").expect("possible"), library);
        assert!(library.stable_targets.is_some());
    }

    #[test]
    fn settings_are_those_of_a_model_of_the_same_kind() {
        let data = noise();
        let [score, few_step] = [false, true].map(|few_step| model(few_step).card);
        for (card, flags, alike) in [
            (&score, " --init-from m", true),
            (&score, " --init-from m --consistency", false),
            (&few_step, " --init-from m", false),
            (&few_step, " --init-from m --consistency", true),
        ] {
            let options = options(&data, Some(card), flags).expect("possible");
            assert_eq!(options.sampler, alike.then_some(card.sampler), "{flags}");
            let recommended = options.recommended_settings().sampler;
            assert_eq!(recommended == Sampler::Consistency, options.few_step(), "{flags}");
            assert_eq!(options.license.as_deref(), Some("CC0-1.0"), "it is that of the images");
        }
    }

    #[test]
    fn label_dropout_without_classes_is_refused() {
        let mut data = noise();
        let refused = |data: &DataSet, flags: &str| {
            let error = options(data, None, flags).expect_err("refused").to_string();
            assert!(error.contains("--label-dropout has no effect"), "{error}");
        };
        refused(&data, " --label-dropout 0.3");
        data.train.labels = Some((0..50).map(|image| image % 2).collect());
        data.classes = ["a", "b"].map(String::from).to_vec();
        refused(&data, " --labels off --label-dropout 0.3");
        let conditional = options(&data, None, " --label-dropout 0.3").expect("there are classes");
        assert_eq!(conditional.label_dropout, 0.3);
    }
}
