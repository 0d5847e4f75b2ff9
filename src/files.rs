//! Files that survive a crash in their old or their new version, never half written.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

/// Writes a file beside `path`, forces it to disk and renames it to `path`. A symbolic link stays
/// one: the file that it leads to is replaced, and on Unix the new one has its permissions and, where
/// the system allows it, its owner and group. What is no file, such as `/dev/stdout` or a named pipe,
/// is written to.
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
    sync(new.as_file())?;
    Ok(new)
}

/// How the names of files begin and end that are being written. They are independent of the name of
/// the file to replace, which may be as long as the file system allows.
const PREFIX: &str = ".ncsn-";
const SUFFIX: &str = ".partial";

/// A file that nobody has written to for so long is one that a killed process has left.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Creates an empty file beside `path`, which it is to [replace]; it is removed if it is dropped
/// before. Files that killed processes have left in this folder are removed.
///
/// # Errors
/// Any error of the file system.
pub fn create_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    // A name that is too long, which the new file's is not.
    let old = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::InvalidFilename => return Err(error),
        found => found.ok(),
    };
    remove_abandoned(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // `tempfile_in` would make all files private, and put the hidden name into errors.
    builder.make_in(folder, |new| create_like(old.as_ref(), new))
}

/// Creates a file with the permissions, the owner and the group of another, as far as the system
/// allows, or with those of a new one.
#[cfg(unix)]
fn create_like(old: Option<&Metadata>, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};

    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    let Some(old) = old else { return options.open(path) };
    // Private until it is known whose it is.
    let file = options.mode(0o600).open(path)?;
    let mut mode = old.permissions().mode() & 0o777;
    let (user, group) = (Some(old.uid()), Some(old.gid()));
    if fchown(&file, user, group).or_else(|_| fchown(&file, None, group)).is_err() {
        // The old file's group is not the new one's, which must not get its rights.
        mode &= !0o070;
    }
    // Not all file systems have permissions.
    let _ = file.set_permissions(fs::Permissions::from_mode(mode));
    Ok(file)
}

#[cfg(not(unix))]
fn create_like(_: Option<&Metadata>, path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).open(path)
}

/// Removes the files in a folder that killed processes have left half written.
fn remove_abandoned(folder: &Path) {
    // Some folders can be written to but not listed.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let age = || entry.metadata().and_then(|found| found.modified()).ok()?.elapsed().ok();
        if name.starts_with(PREFIX.as_bytes())
            && name.ends_with(SUFFIX.as_bytes())
            && age().is_some_and(|age| age > ABANDONED)
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Renames `new` to `path`, and forces the renaming to disk.
///
/// # Errors
/// Any error of the file system; if `new` cannot be renamed, it is removed.
pub fn replace(new: NamedTempFile, path: &Path) -> io::Result<()> {
    let (_file, mut new) = new.into_parts();
    // Unlike `persist`, this replaces files that are open on Windows, too.
    fs::rename(&new, path)?;
    new.disable_cleanup(true);
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
    fn what_killed_processes_left_is_removed_after_a_day_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let old = [".ncsn-a1B2c3.partial", ".ncsn-x.partial"];
        let kept = [".ncsn-recent.partial", "file.partial", ".ncsn-notes"];
        for name in old.into_iter().chain(kept) {
            fs::write(at(name), name).expect("written");
            if name != kept[0] {
                let file = File::options().write(true).open(at(name)).expect("there");
                let then = std::time::SystemTime::now() - 2 * ABANDONED;
                file.set_modified(then).expect("set");
            }
        }
        write_atomically(&at("file"), b"whole").expect("written");
        for name in old {
            assert!(!at(name).exists(), "{name}");
        }
        for name in kept {
            assert_eq!(fs::read_to_string(at(name)).expect("still there"), name);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1 + kept.len());
    }

    /// Where the tests may give files away.
    #[test]
    fn a_new_file_belongs_to_whom_the_old_one_did() {
        use std::os::unix::fs::{MetadataExt, chown};

        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, "old").expect("written");
        if chown(&path, Some(12_345), Some(12_346)).is_err() {
            return;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).expect("changed");
        write_atomically(&path, b"new").expect("written");
        let found = fs::metadata(&path).expect("there");
        assert_eq!((found.uid(), found.gid()), (12_345, 12_346));
        assert_eq!(found.permissions().mode() & 0o777, 0o660);
    }

    #[test]
    fn a_name_may_be_as_long_as_the_file_system_allows() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x".repeat(255));
        write_atomically(&path, b"new").expect("written");
        let long = folder.path().join("x".repeat(256));
        let refused = create_beside(&long).expect_err("too long");
        assert!(refused.raw_os_error().is_some(), "the system's own error: {refused}");
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
