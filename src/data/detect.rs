//! Recognizes the kind of data at a path; the only place that decides this.

use std::collections::HashSet;

use super::entry::Place;
use super::error::DataError;
use super::files::Files;
use super::format::{Format, is_npy, role};
use super::load_report::LoadReport;
use super::spelling::{base, is_image_name, plain, without_compression};
use super::stored::Stored;
use super::{decode, image_files, npy, unsupported};
use crate::download::sha256;
use crate::words::first_few;

/// The kinds of data.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// Arrays of images.
    Arrays {
        /// Their format.
        format: Format,
        /// The files to train on.
        train: Vec<String>,
        /// The files to hold out; none if the data set does not say.
        held_out: Vec<String>,
    },
    /// Image files, with one image each.
    Images(Vec<String>),
}

/// Recognizes the kind of data: a single file by its first bytes, several by their names, and
/// images that are not named so by theirs. Also returns the files: if a folder has nothing but
/// archives, such as WebDataset's shards, those in them.
///
/// # Errors
/// If nothing here can be read, or there is more than one candidate.
pub(super) fn recognize(files: Files) -> Result<(Files, Kind), DataError> {
    if files.place == Place::Single {
        let kind = single(&files)?;
        return Ok((files, kind));
    }
    let found = several(&files)?;
    // One image is no data set, but may show what is in the archives beside it.
    let is_set = |kind: &Kind| !matches!(kind, Kind::Images(names) if names.len() < 2);
    if !found.as_ref().is_some_and(is_set)
        && let Some(inside) = files.in_archives()?
    {
        match several(&inside)? {
            Some(kind) => return Ok((inside, kind)),
            None if found.is_none() => return Err(nothing(&inside, &[])),
            None => {}
        }
    }
    match found {
        Some(kind) => Ok((files, kind)),
        None => Err(nothing(&files, &[])),
    }
}

/// Whether image files that are added to a folder are read: not if it has the files of a published
/// layout, which are read even if images are beside them.
pub(super) fn reads_images(folder: Files) -> bool {
    matches!(published(&folder, true), Ok(None)) && recognize(folder).is_ok()
}

/// Recognizes several files; `None` if none of them is known.
fn several(files: &Files) -> Result<Option<Kind>, DataError> {
    let has_images = !named(files, &is_image_name).is_empty();
    if let Some(kind) = published(files, has_images)? {
        return Ok(Some(kind));
    }
    let images = image_files::names(files)?;
    let arrays = named(files, &is_npy);
    // One image is no data set, but may show what is in the arrays beside it.
    if images.len() < 2 && !arrays.is_empty() {
        return npy_arrays(files, &arrays).map(Some);
    }
    Ok((!images.is_empty()).then_some(Kind::Images(images)))
}

/// The files of which the name without folders, in lower case, is wanted.
fn named(files: &Files, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
    // People often keep an archive beside what they unpacked from it.
    let packed = |name: &str| {
        let bare = without_compression(name);
        bare != name && files.has(bare)
    };
    let names = files.names.iter().filter(|name| wanted(&base(name)) && !packed(name));
    names.cloned().collect()
}

/// Recognizes IDX files and CIFAR's by their names, some only if no images are beside them.
fn published(files: &Files, has_images: bool) -> Result<Option<Kind>, DataError> {
    let named = |wanted: &dyn Fn(&str) -> bool| named(files, wanted);
    let idx = named(&|name| name.contains("images") && name.contains("idx3"));
    if !idx.is_empty() {
        let (held_out, train): (Vec<_>, _) = idx.into_iter().partition(|name| {
            let name = base(name);
            !name.contains("train") && (name.contains("t10k") || name.contains("test"))
        });
        let train = one(files, train, "IDX file of training images")?;
        let held_out = match held_out.len() {
            0 => held_out,
            _ => one(files, held_out, "IDX file of test images")?,
        };
        return Ok(Some(Kind::Arrays { format: Format::Idx, train, held_out }));
    }
    Ok(cifar(&named, has_images))
}

/// Recognizes a single file.
fn single(files: &Files) -> Result<Kind, DataError> {
    let Some(name) = files.names.first() else { return Err(nothing(files, &[])) };
    let head = files.head(name)?;
    let base = base(name);
    let format = match &head[..] {
        head if head.starts_with(npy::MAGIC) => Format::Npy,
        _ if base.contains("batch") && base.contains(".bin") => {
            Format::Cifar { hundred: false, python: false }
        }
        _ if is_hundred(&base) => Format::Cifar { hundred: true, python: false },
        // Pickles of the protocols that have a number, the versions of which CIFAR's are.
        [0x80, 2..=5, b'}' | 0x95, ..] if base.contains("batch") => {
            Format::Cifar { hundred: false, python: true }
        }
        [0x80, 2..=5, b'}' | 0x95, ..] if base == "train" || base == "test" => {
            Format::Cifar { hundred: true, python: true }
        }
        head if decode::is_image(head) => {
            let problem = "one image; --data takes a folder or an archive of several".into();
            return Err(DataError::Format { path: files.root.clone(), problem });
        }
        // The type of the values, and the number of dimensions.
        [0, 0, 8..=14, 1..=4, ..] => Format::Idx,
        head => return Err(nothing(files, head)),
    };
    Ok(Kind::Arrays { format, train: vec![name.clone()], held_out: vec![] })
}

