//! The cache of all the hub's tools: contents by their hash, and a tree of links for each commit.
//!
//! ```text
//! models--user--name/blobs/<hash>                     the contents
//! models--user--name/snapshots/<commit>/<path>        a link to them
//! models--user--name/refs/<revision>                  the commit that a revision stood for
//! ```

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use etcetera::BaseStrategy;

use super::address::Address;
use super::error::HubError;
use super::found::Found;
use crate::download::sha256_of;

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
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let hub = match (set("HF_HUB_CACHE"), set("HF_HOME")) {
            (Some(cache), _) => cache,
            (None, Some(home)) => home.join("hub"),
            (None, None) => {
                // Also on macOS and Windows, as the hub's tools have it.
                let caches = match set("XDG_CACHE_HOME") {
                    Some(caches) => caches,
                    None => etcetera::choose_base_strategy()?.home_dir().join(".cache"),
                };
                caches.join("huggingface").join("hub")
            }
        };
        let name = format!("models--{}", address.repository.replace('/', "--"));
        Ok(Self { folder: hub.join(name) })
    }

    /// The file that was downloaded earlier, if its contents are still sound.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn find(&self, address: &Address) -> Result<Option<PathBuf>, HubError> {
        let commit = if address.is_commit() {
            address.revision.clone()
        } else {
            match fs::read_to_string(self.reference(address)) {
                Ok(commit) => commit.trim().to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(source) => {
                    return Err(HubError::Cache { path: self.reference(address), source });
                }
            }
        };
        let path = self.snapshot(&commit, address);
        let Ok(contents) = fs::canonicalize(&path) else { return Ok(None) };
        // Without links, as on Windows, the contents have no hash for a name.
        let hash = contents.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Ok((hash.len() != 64 || is_sound(&contents, hash)?).then_some(path))
    }

    /// Whether the contents are there, and sound.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn has(&self, found: &Found) -> Result<bool, HubError> {
        let blob = self.blob(found);
        if !blob.is_file() {
            return Ok(false);
        }
        found.sha256().map_or(Ok(true), |hash| is_sound(&blob, hash))
    }

    /// Where to download contents to.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn partial(&self, found: &Found) -> Result<PathBuf, HubError> {
        let blobs = self.folder.join("blobs");
        create(&blobs)?;
        // Two programs may download the same file at the same time.
        Ok(blobs.join(format!("{}.{}.incomplete", found.etag, std::process::id())))
    }

    /// Keeps contents that were downloaded to [`Self::partial`].
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn keep(&self, found: &Found) -> Result<(), HubError> {
        let (from, to) = (self.partial(found)?, self.blob(found));
        fs::rename(from, &to).map_err(|source| HubError::Cache { path: to, source })
    }

    /// Gives contents their name, and the revision its commit.
    ///
    /// # Errors
    /// If the cache cannot be written.
    pub fn link(&self, address: &Address, found: &Found) -> Result<PathBuf, HubError> {
        let path = self.snapshot(&found.commit, address);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| HubError::Cache { path, source }
        };
        create(path.parent().unwrap_or(&self.folder))?;
        if !is_same(&path, &self.blob(found)) {
            let depth = 1 + address.path.split('/').count();
            let linked = link(&self.blob(found), &found.etag, depth, &path);
            // Another program may have made the same link at the same time.
            if linked.is_err() && !is_same(&path, &self.blob(found)) {
                linked.map_err(failed(&path))?;
            }
        }
        if !address.is_commit() {
            let reference = self.reference(address);
            create(reference.parent().unwrap_or(&self.folder))?;
            fs::write(&reference, &found.commit).map_err(failed(&reference))?;
        }
        Ok(path)
    }

    fn blob(&self, found: &Found) -> PathBuf {
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

fn is_same(path: &Path, contents: &Path) -> bool {
    same_file::is_same_file(path, contents).unwrap_or(false)
}

/// Makes `path`, which is so many folders below the repository's, a link to contents.
#[cfg(unix)]
fn link(_: &Path, etag: &str, depth: usize, path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Relative, so that the cache can be moved.
    let target = format!("{}blobs/{etag}", "../".repeat(depth));
    std::os::unix::fs::symlink(target, path)
}

/// Not everybody may make links on Windows, so this is a copy, as the hub's tools make it.
#[cfg(not(unix))]
fn link(contents: &Path, _: &str, _: usize, path: &Path) -> io::Result<()> {
    fs::copy(contents, path).map(|_| ())
}
