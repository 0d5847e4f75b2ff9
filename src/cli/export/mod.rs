//! `ncsn export`: a model for other runtimes.

use std::path::{Path, PathBuf};

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
    #[command(flatten)]
    to: Destination,
    #[arg(long, help = model::HELP)]
    model: PathBuf,
    /// Images per call: a number, which some runtimes execute faster, or `dynamic`.
    #[arg(long, default_value = "dynamic", value_parser = batch)]
    batch: Batch,
    /// The version of ONNX's operator set.
    #[arg(long, default_value_t = Options::DEFAULT_OPSET)]
    opset: i64,
    /// Replace the files of an existing folder.
    #[arg(long, requires = "diffusers")]
    overwrite: bool,
    #[command(flatten, next_help_heading = "Sampler")]
    settings: SettingArgs,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Destination {
    /// The ONNX file to write.
    #[arg(long)]
    onnx: Option<PathBuf>,
    /// The folder to make: a pipeline of diffusers, with the network as an ONNX file.
    #[arg(long, value_name = "FOLDER")]
    diffusers: Option<PathBuf>,
}

/// The files of a pipeline: diffusers recognizes one by `INDEX`, which names the classes of the pipeline
/// and of its component `network`, and the modules that they are in.
const INDEX: &str = "model_index.json";
const PIPELINE: &str = "pipeline.py";
const SAMPLER: &str = "sample_onnx.py";
const NETWORK: &str = "network/network.py";
const WEIGHTS: &str = "network/model.onnx";

fn batch(text: &str) -> Result<Batch, String> {
    match text {
        "dynamic" => Ok(Batch::Dynamic),
        _ => text.parse().map(Batch::Fixed).map_err(|_| "neither a number nor `dynamic`".into()),
    }
}

/// Runs the command.
///
/// # Errors
/// If the model cannot be used or has no ONNX form, a flag has no effect, or a file would be replaced
/// unasked or cannot be written.
pub(super) fn run(arguments: &Export) -> anyhow::Result<()> {
    let Export { to: Destination { onnx, diffusers }, model, overwrite, .. } = arguments;
    if let Some(to) = onnx {
        apart::ensure_replaces_none(&[("--model", Some(model))], "--onnx", to)?;
        output::extension("--onnx", to, &["onnx"])?;
        output::ensure_writable(to)?;
        output::leave_stdout_to(to);
    }
    if let Some(folder) = diffusers {
        let files = [INDEX, PIPELINE, SAMPLER, NETWORK, WEIGHTS].map(|name| folder.join(name));
        apart::ensure_holds_no_data("--diffusers", folder)?;
        output::ensure_folder(folder, &files, *overwrite, "--diffusers")?;
    }
    let model = model::open(model)?;
    let settings = Some(arguments.settings.over(&model.card)?);
    let options = Options { batch: arguments.batch, opset: arguments.opset, settings };
    let bytes = onnx::export(&model, options)?;
    if let Some(file) = onnx {
        output::write(file, &bytes)?;
    }
    if let Some(folder) = diffusers {
        write_pipeline(folder, &bytes)?;
    }
    for to in onnx.iter().chain(diffusers) {
        println!("{} in {}, {:.1} MB", model.card.name, to.display(), bytes.len() as f64 / 1e6);
    }
    Ok(())
}

/// Writes a folder that diffusers' `DiffusionPipeline.from_pretrained` loads.
fn write_pipeline(folder: &Path, network: &[u8]) -> anyhow::Result<()> {
    let index = serde_json::json!({
        "_class_name": ["pipeline", "NcsnPipeline"],
        "_diffusers_version": "0.30.0",
        "network": ["network", "Network"],
    });
    let index = serde_json::to_string_pretty(&index)?;
    let sampler = include_str!("../../../examples/sample_onnx.py");
    let files = [
        (INDEX, index.as_bytes()),
        (PIPELINE, include_bytes!("pipeline.py")),
        (SAMPLER, sampler.as_bytes()),
        (NETWORK, include_bytes!("network.py")),
        (WEIGHTS, network),
    ];
    files.into_iter().try_for_each(|(name, bytes)| output::write(&folder.join(name), bytes))
}
