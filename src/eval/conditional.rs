//! Samples of given classes: whether they are of the class asked for, and how far they are from the
//! held-out images of that class.

use serde::{Deserialize, Serialize};

use super::Points;
use super::frechet::{Gaussian, frechet_distance};
use super::histogram::likeliest;

/// The measures of samples that were asked to be of given classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditional {
    /// The share of samples whose likeliest class, by the classifier, is the one asked for. It
    /// cannot be expected to be higher than that of training images.
    pub class_accuracy: f64,
    /// The Fréchet distance within classes (intra-FID: Miyato & Koyama 2018), a mean over the
    /// classes that have one; `None` if none has.
    pub frechet_within: Option<f64>,
    /// The distance within each class; `None` for classes of fewer than two samples or held-out
    /// images. Distances fall with the number of samples, so classes can only be compared if they
    /// have as many.
    pub frechet_of_class: Vec<Option<f64>>,
}

/// The share of samples whose likeliest class is the one asked for: `probabilities` of N ×
/// `classes`, and the N labels `asked` for.
///
/// # Panics
/// If there are not as many labels as samples, or there are no classes.
pub fn class_accuracy(probabilities: &[f32], classes: usize, asked: &[u8]) -> f64 {
    let predicted = likeliest(probabilities, classes);
    assert_eq!(predicted.len(), asked.len(), "a label for each sample");
    let right =
        predicted.zip(asked).filter(|(predicted, asked)| *predicted == usize::from(**asked));
    right.count() as f64 / asked.len().max(1) as f64
}

/// The Fréchet distance between the samples and the reference of each class, by their labels from 0
/// to `classes` − 1; `None` for classes of fewer than two points on either side.
///
/// # Panics
/// If there are not as many labels as points, or the two sets are of different dimensions.
pub fn frechet_of_classes(
    [samples, reference]: [&Points; 2],
    [asked, labels]: [&[u8]; 2],
    classes: usize,
) -> Vec<Option<f64>> {
    let of_class = |points: &Points, labels: &[u8], class: usize| {
        assert_eq!(points.len(), labels.len(), "a label for each point");
        let own = points.iter().zip(labels).filter(|(_, label)| usize::from(**label) == class);
        let values = own.flat_map(|(point, _)| point).copied().collect();
        Points { dimension: points.dimension, values }
    };
    let distance = |class| {
        let both = [of_class(samples, asked, class), of_class(reference, labels, class)];
        both.iter().all(|points| points.len() >= 2).then(|| {
            let [a, b] = both.each_ref().map(Gaussian::of);
            frechet_distance(&a, &b)
        })
    };
    (0..classes).map(distance).collect()
}

/// The mean of the distances of the classes that have one.
pub fn mean_over_classes(distances: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = distances.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::super::points::tests::normal;
    use super::*;

    #[test]
    fn a_sample_is_right_if_its_likeliest_class_was_asked_for() {
        let probabilities = [0.7, 0.2, 0.1, 0.1, 0.2, 0.7, 0.2, 0.5, 0.3, 0.4, 0.3, 0.3];
        assert_eq!(class_accuracy(&probabilities, 3, &[0, 2, 1, 0]), 1.0);
        assert_eq!(class_accuracy(&probabilities, 3, &[0, 2, 2, 1]), 0.5);
        assert_eq!(class_accuracy(&[], 3, &[]), 0.0);
    }

    /// Two classes at −2 and 2 whose samples are swapped: no distance overall, 4² in each of two
    /// dimensions within.
    #[test]
    fn samples_of_the_wrong_class_are_far_within_classes_only() {
        let n = 4000;
        let both = |seed, [first, second]: [f32; 2]| Points {
            dimension: 2,
            values: [
                normal(seed, n, 2, first, 1.0).values,
                normal(seed + 1, n, 2, second, 1.0).values,
            ]
            .concat(),
        };
        let labels = [vec![0; n], vec![1; n]].concat();
        let reference = both(1, [-2.0, 2.0]);
        let within =
            |samples: &Points| frechet_of_classes([samples, &reference], [&labels, &labels], 3);
        let (right, swapped) = (both(3, [-2.0, 2.0]), both(5, [2.0, -2.0]));
        let overall = frechet_distance(&Gaussian::of(&swapped), &Gaussian::of(&reference));
        assert!(overall < 0.1, "{overall}");
        let found = within(&right);
        assert!(found[..2].iter().all(|distance| distance.is_some_and(|d| d < 0.05)), "{found:?}");
        let found = within(&swapped);
        assert!(
            mean_over_classes(&found).is_some_and(|mean| (mean - 32.0).abs() < 1.0),
            "{found:?}"
        );
        // Nothing is known of the third class.
        assert_eq!(found[2], None);
        assert_eq!(mean_over_classes(&[None]), None);
    }
}
