//! Pictures from disk.
//!
//! | file | what it does |
//! |---|---|
//! | `kind` | recognises the kind of data at a path; the only place that decides this |
//! | `files`, `folder`, `archive` | named files, in a folder or in an archive |
//! | `idx`, `cifar`, `npy` | a format of arrays each |
//! | `layout` | what the folders of image files mean |
//! | `images`, `decode`, `jpeg`, `fit` | image files: all of them, one of them, a JPEG, and fitted to one size |
//! | `budget` | memory that threads share |
//! | `named` | published data sets, downloaded once |
//! | `pictures`, `order`, `distances` | pictures in memory, their order, their distances |

mod archive;
mod budget;
mod cifar;
mod decode;
pub mod distances;
mod files;
mod fit;
mod folder;
mod idx;
mod images;
mod jpeg;
mod kind;
mod layout;
pub mod named;
mod npy;
mod order;
mod pictures;
mod reading;

pub use decode::upright;
pub use fit::fit;
pub use order::Order;
pub use pictures::{Pictures, some_of};
pub use reading::{Found, Reading, Size};

use std::path::{Path, PathBuf};

use thiserror::Error;

use files::Files;
use kind::{Format, Kind};

use crate::net::Picture;

/// The pictures to train on and those to hold out.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// A name for people, taken from the folder or file.
    pub name: String,
    /// The pictures to train on.
    pub train: Pictures,
    /// The pictures that are never trained on.
    pub held_out: Pictures,
    /// The names of the classes, by label; empty if the pictures have none.
    pub classes: Vec<String>,
    /// What was found, dropped and ignored.
    pub found: Found,
}

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
        "{}: no pictures here; expected a folder, .tar.gz or .zip of images (PNG, JPEG, GIF, WebP, \
         BMP), of IDX files (train-images-idx3-ubyte), of CIFAR-10 batches (data_batch_1.bin), or \
         one IDX file or .npy array",
        path.display()
    )]
    Nothing {
        /// Which path.
        path: PathBuf,
    },
    /// Pictures of a size that cannot be used.
    #[error("{0}")]
    Refused(String),
    /// Only one picture, or copies of one.
    #[error("{}: there must be at least two different pictures", path.display())]
    One {
        /// Where it is.
        path: PathBuf,
    },
}

impl DataSet {
    /// Loads pictures from a folder or archive of image files, IDX files or CIFAR-10 batches, or
    /// from an IDX file or an `.npy` array.
    ///
    /// Holds out what the data set itself sets apart (`t10k-images…`, `test_batch`, a folder `test`
    /// beside `train`), or else one picture in twenty. Held-out pictures are in a random order that
    /// is always the same, training pictures in the order of the files.
    ///
    /// # Errors
    /// [`DataError`] names the file and what is wrong with it.
    pub fn load(path: &Path, reading: &Reading<'_>) -> Result<Self, DataError> {
        let files = Files::at(path)?;
        let kind = kind::recognise(&files)?;
        let mut found = Found { unreadable: files.unlisted.clone(), ..Found::default() };
        let (train, held_out, classes) = match kind {
            Kind::Arrays { format, train, held_out } => {
                found.kind = format.describe(train.len());
                let train = arrays(&files, format, &train, reading)?;
                let held_out = match &held_out[..] {
                    [] => None,
                    names => Some(arrays(&files, format, names, reading)?.mixed()),
                };
                let classes = train.labels.as_deref().map_or(vec![], |l| format.classes(l));
                (train, held_out, classes)
            }
            Kind::Images(names) => {
                found.kind = "image files".into();
                let others = files.names.iter().filter(|&name| names.binary_search(name).is_err());
                for name in others {
                    let name = name.rsplit('/').next().unwrap_or(name);
                    let end = name.rsplit_once('.').map_or(name, |(_, end)| end);
                    *found.ignored.entry(end.to_lowercase()).or_default() += 1;
                }
                images::read(&files, &names, reading, &mut found)?
            }
        };
        let (train, held_out) = match held_out {
            Some(held_out) if held_out.shape == train.shape => (train, held_out),
            Some(held_out) => {
                let problem = format!(
                    "the pictures to test with are {}, those to train on {}; see --size",
                    held_out.shape, train.shape
                );
                return Err(DataError::Format { path: path.to_owned(), problem });
            }
            None => train.hold_out(),
        };
        if train.len() + held_out.len() < 2 {
            return Err(DataError::One { path: path.to_owned() });
        }
        if train.is_empty() {
            let problem = "all pictures to train on are also among those to test with".into();
            return Err(DataError::Format { path: path.to_owned(), problem });
        }
        Ok(Self { name: name(path), train, held_out, classes, found })
    }
}

/// A data set's name: that of its folder or file, without archive and array extensions.
fn name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().map_or("data".into(), |n| n.to_string_lossy().into_owned());
    let packed = [".tar.gz", ".tgz", ".tar", ".zip", ".npy", ".npz", ".gz"];
    let bare = packed.iter().find_map(|end| name.strip_suffix(end)).filter(|bare| !bare.is_empty());
    bare.unwrap_or(&name).to_owned()
}

/// The pictures of several files of a format, one file after another.
fn arrays(
    files: &Files,
    format: Format,
    names: &[String],
    reading: &Reading<'_>,
) -> Result<Pictures, DataError> {
    let mut all: Option<Pictures> = None;
    for name in names {
        let fail = |problem| DataError::Format { path: files.path(name), problem };
        let mut pictures = format.parse(&files.read(name)?).map_err(fail)?;
        if format == Format::Idx {
            pictures.labels = idx_labels(files, name, pictures.len())?;
        }
        let Picture { width, height, .. } = pictures.shape;
        let Size { width, height } = reading.size.unwrap_or(Size { width, height });
        let count = all.as_ref().map_or(0, Pictures::len) + pictures.len();
        reading.check(&files.root, Picture { width, height, ..pictures.shape }, count)?;
        let pictures = fit::refit(pictures, reading.size, reading.grey);
        match &mut all {
            None => all = Some(pictures),
            Some(all) if all.shape == pictures.shape => all.append(pictures),
            Some(_) => return Err(fail("its pictures have another size than those before".into())),
        }
    }
    all.ok_or_else(|| DataError::Nothing { path: files.root.clone() })
}

/// The labels for an IDX file of pictures, if there are any: `train-labels-idx1-ubyte` for
/// `train-images-idx3-ubyte`.
fn idx_labels(files: &Files, images: &str, count: usize) -> Result<Option<Vec<u8>>, DataError> {
    let bare = |name: &str| name.to_lowercase().trim_end_matches(".gz").to_owned();
    let wanted = bare(images).replace("images", "labels").replace("idx3", "idx1");
    let labels = |name: &&String| *name != images && bare(name) == wanted;
    let Some(name) = files.names.iter().find(labels) else { return Ok(None) };
    let fail = |problem| DataError::Format { path: files.path(name), problem };
    idx::labels(&files.read(name)?, count).map(Some).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_data_is_an_error_that_names_the_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let load = |path: &Path| DataSet::load(path, &Reading::default());
        let error = load(folder.path()).expect_err("nothing there");
        assert!(error.to_string().contains("train-images-idx3-ubyte"), "{error}");
        let error = load(&folder.path().join("nowhere")).expect_err("no such folder");
        // As the programs print it: the reason once.
        let error = format!("{:#}", anyhow::Error::from(error));
        assert!(error.contains("nowhere") && error.matches("os error").count() == 1, "{error}");
    }
}
