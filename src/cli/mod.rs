//! The two command-line programs, `train` and `ncsn`.

pub mod device;
pub mod export;
pub mod grid;
pub mod ncsn;
pub mod sample;
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
