//! What is asked of the numbers of any training run: of a model natively or on the page, and of a
//! classifier.

use thiserror::Error;

/// Why a recipe is refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{0}")]
pub struct RecipeError(pub(super) String);

/// Checks that a number is finite and above 0.
pub(crate) fn positive(name: &str, value: f64) -> Result<(), RecipeError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(RecipeError(format!("{name} must be positive, but is {value}")))
}

/// Checks the median of σ, which was given by this name. A negative one is probably EDM's P_mean, its
/// logarithm (Karras et al. 2022, table 1).
pub(crate) fn sigma_median(name: &str, value: f32) -> Result<(), RecipeError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    let mut problem = format!("{name} is the median of σ and must be positive, but is {value}");
    // Others than these are hardly meant to be logarithms.
    if (-6.0..=0.0).contains(&value) {
        let median = value.exp();
        problem += &format!(
            "; for EDM's P_mean = {value} the median is e^{value} = {median:.3} with pixels from −1 to \
             1, and half of that with pixels from 0 to 1, as here"
        );
    }
    Err(RecipeError(problem))
}

/// Checks a number of images per step.
pub(crate) fn batch(size: usize) -> Result<(), RecipeError> {
    if (1..=65_536).contains(&size) {
        return Ok(());
    }
    Err(RecipeError(format!("the batch must be from 1 to 65536, but is {size}")))
}

/// Checks a number of steps, which a stream of random numbers must be able to distinguish.
pub(crate) fn steps(number: u64) -> Result<(), RecipeError> {
    if (1..u64::from(u32::MAX)).contains(&number) {
        return Ok(());
    }
    let most = u32::MAX - 1;
    Err(RecipeError(format!("the number of steps must be from 1 to {most}, but is {number}")))
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
