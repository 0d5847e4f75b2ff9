//! Conditioning: what chains must do besides a sampler's step table, without another network.
//!
//! Plain data that every backend understands and every step table can run under.

use super::ClassConditioning;
use super::conditioning_error::ConditioningError;
use super::observation::Observation;
use super::step_table::{Start, StepTable};
use crate::cos_2pi::cos_2pi;
use crate::net::ImageShape;
use crate::random::Key;

/// How chains are conditioned; by default not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditioning {
    /// The image, C × H × W, that chains begin at under noise, instead of an even gray: a drawing
    /// to be made into an image (Meng et al., *SDEdit*, 2022). The σ at which chains begin, which
    /// [`Settings::step_table_from`](super::Settings::step_table_from) chooses, decides how far
    /// they may end from it. Ignored if a step table begins at [`Start::Uniform`].
    pub origin: Option<Vec<f32>>,
    /// What was observed of the image; chains end in agreement with it.
    pub observation: Option<Observation>,
    /// A path of images instead of independent ones.
    pub path: Option<Path>,
    /// The classes to show, for a class-conditional model; images of no class in particular
    /// otherwise.
    pub classes: Option<ClassConditioning>,
}

/// Interpolation: chain k is the k-th of `frames` points on the way from one end to the other. All
/// chains draw the noise of chain 0, so that neighbors differ only a little.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The number of points, both ends included.
    pub frames: usize,
    /// Where the path leads.
    pub to: End,
}

/// The far end of a [`Path`].
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The noise of another seed. Between two seeds all noise, the start's and every step's, is
    /// `cos(θ) z + sin(θ) z'`: normal at every point, and at the ends that of one seed alone.
    Seed(u64),
    /// An image, C × H × W: chains begin at mixtures of [`Conditioning::origin`] and this one, with
    /// the same noise (Ho et al., *DDPM*, 2020, section 4.3).
    Image(Vec<f32>),
}

/// The noise of one chain: a mixture of up to two streams, `weights[0] · z(seed, stream) +
/// weights[1] · z(other, stream)`, whose squared weights sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mixture {
    pub stream: u32,
    pub weights: [f32; 2],
    pub other: Option<u64>,
}

impl Conditioning {
    /// Checks everything against the number of values of an image.
    ///
    /// # Errors
    /// [`ConditioningError`] says what does not fit.
    pub fn check(&self, dimension: usize) -> Result<(), ConditioningError> {
        let fits = |what: &'static str, values: &[f32]| {
            if values.len() != dimension {
                let (found, expected) = (values.len(), dimension);
                return Err(ConditioningError::Size { what, found, expected });
            }
            let finite = values.iter().all(|value| value.is_finite());
            if finite { Ok(()) } else { Err(ConditioningError::NotFinite(what)) }
        };
        if let Some(origin) = &self.origin {
            fits("the image to begin at", origin)?;
        }
        if let Some(observation) = &self.observation {
            fits("the observation", observation.target())?;
        }
        if let Some(path) = &self.path {
            if path.frames == 0 {
                return Err(ConditioningError::NoFrames);
            }
            if let End::Image(image) = &path.to {
                fits("the image to end at", image)?;
                self.origin.as_ref().ok_or(ConditioningError::NoOrigin)?;
            }
        }
        Ok(())
    }

    /// Checks everything against the shape of images.
    ///
    /// # Errors
    /// [`ConditioningError`] says what does not fit.
    pub fn check_shape(&self, image_shape: ImageShape) -> Result<(), ConditioningError> {
        self.check(image_shape.dimension())?;
        match self.observation.as_ref().map(Observation::image_shape) {
            Some(found) if found != image_shape => {
                Err(ConditioningError::Shape { found, expected: image_shape })
            }
            _ => Ok(()),
        }
    }

    /// Checks the classes against the number that the model has.
    ///
    /// # Errors
    /// [`ConditioningError`] says what does not fit.
    pub(crate) fn check_classes(&self, classes: usize) -> Result<(), ConditioningError> {
        self.classes.as_ref().map_or(Ok(()), |asked| asked.check(classes))
    }

    /// How far along its path a chain is, from 0 to 1.
    fn fraction(&self, chain: u32) -> f64 {
        let last = self.path.as_ref().map_or(0, |path| path.frames - 1);
        if last == 0 { 0.0 } else { (f64::from(chain) / last as f64).min(1.0) }
    }

    /// The mixture that is a chain's noise.
    pub(crate) fn mixture(&self, chain: u32) -> Mixture {
        match self.path {
            None => Mixture { stream: chain, weights: [1.0, 0.0], other: None },
            Some(Path { to: End::Image(_), .. }) => {
                Mixture { stream: 0, weights: [1.0, 0.0], other: None }
            }
            Some(Path { to: End::Seed(seed), .. }) => {
                // Along a quarter of a circle.
                let turn = self.fraction(chain) as f32 / 4.0;
                let weights = [cos_2pi(turn), cos_2pi(0.25 - turn)];
                Mixture { stream: 0, weights, other: Some(seed) }
            }
        }
    }

    /// The image around which a chain begins; none for the step table's even gray.
    pub(crate) fn origin_of(&self, chain: u32) -> Option<Vec<f32>> {
        let origin = self.origin.as_ref()?;
        let Some(Path { to: End::Image(there), .. }) = &self.path else {
            return Some(origin.clone());
        };
        let t = self.fraction(chain) as f32;
        Some(origin.iter().zip(there).map(|(here, there)| (1.0 - t) * here + t * there).collect())
    }

    /// The normal numbers of a chain and a step.
    pub(crate) fn fill_normal(&self, seed: u64, chain: u32, step: u32, z: &mut [f32]) {
        let Mixture { stream, weights: [here, there], other } = self.mixture(chain);
        Key { seed, stream, step }.fill_normal(z);
        if let Some(seed) = other {
            let other = Key { seed, stream, step };
            for (index, z) in (0..).zip(z) {
                *z = here * *z + there * other.normal(index);
            }
        }
    }

    /// Where a chain begins, before any observation.
    pub(crate) fn fill_start(&self, start: Start, seed: u64, chain: u32, x: &mut [f32]) {
        let step = StepTable::START;
        match start {
            Start::Uniform { low, high } => {
                let Mixture { stream, weights: [here, there], other } = self.mixture(chain);
                let other = Key { seed: other.unwrap_or(seed), stream, step };
                Key { seed, stream, step }.fill_uniform(x);
                for (index, x) in (0..).zip(x.iter_mut()) {
                    // The squared weights sum to 1, so that a mixture stays in the box.
                    let unit = here * here * *x + there * there * other.uniform(index);
                    *x = low + (high - low) * unit;
                }
            }
            Start::Normal { mean, sigma } => {
                self.fill_normal(seed, chain, step, x);
                let origin = self.origin_of(chain);
                for (index, x) in x.iter_mut().enumerate() {
                    let mean = origin.as_ref().map_or(mean, |origin| origin[index]);
                    *x = mean + sigma * *x;
                }
            }
        }
    }
}
