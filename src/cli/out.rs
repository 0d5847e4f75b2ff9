//! Files that are written: whole, or not at all.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::train::write_atomically;

/// Finds out, before long work, whether a file can be written there. What may be there stays.
///
/// # Errors
/// Where it is a folder, or nothing can be written beside it.
pub fn ensure_writable(out: &Path) -> anyhow::Result<()> {
    ensure!(!out.is_dir(), "cannot write {}: it is a folder", out.display());
    // A file of its own there, which goes by itself.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("cannot write {}", out.display()))?;
    Ok(())
}

/// Finds out, before hours of work, whether a model can be written there without losing another one.
///
/// # Errors
/// Where its name does not say that it is one, something is there that is not to be replaced, or nothing
/// can be written.
pub fn ensure_model(out: &Path, replace: bool) -> anyhow::Result<()> {
    // What belongs to a run has the model's name with another end: `lr-0.1` and `lr-0.2` would share it.
    ensure!(
        out.extension().is_some_and(|end| end == "safetensors"),
        "--out {}: the name of a model ends in .safetensors",
        out.display()
    );
    ensure!(
        replace || out.is_dir() || !out.exists(),
        "{} is there: choose another --out, or replace it with --overwrite",
        out.display()
    );
    ensure_writable(out)
}

/// Writes a file, which stays as it was where that fails.
///
/// # Errors
/// Names the file.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
