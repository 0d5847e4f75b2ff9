//! First weights where there is no Burn to draw them.

use super::array::{Array, Weights};
use crate::net::UNetDescription;
use crate::random::Key;
use crate::random::streams::WEIGHTS_STEP;

/// First weights of a U-Net, drawn like those of its Burn module, though not the same: uniform in
/// ±1/√n for n inputs (He et al. 2015, as in PyTorch); 1 and 0 for normalizations; 0 for what is
/// added to something else, so that it starts out unchanged, and for the last layer.
pub fn initial(sizes: &UNetDescription, seed: u64) -> Weights {
    let tensors = sizes.tensors();
    // A layer's bias is drawn by the inputs of its weights, which come just before it.
    let mut inputs = 1;
    let tensor = |(stream, (name, shape)): (u32, (String, Vec<usize>))| {
        let count: usize = shape.iter().product();
        let (layer, part) = name.rsplit_once('.').unwrap_or(("", &name));
        if part == "weight" {
            inputs = if shape.len() == 4 { count / shape[0] } else { shape[0] };
        }
        let is_zero =
            layer.ends_with("conv2") || layer.ends_with("attention.out") || layer == "head";
        let mut values = vec![if part == "gamma" { 1.0 } else { 0.0 }; count];
        if matches!(part, "weight" | "bias") && !is_zero {
            let most = (inputs as f32).sqrt().recip();
            Key { seed, stream, step: WEIGHTS_STEP }.fill_uniform(&mut values);
            values.iter_mut().for_each(|value| *value = most * (2.0 * *value - 1.0));
        }
        (name, Array { shape, values })
    };
    (0..).zip(tensors).map(tensor).collect()
}

#[cfg(all(test, feature = "burn", not(target_family = "wasm")))]
mod tests {
    use burn::tensor::Device;

    use super::super::collect;
    use super::*;
    use crate::net::{Architecture, ImageShape, Network, Preconditioning};

    /// The same tensors are zero, one or drawn, and those have the same extent.
    #[test]
    fn first_weights_are_distributed_as_those_of_the_burn_module() {
        let image_shape = ImageShape { channels: 1, height: 16, width: 16 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.2 };
        let sizes = UNetDescription { classes: 2, ..UNetDescription::new(image_shape, scale) };
        let architecture = Architecture::UNet(sizes.clone());
        let device = Device::flex();
        let drawn = collect(&Network::new(&architecture, &device).expect("possible"));
        for (name, array) in initial(&sizes, 3) {
            let expected = &drawn[&name];
            assert_eq!(array.shape, expected.shape);
            let most = |values: &[f32]| values.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
            let sum = |values: &[f32]| values.iter().sum::<f32>();
            let [found, burn] = [&array.values, &expected.values].map(|values| most(values));
            let enough = array.values.len() >= 16;
            assert!(!enough || (found - burn).abs() <= 0.3 * burn, "{name}: {found} for {burn}");
            if name.ends_with("gamma") {
                assert_eq!(sum(&array.values), sum(&expected.values));
            }
        }
    }
}
