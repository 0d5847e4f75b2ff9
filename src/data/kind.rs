//! Recognises the kind of data at a path; the only place that decides this.

use super::files::{Files, Place};
use super::{DataError, Pictures, cifar, idx, images, npy};

/// The kinds of data.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// Arrays of pictures.
    Arrays {
        /// Their format.
        format: Format,
        /// The files to train on.
        train: Vec<String>,
        /// The files to hold out; none if the data set does not say.
        held_out: Vec<String>,
    },
    /// Image files, with one picture each.
    Images(Vec<String>),
}

/// A format that holds many pictures of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Idx,
    Cifar,
    Npy,
}

impl Format {
    /// Describes a data set of `files` files of this format.
    pub fn describe(self, files: usize) -> String {
        match self {
            Self::Idx => "IDX".into(),
            Self::Cifar if files < 5 => format!("{files} of CIFAR-10's 5 training batches"),
            Self::Cifar => "CIFAR-10 batches".into(),
            Self::Npy => "a NumPy array".into(),
        }
    }

    /// The names of the classes, given all labels.
    pub fn classes(self, labels: &[u8]) -> Vec<String> {
        match self {
            Self::Cifar => cifar::CLASSES.map(str::to_owned).to_vec(),
            _ => (0..=labels.iter().copied().max().unwrap_or(0)).map(|l| l.to_string()).collect(),
        }
    }

    /// Reads a file of this format.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(self, bytes: &[u8]) -> Result<Pictures, String> {
        match self {
            Self::Idx => idx::parse(bytes),
            Self::Cifar => cifar::parse(bytes),
            Self::Npy => npy::parse(bytes),
        }
    }
}

/// Recognises the kind of data: a single file by its first bytes, several by their names, and images
/// that are not named so by theirs.
///
/// # Errors
/// If nothing here can be read, or there is more than one candidate.
pub(super) fn recognise(files: &Files) -> Result<Kind, DataError> {
    let named = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        // People often keep an archive beside what they unpacked from it.
        let packed = |name: &str| {
            name.strip_suffix(".gz").is_some_and(|bare| files.names.iter().any(|n| n == bare))
        };
        let names = files.names.iter().filter(|name| wanted(&base(name)) && !packed(name));
        names.cloned().collect()
    };
    let nothing = || DataError::Nothing { path: files.root.clone() };
    if files.place == Place::Single {
        let name = files.names.first().ok_or_else(nothing)?;
        let format = sniff(&files.read(name)?, &base(name)).ok_or_else(nothing)?;
        return Ok(Kind::Arrays { format, train: vec![name.clone()], held_out: vec![] });
    }

    let idx = named(&|name| name.contains("images") && name.contains("idx3"));
    if !idx.is_empty() {
        let (held_out, train): (Vec<_>, _) = idx.into_iter().partition(|name| {
            let name = base(name);
            !name.contains("train") && (name.contains("t10k") || name.contains("test"))
        });
        let train = one(files, train, "IDX file of training pictures")?;
        let held_out = match held_out.len() {
            0 => held_out,
            _ => one(files, held_out, "IDX file of test pictures")?,
        };
        return Ok(Kind::Arrays { format: Format::Idx, train, held_out });
    }
    let is_batch = |name: &str| name.ends_with(".bin") || name.ends_with(".bin.gz");
    let cifar = named(&|name| name.starts_with("data_batch_") && is_batch(name));
    if !cifar.is_empty() {
        let held_out = named(&|name| name.starts_with("test_batch.") && is_batch(name));
        return Ok(Kind::Arrays { format: Format::Cifar, train: cifar, held_out });
    }
    let images = images::names(files)?;
    if !images.is_empty() {
        return Ok(Kind::Images(images));
    }
    let npy = named(&|name| name.ends_with(".npy"));
    if npy.is_empty() {
        return Err(nothing());
    }
    let train = one(files, npy, ".npy array")?;
    Ok(Kind::Arrays { format: Format::Npy, train, held_out: vec![] })
}

