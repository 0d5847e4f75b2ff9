//! The cache of all the hub's tools: contents by their hash, and a tree of links for each commit.
//!
//! ```text
//! models--user--name/blobs/<hash>                     the contents
//! models--user--name/snapshots/<commit>/<path>        a link to them, or a copy
//! models--user--name/refs/<revision>                  the commit that a revision stood for
//! ```

use std::path::{Path, PathBuf};
use std::{fs, io};

use same_file::is_same_file;
use tempfile::NamedTempFile;

use super::address::Address;
use super::environment;
use super::error::HubError;
use super::hub_file::HubFile;
use crate::download::sha256_of;
use crate::files::{create_beside, folder_of, replace};

/// The part of the cache that belongs to one repository.
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Finds it as the hub's tools do.
    ///
    /// # Errors
    /// If the user has no home folder.
    pub fn locate(address: &Address) -> Result<Self, HubError> {
        let hub = match environment::set("HF_HUB_CACHE") {
            Some(cache) => cache.into(),
            None => environment::home()?.join("hub"),
        };
        let name = format!("models--{}", address.repository.replace('/', "--"));
        Ok(Self { folder: hub.join(name) })
    }

    /// The file that was downloaded earlier, if its contents are still sound.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn find(&self, address: &Address) -> Result<Option<PathBuf>, HubError> {
        let commit = match address.is_commit() {
            true => Some(address.revision.clone()),
            false => self.commit(address)?,
        };
        let Some(commit) = commit else { return Ok(None) };
        let path = self.snapshot(&commit, address);
        let Ok(contents) = fs::canonicalize(&path) else { return Ok(None) };
        // Copies, as on Windows, have no hash for a name.
        let hash = contents.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Ok((hash.len() != 64 || is_sound(&contents, hash)?).then_some(path))
    }

    /// Whether the contents are there, and sound.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn has(&self, found: &HubFile) -> Result<bool, HubError> {
        let blob = self.blob(found);
        if !blob.is_file() {
            return Ok(false);
        }
        found.sha256().map_or(Ok(true), |hash| is_sound(&blob, hash))
    }

    /// A file to download contents to; it is removed unless it is [kept](Self::keep).
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn partial(&self, found: &HubFile) -> Result<NamedTempFile, HubError> {
        let blob = self.blob(found);
        create(folder_of(&blob))?;
        create_beside(&blob).map_err(|source| HubError::Cache { path: blob, source })
    }

    /// Keeps contents that were downloaded to a file of [`Self::partial`].
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn keep(&self, found: &HubFile, contents: NamedTempFile) -> Result<(), HubError> {
        let blob = self.blob(found);
        replace(contents, &blob).map_err(|source| HubError::Cache { path: blob, source })
    }

    /// Gives contents their name, and the revision its commit.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn link(&self, address: &Address, found: &HubFile) -> Result<PathBuf, HubError> {
        let path = self.snapshot(&found.commit, address);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| HubError::Cache { path, source }
        };
        create(path.parent().unwrap_or(&self.folder))?;
        if !self.is_at(&path, found)? {
            let depth = 1 + address.path.split('/').count();
            let linked = link(&self.blob(found), &found.etag, depth, &path);
            // Another program may have made the same link at the same time.
            if linked.is_err() && !self.is_at(&path, found)? {
                linked.map_err(failed(&path))?;
            }
        }
        // A cache that is shared may be read-only: what it says already is not written again.
        let is_known = |commit: Option<String>| commit.is_some_and(|commit| commit == found.commit);
        if !address.is_commit() && !self.commit(address).is_ok_and(is_known) {
            let reference = self.reference(address);
            create(reference.parent().unwrap_or(&self.folder))?;
            fs::write(&reference, &found.commit).map_err(failed(&reference))?;
        }
        Ok(path)
    }

    /// Whether contents are at a path: by a link, or as a sound copy.
    fn is_at(&self, path: &Path, found: &HubFile) -> Result<bool, HubError> {
        match found.sha256() {
            _ if is_same_file(path, self.blob(found)).unwrap_or(false) => Ok(true),
            Some(hash) if path.is_file() => is_sound(path, hash),
            _ => Ok(false),
        }
    }

    /// The commit that a revision stood for, if that is known.
    fn commit(&self, address: &Address) -> Result<Option<String>, HubError> {
        let path = self.reference(address);
        match fs::read_to_string(&path) {
            Ok(commit) => Ok(Some(commit.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HubError::Cache { path, source }),
        }
    }

    fn blob(&self, found: &HubFile) -> PathBuf {
        self.folder.join("blobs").join(&found.etag)
    }

    fn reference(&self, address: &Address) -> PathBuf {
        self.folder.join("refs").join(&address.revision)
    }

    fn snapshot(&self, commit: &str, address: &Address) -> PathBuf {
        self.folder.join("snapshots").join(commit).join(&address.path)
    }
}

fn create(folder: &Path) -> Result<(), HubError> {
    fs::create_dir_all(folder).map_err(|source| HubError::Cache { path: folder.to_owned(), source })
}

/// The SHA-256 of a file in the cache.
///
/// # Errors
/// If it cannot be read.
pub(super) fn hash_of(path: &Path) -> Result<String, HubError> {
    sha256_of(path).map_err(|source| HubError::Cache { path: path.to_owned(), source })
}

fn is_sound(path: &Path, hash: &str) -> Result<bool, HubError> {
    Ok(hash_of(path)? == hash)
}

/// Makes `path`, which is so many folders below the repository's, a link to contents, or a copy of
/// them where links cannot be made. What is there is replaced at once, and only if there is
/// something to replace it.
fn link(contents: &Path, etag: &str, depth: usize, path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    // Relative, so that the cache can be moved.
    let target = format!("{}blobs/{etag}", "../".repeat(depth));
    let link = tempfile::Builder::new().make_in(folder, |path| symlink(&target, path));
    if let Ok(link) = link {
        return Ok(link.into_temp_path().persist(path)?);
    }
    let copy = NamedTempFile::new_in(folder)?;
    fs::copy(contents, copy.path())?;
    copy.persist(path)?;
    Ok(())
}

#[cfg(unix)]
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Not everybody may make links on Windows.
#[cfg(not(unix))]
fn symlink(_: &str, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn contents_are_copied_where_they_cannot_be_linked() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["blobs", "snapshots/commit"] {
            fs::create_dir_all(at(name)).expect("created");
        }
        let (contents, path) = (at("blobs/hash"), at("snapshots/commit/model"));
        fs::write(&contents, "new").expect("written");
        fs::write(&path, "old").expect("written");
        link(&contents, "hash", 2, &path).expect("linked");
        assert_eq!(fs::read_link(&path).expect("a link"), Path::new("../../blobs/hash"));
        assert_eq!(fs::read(&path).expect("there"), b"new");
        // No file system has links to paths of this length.
        let long = "a".repeat(1 << 13);
        link(&contents, &long, 2, &path).expect("copied");
        assert!(!path.is_symlink() && contents.is_file());
        assert_eq!(fs::read(&path).expect("there"), b"new");
        // What is there stays if there is nothing to replace it.
        link(&at("blobs/gone"), &long, 2, &path).expect_err("no contents");
        assert_eq!(fs::read(&path).expect("there"), b"new");
        assert_eq!(fs::read_dir(at("snapshots/commit")).expect("a folder").count(), 1);
    }
}
