//! Archives read as if they were folders: tar, compressed or not, and zip.

pub(super) mod tar;
mod tree;
pub(super) mod zip;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::decompress::decompressed;
use super::entry::Place;
use super::npy;

/// Tells from its content whether a file is an archive.
///
/// # Errors
/// If it cannot be read.
pub(super) fn place(path: &Path) -> io::Result<Place> {
    let mut stored = Vec::new();
    File::open(path)?.take(8).read_to_end(&mut stored)?;
    let (stream, compressed) = decompressed(File::open(path)?)?;
    let mut head = Vec::new();
    // A damaged stream is reported by whoever reads it.
    let _ = stream.take(tar::BLOCK as u64).read_to_end(&mut head);
    Ok(if tar::is_header(&head) {
        Place::Tar
    } else if stored.starts_with(b"PK\x03\x04") {
        Place::Zip
    } else if !compressed && !is_data(&head) && zip::open(path).is_ok() {
        // The directory of a zip archive is at its end, so a self-extracting program may come
        // before the archive.
        Place::Zip
    } else {
        Place::Single
    })
}

/// Whether these are the first bytes of an array or image.
fn is_data(head: &[u8]) -> bool {
    head.starts_with(&[0, 0]) || head.starts_with(npy::MAGIC) || image::guess_format(head).is_ok()
}
