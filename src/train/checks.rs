//! What is asked of the images of any training run, whether of a model or of a classifier.

use super::options_error::OptionsError;
use crate::data::Images;
use crate::net::ImageShape;
use crate::words::count;

/// Checks that there are images to train a network on that takes images of this shape and has `classes`
/// classes, or none.
pub(super) fn images(
    images: &Images,
    shape: ImageShape,
    classes: usize,
) -> Result<(), OptionsError> {
    let fail = |problem: String| Err(OptionsError::Images(problem));
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
    fn images_need_the_shape_and_the_labels_of_the_network() {
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let with = |count: usize, labels: Option<&[u8]>| {
            let labels = labels.map(<[u8]>::to_vec);
            Images { labels, ..Images::new(shape, vec![0; 4 * count]) }
        };
        let check = |found: &Images, classes| images(found, shape, classes);
        check(&with(2, Some(&[0, 1])), 2).expect("both are known");
        check(&with(2, Some(&[0, 7])), 0).expect("the network is unconditional");
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
