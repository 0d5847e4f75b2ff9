//! What is asked of the numbers and the images of any training run, whether of a model or of a
//! classifier.

use super::options_error::OptionsError;
use crate::data::Images;
use crate::net::ImageShape;
use crate::words::count;

/// Checks that a number is finite and above 0.
pub(super) fn positive(name: &str, value: f64) -> Result<(), OptionsError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(OptionsError(format!("{name} must be positive, but is {value}")))
}

/// Checks the median of σ, which was given by this name. A negative one is probably EDM's P_mean, its
/// logarithm (Karras et al. 2022, table 1).
pub(crate) fn sigma_median(name: &str, value: f32) -> Result<(), OptionsError> {
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
    Err(OptionsError(problem))
}

/// Checks a number of images per step.
pub(super) fn batch(size: usize) -> Result<(), OptionsError> {
    if (1..=65_536).contains(&size) {
        return Ok(());
    }
    Err(OptionsError(format!("the batch must be from 1 to 65536, but is {size}")))
}

/// Checks a number of steps, which a stream of random numbers must be able to tell apart.
pub(super) fn steps(number: u64) -> Result<(), OptionsError> {
    if (1..u64::from(u32::MAX)).contains(&number) {
        return Ok(());
    }
    let most = u32::MAX - 1;
    Err(OptionsError(format!("the number of steps must be from 1 to {most}, but is {number}")))
}

/// Checks that there are images to train a network on that takes images of this shape and knows
/// `classes` classes, or none.
pub(super) fn images(
    images: &Images,
    shape: ImageShape,
    classes: usize,
) -> Result<(), OptionsError> {
    let fail = |problem: String| Err(OptionsError(problem));
    if images.shape != shape {
        let found = images.shape;
        return fail(format!("the network is for images of {shape}, but these have {found}"));
    }
    if images.is_empty() {
        return fail("there are no images to train on".into());
    }
    if classes == 0 {
        return Ok(());
    }
    let Some(labels) = &images.labels else {
        return fail(format!("the network has {classes} classes, but the images have none"));
    };
    if labels.len() != images.len() {
        let (labels, images) = (count(labels.len(), "label"), count(images.len(), "image"));
        return fail(format!("there are not as many labels as images: {labels} for {images}"));
    }
    match labels.iter().find(|&&label| usize::from(label) >= classes) {
        Some(label) => fail(format!(
            "the network has {classes} classes, numbered from 0, but an image has the label {label}"
        )),
        None => Ok(()),
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

    #[test]
    fn images_need_the_shape_and_the_labels_of_the_network() {
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let with = |count: usize, labels: Option<&[u8]>| {
            let labels = labels.map(<[u8]>::to_vec);
            Images { labels, ..Images::new(shape, vec![0; 4 * count]) }
        };
        let check = |found: &Images, classes| images(found, shape, classes);
        check(&with(2, Some(&[0, 1])), 2).expect("both are known");
        check(&with(2, Some(&[0, 7])), 0).expect("the network is told none");
        check(&with(2, None), 0).expect("the same");
        for (found, classes, what) in [
            (with(0, None), 0, "no images"),
            (with(0, Some(&[])), 2, "no images"),
            (with(2, None), 2, "have none"),
            (with(2, Some(&[1, 2])), 2, "label 2"),
            (with(2, Some(&[1])), 2, "1 label for 2 images"),
        ] {
            let error = check(&found, classes).expect_err("refused").to_string();
            assert!(error.contains(what), "{error}");
        }
        let other = ImageShape { width: 1, ..shape };
        let error = images(&with(2, None), other, 0).expect_err("refused").to_string();
        assert!(error.contains("1 × 2 × 1, but these have 1 × 2 × 2"), "{error}");
    }
}
