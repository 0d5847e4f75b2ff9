//! Data sets in the layouts in which they are published: arrays with labels beside them.
#![cfg(not(target_family = "wasm"))]

mod common;
mod data_files;

use std::path::Path;

use common::cifar::pickle;
use data_files::{error, load, npy, write, zip_of};
use ncsn::data::{DataSet, Images, ReadOptions};
use ncsn::net::ImageShape;

/// The first pixel of each image with its label, sorted.
fn labeled(images: &Images) -> Vec<(u8, u8)> {
    let labels = images.labels.clone().expect("labels");
    let mut all: Vec<_> = images.iter().map(|image| image[0]).zip(labels).collect();
    all.sort_unstable();
    all
}

/// An IDX file of images of 2 × 3 pixels, each with values that count on from its first.
fn idx(firsts: &[u8]) -> Vec<u8> {
    let header = [0x803, firsts.len() as u32, 2, 3].map(u32::to_be_bytes).concat();
    let pixels = firsts.iter().flat_map(|&first| first..first + 6);
    header.into_iter().chain(pixels).collect()
}

fn idx_labels(labels: &[u8]) -> Vec<u8> {
    let header = [0x801, labels.len() as u32].map(u32::to_be_bytes).concat();
    [&header[..], labels].concat()
}

/// Images of 8 × 8 pixels of one value each.
fn squares(values: &[u8]) -> Vec<u8> {
    npy(&[values.len() as u64, 8, 8], values.iter().flat_map(|&value| [value; 64]))
}

fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let files = arrays.iter().map(|(name, bytes)| (format!("{name}.npy"), bytes.clone()));
    zip_of(&files.collect::<Vec<_>>())
}

#[test]
fn a_single_idx_file_keeps_its_labels() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = write(folder.path(), "train-images-idx3-ubyte", idx(&[10, 20, 30]));
    write(folder.path(), "t10k-images-idx3-ubyte", idx(&[40]));
    write(folder.path(), "t10k-labels-idx1-ubyte", idx_labels(&[9]));
    assert!(load(&images).classes.is_empty());
    // In another spelling than the images.
    write(folder.path(), "train-labels.idx1-ubyte", idx_labels(&[1, 2, 0]));
    let data = load(&images);
    let mut all = [labeled(&data.train), labeled(&data.held_out)].concat();
    all.sort_unstable();
    assert_eq!(all, [(10, 1), (20, 2), (30, 0)]);
    assert_eq!(data.classes, ["0", "1", "2"]);
    assert_eq!(load(folder.path()).classes.len(), 10);
}

#[test]
fn odd_labels_do_not_stop_training() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = write(folder.path(), "train-images-idx3-ubyte", idx(&[10, 20, 30]));
    let good = idx_labels(&[1, 2, 3]);
    for odd in [&idx_labels(&[1, 2])[..], b"", b"\x1f\x8btorn", &good[..10], b"\0\0\x0c\x02abc"] {
        write(folder.path(), "train-labels-idx1-ubyte", odd);
        for path in [folder.path(), &images] {
            let data = load(path);
            assert_eq!((data.train.len(), data.held_out.len()), (2, 1));
            assert!(data.classes.is_empty() && data.train.labels.is_none());
            let [note] = &data.found.notes[..] else { panic!("{:?}", data.found) };
            assert!(note.contains("train-labels-idx1-ubyte"), "{note}");
        }
    }
    // QMNIST's have eight numbers for each image.
    let other = tempfile::tempdir().expect("a temporary folder");
    write(other.path(), "qmnist-train-images-idx3-ubyte", idx(&[10, 20, 30]));
    write(other.path(), "qmnist-train-labels-idx2-int", b"\0\0\x0c\x02");
    let [note] = &load(other.path()).found.notes[..] else { panic!("one note") };
    assert!(note.contains("qmnist-train-labels-idx2-int"), "{note}");
    // Batches of CIFAR-10's format with more classes.
    let other = tempfile::tempdir().expect("a temporary folder");
    let batch: Vec<u8> = [3, 42].iter().flat_map(|&i| [vec![i], vec![i; 3072]].concat()).collect();
    write(other.path(), "data_batch_1.bin", batch);
    let data = load(other.path());
    assert_eq!((data.train.len() + data.held_out.len(), data.classes.len()), (2, 43));
}

