//! `ncsn completions`: scripts by which shells complete commands, flags and values.

use anyhow::Context as _;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::print::ensure_delivered;

/// Print a script that lets a shell complete commands and flags.
///
/// Put it where the shell looks for such scripts, for instance
/// `ncsn completions bash > ~/.local/share/bash-completion/completions/ncsn` or
/// `ncsn completions fish > ~/.config/fish/completions/ncsn.fish`.
#[derive(Args)]
pub struct Completions {
    /// The shell that is to read the script.
    shell: Shell,
}

/// Prints the script for `ncsn`, whose arguments are `Program`.
///
/// # Errors
/// If the script was not delivered.
pub fn run<Program: CommandFactory>(arguments: &Completions) -> anyhow::Result<()> {
    // Into memory, since `generate` panics when it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Program::command(), "ncsn", &mut script);
    let script = String::from_utf8(script).context("the script is not text")?;
    println!("{}", script.trim_end());
    Ok(ensure_delivered()?)
}
