//! Files that a crash leaves as they were or as they shall be, never half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside `path`, forces it to the disk and puts it in the place of `path`.
///
/// # Errors
/// Whatever the file system says; the old file is then untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&write_beside(path, bytes)?, path)
}

/// Writes `path` with `.partial` behind its name, forces it to the disk and returns that name.
pub(super) fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    // What is left of a failed attempt helps nobody, and may be what filled the disk.
    write().inspect_err(|_| drop(fs::remove_file(&partial)))?;
    Ok(partial)
}

/// Renames `new` to `path`, and forces the renaming to the disk.
pub(super) fn replace(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path).inspect_err(|_| drop(fs::remove_file(new)))?;
    // Only on Unix is a folder a file that can be synced; elsewhere the file system sees to it.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