/// As data sets are passed around: the same file twice.
#[test]
fn two_spellings_of_one_idx_file_are_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (train, test) = (idx(&[10, 20, 30]), idx(&[40, 50]));
    for (name, bytes) in [
        ("train-images-idx3-ubyte/train-images-idx3-ubyte", train.clone()),
        ("train-images.idx3-ubyte", train),
        ("train-labels-idx1-ubyte/train-labels-idx1-ubyte", idx_labels(&[1, 0, 1])),
        ("train-labels.idx1-ubyte", idx_labels(&[1, 0, 1])),
        ("t10k-images-idx3-ubyte/t10k-images-idx3-ubyte", test.clone()),
        ("t10k-images.idx3-ubyte", test),
        ("t10k-labels.idx1-ubyte", idx_labels(&[0, 1])),
    ] {
        write(folder.path(), name, bytes);
    }
    let data = load(folder.path());
    assert_eq!(labeled(&data.train), [(10, 1), (20, 0), (30, 1)]);
    assert_eq!(labeled(&data.held_out), [(40, 0), (50, 1)]);
    // They are two if they differ.
    write(folder.path(), "train-images.idx3-ubyte", idx(&[10, 20, 31]));
    let error = error(folder.path());
    assert!(error.contains("expected one IDX file of training images"), "{error}");
}

#[test]
fn images_of_emnist_are_upright() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let train = write(folder.path(), "emnist-letters-train-images-idx3-ubyte", idx(&[10, 20]));
    write(folder.path(), "emnist-letters-test-images-idx3-ubyte", idx(&[30]));
    write(folder.path(), "emnist-letters-train-labels-idx1-ubyte", idx_labels(&[1, 26]));
    let data = load(folder.path());
    assert_eq!(data.train.shape, ImageShape { channels: 1, height: 3, width: 2 });
    assert_eq!(data.train.image(0), [10, 13, 11, 14, 12, 15]);
    assert_eq!(data.held_out.image(0), [30, 33, 31, 34, 32, 35]);
    assert_eq!(data.classes.len(), 27);
    assert!(data.found.kind.contains("EMNIST"), "{}", data.found.kind);
    assert_eq!(load(&train).train.image(0), [10, 13, 11, 14, 12, 15]);
}

