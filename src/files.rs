//! Files that survive a crash in their old or their new version, never half written.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Writes a file beside `path`, forces it to disk and renames it to `path`. A symbolic link stays
/// one: the file that it leads to is replaced, and on Unix the new one has its permissions. What is
/// no file, such as `/dev/stdout` or a named pipe, is written to.
///
/// # Errors
/// Any error of the file system; `path` is then the whole old or the whole new file.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if is_device(path) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let path = link_target(path)?;
    replace(write_beside(&path, bytes)?, &path)
}

/// Writes a file beside `path`, which it is to [replace], and forces it to disk.
///
/// # Errors
/// Any error of the file system; nothing is left of the new file then.
pub fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut new = create_beside(path)?;
    // The file itself: its errors are the system's own.
    new.as_file_mut().write_all(bytes)?;
    // Also those that the umask took away. Not all file systems have any.
    #[cfg(unix)]
    if path.exists() {
        let _ = new.as_file().set_permissions(permissions(path));
    }
    sync(new.as_file())?;
    Ok(new)
}

/// How the names end of files that are being written. They begin with a dot and the name of the
/// file to replace.
const SUFFIX: &str = ".ncsn-partial";

/// Creates an empty file beside `path`, which it is to [replace]; it is removed if it is dropped
/// before. It is locked, which tells it from those that killed processes have left: these are removed
/// here.
///
/// # Errors
/// Any error of the file system.
pub fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    remove_abandoned(folder, &prefix);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    // From the beginning, as others could read the contents meanwhile; the umask may take some away.
    #[cfg(unix)]
    builder.permissions(permissions(path));
    loop {
        let new = builder.tempfile_in(folder)?;
        let is_ours = match new.as_file().try_lock() {
            // Another process may have taken it for abandoned before it was locked.
            Ok(()) => new.path().exists(),
            Err(TryLockError::WouldBlock) => false,
            // Some network file systems have no locks.
            Err(TryLockError::Error(_)) => true,
        };
        if is_ours {
            return Ok(new);
        }
    }
}

/// The permissions of the file at a path or, if there is none, those of which the umask leaves some.
#[cfg(unix)]
fn permissions(path: &Path) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;

    let there = fs::metadata(path).map(|there| there.permissions().mode() & 0o777);
    fs::Permissions::from_mode(there.unwrap_or(0o666))
}

/// Removes the files in a folder that processes were writing when they were killed: nobody has
/// locked them any more.
fn remove_abandoned(folder: &Path, prefix: &OsStr) {
    // Some folders can be written to but not listed.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if !name.starts_with(prefix.as_encoded_bytes()) || !name.ends_with(SUFFIX.as_bytes()) {
            continue;
        }
        let path = entry.path();
        let Ok(file) = File::options().write(true).open(&path) else { continue };
        // Locked until it is removed, so that whoever has just created it creates another one.
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Renames `new` to `path`, and forces the renaming to disk.
///
/// # Errors
/// Any error of the file system; if `new` cannot be renamed, it is removed.
pub fn replace(new: NamedTempFile, path: &Path) -> io::Result<()> {
    new.persist(path).map_err(|failed| failed.error)?;
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
    fn a_new_file_has_the_permissions_of_the_one_that_it_replaces() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let mode = |name: &str| fs::metadata(at(name)).expect("there").permissions().mode() & 0o777;
        fs::write(at("usual"), "").expect("written");
        write_atomically(&at("file"), b"first").expect("written");
        assert_eq!(mode("file"), mode("usual"), "what the umask leaves");
        for kept in [0o600, 0o666, 0o444] {
            fs::set_permissions(at("file"), fs::Permissions::from_mode(kept)).expect("changed");
            write_atomically(&at("file"), b"next").expect("written");
            assert_eq!(mode("file"), kept);
        }
    }

    #[test]
    fn what_killed_processes_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let under_way = create_beside(&at("file")).expect("created");
        let own = ["file.partial", ".file.backup.partial", ".files.a1B2c3.ncsn-partial"];
        for name in own.into_iter().chain([".file.a1B2c3.ncsn-partial"]) {
            fs::write(at(name), name).expect("written");
        }
        write_atomically(&at("file"), b"whole").expect("written");
        assert!(!at(".file.a1B2c3.ncsn-partial").exists());
        for name in own {
            assert_eq!(fs::read_to_string(at(name)).expect("still there"), name);
        }
        replace(under_way, &at("file")).expect("not removed");
        assert_eq!(fs::read(at("file")).expect("there"), b"");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1 + own.len());
    }

    #[test]
    fn files_that_are_written_at_the_same_time_are_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        std::thread::scope(|scope| {
            for byte in 0..4u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..5 {
                        write_atomically(path, &[byte; 10_000]).expect("written");
                    }
                });
            }
        });
        let bytes = fs::read(&path).expect("there");
        assert_eq!(bytes, [bytes[0]; 10_000]);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
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
