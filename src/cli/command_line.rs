//! A program's command line.

use std::error::Error as _;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

/// Reads the command line of this process: the arguments, and clap's matches, which also tell what
/// was given. If it is wrong, or asks for help, this ends the process.
pub(super) fn read<A: CommandFactory + FromArgMatches>() -> (A, ArgMatches) {
    let read = || -> Result<(A, ArgMatches), clap::Error> {
        let matches = matches(A::command(), std::env::args_os())?;
        Ok((A::from_arg_matches(&matches)?, matches))
    };
    read().unwrap_or_else(|error| error.exit())
}

/// Reads a command line. A negative number is a flag's value, never a flag of its own, so that it is
/// refused with that flag's name.
///
/// # Errors
/// As clap; but what is no whole number is called so.
pub(super) fn matches(
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