#[test]
fn arrays_of_an_npz_are_told_apart_by_their_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keras = npz(&[
        ("x_test", squares(&[40, 50])),
        ("x_train", squares(&[10, 20, 25, 30])),
        ("y_test", npy(&[2], vec![1i64, 0])),
        ("y_train", npy(&[4], vec![1i64, 0, 0, 1])),
    ]);
    let data = load(&write(folder.path(), "mnist.npz", keras));
    assert_eq!(labeled(&data.train), [(10, 1), (20, 0), (25, 0), (30, 1)]);
    assert_eq!(labeled(&data.held_out), [(40, 1), (50, 0)]);
    assert_eq!((&data.classes[..], &data.name[..]), (&["0".into(), "1".into()][..], "mnist"));

    let medmnist = npz(&[
        ("train_images", squares(&[10, 20, 25, 30])),
        ("val_images", squares(&[40])),
        ("test_images", squares(&[50])),
        ("train_labels", npy(&[4, 1], vec![1u8, 0, 0, 2])),
        ("val_labels", npy(&[1, 1], vec![2u8])),
        ("test_labels", npy(&[1, 1], vec![3u8])),
    ]);
    let data = load(&write(folder.path(), "pathmnist.npz", medmnist));
    assert_eq!(labeled(&data.train), [(10, 1), (20, 0), (25, 0), (30, 2)]);
    assert_eq!(labeled(&data.held_out), [(40, 2), (50, 3)]);
    assert_eq!(data.classes.len(), 4);

    // Several labels for each image are no classes.
    let chest = npz(&[
        ("train_images", squares(&[10, 20, 25, 30])),
        ("train_labels", npy(&[4, 2], vec![1u8, 0, 0, 1, 1, 1, 0, 0])),
    ]);
    let data = load(&write(folder.path(), "chestmnist.npz", chest));
    assert!(data.classes.is_empty() && data.found.notes[0].contains("train_labels"));

    let nameless = npz(&[("arr_0", squares(&[1, 2, 4, 5])), ("arr_1", npy(&[4], vec![0u8; 4]))]);
    assert_eq!(load(&write(folder.path(), "nameless.npz", nameless)).train.len(), 3);
    let two = npz(&[("a", squares(&[10, 20])), ("b", squares(&[30, 40]))]);
    let message = error(&write(folder.path(), "two.npz", two));
    assert!(message.contains("a.npy, b.npy") && message.contains("x_train"), "{message}");
}

/// `np.savez(images, labels)` calls them so, and `ncsn sample --out samples.npz`.
#[test]
fn arrays_without_names_are_images_and_labels() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = || ("arr_0", squares(&[10, 20, 25, 30]));
    let of = |name: &str, arrays: &[(&str, Vec<u8>)]| {
        load(&write(folder.path(), &format!("{name}.npz"), npz(arrays)))
    };
    let data = of("samples", &[images(), ("arr_1", npy(&[4], vec![1i64, 0, 0, 1]))]);
    let mut all = [labeled(&data.train), labeled(&data.held_out)].concat();
    all.sort_unstable();
    assert_eq!(all, [(10, 1), (20, 0), (25, 0), (30, 1)]);
    assert_eq!(
        (&data.classes[..], &data.found.notes[..]),
        (&["0".into(), "1".into()][..], &[][..])
    );
    // So are samples without a class.
    let data = of("none", &[images(), ("arr_1", npy(&[4], vec![-1i64; 4]))]);
    assert!(data.classes.is_empty() && data.found.notes[0].contains("arr_1"), "{:?}", data.found);

    let statistics = [("mu", npy(&[2], vec![0.5f64; 2])), ("arr_2", npy(&[4], vec![1u8; 4]))];
    let data = of("statistics", &[&[images()][..], &statistics].concat());
    assert_eq!(data.found.notes, ["arrays that are not used: arr_2, mu"]);
    let named =
        [("x", squares(&[10, 20])), ("y", npy(&[2], vec![0u8, 1])), ("z", squares(&[9, 8]))];
    assert_eq!(of("named", &named).found.notes, ["arrays that are not used: z"]);
}

/// An array of names of at most five bytes.
fn strings(names: &[&str]) -> Vec<u8> {
    let kind = "'descr': '|S5', 'fortran_order': False";
    let header = format!("{{{kind}, 'shape': ({},)}}\n", names.len());
    let length = u16::try_from(header.len()).expect("it is short").to_le_bytes();
    let name = |name: &&str| name.bytes().chain([0; 5]).take(5).collect::<Vec<u8>>();
    let names: Vec<u8> = names.iter().flat_map(name).collect();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &names[..]].concat()
}