/// A file's name without its folders, in lower case.
fn base(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_lowercase()
}

fn sniff(bytes: &[u8], name: &str) -> Option<Format> {
    match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Format::Npy),
        _ if name.contains("batch") && name.contains(".bin") => Some(Format::Cifar),
        [0, 0, ..] => Some(Format::Idx),
        _ => None,
    }
}

fn one(files: &Files, names: Vec<String>, what: &str) -> Result<Vec<String>, DataError> {
    if names.len() == 1 {
        return Ok(names);
    }
    let found = if names.is_empty() { "none".into() } else { names.join(", ") };
    Err(DataError::Format {
        path: files.root.clone(),
        problem: format!("expected one {what}, found {found}; give --data one file"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(names: &[&str]) -> Result<Kind, DataError> {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        recognise(&Files { root: "data".into(), place: Place::Folder, names, unlisted: vec![] })
    }

    #[test]
    fn published_layouts_are_recognised() {
        let arrays = |format, train: &[&str], held_out: &[&str]| Kind::Arrays {
            format,
            train: train.iter().map(|&name| name.into()).collect(),
            held_out: held_out.iter().map(|&name| name.into()).collect(),
        };
        let layouts: [(&[&str], Kind); 6] = [
            // As torchvision leaves them.
            (
                &[
                    "raw/t10k-images-idx3-ubyte",
                    "raw/t10k-images-idx3-ubyte.gz",
                    "raw/train-images-idx3-ubyte",
                    "raw/train-images-idx3-ubyte.gz",
                ],
                arrays(
                    Format::Idx,
                    &["raw/train-images-idx3-ubyte"],
                    &["raw/t10k-images-idx3-ubyte"],
                ),
            ),
            (
                &[
                    "raw/t10k-images-idx3-ubyte.gz",
                    "raw/train-images-idx3-ubyte.gz",
                    "raw/train-labels-idx1-ubyte.gz",
                ],
                arrays(
                    Format::Idx,
                    &["raw/train-images-idx3-ubyte.gz"],
                    &["raw/t10k-images-idx3-ubyte.gz"],
                ),
            ),
            (
                &[
                    "emnist-letters-test-images-idx3-ubyte",
                    "emnist-letters-train-images-idx3-ubyte",
                ],
                arrays(
                    Format::Idx,
                    &["emnist-letters-train-images-idx3-ubyte"],
                    &["emnist-letters-test-images-idx3-ubyte"],
                ),
            ),
            (
                &[
                    "batches.meta.txt",
                    "c/data_batch_1.bin",
                    "c/data_batch_2.bin",
                    "c/test_batch.bin",
                ],
                arrays(
                    Format::Cifar,
                    &["c/data_batch_1.bin", "c/data_batch_2.bin"],
                    &["c/test_batch.bin"],
                ),
            ),
            (&["a.npy", "notes.txt"], arrays(Format::Npy, &["a.npy"], &[])),
            (
                &["README.md", "a/1.PNG", "b/2.jpeg", "stray.npy"],
                Kind::Images(vec!["a/1.PNG".into(), "b/2.jpeg".into()]),
            ),
        ];
        for (names, expected) in layouts {
            assert_eq!(kind(names).expect("recognised"), expected);
        }
    }

    #[test]
    fn what_is_not_recognised_is_said_with_what_is() {
        let message = |names: &[&str]| kind(names).expect_err("must be refused").to_string();
        let nothing = message(&["notes.txt", "photo.heic"]);
        assert!(
            nothing.contains("PNG") && nothing.contains("train-images-idx3-ubyte"),
            "{nothing}"
        );
        assert!(message(&["x.npy", "y.npy"]).contains("found x.npy, y.npy"));
        assert!(message(&["t10k-images-idx3-ubyte"]).contains("found none"));
        let two = ["a-test-images-idx3-ubyte", "t10k-images-idx3-ubyte", "train-images-idx3-ubyte"];
        assert!(message(&two).contains("IDX file of test pictures"));
    }
}
