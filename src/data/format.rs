//! The formats of arrays: what each is called, how its files are read, and where its labels are.

use std::collections::HashSet;
use std::io::Read;

use super::entry::Place;
use super::error::DataError;
use super::files::Files;
use super::keys::{Role, are_saved_with};
use super::load_report::LoadReport;
use super::npy_labels::{self, Known, Numbered};
use super::records::Records;
use super::spelling::{base, plain, without_compression};
use super::{cifar, idx, npy};
use crate::words::first_few;

/// A format that holds many images of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Idx,
    Cifar {
        /// Whether it is CIFAR-100, not CIFAR-10.
        hundred: bool,
        /// Whether it is the version for Python: pickles.
        python: bool,
    },
    Npy,
}

impl Format {
    /// Describes a data set of these files of this format.
    pub fn describe(self, names: &[String]) -> String {
        match self {
            Self::Idx if names.iter().any(|name| is_transposed(name)) => {
                "IDX, EMNIST's columns turned into rows".into()
            }
            Self::Idx => "IDX".into(),
            Self::Cifar { hundred: true, .. } => "CIFAR-100".into(),
            Self::Cifar { .. } if names.len() < 5 => {
                format!("{} of CIFAR-10's 5 training batches", names.len())
            }
            Self::Cifar { .. } => "CIFAR-10 batches".into(),
            Self::Npy => "a NumPy array".into(),
        }
    }

    /// The names of the classes, of which `most` is the last label, in a data set of this name.
    pub fn classes(self, most: u8, data: &str) -> Vec<String> {
        let names: &[&str] = match self {
            // Its files have the names and the format of MNIST's.
            Self::Idx if data == "fashion-mnist" => &idx::FASHION_MNIST,
            Self::Cifar { hundred: true, .. } => &cifar::HUNDRED,
            Self::Cifar { .. } => &cifar::TEN,
            _ => &[],
        };
        if usize::from(most) < names.len() {
            return names.iter().map(|&name| name.to_owned()).collect();
        }
        (0..=most).map(|label| label.to_string()).collect()
    }

    /// Reads the beginning of a file of this format, or all of it: then also returns what to read
    /// the images from instead. Transparent ones are put on the background.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn open(
        self,
        name: &str,
        file: &mut dyn Read,
        background: [u8; 3],
    ) -> Result<(Records, Option<Vec<u8>>), String> {
        Ok(match self {
            Self::Idx => (idx::records(file, is_transposed(name))?, None),
            Self::Cifar { hundred, python: false } => (cifar::records(hundred), None),
            Self::Cifar { hundred, python: true } => {
                let (records, pixels) = cifar::unpickled(file, hundred)?;
                (records, Some(pixels))
            }
            Self::Npy => npy::open(file, background)?,
        })
    }

    /// Reads the labels of the `count` images in a file that has none itself, if there are any in
    /// another file.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn labels(
        self,
        files: &Files,
        images: &str,
        count: usize,
        known: Known<'_>,
    ) -> Result<Option<Numbered>, String> {
        if let Self::Cifar { .. } = self {
            // They are in the same file, if anywhere.
            return Err(format!("{images} does not have a number from 0 to 255 for each image"));
        }
        let beside;
        let files = match files.place {
            Place::Single => {
                beside = files.beside();
                &beside
            }
            _ => files,
        };
        let Some(name) = self.labels_of(files, images) else { return Ok(None) };
        let fail = |problem| DataError::Format { path: files.path(name), problem };
        let labels = files.with(name, |file| {
            let labels = match self {
                Self::Npy => {
                    npy_labels::labels(file, count).and_then(|labels| labels.numbered(known))
                }
                _ => idx::labels(file, count).map(|labels| (labels, None)),
            };
            labels.map_err(fail)
        });
        labels.map(Some).map_err(|e| e.to_string())
    }

    /// The file that has the labels of the images in another one.
    fn labels_of<'a>(self, files: &'a Files, images: &str) -> Option<&'a String> {
        let others = files.names.iter().filter(|&name| name != images);
        match self {
            Self::Idx => {
                let to_labels =
                    |text: &str| text.replace("images", "labels").replace("idx3", "idx1");
                let wanted = to_labels(&plain(images));
                let close = to_labels(&images.to_lowercase());
                // Of several, those in the same folder, or in one with the matching name.
                let folder = |name: &str| name.rsplit_once('/').map_or("", |(f, _)| f).to_owned();
                let is_close = |name: &&String| {
                    folder(name) == folder(images) || folder(&name.to_lowercase()) == folder(&close)
                };
                // QMNIST's have another end: they are no IDX file of labels, which is noted.
                let stem = |name: &str| name.split("idx").next().map(str::to_owned);
                let mut named: Vec<_> =
                    others.filter(|name| stem(&plain(name)) == stem(&wanted)).collect();
                named.sort_by_key(|name| plain(name) != wanted);
                let first = named.first().copied();
                named.into_iter().find(is_close).or(first)
            }
            Self::Npy => {
                let wanted = Role { labels: Some(true), ..role(images) };
                let arrays = others.filter(|name| is_npy(name));
                let mut named = arrays.clone().filter(|name| role(name) == wanted);
                let mut unnamed = arrays.filter(|name| are_saved_with(&bare(name), &bare(images)));
                named.next().or_else(|| unnamed.next())
            }
            Self::Cifar { .. } => None,
        }
    }

    /// Says which arrays are neither these images nor their labels; `None` if there are no others, or
    /// each is a file that may be anything.
    pub fn unused(self, files: &Files, images: &[&String]) -> Option<String> {
        if self != Self::Npy || files.place == Place::Single {
            return None;
        }
        let labels = images.iter().filter_map(|images| self.labels_of(files, images));
        let used: HashSet<&String> = images.iter().copied().chain(labels).collect();
        // An archive is often kept beside what was unpacked from it.
        let is_packed = |name: &&String| {
            let bare = without_compression(name);
            bare != name.as_str() && files.has(bare)
        };
        let others = files.names.iter().filter(|name| is_npy(name) && !is_packed(name));
        let others: Vec<String> = others
            .filter(|name| !used.contains(name))
            .map(|name| name.strip_suffix(".npy").unwrap_or(name).to_owned())
            .collect();
        (!others.is_empty()).then(|| {
            format!("arrays that are not used: {}", first_few(others.iter(), LoadReport::SHOWN))
        })
    }
}

/// What the name of an array says about it.
pub(super) fn role(name: &str) -> Role {
    Role::of(&bare(name))
}

/// The name of an array, without folders, in lower case.
fn bare(name: &str) -> String {
    let base = base(name);
    base.split_once(".npy").map_or(&base[..], |(bare, _)| bare).to_owned()
}

/// Whether this is the name of an array.
pub(super) fn is_npy(name: &str) -> bool {
    without_compression(&base(name)).ends_with(".npy")
}

/// Whether a file of this name has columns for rows: EMNIST's are transposed.
fn is_transposed(name: &str) -> bool {
    base(name).starts_with("emnist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_names_where_the_data_set_is_known() {
        let classes = |data, most| Format::Idx.classes(most, data);
        assert_eq!(classes("fashion-mnist", 9)[9], "Ankle boot");
        assert_eq!(classes("mnist", 9)[9], "9");
        // Whatever it is, it is not Fashion-MNIST.
        assert_eq!(classes("fashion-mnist", 25)[9], "9");
    }
}
