//! Which rows of the tables of noise levels a batch of chains needs.

use crate::net::ClassInput;
use crate::sample::{ClassConditioning, GuidanceScale};

/// A row of the tables: a noise level, and what the network is told about the class.
pub type LevelRow = (f32, ClassInput);

/// The rows that a batch needs for each noise level: one for each class that it shows, in the order
/// of the images, and one for no class if it is guided.
#[derive(Clone, Debug)]
pub struct LevelRows {
    /// The classes that images take turns to show.
    classes: Vec<Option<usize>>,
    /// The scale that the network takes as an input.
    input: GuidanceScale,
    /// Guidance by the difference of two evaluations.
    difference: GuidanceScale,
}

impl LevelRows {
    /// The rows for `count` chains from number `first` on, of a network whose own scales of guidance
    /// reach up to `guidance_max`.
    pub fn new(
        classes: Option<&ClassConditioning>,
        guidance_max: f32,
        first: usize,
        count: usize,
    ) -> Self {
        let none = GuidanceScale::NONE;
        let Some(classes) = classes else {
            return Self { classes: vec![None], input: none, difference: none };
        };
        let [input, difference] = classes.guidance_scale.split(guidance_max);
        let classes =
            (first..).take(classes.period(first, count)).map(|chain| classes.of(chain)).collect();
        Self { classes, input, difference }
    }

    /// How many rows the images take turns to read.
    pub fn period(&self) -> usize {
        self.classes.len()
    }

    /// The number of rows for each noise level.
    pub fn per_level(&self) -> usize {
        self.period() + usize::from(self.is_guided())
    }

    /// Whether any step may need two evaluations.
    pub fn is_guided(&self) -> bool {
        self.difference.weight != 1.0
    }

    /// w − 1 of the guidance by two evaluations at a noise level; 0 if there is none.
    pub fn guidance(&self, sigma: f32) -> f32 {
        self.difference.at(sigma) - 1.0
    }

    /// The rows for a noise level.
    pub fn rows(&self, sigma: f32) -> impl Iterator<Item = LevelRow> {
        let unconditional = self.is_guided().then_some(None);
        let guidance = self.input.at(sigma);
        let classes = self.classes.iter().copied().chain(unconditional);
        classes.map(move |class| (sigma, ClassInput { class, guidance }))
    }
}
