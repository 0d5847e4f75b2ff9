//! Files that survive a crash in their old or their new version, never half written.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside `path`, forces it to disk and renames it to `path`. A symbolic link stays
/// one: the file that it leads to is replaced. What is no file, such as `/dev/stdout` or a named
/// pipe, is written to.
///
/// # Errors
/// Any error of the file system; `path` is then the whole old or the whole new file.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if is_device(path) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let path = link_target(path)?;
    replace(&write_beside(&path, bytes)?, &path)
}

/// Writes a file named `path` with `.partial` appended, forces it to disk and returns its path.
pub fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        sync(&file)
    };
    // What is left of a failed attempt is useless, and may be what filled the disk.
    write().inspect_err(|_| drop(fs::remove_file(&partial)))?;
    Ok(partial)
}

/// Renames `new` to `path`, and forces the renaming to disk.
pub fn replace(new: &Path, path: &Path) -> io::Result<()> {
    fs::rename(new, path).inspect_err(|_| drop(fs::remove_file(new)))?;
    // Only on Unix can folders be synced as files; elsewhere the file system takes care of it.
    #[cfg(unix)]
    match File::open(folder_of(path)) {
        Ok(folder) => sync(&folder)?,
        // In a folder that may be written to but not listed, the renaming is done all the same.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Forces a file or folder to disk where the file system can: some network and user-space file
/// systems refuse to sync folders, or anything, although they write well.
fn sync(file: &File) -> io::Result<()> {
    let error = match file.sync_all() {
        Err(error) => error,
        Ok(()) => return Ok(()),
    };
    let cannot = matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported);
    #[cfg(unix)]
    let cannot =
        cannot || matches!(error.raw_os_error(), Some(nix::libc::EBADF | nix::libc::ENOTSUP));
    if cannot { Ok(()) } else { Err(error) }
}

/// Whether something is there that is neither a file nor a folder: a device, pipe or socket.
pub fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir())
}

/// Where a path leads through symbolic links, whether or not anything is there.
///
/// # Errors
/// If the links go in a circle.
pub fn link_target(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            // It is no link.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The folder that a file is in, also if its path is a name alone.
pub fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_stay_links_and_what_they_lead_to_is_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("far")).expect("created");
        fs::write(at("far/file"), "old").expect("written");
        symlink("far/file", at("near")).expect("linked");
        symlink("near", at("nearer")).expect("linked");
        symlink("far/new", at("dangling")).expect("linked");
        for (link, file) in [("near", "far/file"), ("nearer", "far/file"), ("dangling", "far/new")]
        {
            write_atomically(&at(link), link.as_bytes()).expect("written");
            assert!(at(link).is_symlink(), "{link}");
            assert!(!at(file).is_symlink(), "{file}");
            assert_eq!(fs::read_to_string(at(file)).expect("there"), link);
        }
        let left = fs::read_dir(at("far")).expect("there").count();
        assert_eq!(left, 2, "nothing but the two files");

        symlink("round", at("round")).expect("linked");
        let refused = write_atomically(&at("round"), b"").expect_err("a circle").to_string();
        assert!(refused.contains("symbolic links"), "{refused}");
    }

    #[test]
    fn a_pipe_is_written_to_and_stays_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("there");
        assert!(made.success());
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || fs::read(pipe))
        };
        write_atomically(&pipe, b"bytes").expect("written");
        assert_eq!(reader.join().expect("no panic").expect("read"), b"bytes");
        assert!(is_device(&pipe));
        write_atomically(Path::new("/dev/null"), b"bytes").expect("written");
        assert!(is_device(Path::new("/dev/null")));
    }

    #[test]
    fn a_folder_that_cannot_be_listed_can_be_written_to() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).expect("created");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o300)).expect("changed");
        write_atomically(&closed.join("file"), b"bytes").expect("written");
        assert_eq!(fs::read(closed.join("file")).expect("there"), b"bytes");
    }
}
