//! `ncsn card`: a folder that can be published on the Hugging Face hub.

mod readme;

use std::path::PathBuf;

use super::engine::{Engine, SamplingJob};
use super::numbers::{SAMPLES, ensure_within};
use super::shell::quoted;
use super::{apart, grid, model, output};
use crate::grid::encode_png;
use crate::hub::Address;
use crate::model_file::ModelFile;
use crate::pixel;
use crate::sample::Conditioning;

/// Make a folder of a model that can be published on the Hugging Face hub: the model, a README.md
/// with what its card says, and a grid of samples.
///
/// `hf upload USER/NAME FOLDER` publishes it; then `hf:USER/NAME` names the model in every command
/// and on every page.
#[derive(clap::Args)]
pub struct Card {
    #[arg(help = model::HELP)]
    model: PathBuf,
    /// Where it will be published, as USER/NAME: the commands in the README.md then name it.
    #[arg(long, value_name = "USER/NAME", value_parser = repository)]
    repository: Option<String>,
    /// The folder to make [default: the model's path, or the name of its repository on the hub, with
    /// .card for .safetensors].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replace the files of an existing folder.
    #[arg(long)]
    overwrite: bool,
    /// How many samples the grid has.
    #[arg(short, default_value_t = 64)]
    n: usize,
    /// The seed of the samples.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The names of the files besides the model's, [`Address::FILE`].
const README: &str = "README.md";
const SAMPLES_PNG: &str = "samples.png";

fn repository(text: &str) -> Result<String, String> {
    let address: Result<Address, _> = format!("{}{text}", Address::PREFIX).parse();
    match address {
        Ok(address) if address.repository == text => Ok(address.repository),
        _ => Err("it should be USER/NAME".into()),
    }
}

/// Runs the command.
///
/// # Errors
/// If the model cannot be used, a file would be replaced unasked or cannot be written, or the folder is
/// one of images.
pub(super) fn run(arguments: &Card) -> anyhow::Result<()> {
    let Card { n, seed, overwrite, .. } = *arguments;
    ensure_within("-n", n, SAMPLES)?;
    let path = model::local(&arguments.model)?;
    let bytes = model::bytes(&path)?;
    let model = model::parse(&path, &bytes)?;
    grid::ensure_shown(model.card.architecture.image_shape())?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        // Images are often in a folder of the model's name.
        None => model::namesake(&arguments.model)?.with_extension("card"),
    };
    apart::ensure_holds_no_data("--out", &out)?;
    let at = |name: &str| out.join(name);
    let files = [README, SAMPLES_PNG, Address::FILE].map(at);
    output::ensure_folder(&out, &files, overwrite, "--out")?;

    let card = model.card.clone();
    let samples = samples(model, n, seed)?;
    let grid = encode_png(&samples, card.architecture.image_shape(), None)?;
    let readme = readme::readme(&card, arguments.repository.as_deref(), n, seed);
    // The model first: it tells that the folder is no data set.
    output::write(&at(Address::FILE), &bytes)?;
    output::write(&at(README), readme.as_bytes())?;
    output::write(&at(SAMPLES_PNG), &grid)?;
    println!("{README}, {SAMPLES_PNG} and {} in {}", Address::FILE, out.display());
    let to = arguments.repository.as_deref().unwrap_or("USER/NAME");
    println!("`hf upload {to} {}` publishes them", quoted(&out.display().to_string()));
    Ok(())
}

/// Samples with the card's best settings or, if they were not measured, with those that it
/// recommends; as bytes.
fn samples(model: ModelFile, n: usize, seed: u64) -> anyhow::Result<Vec<u8>> {
    const AT_ONCE: usize = 100;
    let card = &model.card;
    let table = card.step_table(&card.best.unwrap_or(card.sampler), None)?;
    let classes = card.drawn_classes(seed, n);
    let conditioning = Conditioning { classes, ..Conditioning::default() };
    let engine = Engine::new(None, None, model)?;
    let job = SamplingJob { table: &table, conditioning: &conditioning, seed, n, batch: AT_ONCE };
    let [pixels] = engine.draw(&job, [table.nfe()])?;
    Ok(pixel::bytes(&pixels))
}
