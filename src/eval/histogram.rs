//! How samples are distributed over classes.

/// The share of samples whose likeliest class is each class, from the classifier's probabilities, N
/// × `classes`.
pub(super) fn shares(probabilities: &[f32], classes: usize) -> Vec<f64> {
    let mut counts = vec![0usize; classes];
    let likeliest = likeliest(probabilities, classes);
    let all = likeliest.len().max(1) as f64;
    likeliest.for_each(|class| counts[class] += 1);
    counts.into_iter().map(|count| count as f64 / all).collect()
}

/// The likeliest class of each sample.
pub(super) fn likeliest(
    probabilities: &[f32],
    classes: usize,
) -> impl ExactSizeIterator<Item = usize> + '_ {
    probabilities.chunks_exact(classes).map(|row| {
        let top = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        top.map_or(0, |(class, _)| class)
    })
}

/// The share of samples for which the classifier is at least 90 % confident.
pub(super) fn confident(probabilities: &[f32], classes: usize) -> f64 {
    let rows = probabilities.chunks_exact(classes);
    let all = rows.len().max(1) as f64;
    rows.filter(|row| row.iter().any(|&p| p >= 0.9)).count() as f64 / all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_class_counts() {
        let probabilities = [0.95, 0.05, 0.4, 0.6, 0.1, 0.9];
        assert_eq!(shares(&probabilities, 2), [1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(confident(&probabilities, 2), 2.0 / 3.0);
    }
}
