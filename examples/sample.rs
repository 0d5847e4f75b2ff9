//! Draws images with a model and writes them as a PNG:
//! `cargo run --release --example sample -- model.safetensors samples.png`.

/// Draws a grid of sixteen images with the sampler that the model's card recommends.
#[cfg(not(target_family = "wasm"))]
pub fn sample(model: &str, png: &str) -> anyhow::Result<()> {
    use burn::tensor::Device;
    use ncsn::backend::{BurnChains, BurnModel, ChainSource, Chains, View, advance_to};
    use ncsn::{grid, model_file::ModelFile, pixel};
    use pollster::block_on;

    let ModelFile { card, weights } = ModelFile::read(&std::fs::read(model)?)?;
    let network = BurnModel::with_weights(&card.architecture, weights, &Device::flex())?;
    let table = card.step_table(&card.sampler, None)?;
    let mut chains = BurnChains::new(&network, table, 1, 0..16)?;
    block_on(advance_to(&mut chains, usize::MAX, |_| ()))?;
    let pixels = block_on(chains.read(View::Noisy))?;
    std::fs::write(png, grid::encode_png(&pixel::bytes(&pixels), network.image_shape(), None)?)?;
    Ok(())
}

#[cfg(not(target_family = "wasm"))]
#[allow(dead_code, reason = "the test calls the function above")]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [model, png] = &arguments[..] else { anyhow::bail!("usage: sample MODEL PNG") };
    sample(model, png)
}

#[cfg(target_family = "wasm")]
fn main() {}
