//! The two command-line programs, `train` and `ncsn`.

pub mod autoguide;
pub mod classifiers;
pub mod device;
pub mod engine;
pub mod eval;
pub mod export;
pub mod grid;
pub mod import;
pub mod likelihood;
pub mod ncsn;
pub mod out;
pub mod picture;
pub mod pictures;
pub mod plan;
pub mod sample;
pub mod settings;
pub mod steer;
pub mod toy;
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
