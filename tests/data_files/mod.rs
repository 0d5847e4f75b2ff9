//! Data sets that are made on the spot, and how they are read.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use ncsn::data::{DataSet, Reading};

/// A PNG of one color, `side` pixels a side.
pub fn png(side: u32, color: [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("in memory");
    writer.write_image_data(&color.repeat((side * side) as usize)).expect("in memory");
    writer.finish().expect("in memory");
    bytes
}

/// Writes a file, whose name may have folders in it.
pub fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("in a folder")).expect("created");
    fs::write(&path, bytes).expect("written");
    path
}

pub fn load(path: &Path) -> DataSet {
    DataSet::load(path, &Reading::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// Why there is nothing to load.
pub fn error(path: &Path) -> String {
    DataSet::load(path, &Reading::default()).expect_err("must be refused").to_string()
}