#[test]
fn labels_of_arrays_may_be_names_or_one_hot() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let of = |train: Vec<u8>, test: Vec<u8>| {
        let arrays = [
            ("x_train", squares(&[10, 20, 25, 30])),
            ("y_train", train),
            ("x_test", squares(&[40, 50])),
            ("y_test", test),
        ];
        load(&write(folder.path(), "keras.npz", npz(&arrays)))
    };
    let data = of(strings(&["dog", "cat", "dog", "cat"]), strings(&["cat", "dog"]));
    assert_eq!(data.classes, ["cat", "dog"]);
    assert_eq!(labeled(&data.train), [(10, 1), (20, 0), (25, 1), (30, 0)]);
    assert_eq!(labeled(&data.held_out), [(40, 0), (50, 1)]);
    // Those of held-out images that training has not are no classes.
    for (test, problem) in
        [(strings(&["cat", "cow"]), "cow is no class"), (npy(&[2], vec![0u8, 1]), "are numbers")]
    {
        let data = of(strings(&["dog", "cat", "dog", "cat"]), test);
        assert!(data.classes.len() == 2 && data.held_out.labels.is_none());
        assert!(data.found.notes[0].contains(problem), "{:?}", data.found);
    }
    let rows = vec![0.0f32, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
    let data = of(npy(&[4, 2], rows), npy(&[2], vec![0.0f64, 1.0]));
    assert_eq!(labeled(&data.train), [(10, 1), (20, 0), (25, 1), (30, 0)]);
    assert_eq!(labeled(&data.held_out), [(40, 0), (50, 1)]);
    // In the order of numbers, as folders are.
    let data = of(strings(&["10", "9", "10", "9"]), strings(&["9", "10"]));
    assert_eq!(data.classes, ["9", "10"]);
}

#[test]
fn transparent_arrays_are_put_on_the_background() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pixels = [200u8, 100, 0, 0, 200, 100, 0, 255];
    let values = pixels.iter().copied().cycle().take(2 * 5 * 5 * 4);
    let path = write(folder.path(), "rgba.npy", npy(&[2, 5, 5, 4], values));
    let reading = ReadOptions { background: [1, 2, 3], ..ReadOptions::default() };
    let data = DataSet::load(&path, &reading).expect("images");
    assert_eq!(data.train.shape, ImageShape { channels: 3, height: 5, width: 5 });
    let first: Vec<u8> = [0, 25, 50].map(|at| data.train.image(0)[at..at + 2].to_vec()).concat();
    assert_eq!(first, [1, 200, 2, 100, 3, 0]);
}

/// As dark as they come out, since uint16 is read as a whole.
#[test]
fn fine_gray_levels_are_read_and_dark_ones_noted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let of = |times: u16| {
        let values = [0u16, 50, 100, 255, 7, 8, 9, 10].map(|value| times * value);
        load(&write(folder.path(), "fine.npy", npy(&[2, 2, 2], values)))
    };
    let data = of(257);
    assert_eq!((&data.train.bytes[..], &data.found.notes[..]), (&[0, 50, 100, 255][..], &[][..]));
    let data = of(1);
    let [note] = &data.found.notes[..] else { panic!("{:?}", data.found) };
    assert!(note.contains("no value is above 1") && note.contains("x.astype(np.uint8)"), "{note}");
}

#[test]
fn one_photograph_is_no_data_set() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let photograph = write(folder.path(), "photograph.npy", npy(&[15, 16, 3], vec![7u8; 720]));
    let message = error(&photograph);
    assert!(message.contains("looks like one image"), "{message}");
    let gray = write(folder.path(), "gray.npy", npy(&[16, 16], vec![7u8; 256]));
    assert!(error(&gray).contains("np.stack"), "{}", error(&gray));
    // Its first bytes are zeros, as those of IDX files.
    let avif = write(folder.path(), "x.avif", b"\0\0\0\x1cftypavif\0\0\0\0");
    assert!(error(&avif).contains("convert it to PNG"), "{}", error(&avif));
    for name in ["sideways.jpg", "colors.bmp", "gray16.png", "colors.webp", "transparent.gif"] {
        let message = error(&Path::new("tests/images").join(name));
        assert!(message.contains(name) && message.contains("one image"), "{message}");
    }
}

