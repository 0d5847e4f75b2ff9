//! The flags of autoguidance.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::ensure;
use serde::Serialize;

use super::engine::Engine;
use super::ncsn;
use crate::model_file::ModelFile;
use crate::net::{Network, Picture};
use crate::sample::Strength;
use crate::sample::guide::Autoguide;

/// Autoguidance, for commands that draw samples.
#[derive(clap::Args, Serialize)]
pub struct AutoguideArgs {
    /// Guide away from this worse model of the same pictures, such as one trained for a tenth of
    /// the time. Samples get better but take twice as long; `train --autoguide` trains a single
    /// network to do the same.
    #[arg(long, value_name = "WORSE")]
    autoguide: Option<PathBuf>,
    #[command(flatten)]
    strength: StrengthArgs,
}

/// The strength of autoguidance, and the noise levels it acts at.
#[derive(clap::Args, Serialize)]
pub struct StrengthArgs {
    /// The weight of --autoguide: 1 has no effect, 2 adds the whole difference between the two
    /// models' scores.
    #[arg(long, value_name = "WEIGHT", default_value_t = 2.0, requires = "autoguide")]
    autoguidance: f32,
    /// The smallest σ that --autoguide acts at.
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0, requires = "autoguide")]
    autoguide_min: f32,
    /// The largest σ that --autoguide acts at [default: no limit].
    #[arg(long, value_name = "SIGMA", default_value_t = f32::MAX, hide_default_value = true, requires = "autoguide")]
    autoguide_max: f32,
}

impl StrengthArgs {
    /// The strength that the flags describe.
    ///
    /// # Errors
    /// As [`Strength::check`].
    pub fn strength(&self) -> anyhow::Result<Strength> {
        let Self { autoguidance: weight, autoguide_min: min, autoguide_max: max } = *self;
        let strength = Strength { weight, sigmas: [min, max] };
        strength.check()?;
        Ok(strength)
    }
}

impl AutoguideArgs {
    /// The worse model's file, if --autoguide is given.
    pub fn worse(&self) -> Option<&Path> {
        self.autoguide.as_deref()
    }

    /// Whether --autoguide is given.
    pub fn is_guided(&self) -> bool {
        self.autoguide.is_some()
    }

    /// Adds the guide to an engine if --autoguide is given.
    ///
    /// # Errors
    /// As [`worse`] and [`StrengthArgs::strength`], and if the engine cannot run a second network.
    pub fn guide(&self, engine: Engine) -> anyhow::Result<Engine> {
        let Some(path) = &self.autoguide else { return Ok(engine) };
        let strength = self.strength.strength()?;
        engine.guided("--autoguide", |shape, device| {
            let ModelFile { card, weights } = worse(path, shape)?;
            let worse = Network::with_weights(&card.architecture, weights, device)?;
            Ok(Arc::new(Autoguide { worse, strength }))
        })
    }
}

/// Opens the worse model, which must make pictures of the given shape.
///
/// # Errors
/// If it cannot be read or makes pictures of another shape.
pub fn worse(path: &Path, shape: Picture) -> anyhow::Result<ModelFile> {
    let worse = ncsn::open(path)?;
    let found = worse.card.architecture.picture();
    ensure!(found == shape, "{} makes {found}, but the model makes {shape}", path.display());
    Ok(worse)
}
