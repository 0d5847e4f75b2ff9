//! Data sets that are made on the spot, and how they are read.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use ncsn::data::{DataSet, ReadOptions};
use npyz::WriterBuilder;
use zip::write::SimpleFileOptions;

/// A PNG of one color, `side` pixels a side.
pub fn png(side: u32, color: [u8; 3]) -> Vec<u8> {
    png_of(RgbImage::from_pixel(side, side, Rgb(color)))
}

/// An image as a PNG.
pub fn png_of(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let image: DynamicImage = image.into();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).expect("in memory");
    bytes
}

/// An array of NumPy's.
pub fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes);
    let mut writer = options.begin_nd().expect("in memory");
    writer.extend(values).expect("in memory");
    writer.finish().expect("in memory");
    bytes
}

/// A zip archive of files, each a name and its contents.
pub fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).expect("in memory");
        archive.write_all(bytes).expect("in memory");
    }
    archive.finish().expect("in memory").into_inner()
}

/// A tar archive of files, each a name and its contents, with headers of this kind.
pub fn tar_of(files: &[(String, Vec<u8>)], header: tar::Header) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = header.clone();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &bytes[..]).expect("in memory");
    }
    archive.into_inner().expect("in memory")
}

/// Writes a file, whose name may have folders in it.
pub fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("in a folder")).expect("created");
    fs::write(&path, bytes).expect("written");
    path
}

pub fn load(path: &Path) -> DataSet {
    DataSet::load(path, &ReadOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// Why there is nothing to load.
pub fn error(path: &Path) -> String {
    DataSet::load(path, &ReadOptions::default()).expect_err("must be refused").to_string()
}
