//! Files that survive a crash in their old or their new version, never half written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside `path`, forces it to disk and renames it to `path`.
///
/// # Errors
/// Any error of the file system; `path` is then the whole old or the whole new file.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&write_beside(path, bytes)?, path)
}

/// Writes a file named `path` with `.partial` appended, forces it to disk and returns its path.
pub(super) fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    // What is left of a failed attempt is useless, and may be what filled the disk.
    write().inspect_err(|_| drop(fs::remove_file(&partial)))?;
    Ok(partial)
}

/// Renames `new` to `path`, and forces the renaming to disk.
pub(super) fn replace(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path).inspect_err(|_| drop(fs::remove_file(new)))?;
    // Only on Unix can folders be synced as files; elsewhere the file system takes care of it.
    #[cfg(unix)]
    File::open(folder_of(path))?.sync_all()?;
    Ok(())
}

/// The folder that a file is in, also if its path is a name alone.
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
