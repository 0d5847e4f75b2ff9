//! Whether weights are those of a network.

use std::collections::BTreeMap;

use super::array::{Array, ROWS, Weights};
use crate::net::Architecture;

/// The name of a tensor because of which weights are not those of a network: it is missing, unknown
/// or of another shape. `None` if all fit. Rows of classes may be missing, as in a model that had no
/// classes; they then begin at 0, which changes nothing.
pub fn misfit(architecture: &Architecture, weights: &Weights) -> Option<String> {
    let expected: BTreeMap<String, Vec<usize>> = architecture.tensors().into_iter().collect();
    let fits = |name: &str, expected: &[usize]| match weights.get(name) {
        Some(Array { shape, values }) => {
            shape == expected && values.len() == expected.iter().product::<usize>()
        }
        None => name == ROWS,
    };
    let wrong = expected.iter().find(|(name, shape)| !fits(name, shape)).map(|(name, _)| name);
    let unknown = || weights.keys().find(|&name| !expected.contains_key(name));
    wrong.or_else(unknown).cloned()
}

#[cfg(all(test, feature = "training"))]
mod tests {
    use super::super::initial;
    use super::*;
    use crate::net::{ImageShape, Preconditioning, UNetDescription};

    fn sizes(classes: usize, embedding: usize) -> UNetDescription {
        let image_shape = ImageShape { channels: 1, height: 8, width: 8 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let usual = UNetDescription::new(image_shape, scale);
        UNetDescription { classes, embedding, ..usual }
    }

    fn unet(classes: usize, embedding: usize) -> Architecture {
        Architecture::UNet(sizes(classes, embedding))
    }

    #[test]
    fn only_rows_of_classes_may_be_missing() {
        let with = |classes| initial(&sizes(classes, 8), 1);
        assert_eq!(misfit(&unet(2, 8), &with(2)), None);
        assert_eq!(misfit(&unet(2, 8), &with(0)), None);
        let rows = Some(ROWS.to_owned());
        assert_eq!(misfit(&unet(2, 8), &with(3)), rows, "of another shape");
        assert_eq!(misfit(&unet(0, 8), &with(3)), rows, "unknown");
        let modulation = "down.0.blocks.0.modulation.weight".to_owned();
        assert_eq!(misfit(&unet(0, 16), &with(0)), Some(modulation), "of another shape");
        let mut weights = with(0);
        let head = weights.get_mut("head.bias").expect("a tensor of the network");
        head.values.pop();
        assert_eq!(misfit(&unet(0, 8), &weights), Some("head.bias".into()), "a value is missing");
        weights.remove("head.bias");
        assert_eq!(misfit(&unet(0, 8), &weights), Some("head.bias".into()), "missing");
    }
}
