//! Removes the builder's own folders from what the page sends to everybody.
//!
//! A panic names the source file that it comes from. For code from Cargo's registry this is a full
//! path, starting at the user's home folder and containing a hash that does not compress.

use std::path::{MAIN_SEPARATOR, PathBuf};

use anyhow::{Context, Result};

/// The folder that Cargo unpacks sources into, as written in paths.
///
/// # Errors
/// If there is no home folder.
pub fn registry() -> Result<String> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let cargo = cargo.context("there is neither CARGO_HOME nor a home folder")?;
    let sources = cargo.join("registry").join("src").join("");
    sources.into_os_string().into_string().ok().context("CARGO_HOME is not Unicode")
}

/// Overwrites every occurrence of the path of `folder`, and the name of the folder in it, with
/// spaces. Nothing moves, since a wasm module contains lengths and addresses.
pub fn hide(module: &mut [u8], folder: &str) {
    let folder = folder.as_bytes();
    let mut at = 0;
    while let Some(found) = module[at..].windows(folder.len()).position(|w| w == folder) {
        let start = at + found;
        let name = start + folder.len();
        let length = module[name..].iter().position(|&b| b == MAIN_SEPARATOR as u8);
        at = name + length.map_or(0, |length| length + 1);
        module[start..at].fill(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_with_the_name_of_a_crate() {
        let folder = ["", "home", "me", ".cargo", "registry", "src", ""];
        let separator = MAIN_SEPARATOR.to_string();
        let folder = folder.join(&separator);
        let file = ["index-1949cf8c6b5b557f", "wgpu-30.0.1", "src", "lib.rs"].join(&separator);
        let mut module = format!("\0lib.rs{folder}{file}{folder}{file}\u{1}").into_bytes();
        let length = module.len();
        hide(&mut module, &folder);
        let text = String::from_utf8(module).expect("it was, and spaces are");
        let shown = ["wgpu-30.0.1", "src", "lib.rs"].join(&separator);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words, ["\0lib.rs", &shown, &format!("{shown}\u{1}")]);
        assert_eq!(text.len(), length);
    }

    #[test]
    fn the_registry_is_in_a_folder_of_the_users() {
        assert!(registry().expect("there is a home").ends_with(MAIN_SEPARATOR));
    }
}
