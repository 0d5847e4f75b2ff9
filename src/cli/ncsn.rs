//! `ncsn`: what one does with a trained model.

use std::path::Path;

use anyhow::Context;
use clap::{Parser, Subcommand};

use super::{export, sample};
use crate::model_file::ModelFile;

/// Score-based generative models: what one does with a trained model.
#[derive(Parser)]
#[command(name = "ncsn", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Sample(sample::Sample),
    Export(export::Export),
}

/// The program.
///
/// # Errors
/// Whatever the user should know; one line.
pub fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Sample(arguments) => sample::sample(&arguments),
        Command::Export(arguments) => export::export(&arguments),
    }
}

/// Reads a model, or says why not.
pub(super) fn open(path: &Path) -> anyhow::Result<ModelFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ModelFile::read(&bytes).with_context(|| format!("cannot use {}", path.display()))
}
