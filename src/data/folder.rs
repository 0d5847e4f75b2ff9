//! The files of a folder and its subfolders.

use std::path::Path;

use walkdir::WalkDir;

/// Lists their names, with `/` between folders. Links are followed, but not in circles.
pub(super) fn names(root: &Path, unlisted: &mut Vec<(String, String)>) -> Vec<String> {
    let mut names = Vec::new();
    for entry in WalkDir::new(root).follow_links(true) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                names.push(parts.join("/"));
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(root).display().to_string();
                unlisted.push((path, error.to_string()));
            }
        }
    }
    names
}
