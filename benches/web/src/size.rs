//! Download sizes.

use std::{fs, io::Write, ops::AddAssign, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

/// The size of files in bytes, uncompressed and as a file server would send them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Bytes {
    pub raw: usize,
    pub brotli: usize,
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Self) {
        self.raw += other.raw;
        self.brotli += other.brotli;
    }
}

/// A good compromise between 0 and 11, the highest of which takes minutes here; with the largest
/// window that browsers accept.
const QUALITY: u32 = 9;
const WINDOW: u32 = 24;

/// The size of a file.
pub fn of(path: &Path) -> Result<Bytes> {
    let name = path.display();
    let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let mut writer = brotli::CompressorWriter::new(Vec::new(), 1 << 16, QUALITY, WINDOW);
    writer.write_all(&bytes).with_context(|| format!("cannot compress {name}"))?;
    Ok(Bytes { raw: bytes.len(), brotli: writer.into_inner().len() })
}
