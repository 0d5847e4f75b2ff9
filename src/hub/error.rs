//! Why a model on the hub is not available.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a model on the hub is not available.
#[derive(Debug, Error)]
pub enum HubError {
    /// The user has no home folder.
    #[error("there is no folder for downloads: {0}")]
    Home(#[from] etcetera::HomeDirError),
    /// The cache cannot be read or written.
    #[error("cannot read or write {} in the cache of models", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was not downloaded, or is damaged, and `HF_HUB_OFFLINE` is set.
    #[error("there is no sound copy of {url} in the cache, and HF_HUB_OFFLINE is set")]
    Offline {
        /// The address on the web.
        url: String,
    },
    /// The hub has no such repository, file or revision, or keeps it for others.
    #[error("{url}: {reason}")]
    Refused {
        /// The address on the web.
        url: String,
        /// What the hub says.
        reason: String,
    },
    /// The hub cannot be reached.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// The address on the web.
        url: String,
        /// Why.
        reason: String,
    },
    /// A server answered in another way than the hub does.
    #[error("{url} does not answer as the hub does: {reason}")]
    Foreign {
        /// The address on the web.
        url: String,
        /// What is missing.
        reason: &'static str,
    },
    /// No model is that large.
    #[error("{url} has more than {limit} bytes, so that it is no model of ours")]
    TooLarge {
        /// The address on the web.
        url: String,
        /// The most bytes that a model may have.
        limit: u64,
    },
    /// What came is not what the hub announced.
    #[error("{url} came damaged: its SHA-256 is {found} and should be {expected}; try again")]
    Damaged {
        /// The address on the web.
        url: String,
        /// The hash of what came.
        found: String,
        /// The hash that the hub names.
        expected: String,
    },
}

impl HubError {
    /// Whether the hub might answer at another time.
    pub(super) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
