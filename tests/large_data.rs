//! Large data sets: in several archives, and larger than memory.
#![cfg(not(target_family = "wasm"))]

mod data_files;

use std::fs::File;
use std::path::Path;

use data_files::{png_of, tar_of};
use ncsn::data::{DataSet, Images, ReadOptions};

/// A colored image as a PNG file.
fn png(value: u8) -> Vec<u8> {
    let pixels = (0..6 * 4 * 3).map(|at| value.wrapping_mul(7).wrapping_add(3 * at)).collect();
    png_of(image::RgbImage::from_raw(6, 4, pixels).expect("it fits"))
}

/// Writes a shard: images of these values, each with what its class file says.
fn shard(path: &Path, samples: &[(u8, &str)]) {
    shard_of("png", path, samples);
}

/// The same with another extension of the images' names.
fn shard_of(extension: &str, path: &Path, samples: &[(u8, &str)]) {
    let mut files = Vec::new();
    // Names begin anew in each shard, as some tools write them.
    for (index, (value, class)) in samples.iter().enumerate() {
        files.push((format!("{index:04}.{extension}"), png(*value)));
        files.push((format!("{index:04}.cls"), class.as_bytes().to_vec()));
    }
    std::fs::write(path, tar_of(&files, tar::Header::new_gnu())).expect("written");
}

/// The first value of each image, and its label.
fn firsts(images: &Images) -> Vec<(u8, Option<usize>)> {
    let mut all: Vec<_> =
        (0..images.len()).map(|index| (images.image(index)[0], images.label(index))).collect();
    all.sort_unstable();
    all
}

fn three_shards() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    shard(&folder.path().join("birds-train-000000.tar"), &[(1, "10"), (2, "9\n")]);
    shard(&folder.path().join("birds-train-000001.tar"), &[(3, "9"), (4, "10")]);
    shard(&folder.path().join("birds-val-000000.tar"), &[(5, "10"), (6, "9")]);
    std::fs::write(folder.path().join("README.md"), "Birds").expect("written");
    folder
}

#[test]
fn shards_are_one_data_set_with_their_classes() {
    let folder = three_shards();
    let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
    // Numbers are in their order, not in that of their text.
    assert_eq!(data.classes, ["9", "10"]);
    assert_eq!(firsts(&data.train), [(7, Some(1)), (14, Some(0)), (21, Some(0)), (28, Some(1))]);
    assert_eq!(firsts(&data.held_out), [(35, Some(1)), (42, Some(0))]);
    assert!(data.found.ignored.is_empty(), "{:?}", data.found);
}

#[test]
fn images_in_a_file_are_those_in_memory() {
    let folder = three_shards();
    // An unreadable file and a duplicate leave gaps, which close.
    shard(&folder.path().join("birds-train-000002.tar"), &[(3, "9"), (8, "10"), (9, "10")]);
    let memory = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
    assert_eq!((memory.train.len(), memory.found.duplicates), (6, 1));
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let reading = ReadOptions {
        in_memory: 100,
        scratch: Some(scratch.path().to_owned()),
        ..ReadOptions::default()
    };
    let file = DataSet::load(folder.path(), &reading).expect("images");
    assert!(file.train.bytes.is_in_file() && !memory.train.bytes.is_in_file());
    assert!(file.train == memory.train && file.held_out == memory.held_out);
    assert_eq!(scratch.path().read_dir().expect("there").count(), 0, "its file has no name");

    // Without a folder for them, there is an error, which says what to do.
    let error =
        DataSet::load(folder.path(), &ReadOptions { in_memory: 100, ..ReadOptions::default() });
    let error = error.expect_err("too many").to_string();
    assert!(error.contains("--scratch"), "{error}");
    // A folder that is not there is named.
    let nowhere = Some(scratch.path().join("nowhere"));
    let error = DataSet::load(folder.path(), &ReadOptions { scratch: nowhere, ..reading });
    assert!(error.expect_err("no folder").to_string().contains("nowhere"));
}

#[test]
fn arrays_larger_than_memory_are_the_same() {
    use npyz::WriterBuilder;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("images.npy");
    let options = npyz::WriteOptions::new().default_dtype().shape(&[40, 6, 6]);
    let mut writer = options.writer(File::create(&path).expect("created")).begin_nd().expect("new");
    writer.extend((0..40 * 36u32).map(|at| (at * 37 % 251) as u8)).expect("written");
    writer.finish().expect("written");
    let memory = DataSet::load(&path, &ReadOptions::default()).expect("images");
    let reading = ReadOptions {
        in_memory: 200,
        scratch: Some(folder.path().to_owned()),
        ..ReadOptions::default()
    };
    let file = DataSet::load(&path, &reading).expect("images");
    assert!(file.train.bytes.is_in_file());
    assert!(file.train == memory.train && file.held_out == memory.held_out);
}

/// Classes that are not there for all images, or are no numbers, are not used, and it is said.
#[test]
fn odd_classes_never_stop_training() {
    let load = |samples: &[(u8, &str)]| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        shard(&folder.path().join("0.tar"), samples);
        DataSet::load(folder.path(), &ReadOptions::default()).expect("images")
    };
    let odd = load(&[(1, "0"), (2, "cat"), (3, "1")]);
    assert!(odd.train.labels.is_none() && odd.classes.is_empty());
    assert!(odd.found.notes[0].contains("0001.cls is not a number"), "{:?}", odd.found.notes);
    let same = load(&[(1, "0"), (2, "0"), (3, "0")]);
    assert!(same.train.labels.is_none() && same.found.notes.is_empty());
}

/// Samples of two shards that have the same name, but not their images.
#[test]
fn no_class_is_that_of_another_shards_image() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    shard_of("png", &folder.path().join("0.tar"), &[(1, "0"), (2, "1")]);
    shard_of("jpg", &folder.path().join("1.tar"), &[(3, "1"), (4, "0")]);
    let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
    assert_eq!(data.classes, ["0", "1"]);
    let mut labeled = [firsts(&data.train), firsts(&data.held_out)].concat();
    labeled.sort_unstable();
    assert_eq!(labeled, [(7, Some(0)), (14, Some(1)), (21, Some(1)), (28, Some(0))]);

    // An image in one archive, and what is called its class in another.
    let folder = tempfile::tempdir().expect("a temporary folder");
    shard(&folder.path().join("0.tar"), &[(1, "0"), (2, "1")]);
    let only = |name: &str, entry: &str, bytes: &[u8]| {
        let files = [(entry.to_owned(), bytes.to_vec())];
        let tar = tar_of(&files, tar::Header::new_gnu());
        std::fs::write(folder.path().join(name), tar).expect("written");
    };
    only("1.tar", "0007.png", &png(3));
    only("2.tar", "0007.cls", b"1");
    let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
    assert_eq!(data.train.len() + data.held_out.len(), 3);
    assert!(data.train.labels.is_none() && data.classes.is_empty());
    assert!(data.found.notes[0].contains("different archives"), "{:?}", data.found.notes);
}
