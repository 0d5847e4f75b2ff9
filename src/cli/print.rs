//! `println!` and `eprintln!` for both programs.
//!
//! The standard macros panic if a write fails, but a closed pipe, a full disk or a terminal that is
//! gone must not end a run of hours. These macros go on. A command whose result is what it prints
//! calls [`ensure_delivered`], so that it does not claim success for a result that was lost.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

/// Prints a line on standard output, or goes on without it.
macro_rules! println {
    ($($line:tt)*) => {
        $crate::cli::print::line_out(format_args!($($line)*))
    };
}

/// Prints a line on standard error, or goes on without it.
macro_rules! eprintln {
    ($($line:tt)*) => {
        $crate::cli::print::line_err(format_args!($($line)*))
    };
}

/// Something was printed that did not arrive.
#[derive(Debug, Error)]
#[error("cannot write to standard output: {0}")]
pub struct Undelivered(io::Error);

impl Undelivered {
    /// Whether the reader closed the pipe, as `head` does once it has seen enough.
    pub fn is_unwanted(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// The first write to standard output that failed.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Whether this process says nothing on standard output.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Whether what this process says goes to standard error, all of it.
static DIVERTED: AtomicBool = AtomicBool::new(false);

/// Prints nothing more on standard output: another process says the same.
pub fn silence() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Prints on standard error from now on: standard output is for the contents of a file.
pub fn divert() {
    DIVERTED.store(true, Ordering::Relaxed);
}

/// See [`println!`].
pub fn line_out(line: Arguments<'_>) {
    if SILENT.load(Ordering::Relaxed) {
        return;
    }
    if DIVERTED.load(Ordering::Relaxed) {
        line_err(line);
    } else if let Err(error) = write_line(&mut io::stdout().lock(), line) {
        FAILURE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// See [`eprintln!`].
pub fn line_err(line: Arguments<'_>) {
    // There is nowhere left to report this.
    let _ = write_line(&mut io::stderr().lock(), line);
}

fn write_line(out: &mut dyn Write, line: Arguments<'_>) -> io::Result<()> {
    writeln!(out, "{}", harmless(&line.to_string()))?;
    out.flush()
}

/// Text whose control characters are shown instead of obeyed by the terminal: names in files come
/// from strangers.
fn harmless(text: &str) -> String {
    shown(text, |c| is_obeyed(c) && !matches!(c, '\n' | '\t'))
}

/// Text in a single line: as [`line_err`] prints it, but line breaks are shown, too. The names of
/// files may have some.
pub fn in_one_line(text: &str) -> String {
    shown(text, is_obeyed)
}

/// Whether a terminal does something else with a character than to show it.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text in which some characters are written as in a string of Rust.
fn shown(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_escaped(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Checks that everything printed so far has been written.
///
/// # Errors
/// [`Undelivered`] says why not.
pub fn ensure_delivered() -> Result<(), Undelivered> {
    let failure = FAILURE.lock().unwrap_or_else(PoisonError::into_inner).take();
    failure.map_or(Ok(()), |error| Err(Undelivered(error)))
}

#[cfg(test)]
mod tests {
    use super::{harmless, in_one_line};

    #[test]
    fn names_do_not_command_the_terminal() {
        assert_eq!(harmless("\x1b[31mred\r\u{9b}2J\u{202e}"), r"\u{1b}[31mred\r\u{9b}2J\u{202e}");
        assert_eq!(harmless("σ = 1,\t字\n"), "σ = 1,\t字\n");
        assert_eq!(in_one_line("a\nb\t\x1b: σ"), r"a\nb\t\u{1b}: σ");
    }
}
