//! The two command-line programs, `train` and `ncsn`.
//!
//! Each command has a module of its name, and `ncsn` lists them all. What several of them need:
//!
//! | | modules |
//! |---|---|
//! | the command line and its numbers | `command_line`, `numbers` |
//! | flags of what is read | `data_set` (with `sizes`), `model`, `image_input` |
//! | flags of how samples are drawn | `engine`, `device`, `settings`, `autoguidance`, `class_guidance` (with `classes`), `conditioning` |
//! | computations | `noise_levels`, `trials`, `classifiers` |
//! | what is written | `output`, `apart`, `grid`, `numpy` |
//! | what is shown | `print`, `progress`, `shell`, `facts` |
//! | what libraries are kept from printing | `headless` |

// First: the other modules print with its macros, which do not panic.
#[macro_use]
mod print;

mod apart;
mod autoguidance;
mod card;
mod class_guidance;
mod classes;
mod classifiers;
mod command_line;
mod completions;
mod conditioning;
mod data_set;
mod device;
mod engine;
mod eval;
mod export;
mod facts;
mod grid;
#[cfg(unix)]
mod headless;
mod image_input;
mod import;
mod info;
mod likelihood;
mod mean;
mod model;
pub mod ncsn;
mod noise_levels;
mod numbers;
mod numpy;
mod output;
mod plan;
mod progress;
mod sample;
mod settings;
mod shell;
mod sizes;
mod thumbnails;
mod toy;
pub mod train;
mod trials;

use std::process::{ExitCode, Termination};

/// Runs a program, as all that its `main` does; an error becomes one line on standard error and
/// exit code 2.
pub fn run<T: Termination>(program: impl FnOnce() -> anyhow::Result<T>) -> ExitCode {
    #[cfg(unix)]
    headless::expect_no_display();
    match program() {
        Ok(end) => end.report(),
        Err(error) => ExitCode::from(report(&error)),
    }
}

/// Reports what ended a program, in one line on standard error, and returns the exit code.
fn report(error: &anyhow::Error) -> u8 {
    // The reader closed the pipe, as `head` does: that is no failure.
    if error.downcast_ref().is_some_and(print::Undelivered::is_unwanted) {
        return 0;
    }
    eprintln!("error: {}", print::in_one_line(&format!("{error:#}")));
    2
}
