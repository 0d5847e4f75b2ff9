//! Damaged and hostile files: every reader either reads a file or says why not. None panics, hangs,
//! or takes much more memory than the file has bytes.
//!
//! Each sound file of the tests is changed in random but repeatable ways: bits flip, numbers become
//! extreme, pieces are cut, repeated or exchanged. `NCSN_MUTATIONS=100000 cargo test --release --test
//! mutations` tries more than the usual number; a failure names the seed. Files that once brought out
//! a fault are in `tests/regressions/`, in a folder for each reader, and are read again here: those
//! that `make.py` there makes, and those that the fuzzer (`fuzz/`) finds.
#![cfg(not(target_family = "wasm"))]

mod common;
mod data_files;
mod onnx_file;
mod readers;

use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use common::damage::damaged;
use readers::memory::Counting;
use readers::{
    CHECKPOINT, CLASSIFIER, MODEL, Place, READERS, Reader, Sound, checkpoint, sound_files,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How long a reader may take, on however slow a machine. Files that take a few milliseconds do not
/// come near it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets a reader read these bytes, and returns whether it did. Ends the process if it hangs.
///
/// # Panics
/// If it panics, or takes too much memory.
fn read(reader: &Reader, place: &Place, bytes: &[u8], what: &str) -> bool {
    let (done, waits) = mpsc::channel::<()>();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(move || {
            if waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // What the test harness captures would be lost.
                let _ = writeln!(std::io::stderr(), "{what} takes more than {PATIENCE:?}");
                std::process::abort();
            }
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| place.read_within_limit(reader, bytes)));
        drop(done);
        outcome
    });
    outcome.unwrap_or_else(|_| panic!("{what} panics, or takes too much memory"))
}

#[test]
fn damaged_files_are_read_or_refused() {
    let _alone = common::alone();
    let count: u32 = common::amount("NCSN_MUTATIONS", 150);
    for Sound { reader, name, bytes } in sound_files() {
        let place = Place::new(&name);
        assert!(read(reader, &place, &bytes, &name), "{name} is read when it is whole");
        let mut refused = 0;
        let count = if name.starts_with("many") { count.div_ceil(10) } else { count };
        for seed in 0..count {
            let what = format!("{name} with seed {seed}");
            refused += u32::from(!read(reader, &place, &damaged(&bytes, seed), &what));
        }
        assert!(refused > 0, "{name}: nothing was ever refused");
    }
}

/// Checkpoints have a checksum, so no change goes unnoticed.
#[test]
fn damaged_checkpoints_are_refused() {
    let _alone = common::alone();
    let (place, whole) = (Place::new("checkpoint"), checkpoint());
    for at in (0..whole.len()).step_by(1024) {
        assert!(!place.read(&CHECKPOINT, &whole[..at]), "cut off after {at} bytes");
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        assert!(!place.read(&CHECKPOINT, &flipped), "a bit of byte {at} flipped");
    }
    for seed in 0..common::amount("NCSN_MUTATIONS", 150) {
        let changed = damaged(&whole, seed);
        assert!(!place.read(&CHECKPOINT, &changed) || changed == whole, "seed {seed}");
    }
}

/// A parser that calls itself for each level of JSON would overflow the stack, which ends the process.
#[test]
fn json_of_a_hundred_thousand_levels_is_refused() {
    const DEPTH: usize = 100_000;
    let _alone = common::alone();
    let place = Place::new("nested");
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for levels_closed in [0, DEPTH] {
            let nested = format!("{}0{}", open.repeat(DEPTH), close.repeat(levels_closed));
            let with_cards = |text: &str| {
                let text = serde_json::to_string(text).expect("a text");
                let all = ["card", "classifier", "checkpoint"];
                let all = all.map(|name| format!(r#""{name}":{text}"#)).join(",");
                format!(r#"{{"__metadata__":{{{all},"checksum":"0"}}}}"#)
            };
            for header in [
                nested.clone(),
                format!(r#"{{"__metadata__":{nested}}}"#),
                format!(r#"{{"__metadata__":{{"unknown":{nested}}}}}"#),
                format!(r#"{{"weights":{nested}}}"#),
                format!(r#"{{"weights":{{"dtype":"F32","shape":{nested},"data_offsets":[0,0]}}}}"#),
                with_cards(&nested),
                with_cards(&format!(r#"{{"format":1,"unknown":{nested}}}"#)),
                with_cards(&format!(r#"{{"format":1,"architecture":{nested}}}"#)),
                with_cards(&format!(r#"{{"step":1,"options":{nested}}}"#)),
            ] {
                let length = (header.len() as u64).to_le_bytes();
                let file = [&length[..], header.as_bytes()].concat();
                for reader in [&MODEL, &CLASSIFIER, &CHECKPOINT] {
                    let what = format!("{}: {}…", reader.name, &header[..40]);
                    assert!(!read(reader, &place, &file, &what), "{what} is read");
                }
            }
        }
    }
}

/// What was found stays mended.
#[test]
fn files_that_once_brought_out_a_fault_are_read_or_refused() {
    let _alone = common::alone();
    let inside = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("readable").path()).collect::<Vec<_>>()
    };
    let mut count = 0;
    for folder in inside(Path::new("tests/regressions")).into_iter().filter(|path| path.is_dir()) {
        let reader = READERS.iter().find(|reader| folder.ends_with(reader.name));
        let reader = reader.unwrap_or_else(|| panic!("no reader is called {}", folder.display()));
        for path in inside(&folder) {
            let name = path.file_name().expect("a name").to_string_lossy();
            let bytes = fs::read(&path).expect("a file");
            read(reader, &Place::new(&name), &bytes, &path.display().to_string());
            count += 1;
        }
    }
    assert!(count > 0, "there are no files in tests/regressions");
}

/// The sound files, where cargo-fuzz looks for them.
#[test]
#[ignore = "writes files; `cargo xtask fuzz` runs it"]
fn seeds_of_the_fuzzer() {
    for Sound { reader, name, bytes } in sound_files() {
        let folder = format!("fuzz/corpus/{}", reader.name);
        fs::create_dir_all(&folder).expect("made");
        fs::write(format!("{folder}/{name}"), bytes).expect("written");
    }
}
