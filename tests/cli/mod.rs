//! The programs as a user runs them, on a data set that is made on the spot.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::Duration;

use ncsn::model_file::{ModelFile, TrainingRecord};
use ncsn::random::Key;

/// An IDX file of 60 images of 8 × 8: bars at random places.
pub fn write_bars(path: &Path) {
    let mut bytes: Vec<u8> = [0x0803u32, 60, 8, 8].iter().flat_map(|w| w.to_be_bytes()).collect();
    for image in 0..60 {
        let at = (Key { seed: 1, stream: 0, step: 0 }.uniform(image) * 8.0) as usize;
        bytes.extend((0..64).map(|pixel| if pixel % 8 == at { 255 } else { 0 }));
    }
    fs::write(path, bytes).expect("written");
}

/// Lets programs that are started from here hear SIGINT and SIGHUP, also where the tests run in the
/// background of a script, which ignores them: a program inherits what is ignored, not what is
/// handled.
#[cfg(unix)]
fn unignore_signals() {
    use std::sync::{Arc, Once, atomic::AtomicBool};

    use signal_hook::consts::{SIGHUP, SIGINT};
    use signal_hook::flag::register_conditional_shutdown;

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGINT, SIGHUP] {
            let always = Arc::new(AtomicBool::new(true));
            register_conditional_shutdown(signal, 128 + signal, always).expect("can be handled");
        }
    });
}

pub fn train(folder: &Path, arguments: &[&str]) -> Command {
    #[cfg(unix)]
    unignore_signals();
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.current_dir(folder).args(arguments);
    for (name, value) in [("--data", "bars"), ("--widths", "8,16"), ("--batch", "8")] {
        let other_network =
            ["--arch", "--init-from", "--classifier"].iter().any(|flag| arguments.contains(flag));
        let said = arguments.contains(&name) || (name == "--widths" && other_network);
        if !said {
            command.args([name, value]);
        }
    }
    command
}

/// `ncsn` in a folder, which is also where it keeps what it caches.
pub fn ncsn(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ncsn"));
    command.current_dir(folder).args(arguments).env("XDG_CACHE_HOME", folder.join("cache"));
    command
}

/// `ncsn train` with the arguments of a `train`.
pub fn as_subcommand(train: &Command) -> Command {
    let mut command = ncsn(train.get_current_dir().expect("set"), &["train"]);
    command.args(train.get_args());
    command
}

pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The one line that a user sees, with exit code 2.
pub fn fail(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("the program starts");
    let message = String::from_utf8(stderr).expect("text");
    assert_eq!(status.code(), Some(2), "{message}");
    assert!(message.starts_with("error: "), "{message}");
    message
}

/// Waits until something has happened, on however slow a machine, or the program has ended.
pub fn wait_for(child: &mut Child, happened: impl Fn() -> bool) {
    while !happened() && child.try_wait().expect("it can be asked").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn read(path: &Path) -> ModelFile {
    ModelFile::read(&fs::read(path).expect("there")).expect("a good model")
}

pub fn training(path: &Path) -> TrainingRecord {
    read(path).card.training.expect("trained here")
}

pub fn folder_with_bars() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_bars(&folder.path().join("bars"));
    folder
}
