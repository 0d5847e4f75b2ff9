//! What is asked of the numbers of any training run: of a model natively or on the page, and of a
//! classifier.

use thiserror::Error;

use crate::noise::NoiseScheduleError;

/// Why a recipe is refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RecipeError {
    /// The range of σ is invalid.
    #[error(transparent)]
    NoiseSchedule(#[from] NoiseScheduleError),
    /// A number is not positive and finite.
    #[error("{name} must be positive, but is {value}")]
    NotPositive {
        /// What it is.
        name: &'static str,
        /// The number.
        value: f64,
    },
    /// The median of σ is not positive and finite.
    #[error(
        "{name} is the median of σ and must be positive, but is {value}{hint}",
        hint = p_mean_hint(*.value)
    )]
    SigmaMedian {
        /// The name it was given by.
        name: &'static str,
        /// The number.
        value: f32,
    },
    /// The label dropout is not from 0 to 1.
    #[error("the label dropout must be from 0 to 1, but is {0}")]
    LabelDropout(f32),
    /// The moving average's decay is not in [0, 1).
    #[error("the EMA's decay must be in [0, 1), but is {0}")]
    EmaDecay(f64),
    /// The number of images per step is not from 1 to 65536.
    #[error("the batch must be from 1 to 65536, but is {0}")]
    Batch(usize),
    /// A batch has fewer images than parts, or there are none.
    #[error("a batch of {batch} cannot be computed in {grad_accum_steps} parts")]
    GradAccumSteps {
        /// Images per step.
        batch: usize,
        /// The parts.
        grad_accum_steps: usize,
    },
    /// There are no steps, or too many.
    #[error("the number of steps must be from 1 to {most}, but is {0}", most = u32::MAX - 1)]
    Steps(u64),
}

/// What is added to the refusal of a median that is probably EDM's P_mean, its logarithm (Karras et al.
/// 2022, table 1): one from −6 to 0. Lower ones are hardly meant to be logarithms.
fn p_mean_hint(value: f32) -> String {
    if !(-6.0..=0.0).contains(&value) {
        return String::new();
    }
    let median = value.exp();
    format!(
        "; for EDM's P_mean = {value} the median is e^{value} = {median:.3} with pixels from −1 to 1, \
         and half of that with pixels from 0 to 1, as here"
    )
}

/// Checks that a number is finite and above 0.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<(), RecipeError> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(RecipeError::NotPositive { name, value }),
    }
}

/// Checks the median of σ, which was given by this name.
pub(crate) fn sigma_median(name: &'static str, value: f32) -> Result<(), RecipeError> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(RecipeError::SigmaMedian { name, value }),
    }
}

/// Checks a number of images per step.
pub(crate) fn batch(size: usize) -> Result<(), RecipeError> {
    match (1..=65_536).contains(&size) {
        true => Ok(()),
        false => Err(RecipeError::Batch(size)),
    }
}

/// Checks a number of steps, which a stream of random numbers must be able to distinguish.
pub(crate) fn steps(number: u64) -> Result<(), RecipeError> {
    match (1..u64::from(u32::MAX)).contains(&number) {
        true => Ok(()),
        false => Err(RecipeError::Steps(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_that_is_a_logarithm_is_called_so() {
        sigma_median("--sigma-median", 0.4).expect("positive");
        let said = |value| sigma_median("--sigma-median", value).expect_err("refused").to_string();
        let edm = said(-1.2);
        assert!(edm.starts_with("--sigma-median is the median of σ") && edm.contains("= 0.301"));
        for value in [f32::NAN, f32::INFINITY, -100.0] {
            assert!(!said(value).contains("P_mean"), "{value}");
        }
    }
}
