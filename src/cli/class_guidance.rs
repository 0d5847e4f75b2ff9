//! The flags of guidance to classes.

use anyhow::{Context, ensure};
use serde::Serialize;

use super::classes::unconditional;
use crate::model_file::Card;
use crate::sample::{ClassConditioning, GuidanceScale};

/// Classifier-free guidance, for commands that draw samples.
#[derive(clap::Args, Serialize)]
pub struct ClassGuidanceArgs {
    /// The strength of the class: 1 is the class-conditional model alone, or Bayes' rule with a
    /// --classifier; more makes images more typical of their class and less varied. It takes a
    /// second evaluation a step, unless the model has learned the scale (`train
    /// --distill-guidance`).
    #[arg(long, value_name = "WEIGHT", default_value_t = 1.0)]
    guidance: f32,
    /// Guide only at noise levels from the first to the second σ, which costs less time and less
    /// variety. A class-conditional model only.
    #[arg(long, value_name = "MIN,MAX", value_parser = interval)]
    guidance_interval: Option<[f32; 2]>,
}

fn interval(text: &str) -> Result<[f32; 2], String> {
    let wrong = || "takes two noise levels, such as 0.3,5".to_owned();
    let (min, max) = text.split_once(',').ok_or_else(wrong)?;
    Ok([min.trim().parse().map_err(|_| wrong())?, max.trim().parse().map_err(|_| wrong())?])
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

    /// Whether the flags make a difference.
    pub fn is_guided(&self) -> bool {
        self.guidance != 1.0 || self.guidance_interval.is_some()
    }

    /// The classes that `count` chains show unless asked, for a class-conditional model: drawn by
    /// how often they occur in training.
    ///
    /// # Errors
    /// If the flags are impossible, or the model has no classes to guide to.
    pub fn drawn(
        &self,
        card: &Card,
        seed: u64,
        count: usize,
    ) -> anyhow::Result<Option<ClassConditioning>> {
        let guidance_scale = self.scale()?;
        let drawn = card.drawn_classes(seed, count);
        let possible = drawn.is_some() || !self.is_guided();
        ensure!(possible, "{}: --guidance needs classes", unconditional(card));
        Ok(drawn.map(|classes| ClassConditioning { guidance_scale, ..classes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_two_numbers() {
        assert_eq!(interval("0.3, 5"), Ok([0.3, 5.0]));
        for wrong in ["0.3", "a,b", "1,2,3", ""] {
            interval(wrong).expect_err("not two numbers");
        }
    }
}
