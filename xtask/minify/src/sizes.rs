//! Download sizes, as sent by a server that compresses as well as brotli can.

use std::{
    fs,
    io::Write,
    iter::Sum,
    ops::{Add, Sub},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{offline, preload, read_text};

/// Brotli's highest quality, and the largest window that browsers accept.
const QUALITY: u32 = 11;
const WINDOW: u32 = 24;

#[derive(Clone, Copy, Default)]
struct Bytes {
    raw: usize,
    brotli: usize,
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { raw: self.raw + other.raw, brotli: self.brotli + other.brotli }
    }
}

impl Sub for Bytes {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { raw: self.raw - other.raw, brotli: self.brotli - other.brotli }
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// Prints the sizes of the main bundle's parts, which every visit downloads, of the figure of the
/// toy, and of each other engine.
pub fn print(dist: &Path) -> Result<()> {
    let main = dist.join(preload::entry(&read_text(&dist.join("index.html"))?)?);
    let www = main.parent().context("the page's scripts are in no folder")?;
    let parts = [
        ("wasm module", files(dist, "wasm")?),
        ("its bindings", files(dist, "js")? - file(&dist.join(offline::WORKER))?),
        ("the page's scripts", file(&www.join("first.js"))? + with_imports(&main)?),
        ("the page's styles", file(&www.join("style.css"))?),
        ("service worker", file(&dist.join(offline::WORKER))? + file(&www.join("app/offline.js"))?),
    ];
    println!("{:24}{:>12}{:>12}", "", "bytes", "brotli");
    for (name, size) in parts {
        line(name, size);
    }
    line("main bundle", parts.into_iter().map(|(_, size)| size).sum());
    let toy = www.with_file_name("toy2d");
    let shown = file(&www.join("story/toy2d.js"))? + file(&www.join("story/toy2d.css"))?;
    line("figure of the toy", files(&toy, "wasm")? + files(&toy, "js")? + shown);
    if let Ok(engines) = fs::read_dir(www.join("engines")) {
        for engine in engines {
            let engine = engine?;
            let size = files(&engine.path(), "wasm")? + files(&engine.path(), "js")?;
            line(&format!("engine {}", engine.file_name().display()), size);
        }
    }
    Ok(())
}

fn line(name: &str, Bytes { raw, brotli }: Bytes) {
    println!("{name:24}{raw:>12}{brotli:>12}");
}

/// The total size of all files of a kind in a folder, each compressed separately.
fn files(folder: &Path, kind: &str) -> Result<Bytes> {
    let list = fs::read_dir(folder).with_context(|| {
        format!("{} cannot be listed: run `cargo xtask build` first", folder.display())
    })?;
    let mut sum = Bytes::default();
    for entry in list {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == kind) {
            sum = sum + file(&path)?;
        }
    }
    Ok(sum)
}

/// The size of a module and everything that it imports statically.
fn with_imports(entry: &Path) -> Result<Bytes> {
    let mut sum = file(entry)?;
    for module in preload::imported(entry)? {
        sum = sum + file(&module)?;
    }
    Ok(sum)
}

fn file(path: &Path) -> Result<Bytes> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, QUALITY, WINDOW);
    writer.write_all(&bytes).context("cannot compress")?;
    Ok(Bytes { raw: bytes.len(), brotli: writer.into_inner().len() })
}
