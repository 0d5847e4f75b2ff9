//! The rows of a class embedding when a run starts from a model with other classes.

use super::array::{Array, ROWS, Weights};

/// The row of no class, which is the last; `None` if the network is conditioned on no classes.
pub fn row_of_no_class(weights: &Weights) -> Option<&[f32]> {
    let Array { shape, values } = weights.get(ROWS)?;
    values.rchunks_exact(shape.last().copied().unwrap_or(1).max(1)).next()
}

/// Turns the weights of a U-Net with the classes `before` into those of the same network with the
/// classes `after`, either of which may be none. Classes are the same if their names are; a new
/// class begins as no class in particular, so that at first the network makes what it made before.
pub fn carry_over(mut weights: Weights, before: &[String], after: &[String]) -> Weights {
    // Without rows, those of the new network begin at zero, which changes nothing.
    let Some(Array { shape, values }) = weights.remove(ROWS) else { return weights };
    let size = shape.last().copied().unwrap_or(1).max(1);
    let rows: Vec<&[f32]> = values.chunks_exact(size).collect();
    let Some((none, rows)) = rows.split_last() else { return weights };
    if after.is_empty() {
        // The row of no class becomes a part of what it was added to.
        let bias = weights.get_mut("embedding.second.bias");
        let values = bias.into_iter().flat_map(|bias| &mut bias.values);
        values.zip(*none).for_each(|(bias, none)| *bias += none);
        return weights;
    }
    let same = |name: &String| before.iter().position(|before| before == name);
    let row = |name| same(name).and_then(|index| rows.get(index)).unwrap_or(none);
    let values = after.iter().map(row).chain([none]).flat_map(|row| row.iter().copied()).collect();
    weights.insert(ROWS.into(), Array { shape: vec![after.len() + 1, size], values });
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.into()).collect()
    }

    fn weights() -> Weights {
        let mut weights = Weights::new();
        let rows = Array { shape: vec![3, 2], values: vec![1.0, 2.0, 3.0, 4.0, 9.0, 8.0] };
        weights.insert(ROWS.into(), rows);
        let bias = Array { shape: vec![2], values: vec![0.5, 0.25] };
        weights.insert("embedding.second.bias".into(), bias);
        weights
    }

    #[test]
    fn classes_keep_their_rows_by_name() {
        let rows = |after: &[&str]| {
            carry_over(weights(), &names(&["cat", "dog"]), &names(after))[ROWS].clone()
        };
        let kept = rows(&["dog", "owl", "cat"]);
        assert_eq!(kept.shape, [4, 2]);
        assert_eq!(kept.values, [3.0, 4.0, 9.0, 8.0, 1.0, 2.0, 9.0, 8.0]);
    }

    #[test]
    fn a_network_that_loses_its_classes_makes_what_it_made_without_a_class() {
        let weights = carry_over(weights(), &names(&["cat", "dog"]), &[]);
        assert!(!weights.contains_key(ROWS));
        assert_eq!(weights["embedding.second.bias"].values, [9.5, 8.25]);
    }

    #[test]
    fn a_network_without_classes_is_left_as_it_is() {
        let bias = Array { shape: vec![1], values: vec![1.0] };
        let before: Weights = [("embedding.second.bias".into(), bias)].into_iter().collect();
        assert_eq!(carry_over(before.clone(), &[], &names(&["cat"])), before);
    }
}