/// Finds the files of which the name without folders, in lower case, is wanted.
type Named<'a> = dyn Fn(&dyn Fn(&str) -> bool) -> Vec<String> + 'a;

/// Recognizes CIFAR-10 and CIFAR-100, binary and for Python.
fn cifar(named: &Named<'_>, has_images: bool) -> Option<Kind> {
    let batch = |name: &str| name.strip_prefix("data_batch_").map(str::to_owned);
    let is_bin = |name: &str| without_compression(name).ends_with(".bin");
    let is_number = |text: String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let kind = |hundred, python, train: Vec<String>, held_out| {
        let format = Format::Cifar { hundred, python };
        (!train.is_empty()).then_some(Kind::Arrays { format, train, held_out })
    };
    let ten = || {
        let train = named(&|name| batch(name).is_some() && is_bin(name));
        kind(false, false, train, named(&|name| name.starts_with("test_batch.") && is_bin(name)))
    };
    let ten_python = || {
        let train = named(&|name| batch(name).is_some_and(is_number));
        kind(false, true, train, named(&|name| name == "test_batch"))
    };
    // Other data has files of these names, too.
    let hundred = || {
        let is_certain = !named(&|name| name == "fine_label_names.txt").is_empty();
        let train = named(&|name| is_hundred(name) && name.starts_with("train"));
        let held_out = named(&|name| is_hundred(name) && name.starts_with("test"));
        kind(true, false, train, held_out).filter(|_| is_certain || !has_images)
    };
    let hundred_python = || {
        let is_certain = !named(&|name| name == "meta").is_empty();
        let train = named(&|name| name == "train");
        kind(true, true, train, named(&|name| name == "test")).filter(|_| is_certain)
    };
    ten().or_else(ten_python).or_else(hundred).or_else(hundred_python)
}

/// Whether this is the name of a binary file of CIFAR-100.
fn is_hundred(base: &str) -> bool {
    matches!(without_compression(base), "train.bin" | "test.bin")
}

/// Tells the arrays of images from others: by their names, or else by their shapes.
fn npy_arrays(files: &Files, names: &[String]) -> Result<Kind, DataError> {
    let of = |labels| names.iter().filter(move |name| role(name).labels == labels).cloned();
    let mut images: Vec<String> = of(Some(false)).collect();
    if images.is_empty() {
        images = of(None).collect();
        let mut of_images = Vec::new();
        files.open_each(&images, &mut |name, file| {
            let file = file.and_then(Stored::unpacked);
            if file.is_ok_and(|mut file| npy::check(&mut file).is_ok()) {
                of_images.push(name.to_owned());
            }
        })?;
        if !of_images.is_empty() {
            // Not in the order of an archive.
            of_images.sort_unstable();
            images = of_images;
        }
    }
    let (mut held_out, mut train): (Vec<_>, Vec<_>) =
        images.into_iter().partition(|name| role(name).is_held_out());
    if train.is_empty() {
        std::mem::swap(&mut train, &mut held_out);
    }
    let train = one(
        files,
        train,
        "array to train on (x_train, train_images, …; np.stack makes one of many)",
    )?;
    Ok(Kind::Arrays { format: Format::Npy, train, held_out })
}

/// Why there is nothing to read.
fn nothing(files: &Files, head: &[u8]) -> DataError {
    let path = files.root.clone();
    // Of an archive whose entries all lead out of it, nothing else is left to be said.
    let problems: Vec<String> =
        [unsupported::advice(files, head), files.cannot_list()].into_iter().flatten().collect();
    match &problems[..] {
        [] => DataError::Nothing { path },
        problems => DataError::Format { path, problem: problems.join("; ") },
    }
}

fn one(files: &Files, names: Vec<String>, what: &str) -> Result<Vec<String>, DataError> {
    let [first, others @ ..] = &names[..] else {
        return Err(not_one(files, "none".into(), what));
    };
    // Data sets are passed around with the same file in several spellings.
    if others.is_empty() || (same(others, first) && same_content(files, &names)?) {
        return Ok(vec![first.clone()]);
    }
    Err(not_one(files, first_few(names.iter(), LoadReport::SHOWN), what))
}

fn same(others: &[String], first: &str) -> bool {
    others.iter().all(|name| plain(name) == plain(first))
}

fn same_content(files: &Files, names: &[String]) -> Result<bool, DataError> {
    let mut hashes = HashSet::new();
    let mut result = Ok(());
    files.open_each(names, &mut |name, file| {
        let hash = file.and_then(Stored::unpacked);
        match hash.and_then(|mut file| sha256(&mut file).map_err(|e| e.to_string())) {
            Ok(hash) => _ = hashes.insert(hash),
            Err(problem) => result = Err(DataError::Format { path: files.path(name), problem }),
        }
    })?;
    result.map(|()| hashes.len() == 1)
}