#[test]
fn floats_beside_their_range_are_clamped_with_a_note() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let values = vec![0.0f32, -1e-6, 0.5, 1.000_001, 1.0, 0.25, 0.75, 1.0];
    let data = load(&write(folder.path(), "floats.npy", npy(&[2, 2, 2], values)));
    assert_eq!(data.train.bytes, [0, 0, 128, 255]);
    let [note] = &data.found.notes[..] else { panic!("{:?}", data.found) };
    assert!(note.contains("2 values") && note.contains("clamped"), "{note}");
}

/// Masks are often saved so; dSprites is.
#[test]
fn images_whose_white_is_1_of_255_are_noted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let notes = |most: u8| {
        let values = vec![0, most, most, 0, most, most, 0, 0];
        load(&write(folder.path(), "masks.npy", npy(&[2, 2, 2], values))).found.notes
    };
    assert!(notes(1)[0].contains("no value is above 1"));
    assert!(notes(2).is_empty());
}

#[test]
fn cifar_for_python_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| format!("cifar-10-batches-py/{name}");
    let first = pickle(&[10, 20], "labels", &[3, 9]);
    let single = write(folder.path(), &at("data_batch_1"), first);
    write(folder.path(), &at("data_batch_2"), pickle(&[30], "labels", &[0]));
    write(folder.path(), &at("test_batch"), pickle(&[40], "labels", &[1]));
    write(folder.path(), &at("batches.meta"), b"\x80\x02}.");
    let data = load(folder.path());
    assert_eq!(labeled(&data.train), [(10, 3), (20, 9), (30, 0)]);
    assert_eq!(labeled(&data.held_out), [(40, 1)]);
    assert_eq!(data.classes[3], "cat");
    assert_eq!(load(&single).classes[9], "truck");
    // Labels that cannot be used, and an array that is cut.
    let odd = pickle(&[10, 20], "labels", &[3]);
    let data = load(&write(folder.path(), "odd/data_batch_1", odd));
    assert!(data.classes.is_empty() && data.train.len() == 1);
    let [note] = &data.found.notes[..] else { panic!("{:?}", data.found) };
    assert!(note.contains("labels are not used") && note.contains("data_batch_1"), "{note}");
    let cut = &pickle(&[10, 20], "labels", &[3, 9])[..5000];
    let message = error(&write(folder.path(), "cut/data_batch_1", cut));
    assert!(message.contains("cifar-10-binary.tar.gz"), "{message}");

    let hundred = tempfile::tempdir().expect("a temporary folder");
    write(hundred.path(), "train", pickle(&[10, 20], "fine_labels", &[3, 99]));
    write(hundred.path(), "test", pickle(&[40], "fine_labels", &[1]));
    write(hundred.path(), "meta", b"\x80\x02}.");
    let data = load(hundred.path());
    assert_eq!(
        (labeled(&data.train), labeled(&data.held_out)),
        (vec![(10, 3), (20, 99)], vec![(40, 1)])
    );
    assert_eq!((&data.classes[3][..], &data.classes[99][..]), ("bear", "worm"));
}

#[test]
fn cifar_100_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let records = |of: &[(u8, u8)]| -> Vec<u8> {
        of.iter()
            .flat_map(|&(first, fine)| [vec![fine / 5, fine], vec![first; 3072]].concat())
            .collect()
    };
    let train = write(folder.path(), "train.bin", records(&[(10, 3), (20, 99)]));
    write(folder.path(), "test.bin", records(&[(40, 1)]));
    write(folder.path(), "fine_label_names.txt", "apple\n");
    let data = load(folder.path());
    assert_eq!(labeled(&data.train), [(10, 3), (20, 99)]);
    assert_eq!(labeled(&data.held_out), [(40, 1)]);
    assert_eq!((data.classes.len(), &data.found.kind[..]), (100, "CIFAR-100"));
    assert_eq!(load(&train).classes.len(), 100);
}
