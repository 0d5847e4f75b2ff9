//! The two command-line programs, `train` and `ncsn`.

// First: the other modules print with its macros, which do not panic.
#[macro_use]
mod print;

mod apart;
mod autoguidance;
mod card;
mod classes;
mod classifiers;
mod conditioning;
mod data_set;
mod device;
mod engine;
mod eval;
mod export;
mod grid;
#[cfg(unix)]
mod headless;
mod image_input;
mod import;
mod likelihood;
mod mean;
mod model;
pub mod ncsn;
mod numbers;
mod numpy;
mod output;
mod plan;
mod progress;
mod sample;
mod settings;
mod thumbnails;
mod toy;
pub mod train;

use std::process::{ExitCode, Termination};

/// Runs a program, as all that its `main` does; an error becomes one line on standard error and
/// exit code 2.
pub fn run<T: Termination>(program: impl FnOnce() -> anyhow::Result<T>) -> ExitCode {
    #[cfg(unix)]
    headless::expect_no_display();
    match program() {
        Ok(end) => end.report(),
        // The reader closed the pipe, as `head` does: that is no failure.
        Err(error) if error.downcast_ref().is_some_and(print::Undelivered::is_unwanted) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
