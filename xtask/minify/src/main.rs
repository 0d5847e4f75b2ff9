//! Makes the built page smaller, in place, and renews its addresses; or prints its size.
//!
//! This is a program of its own because it needs a JavaScript parser, whose compilation nobody's
//! first command should wait for. `cargo xtask build` runs it after Trunk, `cargo xtask bench size`
//! to measure.

#[path = "../../src/import_path.rs"]
mod import_path;
mod imports;
mod offline;
mod paths;
mod preload;
mod script;
mod sizes;
mod style;
mod versioned;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Parser;
use walkdir::WalkDir;

/// Make the built page smaller, or print its size.
#[derive(Parser)]
struct Arguments {
    /// The folder that Trunk built
    dist: PathBuf,
    /// Change nothing, and print the download sizes
    #[arg(long)]
    sizes: bool,
    /// Only make wasm modules smaller, with their bindings: it is no page
    #[arg(long, conflicts_with = "sizes")]
    bindings: bool,
}

fn main() -> Result<()> {
    let Arguments { dist, sizes, bindings } = Arguments::parse();
    if sizes {
        return sizes::print(&dist);
    }
    let files: Vec<PathBuf> = WalkDir::new(&dist)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| Ok(entry?.into_path()))
        .collect::<Result<_>>()
        .with_context(|| format!("cannot list {}", dist.display()))?;
    let registry = paths::registry()?;
    for wasm in &files {
        if let Some(script) = bindings_of(wasm) {
            let (mut module, text) = imports::shortened(&read(wasm)?, &read_text(&script)?)
                .with_context(|| format!("{} and {}", wasm.display(), script.display()))?;
            paths::hide(&mut module, &registry);
            write(wasm, &module)?;
            write(&script, text.as_bytes())?;
        }
    }
    for path in &files {
        let minified = match kind(path) {
            "js" => script::minified(&read_text(path)?),
            "css" => style::minified(&read_text(path)?),
            _ => continue,
        };
        let text = minified.with_context(|| format!("cannot understand {}", path.display()))?;
        write(path, text.as_bytes())?;
    }
    if bindings {
        return Ok(());
    }
    let index = dist.join("index.html");
    let page = with_sizes(&read_text(&index)?, &dist)?;
    let page = preload::with_links(&page, &dist)?;
    let (page, version) = versioned::moved(&page, &dist)?;
    write(&index, offline::with_worker(&page, &dist, &version)?.as_bytes())
}

/// The page with the size of the wasm module beside its address, for visitors to see how much is
/// still to come: a server that compresses does not tell them.
fn with_sizes(page: &str, dist: &Path) -> Result<String> {
    const END: &str = "_bg.wasm\"";
    let (before, after) = page.split_once(END).context("index.html names no wasm module")?;
    let name = before.rsplit(['"', '/']).next().unwrap_or_default();
    let bytes = read(&dist.join(format!("{name}_bg.wasm")))?.len();
    Ok(format!("{before}{END} data-bytes=\"{bytes}\"{after}"))
}

/// A file's extension.
fn kind(path: &Path) -> &str {
    path.extension().and_then(OsStr::to_str).unwrap_or_default()
}

/// The script that wasm-bindgen wrote beside a wasm file: `ncsn.js` for `ncsn_bg.wasm`.
fn bindings_of(wasm: &Path) -> Option<PathBuf> {
    let stem = wasm.file_name()?.to_str()?.strip_suffix("_bg.wasm")?;
    Some(wasm.with_file_name(format!("{stem}.js")))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_the_size_of_its_wasm_module() -> Result<()> {
        let folder = tempfile::tempdir()?;
        write(&folder.path().join("ncsn-1f_bg.wasm"), &[0; 42])?;
        let page = r#"<link href="./ncsn-1f.js"><link href="./ncsn-1f_bg.wasm" as="fetch">"#;
        let expected = r#"<link href="./ncsn-1f.js"><link href="./ncsn-1f_bg.wasm" data-bytes="42" as="fetch">"#;
        assert_eq!(with_sizes(page, folder.path())?, expected);
        assert!(with_sizes("<p>", folder.path()).is_err());
        Ok(())
    }
}
