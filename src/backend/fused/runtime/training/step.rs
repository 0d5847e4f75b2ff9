//! A step of a run's recipe as what the kernels read.

use std::ops::Range;

use super::rows::{ExampleRow, PartRow};
use crate::backend::fused::error::FusedError;
use crate::net::UNetDescription;
use crate::random::Key;
use crate::recipe::{BETA_1, BETA_2, EPSILON, Recipe};

/// One step: the rows of its parts, and what was drawn for their images.
#[derive(Clone, Debug)]
pub struct TrainingStep {
    /// The parts; `example` of each is the place of its first image among `examples`.
    pub parts: Vec<PartRow>,
    /// The images of all parts.
    pub examples: Vec<ExampleRow>,
}

/// What a run's buffers have room for.
#[derive(Clone, Copy, Debug)]
pub struct StepLimits {
    /// The images of the data set.
    pub images: usize,
    /// The rows of classes, that of no class included.
    pub class_rows: usize,
    /// The images of a batch.
    pub batch: usize,
    /// The parts that a batch is computed in.
    pub parts: usize,
}

impl StepLimits {
    /// The most images of a part.
    pub fn part(&self) -> usize {
        self.batch.div_ceil(self.parts)
    }
}

/// An image of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example {
    /// Its place in the data set.
    pub index: usize,
    /// Its noise level.
    pub sigma: f32,
    /// The class that the network is told, if any.
    pub class: Option<usize>,
}

impl TrainingStep {
    /// Step number `step` of a recipe, counted from 0, on these images: as many as its batch.
    pub fn new(
        recipe: &Recipe,
        sizes: &UNetDescription,
        step: u64,
        examples: impl Iterator<Item = Example>,
    ) -> Self {
        Self::of_share(recipe, sizes, step, 0..recipe.batch, examples)
    }

    /// As [`Self::new`], but only for these places in the batch, and their images.
    pub fn of_share(
        recipe: &Recipe,
        sizes: &UNetDescription,
        step: u64,
        places: Range<usize>,
        examples: impl Iterator<Item = Example>,
    ) -> Self {
        let Recipe { batch, .. } = *recipe;
        let row = |Example { index, sigma, class }| {
            let c = sizes.preconditioning.at(sigma);
            ExampleRow {
                image: index as u32,
                class_row: class.unwrap_or(sizes.classes) as u32,
                sigma,
                ln_sigma: sigma.ln(),
                weight: recipe.weighting.factor(sigma, &sizes.preconditioning) / batch as f32,
                c_in: c.c_in,
                score_skip: c.score_skip,
                score_out: c.score_out,
            }
        };
        let time = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let root = (1.0 - BETA_2.powi(time)).sqrt();
        let each = batch.div_ceil(recipe.grad_accum_steps);
        let part = |first: usize| PartRow {
            images: each.min(places.end - first) as u32,
            first: first as u32,
            example: (first - places.start) as u32,
            batch: batch as u32,
            accumulates: u32::from(first > places.start),
            noise_step: step as u32,
            seed: Key { seed: recipe.seed, stream: 0, step: 0 }.seed_words(),
            flip: u32::from(recipe.flip),
            dequantize: u32::from(recipe.dequantize),
            learning_rate: recipe.learning_rate_at(step) as f32,
            correction: root / (1.0 - BETA_1.powi(time)),
            epsilon: EPSILON * root,
            most: recipe.max_grad_norm,
            betas: [BETA_1, BETA_2],
            decay: recipe.ema_decay_at(step) as f32,
            padding: [0; 3],
        };
        Self {
            parts: places.clone().step_by(each).map(part).collect(),
            examples: examples.map(row).collect(),
        }
    }

    /// Checks that every place that the kernels take from this step is in their buffers: they are
    /// compiled without checks of their own.
    ///
    /// # Errors
    /// [`FusedError::Step`] names the number that is not.
    pub(super) fn check(&self, limits: &StepLimits) -> Result<(), FusedError> {
        let (batch, examples) = (limits.batch as u64, self.examples.len() as u64);
        within("a step's number of parts", self.parts.len() as u64, 1..limits.parts as u64 + 1)?;
        within("a step's number of examples", examples, 0..batch + 1)?;
        for part in &self.parts {
            let [images, first, example] = [part.images, part.first, part.example].map(u64::from);
            within("the size of a part", images, 0..limits.part() as u64 + 1)?;
            within("the end of a part", first + images, 0..batch + 1)?;
            within("the end of a part's examples", example + images, 0..examples + 1)?;
            within("the batch of a part", part.batch.into(), 0..batch + 1)?;
        }
        for example in &self.examples {
            within("the image of an example", example.image.into(), 0..limits.images as u64)?;
            let rows = limits.class_rows as u64;
            within("the class row of an example", example.class_row.into(), 0..rows)?;
        }
        Ok(())
    }
}

/// Checks that a number of a step is in a range.
pub fn within(what: &'static str, found: u64, range: Range<u64>) -> Result<(), FusedError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(FusedError::Step { what, found, least: range.start, end: range.end })
}
