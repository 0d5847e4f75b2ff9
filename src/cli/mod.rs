//! The two command-line programs, `train` and `ncsn`.

mod autoguide;
mod classifiers;
mod device;
mod engine;
mod eval;
mod export;
mod grid;
mod import;
mod likelihood;
mod mean;
pub mod ncsn;
mod out;
mod picture;
mod pictures;
mod plan;
mod sample;
mod settings;
mod steer;
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
