//! Which rows of the tables of noise levels a batch of chains needs.

use crate::sample::{ClassConditioning, GuidanceScale};

/// A row of the tables: a noise level, and a class or none in particular.
pub type LevelRow = (f32, Option<usize>);

/// The rows that a batch needs for each noise level: one for each class that it shows, in the order
/// of the images, and one for no class if it is guided.
#[derive(Clone, Debug)]
pub struct LevelRows {
    /// The classes that images take turns to show.
    classes: Vec<Option<usize>>,
    /// Classifier-free guidance, if it makes a difference at any noise level.
    guidance_scale: Option<GuidanceScale>,
}

impl LevelRows {
    /// The rows for `count` chains from number `first` on.
    pub fn new(classes: Option<&ClassConditioning>, first: usize, count: usize) -> Self {
        let Some(classes) = classes else {
            return Self { classes: vec![None], guidance_scale: None };
        };
        let GuidanceScale { weight, .. } = classes.guidance_scale;
        Self {
            classes: (first..).take(classes.period(first, count)).map(|c| classes.of(c)).collect(),
            guidance_scale: (weight != 1.0).then_some(classes.guidance_scale),
        }
    }

    /// How many rows the images take turns to read.
    pub fn period(&self) -> usize {
        self.classes.len()
    }

    /// The number of rows for each noise level.
    pub fn per_level(&self) -> usize {
        self.period() + usize::from(self.is_guided())
    }

    /// Whether any step may be guided.
    pub fn is_guided(&self) -> bool {
        self.guidance_scale.is_some()
    }

    /// w − 1 of the guidance at a noise level; 0 if there is none.
    pub fn guidance(&self, sigma: f32) -> f32 {
        self.guidance_scale.map_or(0.0, |scale| scale.at(sigma))
    }

    /// The rows for a noise level.
    pub fn rows(&self, sigma: f32) -> impl Iterator<Item = LevelRow> {
        let unconditional = self.is_guided().then_some(None);
        self.classes.iter().copied().chain(unconditional).map(move |class| (sigma, class))
    }
}
