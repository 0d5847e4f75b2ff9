//! The flags that guide away from a worse model.

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
    /// Guide away from this model: one of the same pictures that is worse, such as one that was
    /// trained for a tenth of the time. Samples get better and take twice as long; `train
    /// --autoguide` then puts both into one network.
    #[arg(long, value_name = "WORSE")]
    autoguide: Option<PathBuf>,
    #[command(flatten)]
    strength: StrengthArgs,
}

/// How strongly, and where.
#[derive(clap::Args, Serialize)]
pub struct StrengthArgs {
    /// How strongly --autoguide guides: at 1 not at all, at 2 by as much as lies between the two.
    #[arg(long, value_name = "WEIGHT", default_value_t = 2.0, requires = "autoguide")]
    autoguidance: f32,
    /// The smallest σ at which it does.
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0, requires = "autoguide")]
    autoguide_min: f32,
    /// The largest.
    #[arg(long, value_name = "SIGMA", default_value_t = f32::MAX, hide_default_value = true, requires = "autoguide")]
    autoguide_max: f32,
}

impl StrengthArgs {
    /// What the flags come to.
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
    /// Whether there is a model to be guided away from.
    pub fn is_guided(&self) -> bool {
        self.autoguide.is_some()
    }

    /// Guides an engine, where the flags say so.
    ///
    /// # Errors
    /// As [`worse`] and [`StrengthArgs::strength`], and where the engine cannot run a second network.
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

/// A model that makes pictures of the given shape, to be guided away from.
///
/// # Errors
/// Where it cannot be read, or makes others.
pub fn worse(path: &Path, shape: Picture) -> anyhow::Result<ModelFile> {
    let worse = ncsn::open(path)?;
    let found = worse.card.architecture.picture();
    ensure!(found == shape, "{} makes {found}, but the model {shape}", path.display());
    Ok(worse)
}
