//! How to read images.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::DataError;
use super::pixels::Writer;
use super::stored::MAX_BYTES;
use crate::net::ImageShape;
use crate::words;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    /// The width in pixels.
    pub width: usize,
    /// The height in pixels.
    pub height: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.width, self.height)
    }
}

/// Parses `32`, or `48x32`: width, then height.
impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
        let (width, height) = text.split_once('x').unwrap_or((text, text));
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Self { width, height }),
            _ => Err("a size is one number of pixels, or WIDTHxHEIGHT, from 1 to 4096".into()),
        }
    }
}

/// How to read images.
pub struct ReadOptions<'a> {
    /// Crop and resize to this size; by default to the most common one.
    pub size: Option<Size>,
    /// Convert to one channel instead of three.
    pub grayscale: bool,
    /// The color behind transparent pixels: red, green and blue.
    pub background: [u8; 3],
    /// Whether a file that cannot be read is an error.
    pub strict: bool,
    /// The most bytes of pixels in memory.
    pub in_memory: u64,
    /// The folder where more than that are kept, in a file that is gone with the program. `None`:
    /// more are an error.
    pub scratch: Option<PathBuf>,
    /// Called as soon as the size of the images is known, before they are decoded and so always
    /// with three channels; `Err` says why they cannot be used.
    pub accepts: &'a dyn Fn(ImageShape) -> Result<(), String>,
    /// Called with the number of files read so far and the number of all files.
    pub progress: &'a dyn Fn(usize, usize),
}

impl Default for ReadOptions<'_> {
    fn default() -> Self {
        Self {
            size: None,
            grayscale: false,
            background: [255; 3],
            strict: false,
            in_memory: MAX_BYTES,
            scratch: None,
            accepts: &|_| Ok(()),
            progress: &|_, _| {},
        }
    }
}

impl ReadOptions<'_> {
    /// Checks that `count` images of a shape, read from `path`, can be used, and that there is room for
    /// them.
    ///
    /// # Errors
    /// Says why not.
    pub(super) fn check(
        &self,
        path: &Path,
        shape: ImageShape,
        count: usize,
    ) -> Result<(), DataError> {
        (self.accepts)(ImageShape { channels: 3, ..shape }).map_err(DataError::Refused)?;
        let channels = if self.grayscale { 1 } else { shape.channels };
        let each = ImageShape { channels, ..shape }.dimension() as u64;
        if self.scratch.is_some() || each.saturating_mul(count as u64) <= self.in_memory {
            return Ok(());
        }
        let size = Size { width: shape.width, height: shape.height };
        Err(DataError::Format {
            path: path.to_owned(),
            problem: format!(
                "{} of {size} are more than the {:.1} GiB that fit in memory; choose a \
                 smaller --size, or a folder on a disk with --scratch",
                words::count(count, "image"),
                self.in_memory as f64 / (1u64 << 30) as f64
            ),
        })
    }
}

impl<'a> ReadOptions<'a> {
    /// Where the pixels go as they are read.
    pub(super) fn writer(&'a self) -> Writer<'a> {
        Writer::new(self.in_memory, self.scratch.as_deref())
    }

    /// Why pixels cannot be kept.
    pub(super) fn no_room(&self, source: io::Error) -> DataError {
        DataError::Scratch { path: self.scratch.clone().unwrap_or_default(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_number_or_two() {
        assert_eq!("32".parse(), Ok(Size { width: 32, height: 32 }));
        assert_eq!("48x32".parse(), Ok(Size { width: 48, height: 32 }));
        for text in ["", "0", "x", "32x", "-1", "5000", "32x32x3"] {
            text.parse::<Size>().expect_err(text);
        }
    }
}
