//! Coverage-guided fuzzing of the readers of files, by cargo-fuzz. What it finds becomes a file in
//! `tests/regressions/`, which the tests read from then on.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{
    tools,
    workspace::{Workspace, step},
};

/// The longest input. Larger files have nothing new in their headers, and make fuzzing slow.
const MAX_BYTES: u32 = 1 << 16;

/// Fuzzes each reader, or the one that is named, for some minutes.
pub fn run(workspace: &Workspace, reader: Option<&str>, minutes: u32) -> Result<()> {
    if !tools::works(workspace, "cargo", &["fuzz", "--version"])? {
        bail!("fuzzing needs cargo-fuzz: `cargo install --locked cargo-fuzz`");
    }
    let all = readers(workspace)?;
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
        fuzz.args([&format!("-max_len={MAX_BYTES}"), "-timeout=20", "-rss_limit_mb=2048"]);
        step(&format!("fuzz {name}"), &format!("{minutes} min"), &mut fuzz)?;
    }
    Ok(())
}

/// The fuzz targets.
fn readers(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
