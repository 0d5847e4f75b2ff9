//! Coverage-guided fuzzing of the readers of files, by cargo-fuzz. What it finds becomes a file in
//! `tests/regressions/`, which the tests read from then on.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    tools,
    workspace::{Workspace, step},
};

/// The longest input. Larger files have nothing new in their headers, and make fuzzing slow.
const MAX_BYTES: u32 = 1 << 16;
/// What the fuzzer itself may take, in MiB: its inputs, and its tables of what they reached.
const FUZZER_MB: u32 = 512;

/// The most memory of the whole process, in MiB. The targets hold readers to a limit of their own,
/// which counts what a reader allocates; this one also ends what a library takes by other means.
fn most_mb(reader: &str) -> u32 {
    // As `ROOM_FOR_IMAGES`, `ROOM_FOR_PICKLES` and `ROOM` in tests/readers.
    let room = match reader {
        "archive" | "image" => 1024,
        "pytorch" => 64 + 256,
        _ => 64,
    };
    FUZZER_MB + room + (4 * MAX_BYTES).div_ceil(1 << 20)
}

/// Fuzzes each reader, or the one that is named, for some minutes.
pub fn run(workspace: &Workspace, reader: Option<&str>, minutes: u32) -> Result<()> {
    if !tools::works(workspace, "cargo", &["fuzz", "--version"])? {
        bail!("fuzzing needs cargo-fuzz: `cargo install --locked cargo-fuzz`");
    }
    let all = readers(&workspace.root)?;
    if let Some(reader) = reader.filter(|reader| !all.iter().any(|name| name == reader)) {
        bail!("there is no reader {reader:?}, but {}", all.join(", "));
    }
    let seeds = ["--test", "mutations", "seeds", "--", "--ignored"];
    let mut cargo = workspace.cargo(["test", "--release", "--package=ncsn"])?;
    step("first inputs", "seconds", cargo.args(seeds))?;
    for name in all.iter().filter(|name| reader.is_none_or(|reader| reader == *name)) {
        // The address sanitizer needs a nightly compiler. The readers are safe Rust.
        let mut fuzz = workspace.cargo(["fuzz", "run", "--sanitizer=none", name, "--"])?;
        fuzz.env("CARGO_TARGET_DIR", workspace.target().join("fuzz"));
        fuzz.arg(format!("-max_total_time={}", 60 * minutes));
        fuzz.args([&format!("-max_len={MAX_BYTES}"), "-timeout=20"]);
        fuzz.arg(format!("-rss_limit_mb={}", most_mb(name)));
        step(&format!("fuzz {name}"), &format!("{minutes} min"), &mut fuzz)?;
    }
    Ok(())
}

/// The fuzz targets.
fn readers(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fuzzer and the tests go through the same readers.
    #[test]
    fn every_reader_of_the_tests_has_a_target() -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a checkout")?;
        let text = fs::read_to_string(root.join("tests/readers/mod.rs"))?;
        let list = text.split_once("READERS: [").and_then(|(_, rest)| rest.split_once("];"));
        let (list, _) = list.context("a list of readers")?;
        let (_, list) = list.split_once('[').context("its readers")?;
        let names = list.split(',').map(|name| name.trim().to_lowercase());
        let mut expected: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        expected.sort();
        assert_eq!(readers(root)?, expected);
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml"))?;
        for name in expected {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        }
        Ok(())
    }
}
