//! Why data cannot be used.

use std::path::PathBuf;

use thiserror::Error;

/// Why data cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// A file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Pixels cannot be kept in the folder for them.
    #[error("cannot keep the pixels in {}; is there room?", path.display())]
    Scratch {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no data at a path.
    #[error(
        "{}: no images here; expected a folder, .tar, .tar.gz (.xz, .bz2, .zst) or .zip of images \
         (PNG, JPEG, GIF, WebP, BMP), of IDX files (train-images-idx3-ubyte), of CIFAR-10 batches \
         (data_batch_1.bin) or CIFAR-100, or one IDX file, .npy array or .npz",
        path.display()
    )]
    Nothing {
        /// Which path.
        path: PathBuf,
    },
    /// Images of a size that cannot be used.
    #[error("{0}")]
    Refused(String),
    /// Only one image, or copies of one.
    #[error("{}: there must be at least two different images{}", path.display(), aside(.ignored))]
    One {
        /// Where it is.
        path: PathBuf,
        /// The files that are not read, in words, if there are any.
        ignored: Option<String>,
    },
}

fn aside(text: &Option<String>) -> String {
    text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default()
}
