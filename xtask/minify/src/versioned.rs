//! Addresses that change with the contents.
//!
//! Trunk writes a hash into the names of the wasm module's files, but all others always keep their
//! names. A browser that had cached some of them would combine them with newer ones, and the short
//! names of [`imports`](crate::imports) fit any build. So scripts, styles and lazily loaded wasm
//! modules move into a folder whose name is a hash of what is in it, and of `index.html`: a service
//! worker that keeps the page is only replaced when this version is another one. Their addresses of
//! each other are relative and stay as they are; only `index.html` gets other ones.

use std::{
    ffi::OsStr,
    fs,
    hash::{DefaultHasher, Hasher},
    path::Path,
};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::read;

/// What moves, from the folder of the page.
const FOLDERS: [&str; 2] = ["www", "toy2d"];
/// What stays, since links name it.
const MODELS: &str = "www/models";

/// Moves the files of a built page, and returns `index.html` with their new addresses, and the version
/// that these begin with.
pub fn moved(page: &str, dist: &Path) -> Result<(String, String)> {
    let (models, aside) = (dist.join(MODELS), dist.join("models"));
    let has_models = models.exists();
    if has_models {
        rename(&models, &aside)?;
    }
    let version = version(page, dist)?;
    let to = dist.join(&version);
    create(&to)?;
    for folder in FOLDERS {
        rename(&dist.join(folder), &to.join(folder))?;
    }
    if has_models {
        create(&dist.join(FOLDERS[0]))?;
        rename(&aside, &models)?;
    }
    Ok((page.replace("\"./www/", &format!("\"./{version}/www/")), version))
}

/// A few letters that change with the page, and the names and the contents of all files that move.
fn version(page: &str, dist: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    hasher.write_usize(page.len());
    hasher.write(page.as_bytes());
    for folder in FOLDERS {
        for entry in WalkDir::new(dist.join(folder)).sort_by_file_name() {
            let entry = entry.with_context(|| format!("cannot list {folder}/"))?;
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(dist).unwrap_or(entry.path());
                for name in
                    path.iter().map(OsStr::as_encoded_bytes).chain([&read(entry.path())?[..]])
                {
                    hasher.write_usize(name.len());
                    hasher.write(name);
                }
            }
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to)
        .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        r#"<script src="./www/main.js"></script><a href="./?model=www/models/a.safetensors">"#;

    /// Moves a page with this script, and returns its `index.html` and the folder.
    fn page_of(script: &str) -> Result<(String, tempfile::TempDir)> {
        let (page, _, folder) = moved_of(PAGE, script)?;
        Ok((page, folder))
    }

    /// The same of any page, with its version.
    fn moved_of(page: &str, script: &str) -> Result<(String, String, tempfile::TempDir)> {
        let folder = tempfile::tempdir()?;
        for (name, text) in
            [("www/main.js", script), ("www/models/a.safetensors", "a"), ("toy2d/toy2d.js", "")]
        {
            let file = folder.path().join(name);
            create(file.parent().expect("it has a folder"))?;
            fs::write(file, text)?;
        }
        let (page, version) = moved(page, folder.path())?;
        Ok((page, version, folder))
    }

    #[test]
    fn all_but_models_move_to_where_the_page_looks() -> Result<()> {
        let (page, folder) = page_of("1")?;
        let (version, rest) = page
            .strip_prefix(r#"<script src="./"#)
            .and_then(|rest| rest.split_once('/'))
            .context("an address")?;
        assert_eq!(rest, PAGE.split_once("./").expect("an address").1);
        for file in ["www/main.js", "toy2d/toy2d.js"] {
            assert!(folder.path().join(version).join(file).is_file(), "{file}");
            assert!(!folder.path().join(file).exists(), "{file}");
        }
        assert!(folder.path().join("www/models/a.safetensors").is_file());
        Ok(())
    }

    #[test]
    fn addresses_change_with_the_contents() -> Result<()> {
        let (one, same, other) = (page_of("1")?.0, page_of("1")?.0, page_of("2")?.0);
        assert_eq!(one, same);
        assert_ne!(one, other);
        Ok(())
    }

    #[test]
    fn another_page_with_the_same_files_is_another_version() -> Result<()> {
        let version = |page: &str| Ok::<_, anyhow::Error>(moved_of(page, "1")?.1);
        assert_eq!(version(PAGE)?, version(PAGE)?);
        assert_ne!(version(PAGE)?, version(&format!("<p>Other words.</p>{PAGE}"))?);
        Ok(())
    }
}
