//! `ncsn export`: a model for other runtimes.

use std::path::PathBuf;

use super::settings::SettingArgs;
use super::{apart, model, output};
use crate::onnx::{self, Batch, Options};

/// Export a model as an ONNX file that computes the score of noisy images.
///
/// The inputs are `x` (N×C×H×W) and `sigma` (1, or N with --batch dynamic); the output is `score`
/// (N×C×H×W). All are 32-bit floats. The metadata holds the model's card, and the steps of a
/// sampler, which examples/sample_onnx.py follows.
#[derive(clap::Args)]
pub struct Export {
    /// The ONNX file to write.
    #[arg(long)]
    onnx: PathBuf,
    /// The model: a .safetensors file written by `train`.
    #[arg(long)]
    model: PathBuf,
    /// Images per call: a number, which some runtimes execute faster, or `dynamic`.
    #[arg(long, default_value = "dynamic", value_parser = batch)]
    batch: Batch,
    /// The version of ONNX's operator set.
    #[arg(long, default_value_t = Options::DEFAULT_OPSET)]
    opset: i64,
    #[command(flatten, next_help_heading = "Sampler")]
    settings: SettingArgs,
}

fn batch(text: &str) -> Result<Batch, String> {
    match text {
        "dynamic" => Ok(Batch::Dynamic),
        _ => text.parse().map(Batch::Fixed).map_err(|_| "neither a number nor `dynamic`".into()),
    }
}

/// Runs the command.
///
/// # Errors
/// Whatever the user should know; one line.
pub fn export(arguments: &Export) -> anyhow::Result<()> {
    let Export { onnx: to, model, .. } = arguments;
    apart::ensure_replaces_none(&[("--model", Some(model))], "--onnx", to)?;
    output::ensure_writable(to)?;
    let model = model::open(model)?;
    let settings = Some(arguments.settings.over(&model.card)?);
    let options = Options { batch: arguments.batch, opset: arguments.opset, settings };
    let bytes = onnx::export(&model, options)?;
    output::write(to, &bytes)?;
    println!("{} in {}, {:.1} MB", model.card.name, to.display(), bytes.len() as f64 / 1e6);
    Ok(())
}
