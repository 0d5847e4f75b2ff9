//! The flags of autoguidance.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::engine::Engine;
use super::model::{of_shape, with_classes_of};
use crate::model_file::ModelFile;
use crate::net::Network;
use crate::sample::guidance::Autoguide;
use crate::sample::{GuidanceScale, bounds};

/// Autoguidance, for commands that draw samples.
#[derive(clap::Args, Serialize)]
pub struct AutoguidanceArgs {
    /// Guide away from this worse model of the same images, such as one trained for a tenth of
    /// the time. Samples get better but take twice as long; `train --guiding-model` trains a single
    /// network to do the same.
    #[arg(long, alias = "autoguide", value_name = "WORSE")]
    #[serde(rename = "autoguide")]
    guiding_model: Option<PathBuf>,
    #[command(flatten)]
    #[serde(rename = "strength")]
    guidance_scale: GuidanceScaleArgs,
}

/// The scale of autoguidance, and the noise levels it acts at.
#[derive(clap::Args, Serialize)]
pub struct GuidanceScaleArgs {
    /// The weight of autoguidance by --guiding-model: 1 has no effect, 2 adds the whole difference
    /// between the two models' scores. Class guidance has a weight of its own, `--guidance` of
    /// `ncsn sample` and `ncsn eval`.
    #[arg(
        long,
        alias = "autoguidance",
        value_name = "WEIGHT",
        default_value_t = 2.0,
        requires = "guiding_model"
    )]
    #[serde(rename = "autoguidance")]
    guidance_scale: f32,
    /// The smallest σ that --guiding-model acts at.
    #[arg(
        long,
        alias = "autoguide-min",
        value_name = "SIGMA",
        default_value_t = 0.0,
        requires = "guiding_model"
    )]
    #[serde(rename = "autoguide_min", serialize_with = "bounds::serialize")]
    guidance_sigma_min: f32,
    /// The largest σ that --guiding-model acts at [default: no limit].
    #[arg(
        long,
        alias = "autoguide-max",
        value_name = "SIGMA",
        default_value_t = f32::MAX,
        hide_default_value = true,
        requires = "guiding_model"
    )]
    #[serde(rename = "autoguide_max", serialize_with = "bounds::serialize")]
    guidance_sigma_max: f32,
}

impl GuidanceScaleArgs {
    /// The scale that the flags describe.
    ///
    /// # Errors
    /// As [`GuidanceScale::check`].
    pub fn guidance_scale(&self) -> anyhow::Result<GuidanceScale> {
        let Self { guidance_scale: weight, guidance_sigma_min: min, guidance_sigma_max: max } =
            *self;
        let guidance_scale = GuidanceScale { weight, sigmas: [min, max] };
        guidance_scale.check()?;
        Ok(guidance_scale)
    }
}

impl AutoguidanceArgs {
    /// The worse model's file, if --guiding-model is given.
    pub fn worse(&self) -> Option<&Path> {
        self.guiding_model.as_deref()
    }

    /// Whether --guiding-model is given.
    pub fn is_guided(&self) -> bool {
        self.guiding_model.is_some()
    }

    /// Adds the guide to the engine of a model with these classes if --guiding-model is given.
    ///
    /// # Errors
    /// As [`of_shape`] and [`GuidanceScaleArgs::guidance_scale`], and if the engine cannot run a
    /// second network.
    pub fn guide(&self, engine: Engine, classes: &[String]) -> anyhow::Result<Engine> {
        let Some(path) = &self.guiding_model else { return Ok(engine) };
        let guidance_scale = self.guidance_scale.guidance_scale()?;
        engine.guided("--guiding-model", |shape, device| {
            let ModelFile { card, weights } = with_classes_of(of_shape(path, shape)?, classes);
            let worse = Network::with_weights(&card.architecture, weights, device)?;
            Ok(Arc::new(Autoguide { worse, guidance_scale }))
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        autoguidance: AutoguidanceArgs,
    }

    fn parsed(flags: &str) -> AutoguidanceArgs {
        let words = format!("ncsn --guiding-model worse {flags}");
        let command = Command::try_parse_from(words.split_whitespace()).expect("known flags");
        command.autoguidance
    }

    #[test]
    fn the_interval_may_have_no_end() {
        let sigmas =
            |flags: &str| parsed(flags).guidance_scale.guidance_scale().map(|scale| scale.sigmas);
        assert_eq!(sigmas("").expect("possible"), GuidanceScale::NONE.sigmas);
        let endless = "--guidance-sigma-max inf";
        assert_eq!(sigmas(endless).expect("possible"), [0.0, f32::INFINITY]);
        let limited = sigmas("--guidance-sigma-min 0.3 --guidance-sigma-max 5");
        assert_eq!(limited.expect("possible"), [0.3, 5.0]);
        sigmas("--guidance-sigma-max nan").expect_err("no noise level");
        let report = serde_json::to_value(parsed(endless)).expect("plain data");
        let max = report["strength"]["autoguide_max"].as_f64();
        assert_eq!(max, Some(f32::MAX.into()), "{report}");
    }
}
