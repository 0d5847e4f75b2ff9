//! The two command-line programs, `train` and `ncsn`.

mod autoguidance;
mod classifiers;
mod conditioning;
mod data_set;
mod device;
mod engine;
mod eval;
mod export;
mod grid;
mod image_input;
mod import;
mod likelihood;
pub mod ncsn;
mod output;
mod plan;
mod sample;
mod settings;
mod toy;
pub mod train;

use std::process::ExitCode;

/// Runs a program; an error becomes one line on standard error and exit code 2.
pub fn run(program: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    match program() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
