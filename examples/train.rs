//! Trains a model on a folder of images:
//! `cargo run --release --example train -- images/ model.safetensors 4000`.

/// Trains for so many steps, printing the loss, and writes the model.
#[cfg(not(target_family = "wasm"))]
pub fn train(images: &str, model: &str, steps: u64) -> anyhow::Result<()> {
    use burn::tensor::Device;
    use ncsn::data::{DataSet, ReadOptions};
    use ncsn::train::{Event, Options, Session, SessionOptions, Start, Trainer};

    let data = DataSet::load(images.as_ref(), &ReadOptions::default())?;
    let options = Options { steps, ..Options::for_images(&data.train)? };
    let trainer = Trainer::new(options, Start::Random, &data.train, &[Device::flex()])?;
    for event in Session::new(trainer, data, model.as_ref(), SessionOptions::default()) {
        if let Event::Report(report) = event? {
            println!("step {}: loss {:.4}", report.step, report.loss);
        }
    }
    Ok(())
}

#[cfg(not(target_family = "wasm"))]
#[allow(dead_code, reason = "the test calls the function above")]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [images, model, steps] = &arguments[..] else {
        anyhow::bail!("usage: train IMAGES MODEL STEPS")
    };
    train(images, model, steps.parse()?)
}

#[cfg(target_family = "wasm")]
fn main() {}
