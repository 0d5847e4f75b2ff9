//! The files of a folder and its subfolders.

use std::path::Path;

use walkdir::WalkDir;

use super::entry::{Listing, Source, shown, slashed};

/// Lists them, down to a depth of folders. Links are followed, but not in circles.
pub(super) fn list(root: &Path, depth: usize) -> Listing {
    let mut listing = Listing::default();
    for entry in WalkDir::new(root).follow_links(true).max_depth(depth) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                let path = entry.path();
                listing.files.push((name(root, path), Source::Path(path.to_owned())));
            }
            Ok(_) => {}
            Err(error) => {
                let name = shown(&name(root, error.path().unwrap_or(root)));
                // The library's own message begins with the path.
                let circle = || "a link to a folder that it is in".to_owned();
                let problem = error.io_error().map_or_else(circle, ToString::to_string);
                listing.problems.push((name, problem));
            }
        }
    }
    listing
}

/// A file's name in the folder.
fn name(root: &Path, path: &Path) -> Vec<u8> {
    let inner = path.strip_prefix(root).ok().filter(|inner| !inner.as_os_str().is_empty());
    let path = inner.unwrap_or(path);
    let parts: Vec<&[u8]> = path.iter().map(|part| part.as_encoded_bytes()).collect();
    slashed(&parts.join(&b'/')).into_owned()
}
