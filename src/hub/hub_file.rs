//! What the hub has under an address.

/// A file that the hub has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HubFile {
    /// The commit that the revision stands for.
    pub commit: String,
    /// What identifies the file's contents: for large files, so for all weights, their SHA-256.
    pub etag: String,
    /// In bytes.
    pub size: Option<u64>,
}

impl HubFile {
    /// The SHA-256 of the contents, in hexadecimal digits. The hub names another hash for small
    /// text files.
    pub fn sha256(&self) -> Option<&str> {
        (self.etag.len() == 64).then_some(&*self.etag)
    }
}
