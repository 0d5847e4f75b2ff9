//! How to read images, and what was found.

use std::collections::BTreeMap;
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
pub struct Reading<'a> {
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

impl Default for Reading<'_> {
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

impl Reading<'_> {
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

impl<'a> Reading<'a> {
    /// Where the pixels go as they are read.
    pub(super) fn writer(&'a self) -> Writer<'a> {
        Writer::new(self.in_memory, self.scratch.as_deref())
    }

    /// Why pixels cannot be kept.
    pub(super) fn no_room(&self, source: io::Error) -> DataError {
        DataError::Scratch { path: self.scratch.clone().unwrap_or_default(), source }
    }
}

/// What was found at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The kind of data, for people.
    pub kind: String,
    /// The number of images dropped because another has the same pixels. Only for image files:
    /// published arrays are taken as they are.
    pub duplicates: usize,
    /// The number of images of another size, which were cropped and resized.
    pub resized: usize,
    /// The files that could not be read, and why.
    pub unreadable: Vec<(String, String)>,
    /// The number of other files, by the extension of their names.
    pub ignored: BTreeMap<String, usize>,
    /// What is beside the folders for training and testing, because of which these are ignored.
    pub beside: Vec<String>,
    /// An image outside all folders while others are inside, so that folders are not classes.
    pub unclassed: Option<String>,
    /// What else may need attention, in sentences.
    pub notes: Vec<String>,
}

impl Found {
    /// Says which files cannot be read and why; of many, only the first few.
    pub fn cannot_read(&self) -> String {
        let files = self.unreadable.iter().map(|(name, problem)| format!("{name} ({problem})"));
        let count = self.unreadable.len();
        format!("cannot read {}: {}", words::count(count, "file"), first_few(files))
    }

    /// Says what is not read, and why; `None` if all is.
    pub fn left_out(&self) -> Option<String> {
        let unreadable = (!self.unreadable.is_empty()).then(|| self.cannot_read());
        let parts: Vec<String> = [unreadable, self.others()].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Says which files of other kinds are not read; `None` if there are none.
    pub fn others(&self) -> Option<String> {
        const DATA: [&str; 8] = ["npy", "npz", "tar", "tbz2", "tgz", "txz", "tzst", "zip"];
        let kinds = self.ignored.iter().map(|(end, count)| format!("{count} .{end}"));
        let data = self.ignored.keys().filter(|end| DATA.contains(&end.as_str()));
        let data: Vec<_> = data.map(|end| format!(".{end}")).collect();
        let advice = match &data[..] {
            [] => String::new(),
            ends => format!("; to read a {}, give --data one of them", words::list(ends, "or")),
        };
        (!self.ignored.is_empty()).then(|| {
            format!(
                "ignored files other than PNG, JPEG, GIF, WebP and BMP: {}{advice}",
                kinds.collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// Says why folders for training and testing were ignored, naming only the first few reasons;
    /// `None` if they were not, or there are none.
    pub fn split_ignored(&self) -> Option<String> {
        let beside = first_few(self.beside.iter().cloned());
        (!self.beside.is_empty()).then(|| {
            format!(
                "{beside} beside train and test, so these do not say what is held out; move it \
                 elsewhere if they should"
            )
        })
    }
}

/// The first few items, separated by commas, and how many more there are.
pub(super) fn first_few(all: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    let more = match all.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    all.take(SHOWN).collect::<Vec<_>>().join(", ") + &more
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
