//! Output files, written whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::print;
use crate::files::{create_beside, folder_of, is_device, link_target, write_atomically};
use crate::words::list;

/// Checks, before long work, that a file can be written. An existing file is left alone.
///
/// # Errors
/// If the path is a folder, or its folder cannot be written to.
pub fn ensure_writable(out: &Path) -> anyhow::Result<()> {
    ensure!(!out.is_dir(), "cannot write {}: it is a folder", out.display());
    if is_device(out) {
        return Ok(());
    }
    let create = || -> anyhow::Result<()> {
        let target = link_target(out)?;
        let folder = folder_of(&target);
        ensure!(folder.is_dir(), "there is no folder {}", folder.display());
        // It is removed at once.
        create_beside(&target)?;
        Ok(())
    };
    create().with_context(|| format!("cannot write {}", out.display()))
}

/// Leaves standard output to a file that is written to it, as to `/dev/stdout`: all that is said from
/// here on goes to standard error, and the contents stay whole.
pub fn leave_stdout_to(out: &Path) {
    if is_device(out) && is_stdout(out) {
        print::divert();
    }
}

/// Whether a path leads to the standard output of this process.
#[cfg(unix)]
fn is_stdout(path: &Path) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    let stdout = std::io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.and_then(|stdout| fs::File::from(stdout).metadata());
    let (Ok(stdout), Ok(there)) = (stdout, fs::metadata(path)) else { return false };
    (stdout.dev(), stdout.ino()) == (there.dev(), there.ino())
}

/// Only Unix has a path to standard output.
#[cfg(not(unix))]
fn is_stdout(_: &Path) -> bool {
    false
}

/// Which of these extensions a file's name has, in upper or lower case: it says what the file will
/// hold. A device, such as `/dev/stdout`, needs none where there is no choice.
///
/// # Errors
/// If it has another one. `flag` is the one that names the file.
pub fn extension(
    flag: &str,
    out: &Path,
    possible: &[&'static str],
) -> anyhow::Result<&'static str> {
    match possible {
        [only] if is_device(out) => return Ok(only),
        _ => {}
    }
    let found = possible.iter().copied().find(|end| ends_in(out, end));
    found.with_context(|| {
        let dotted: Vec<String> = possible.iter().map(|end| format!(".{end}")).collect();
        let listed = list(&dotted, "or");
        format!("{flag} must end in {listed}, but is {}", out.display())
    })
}

/// Makes a folder for these files, which may be in folders of it, and checks, before long work,
/// that they can be written and that none would be replaced unasked. `flag` is the one that names
/// the folder.
///
/// # Errors
/// If one is there and is not to be replaced, or cannot be written.
pub fn ensure_folder(
    folder: &Path,
    files: &[PathBuf],
    overwrite: bool,
    flag: &str,
) -> anyhow::Result<()> {
    let there = files.iter().find(|file| file.exists());
    if let Some(file) = there.filter(|_| !overwrite) {
        let (file, folder) = (file.display(), folder.display());
        bail!(
            "{file} already exists: choose a folder other than {folder} with {flag}, or replace it with --overwrite"
        );
    }
    ensure!(!folder.is_file(), "cannot make the folder {}: it is a file", folder.display());
    let make = |folder: &Path| {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
    };
    make(folder)?;
    for file in files {
        make(folder_of(file))?;
        ensure_writable(file)?;
    }
    Ok(())
}

/// Whether a file's name has this extension, in upper or lower case.
pub fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension))
}

/// Checks, before hours of work, that a model can be written without losing another one.
///
/// # Errors
/// If the name does not end in `.safetensors`, the file exists and is not to be replaced, or it
/// cannot be written.
pub fn ensure_model(out: &Path, replace: bool) -> anyhow::Result<()> {
    // The other files of a run differ only in extension: `lr-0.1` and `lr-0.2` would share them.
    ensure!(
        ends_in(out, "safetensors"),
        "--out {}: a model's name must end in .safetensors",
        out.display()
    );
    ensure!(
        replace || out.is_dir() || !out.exists(),
        "{} already exists: choose another --out, or replace it with --overwrite",
        out.display()
    );
    ensure_writable(out)
}

/// Writes a file; if that fails, the file stays as it was.
///
/// # Errors
/// Names the file.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
