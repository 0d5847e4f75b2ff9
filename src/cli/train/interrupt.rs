//! Signals that ask a run to end. It finishes the step, saves, and exits with the signal's code.
//!
//! A signal that was ignored when the program started stays ignored: `nohup` ignores SIGHUP, and a
//! shell that runs a script ignores SIGINT for what it starts in the background.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

use anyhow::Context;

use super::ranks;

/// Whether the run is asked to end, and the exit code that says by what.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    asked: Arc<AtomicBool>,
    code: AtomicU8,
}

/// The exit code after Ctrl-C, as shells have it: 128 and the number of SIGINT.
const CTRL_C: u8 = 128 + 2;

impl Interrupt {
    /// Starts to listen for Ctrl-C and, on Unix, for SIGHUP and SIGTERM.
    ///
    /// # Errors
    /// If the system does not allow that.
    pub fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        listen(interrupt.clone()).context("cannot listen for Ctrl-C")?;
        Ok(interrupt)
    }

    /// Set once the run is asked to end.
    pub fn asked(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.asked)
    }

    /// The exit code: success if the run was not interrupted.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.0.code.load(Ordering::SeqCst))
    }

    /// Asks the run to end; `false` if that was asked before.
    fn ask(&self, code: u8) -> bool {
        if self.0.asked.load(Ordering::SeqCst) {
            return false;
        }
        self.0.code.store(code, Ordering::SeqCst);
        self.0.asked.store(true, Ordering::SeqCst);
        // On a thread of its own: the next Ctrl-C must count even if nobody reads the pipe that
        // this is written to.
        let say = || {
            // Another rank may be gone by the same signal; then MPI ends this one, too.
            let what = match ranks::are_several() {
                true => "stopping; if all ranks still answer, saving",
                false => "finishing the step and saving",
            };
            eprintln!("\n{what}; press Ctrl-C again to stop at once");
        };
        // If no thread can be started, nothing is printed.
        drop(thread::Builder::new().spawn(say));
        true
    }
}

#[cfg(unix)]
fn listen(interrupt: Interrupt) -> std::io::Result<()> {
    use std::time::{Duration, Instant};

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level;

    /// Signals that follow each other sooner were sent together: `timeout` signals its child and
    /// then the whole process group, and a closing terminal and its shell each send SIGHUP.
    const TOGETHER: Duration = Duration::from_millis(300);

    let heard = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&signal| !is_ignored(signal));
    let mut signals = Signals::new(heard)?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut first = None;
        for signal in signals.forever() {
            let first = *first.get_or_insert_with(Instant::now);
            let again = !interrupt.ask((128 + signal) as u8);
            if again && signal == SIGINT && first.elapsed() >= TOGETHER {
                low_level::exit(CTRL_C.into());
            }
        }
    })?;
    Ok(())
}

/// Whether this process was started with a signal ignored.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    use nix::libc;

    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action, `sigaction` only writes the current one, to a valid place.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: it was written; all zeros, if it was not, are a valid value, too.
    known && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn listen(interrupt: Interrupt) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || {
        if !interrupt.ask(CTRL_C) {
            std::process::exit(CTRL_C.into());
        }
    })
}
