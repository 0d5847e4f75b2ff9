//! Autoguidance as what a run learns.

use serde::{Deserialize, Serialize};

use super::options_error::OptionsError;
use crate::net::Architecture;
use crate::sample::GuidanceScale;

/// What a run may learn instead of the score of the images: the score of the model it starts
/// from, guided away from a worse model's ([`crate::sample::guidance::Autoguide`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoguidance {
    /// The worse model's network.
    pub worse: Architecture,
    /// The worse model in words, for the card.
    pub name: String,
    /// The strength of the guidance, and the noise levels it acts at.
    #[serde(rename = "strength")]
    pub guidance_scale: GuidanceScale,
}

impl Autoguidance {
    /// Checks that a model with this network can be guided so.
    pub(super) fn check(&self, better: &Architecture) -> Result<(), OptionsError> {
        let fail = |message: String| Err(OptionsError::Impossible(message));
        let Self { worse, guidance_scale, .. } = self;
        worse.check()?;
        guidance_scale.check()?;
        let [found, own] = [worse, better].map(Architecture::image_shape);
        if found != own {
            return fail(format!("the worse model makes {found}, the better one {own}"));
        }
        let [found, own] = [worse, better].map(Architecture::classes);
        if found != 0 && found != own {
            return fail(format!("the worse model has {found} classes, the better one {own}"));
        }
        Ok(())
    }
}
