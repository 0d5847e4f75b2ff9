//! `ncsn`: everything before and after training.

use std::path::Path;

use anyhow::Context;
use clap::{Parser, Subcommand};

use super::{eval, export, import, likelihood, mean, plan, sample, toy};
use crate::model_file::ModelFile;

/// Score-based generative models: planning, sampling and measuring, before and after training.
#[derive(Parser)]
#[command(name = "ncsn", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Plan(plan::Plan),
    Sample(Box<sample::Sample>),
    Likelihood(likelihood::Likelihood),
    Eval(Box<eval::Eval>),
    Toy(toy::Toy),
    Export(export::Export),
    Import(import::Import),
    Mean(mean::Mean),
}

/// The program's entry point.
///
/// # Errors
/// Errors are one-line messages for the user.
pub fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Sample(arguments) => sample::sample(&arguments),
        Command::Likelihood(arguments) => likelihood::likelihood(&arguments),
        Command::Eval(arguments) => eval::eval(&arguments),
        Command::Toy(arguments) => toy::toy(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Import(arguments) => import::import(&arguments),
        Command::Mean(arguments) => mean::run(&arguments),
    }
}

/// Reads a model; an error names the file.
pub(super) fn open(path: &Path) -> anyhow::Result<ModelFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ModelFile::read(&bytes).with_context(|| format!("cannot use {}", path.display()))
}
