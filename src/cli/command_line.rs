//! A program's command line.

use std::error::Error as _;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

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
/// As clap; but what is no whole number is called so, and `-` no path.
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
    let matches = command.try_get_matches_from_mut(words).map_err(|error| {
        let said = |kind| error.get(kind).map(ToString::to_string);
        let (flag, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
        let source = error.source().and_then(|source| source.downcast_ref::<ParseIntError>());
        let (Some(source), Some(flag), Some(value)) = (source, flag, value) else { return error };
        let message = match source.kind() {
            IntErrorKind::PosOverflow => format!("{flag}: {value} is too large\n"),
            _ => format!("{flag} must be a whole number that is not negative, but is {value}\n"),
        };
        clap::Error::raw(ErrorKind::ValueValidation, message)
    })?;
    ensure_no_dash(&command, &matches)?;
    Ok(matches)
}

/// Checks that no path is `-`, by which other programs mean standard input or output: here it would be
/// a file of that name.
///
/// # Errors
/// Names the flag, and what to give instead.
fn ensure_no_dash(command: &Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let is_path = |argument: &&Arg| {
        argument.get_value_parser().type_id() == ValueParser::path_buf().type_id()
    };
    let is_dash = |argument: &&Arg| {
        let values = matches.try_get_many::<PathBuf>(argument.get_id().as_str()).ok().flatten();
        values.is_some_and(|mut values| values.any(|path| path.as_os_str() == "-"))
    };
    if let Some(argument) = command.get_arguments().filter(is_path).find(is_dash) {
        let flag = argument.get_long().map(|long| format!("--{long}"));
        let name =
            flag.unwrap_or_else(|| format!("<{}>", argument.get_id().as_str().to_uppercase()));
        let device = if cfg!(unix) { ", or to write to a device such as /dev/stdout" } else { "" };
        let message = format!("{name} must be a path, and - is none here: name a file{device}\n");
        return Err(clap::Error::raw(ErrorKind::ValueValidation, message));
    }
    let given = matches
        .subcommand()
        .and_then(|(name, given)| Some((command.find_subcommand(name)?, given)));
    given.map_or(Ok(()), |(command, given)| ensure_no_dash(command, given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_no_path() {
        let path = |name| Arg::new(name).value_parser(ValueParser::path_buf());
        let draw = Command::new("draw")
            .arg(path("out").long("out"))
            .arg(path("model").required(true))
            .arg(Arg::new("class").long("class"));
        // Has the same path as a flag.
        let other = Command::new("other").arg(path("model").long("model"));
        let said = |words: &str| {
            let words = format!("ncsn draw {words}");
            let command = Command::new("ncsn").subcommand(other.clone()).subcommand(draw.clone());
            matches(command, words.split(' ')).map_err(|error| error.to_string())
        };
        let refused = said("m --out -").expect_err("standard output");
        assert!(refused.contains("--out must be a path"), "{refused}");
        let refused = said("-").expect_err("standard input");
        assert!(refused.contains("<MODEL> must be a path"), "{refused}");
        for words in ["m --out ./-", "m --class -", "m"] {
            said(words).expect("files, and a class of that name");
        }
    }
}
