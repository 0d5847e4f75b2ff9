//! The flags of guidance to classes.

use std::path::Path;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::classes::unconditional;
use crate::model_file::{Card, ModelFile};
use crate::net::weights::row_of_no_class;
use crate::sample::{ClassConditioning, GuidanceScale, bounds};

/// Classifier-free guidance, for commands that draw samples.
#[derive(clap::Args, Serialize)]
pub struct ClassGuidanceArgs {
    /// The strength of the class: 1 is the class-conditional model alone; more makes images more
    /// typical of their class and less varied. It takes a second evaluation a step, unless the
    /// model has learned the scale (`train --distill-guidance`).
    #[arg(long, value_name = "WEIGHT", default_value_t = 1.0)]
    guidance: f32,
    /// Guide only at noise levels from the first to the second σ, which costs less time and less
    /// variety. A class-conditional model only.
    #[arg(long, value_name = "MIN,MAX", value_parser = interval, requires = "guidance")]
    #[serde(serialize_with = "bounds::serialize")]
    guidance_interval: Option<[f32; 2]>,
}

fn interval(text: &str) -> Result<[f32; 2], String> {
    let wrong = || "takes two noise levels, such as 0.3,5".to_owned();
    let (min, max) = text.split_once(',').ok_or_else(wrong)?;
    Ok([min.trim().parse().map_err(|_| wrong())?, max.trim().parse().map_err(|_| wrong())?])
}

/// Checks that a model, read from this file, has learned a score.
///
/// # Errors
/// If it is one for few evaluations.
pub fn ensure_learned_score(path: &Path, card: &Card) -> anyhow::Result<()> {
    ensure!(
        !card.is_few_step(),
        "{} was made to draw images in few evaluations and no longer knows the score; use the model \
         that it was made of",
        path.display()
    );
    Ok(())
}

/// Checks that a class-conditional model also knows the score of all images. It learns that from
/// images whose class training does not tell it. Without any, the row of no class, which begins at
/// zero, stays there.
///
/// # Errors
/// If the model does not know that score. `needs` says what takes it.
pub fn ensure_knows_all_images(model: &ModelFile, needs: &str) -> anyhow::Result<()> {
    let row = row_of_no_class(&model.weights);
    ensure!(
        row.is_none_or(|row| row.iter().any(|&value| value != 0.0)),
        "{} has only learned the scores of its classes, as with --label-dropout 0, but {needs} \
         needs that of all images, too; train it further with --label-dropout 0.1",
        model.card.name
    );
    Ok(())
}

impl ClassGuidanceArgs {
    /// The strength that the flags describe.
    ///
    /// # Errors
    /// As [`GuidanceScale::check`].
    pub fn scale(&self) -> anyhow::Result<GuidanceScale> {
        let sigmas = self.guidance_interval.unwrap_or(GuidanceScale::NONE.sigmas);
        let scale = GuidanceScale { weight: self.guidance, sigmas };
        scale.check().context("--guidance and --guidance-interval")?;
        Ok(scale)
    }

    /// As [`Self::scale`], for a class-conditional model.
    ///
    /// # Errors
    /// As [`Self::scale`] and [`ensure_knows_all_images`].
    pub fn scale_for(&self, model: &ModelFile) -> anyhow::Result<GuidanceScale> {
        if self.is_guided() {
            ensure_knows_all_images(model, "--guidance")?;
        }
        self.scale()
    }

    /// Whether the flags make a difference.
    pub fn is_guided(&self) -> bool {
        self.guidance != 1.0
    }

    /// The classes that `count` chains show unless asked, for a class-conditional model: drawn by
    /// how often they occur in training.
    ///
    /// # Errors
    /// As [`Self::scale_for`], and if the model has no classes to guide to.
    pub fn drawn(
        &self,
        model: &ModelFile,
        seed: u64,
        count: usize,
    ) -> anyhow::Result<Option<ClassConditioning>> {
        let guidance_scale = self.scale_for(model)?;
        let drawn = model.card.drawn_classes(seed, count);
        let possible = drawn.is_some() || !self.is_guided();
        ensure!(possible, "{}: --guidance needs classes", unconditional(&model.card));
        Ok(drawn.map(|classes| ClassConditioning { guidance_scale, ..classes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_two_numbers() {
        assert_eq!(interval("0.3, 5"), Ok([0.3, 5.0]));
        assert_eq!(interval("0,inf"), Ok([0.0, f32::INFINITY]), "no limit");
        for wrong in ["0.3", "a,b", "1,2,3", ""] {
            interval(wrong).expect_err("not two numbers");
        }
    }
}
