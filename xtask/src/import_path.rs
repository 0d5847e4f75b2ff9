//! Where an import of the page's scripts leads. `xtask/minify` has this file, too.

use std::path::{Component, Path, PathBuf};

/// The file that a module imports by a relative address, as a path without `.` and `..`.
pub fn resolved(module: &Path, address: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in module.with_file_name(address).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            _ => path.push(part),
        }
    }
    path
}
