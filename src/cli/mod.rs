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

use std::error::Error as _;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};
use std::process::{ExitCode, Termination};

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, Command};

/// Reads a program's command line. A negative number is a flag's value, never a flag of its own, so
/// that it is refused with that flag's name.
///
/// # Errors
/// As clap; but what is no whole number is called so.
fn matches(
    command: Command,
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<ArgMatches, clap::Error> {
    let names: Vec<String> =
        command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let mut command = command.allow_negative_numbers(true);
    for name in names {
        command = command.mut_subcommand(name, |sub| sub.allow_negative_numbers(true));
    }
    command.try_get_matches_from(words).map_err(|error| {
        let said = |kind| error.get(kind).map(ToString::to_string);
        let (flag, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
        let source = error.source().and_then(|source| source.downcast_ref::<ParseIntError>());
        let (Some(source), Some(flag), Some(value)) = (source, flag, value) else { return error };
        let message = match source.kind() {
            IntErrorKind::PosOverflow => format!("{flag}: {value} is too large\n"),
            _ => format!("{flag} must be a whole number that is not negative, but is {value}\n"),
        };
        clap::Error::raw(ErrorKind::ValueValidation, message)
    })
}

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