fn not_one(files: &Files, found: String, what: &str) -> DataError {
    DataError::Format {
        path: files.root.clone(),
        problem: format!("expected one {what}, found {found}; give --data one file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::entry::{Listing, Source};

    const CIFAR_10: Format = Format::Cifar { hundred: false, python: false };

    fn kind(names: &[&str]) -> Result<Kind, DataError> {
        let files = names.iter().map(|name| (name.as_bytes().to_vec(), Source::Entry(0)));
        let listing = Listing { files: files.collect(), problems: vec![] };
        recognize(Files::new("data".as_ref(), Place::Folder, vec![listing], vec![]))
            .map(|(_, kind)| kind)
    }

    #[test]
    fn published_layouts_are_recognized() {
        let arrays = |format, train: &[&str], held_out: &[&str]| Kind::Arrays {
            format,
            train: train.iter().map(|&name| name.into()).collect(),
            held_out: held_out.iter().map(|&name| name.into()).collect(),
        };
        let layouts: [(&[&str], Kind); 15] = [
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
                    CIFAR_10,
                    &["c/data_batch_1.bin", "c/data_batch_2.bin"],
                    &["c/test_batch.bin"],
                ),
            ),
            (
                &["c/data_batch_1", "c/data_batch_2", "c/batches.meta", "c/test_batch"],
                arrays(
                    Format::Cifar { hundred: false, python: true },
                    &["c/data_batch_1", "c/data_batch_2"],
                    &["c/test_batch"],
                ),
            ),
            (
                &["c/fine_label_names.txt", "c/train.bin", "c/test.bin"],
                arrays(
                    Format::Cifar { hundred: true, python: false },
                    &["c/train.bin"],
                    &["c/test.bin"],
                ),
            ),
            (
                &["c/meta", "c/train", "c/test"],
                arrays(Format::Cifar { hundred: true, python: true }, &["c/train"], &["c/test"]),
            ),
            // Something else's.
            (&["a.png", "train.bin"], Kind::Images(vec!["a.png".into()])),
            // Keras, MedMNIST, dSprites.
            (
                &["x_test.npy", "x_train.npy", "y_test.npy", "y_train.npy"],
                arrays(Format::Npy, &["x_train.npy"], &["x_test.npy"]),
            ),
            (
                &["test_images.npy", "train_images.npy", "train_labels.npy", "val_images.npy"],
                arrays(Format::Npy, &["train_images.npy"], &["test_images.npy", "val_images.npy"]),
            ),
            (
                &["imgs.npy", "latents_classes.npy", "latents_values.npy", "metadata.npy"],
                arrays(Format::Npy, &["imgs.npy"], &[]),
            ),
            (&["test_x.npy", "test_y.npy"], arrays(Format::Npy, &["test_x.npy"], &[])),
            (&["a.npy", "notes.txt"], arrays(Format::Npy, &["a.npy"], &[])),
            // A preview.
            (&["plot.png", "x_train.npy"], arrays(Format::Npy, &["x_train.npy"], &[])),
            (
                &["README.md", "a/1.PNG", "b/2.jpeg", "stray.npy"],
                Kind::Images(vec!["a/1.PNG".into(), "b/2.jpeg".into()]),
            ),
        ];
        for (names, expected) in layouts {
            assert_eq!(kind(names).expect("recognized"), expected);
        }
    }

    #[test]
    fn what_is_not_recognized_is_said_with_what_is() {
        let message = |names: &[&str]| kind(names).expect_err("must be refused").to_string();
        let nothing = message(&["notes.txt", "photo.doc"]);
        assert!(
            nothing.contains("PNG") && nothing.contains("train-images-idx3-ubyte"),
            "{nothing}"
        );
        assert!(message(&["a.npy", "b.npy"]).contains("found a.npy, b.npy"));
        assert!(message(&["t10k-images-idx3-ubyte"]).contains("found none"));
        let two = ["a-test-images-idx3-ubyte", "t10k-images-idx3-ubyte", "train-images-idx3-ubyte"];
        assert!(message(&two).contains("IDX file of test images"));
    }

    #[test]
    fn other_layouts_get_advice() {
        let message = |name: &str| kind(&["README.md", name]).expect_err("refused").to_string();
        for (name, advice) in [
            ("data/train-00000-of-00001.parquet", "row[\"image\"]"),
            ("train_32x32.mat", "loadmat"),
            ("mnist-train.tfrecord-00000-of-00001", "records"),
            ("mnist_train.csv", "np.save"),
            ("pathmnist.npz", "give --data"),
            ("images.tar.gz", "unpack the outer"),
            ("faces/a.PGM", "PNG"),
            ("data.mdb", "LMDB"),
        ] {
            let message = message(name);
            assert!(message.contains(advice) && message.contains(name), "{message}");
        }
    }
}
