//! Data sets as users have them: image files in folders and archives, and published ones by name.
#![cfg(not(target_family = "wasm"))]

mod cli;
mod data_files;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use data_files::{error, load, npy, png, tar_of, write, zip_of};
use ncsn::data::{DataError, DataSet, ReadOptions, Size};
use ncsn::net::ImageShape;

/// Names and contents: 40 images of different colors, one of them of another size, one
/// duplicate, one torn file, and files that are not images.
fn files() -> Vec<(String, Vec<u8>)> {
    let color = |i: u8| [i, 255 - i, 7];
    let name = |i: u8| format!("set/{}/{i}.png", i % 3);
    let mut files: Vec<_> = (0..40).map(|i| (name(i), png(8, color(i)))).collect();
    files[7].1 = png(12, color(7));
    files.push(("set/again.png".into(), png(8, color(5))));
    files.push(("set/torn.jpg".into(), png(8, color(1))[..40].to_vec()));
    files.push(("set/notes.TXT".into(), b"notes".to_vec()));
    files.push(("set/.hidden.png".into(), b"left by a tool".to_vec()));
    files
}

fn write_folder(root: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        write(root, name, bytes);
    }
}

fn write_tar_gz(path: &Path, files: &[(String, Vec<u8>)]) {
    let files = files.iter().map(|(name, bytes)| (format!("./{name}"), bytes.clone()));
    let tar = tar_of(&files.collect::<Vec<_>>(), tar::Header::new_ustar());
    let mut gzip =
        flate2::write::GzEncoder::new(File::create(path).expect("created"), Default::default());
    gzip.write_all(&tar).and_then(|()| gzip.finish()).expect("written");
}

fn write_zip(path: &Path, files: &[(String, Vec<u8>)]) {
    fs::write(path, zip_of(files)).expect("written");
}

#[test]
fn a_folder_and_its_archives_are_the_same_data_set() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name| folder.path().join(name);
    let mut files = files();
    write_folder(&at("folder"), &files);
    files.reverse();
    write_tar_gz(&at("archive.tar.gz"), &files);
    files.rotate_left(5);
    write_zip(&at("archive.zip"), &files);

    let load = |name| DataSet::load(&at(name), &ReadOptions::default()).expect("images");
    let data = load("folder");
    assert_eq!(data.train.shape, ImageShape { channels: 3, height: 8, width: 8 });
    assert_eq!((data.train.len(), data.held_out.len()), (38, 2));
    assert_eq!((data.found.resized, data.found.duplicates), (1, 1));
    assert_eq!(data.found.ignored, [("txt".to_owned(), 1)].into());
    let [(torn, _)] = &data.found.unreadable[..] else { panic!("{:?}", data.found) };
    assert_eq!(torn, "set/torn.jpg");
    // Planes of red, green and blue; the image of another size kept its color.
    let seven: Vec<u8> = [7, 248, 7].into_iter().flat_map(|value| [value; 64]).collect();
    assert!(data.train.iter().chain(data.held_out.iter()).any(|image| image == seven));

    for archive in [load("archive.tar.gz"), load("archive.zip")] {
        assert_eq!((&archive.train, &archive.held_out), (&data.train, &data.held_out));
        assert_eq!(archive.name, "archive");
    }
}

#[test]
fn images_are_brought_to_the_size_and_the_colors_that_were_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gray: Vec<_> =
        (0..9).map(|i| (format!("{i}.png"), png(4 + u32::from(i), [20 * i; 3]))).collect();
    write_folder(folder.path(), &gray);
    let load = |reading: &ReadOptions<'_>| DataSet::load(folder.path(), reading);

    // Nine sizes, none more common than the others.
    let error = load(&ReadOptions::default()).expect_err("no size").to_string();
    assert!(error.contains("9 sizes") && error.contains("--size"), "{error}");
    let size = Some(Size { width: 6, height: 4 });
    let data = load(&ReadOptions { size, ..ReadOptions::default() }).expect("images");
    // RGB files that hold only grays are gray.
    assert_eq!(data.train.shape, ImageShape { channels: 1, height: 4, width: 6 });
    assert_eq!((data.train.len(), data.held_out.len()), (8, 1));
    assert_eq!(data.train.image(3), [60; 24]);

    let refuse = |shape: ImageShape| Err(format!("not {} × {}", shape.width, shape.height));
    let error = load(&ReadOptions { size, accepts: &refuse, ..ReadOptions::default() });
    assert!(matches!(error, Err(DataError::Refused(text)) if text == "not 6 × 4"));

    fs::write(folder.path().join("torn.png"), b"torn").expect("written");
    assert_eq!(
        load(&ReadOptions { size, ..ReadOptions::default() }).expect("without it").train,
        data.train
    );
    let strict = load(&ReadOptions { size, strict: true, ..ReadOptions::default() });
    assert!(strict.expect_err("torn").to_string().contains("torn.png"));
}

/// By content, also in archives; but a file with an image's name is one that cannot be read.
#[test]
fn images_need_no_image_extension() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name| folder.path().join(name);
    let jpeg = include_bytes!("images/jpeg/progressive-restarts.jpg").to_vec();
    let image = |i: u8| png(8, [i, 2, 3]);
    let files: Vec<(String, Vec<u8>)> = [
        ("a/photo.jfif", jpeg.clone()),
        ("a/without", image(1)),
        ("a/tweet.jpg_large", image(2)),
        ("a/PHOTO.PNG", image(3)),
        ("a/photo.JPE", image(4)),
        ("a/photo.png:orig", image(5)),
        ("a/list.txt", b"BM and other letters, in a list".to_vec()),
        ("a/empty", vec![]),
        ("a/text.jpg", b"no image".to_vec()),
    ]
    .map(|(name, bytes)| (name.replace(':', "_"), bytes))
    .into();
    write_folder(&at("folder"), &files);
    write_tar_gz(&at("archive.tar.gz"), &files);
    write_zip(&at("archive.zip"), &files);
    for name in ["folder", "archive.tar.gz", "archive.zip"] {
        let reading =
            ReadOptions { size: Some(Size { width: 8, height: 8 }), ..ReadOptions::default() };
        let data = DataSet::load(&at(name), &reading).expect("images");
        assert_eq!((data.train.len() + data.held_out.len(), data.found.resized), (6, 1), "{name}");
        let [(text, problem)] = &data.found.unreadable[..] else { panic!("{:?}", data.found) };
        assert!(text == "a/text.jpg" && problem.contains("no PNG, JPEG"), "{text}: {problem}");
        let ignored = [("txt".to_owned(), 1), ("empty".to_owned(), 1)];
        assert_eq!(data.found.ignored, ignored.into(), "{name}");
    }
}

/// Files that end early, are of a kind that is not decoded, or announce gigabytes.
#[test]
fn images_that_would_be_wrong_are_listed_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files: Vec<_> = (0..9).map(|i| (format!("{i}.png"), png(19, [i, 2, 3]))).collect();
    let baseline = include_bytes!("images/jpeg/one-scan-each.jpg");
    let progressive = include_bytes!("images/jpeg/progressive-restarts.jpg");
    let mut huge = baseline.to_vec();
    let frame = huge.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a frame");
    huge[frame + 5..frame + 9].fill(0xff);
    let bad: [(&str, &[u8], &str); 5] = [
        ("arithmetic.jpg", include_bytes!("images/jpeg/refused-arithmetic.jpg"), "arithmetic"),
        ("half.jpg", &baseline[..baseline.len() / 2], "ends before"),
        ("huge.jpg", &huge, "65535 × 65535"),
        ("most.jpg", &baseline[..baseline.len() - 3], "ends before"),
        ("progressive.jpg", &progressive[..progressive.len() * 2 / 3], "ends before"),
    ];
    files.extend(bad.map(|(name, bytes, _)| (name.to_owned(), bytes.to_vec())));
    write_folder(folder.path(), &files);

    let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
    assert_eq!(data.train.len() + data.held_out.len(), 9);
    assert_eq!(data.found.unreadable.len(), bad.len());
    for ((name, problem), (expected, _, words)) in data.found.unreadable.iter().zip(bad) {
        assert!(name == expected && problem.contains(words), "{name}: {problem}");
    }
    let strict = ReadOptions { strict: true, ..ReadOptions::default() };
    let error = DataSet::load(folder.path(), &strict).expect_err("five are bad").to_string();
    assert!(error.contains("half.jpg (the file ends before") && !error.contains('\n'), "{error}");
}

/// A folder `test` beside `train` is held out, and none of it is trained on.
#[test]
fn a_data_set_that_says_what_to_hold_out_is_obeyed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = |i: u8| format!("{}/{i}.png", if i < 4 { "test" } else { "train" });
    let mut files: Vec<_> = (0..10).map(|i| (name(i), png(8, [i, 2, 3]))).collect();
    files.push(("train/leaked.png".into(), png(8, [0, 2, 3])));
    write_folder(folder.path(), &files);
    let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
    assert_eq!((data.train.len(), data.held_out.len(), data.found.duplicates), (6, 4, 1));
    let mut firsts: Vec<u8> = data.held_out.iter().map(|image| image[0]).collect();
    firsts.sort_unstable();
    assert_eq!(firsts, [0, 1, 2, 3]);
    assert_eq!(data.found.split_ignored(), None);

    // Anything else there makes it an ordinary data set, with a note.
    fs::write(folder.path().join("stray.png"), png(8, [200; 3])).expect("written");
    let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("images");
    assert_eq!((data.train.len(), data.held_out.len()), (10, 1));
    let said = data.found.split_ignored().expect("a note");
    assert!(said.starts_with("stray.png beside"), "{said}");
    fs::remove_file(folder.path().join("stray.png")).expect("there");

    for (name, bytes) in &files {
        fs::write(folder.path().join(name.replace("train", "test")), bytes).expect("written");
    }
    let error = DataSet::load(folder.path(), &ReadOptions::default()).expect_err("none is left");
    assert!(error.to_string().contains("also among those to test with"), "{error}");
}

/// As in Tiny ImageNet, where the images to test with are in one folder.
#[test]
fn folders_of_held_out_images_alone_are_no_classes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let name = |i: u8| match i {
        0..4 => format!("val/images/{i}.png"),
        _ => format!("train/{}/{i}.png", if i.is_multiple_of(2) { "cat" } else { "dog" }),
    };
    let files: Vec<_> = (0..12).map(|i| (name(i), png(8, [i, 2, 3]))).collect();
    write_folder(folder.path(), &files);
    let data = load(folder.path());
    assert_eq!((data.train.len(), data.held_out.len()), (8, 4));
    assert_eq!(data.classes, ["cat", "dog"]);
    assert_eq!(data.train.class_counts(2), [4, 4]);
    assert_eq!(data.held_out.labels, None);
    let [note] = &data.found.notes[..] else { panic!("{:?}", data.found) };
    assert!(note.ends_with("in no folder of a training class: images"), "{note}");

    // One that is in no folder is named.
    write(folder.path(), "val/stray.png", png(8, [200; 3]));
    let data = load(folder.path());
    let [note] = &data.found.notes[..] else { panic!("{:?}", data.found) };
    assert!(note.ends_with("a training class: images, val/stray.png"), "{note}");
}

#[test]
fn an_archive_beside_those_to_train_and_test_with_is_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let images = |first: u8| -> Vec<_> {
        (first..first + 4).map(|i| (format!("{i}.png"), png(8, [i, 2, 3]))).collect()
    };
    write_zip(&at("train.zip"), &images(0));
    write_zip(&at("test.zip"), &images(10));
    // One without images changes nothing.
    write_zip(&at("devkit.zip"), &[("notes.txt".into(), b"notes".to_vec())]);
    let data = load(folder.path());
    assert_eq!((data.train.len(), data.held_out.len()), (4, 4));
    assert!(data.held_out.iter().all(|image| image[0] >= 10));
    assert_eq!(data.found.split_ignored(), None);

    write_zip(&at("extra.zip"), &images(20));
    let data = load(folder.path());
    assert_eq!(data.train.len() + data.held_out.len(), 12);
    let said = data.found.split_ignored().expect("a note");
    assert!(said.starts_with("extra.zip beside"), "{said}");
    assert!(data.classes.is_empty(), "{:?}", data.classes);
}

/// One image is no data set, but often shows what is in the arrays or archives beside it.
#[test]
fn a_preview_hides_neither_arrays_nor_archives() {
    let array = |folder: &Path| {
        let values = (0..=255u8).map(|at| at.wrapping_mul(37));
        write(folder, "x_train.npy", npy(&[4, 8, 8], values));
    };
    let shards = |folder: &Path| {
        for shard in 0..2u8 {
            let images: Vec<_> = (0..3)
                .map(|i| (format!("{shard}{i}.png"), png(8, [10 * shard + i, 2, 3])))
                .collect();
            write_tar_gz(&folder.join(format!("{shard}.tar.gz")), &images);
        }
    };
    type Make<'a> = &'a dyn Fn(&Path);
    let sets: [(Make<'_>, &str, usize); 2] =
        [(&array, "a NumPy array", 4), (&shards, "image files", 6)];
    for (make, kind, count) in sets {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make(folder.path());
        write(folder.path(), "preview.png", png(8, [200; 3]));
        let data = load(folder.path());
        assert_eq!((&data.found.kind[..], data.train.len() + data.held_out.len()), (kind, count));
        // Images that a program adds would be read from then on.
        assert!(DataSet::has_images(folder.path()));
    }
    // Nor are files that may be CIFAR-100's read then, unless the names of its classes are there.
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["train.bin", "test.bin"] {
        write(folder.path(), name, vec![0u8; 2 * 3074]);
    }
    assert!(DataSet::has_images(folder.path()));
    write(folder.path(), "fine_label_names.txt", "apple");
    assert!(!DataSet::has_images(folder.path()));

    // Of several images, it is said what is not read.
    let folder = tempfile::tempdir().expect("a temporary folder");
    shards(folder.path());
    array(folder.path());
    fs::rename(folder.path().join("0.tar.gz"), folder.path().join("0.tgz")).expect("renamed");
    for i in 0..2 {
        write(folder.path(), &format!("{i}.png"), png(8, [i; 3]));
    }
    let others = load(folder.path()).found.others().expect("some");
    assert!(others.contains("1 .npy, 1 .tgz; to read a .npy or .tgz, give --data one"), "{others}");
    // One image alone, beside what is no data.
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "0.png", png(8, [0; 3]));
    write(folder.path(), "notes.txt", "notes");
    let message = error(folder.path());
    assert!(message.contains("two different images") && message.contains("1 .txt"), "{message}");
}

#[test]
fn batches_of_cifar_10_are_read_with_their_test_batch() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let batch =
        |first: u8| (0..3).flat_map(|i| [vec![i], vec![first + i; 3072]].concat()).collect();
    let batches: [(&str, Vec<u8>); 3] = [
        ("data_batch_1.bin", batch(10)),
        ("data_batch_2.bin", batch(20)),
        ("test_batch.bin", batch(30)),
    ];
    for (name, bytes) in &batches {
        let path = folder.path().join(format!("{name}.gz"));
        let mut gzip =
            flate2::write::GzEncoder::new(File::create(path).expect("created"), Default::default());
        gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("written");
    }
    let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("batches");
    let firsts = |images: &ncsn::data::Images| images.iter().map(|p| p[0]).collect::<Vec<_>>();
    assert_eq!(firsts(&data.train), [10, 11, 12, 20, 21, 22]);
    let mut held_out = firsts(&data.held_out);
    held_out.sort_unstable();
    assert_eq!(held_out, [30, 31, 32]);
    let gray = ReadOptions {
        grayscale: true,
        size: Some(Size { width: 16, height: 16 }),
        ..ReadOptions::default()
    };
    let data = DataSet::load(folder.path(), &gray).expect("batches");
    assert_eq!(data.train.shape, ImageShape { channels: 1, height: 16, width: 16 });

    let huge =
        ReadOptions { size: Some(Size { width: 4096, height: 4096 }), ..ReadOptions::default() };
    fs::write(folder.path().join("data_batch_3.bin"), vec![0; 3073 * 50]).expect("written");
    let error = DataSet::load(folder.path(), &huge).expect_err("2.3 GiB").to_string();
    assert!(error.contains("fit in memory"), "{error}");
    fs::remove_file(folder.path().join("data_batch_3.bin")).expect("there");

    let torn = folder.path().join("test_batch.bin.gz");
    let bytes = fs::read(&torn).expect("there");
    fs::write(&torn, &bytes[..bytes.len() - 12]).expect("written");
    let error =
        DataSet::load(folder.path(), &ReadOptions::default()).expect_err("torn").to_string();
    assert!(error.contains("test_batch.bin.gz") && error.contains("download"), "{error}");
}

/// A server that has something else under every name, and one that is gone.
#[cfg(unix)]
#[test]
fn a_download_that_fails_says_where_and_why() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = |mirror: &str| {
        let mut plan = cli::ncsn(folder.path(), &["plan", "--data", "mnist"]);
        cli::fail(plan.env("NCSN_MIRROR", mirror).env("no_proxy", "*"))
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mirror = format!("http://{}", listener.local_addr().expect("bound"));
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the program asks");
        let mut request = [0; 1024];
        let count = stream.read(&mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").expect("answered");
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    let message = plan(&mirror);
    let request = server.join().expect("served");
    assert!(request.starts_with("GET /mnist/train-images-idx3-ubyte.gz "), "{request}");
    // The published SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert!(message.contains(&mirror) && message.contains(abc), "{message}");
    let kept: Vec<_> =
        fs::read_dir(folder.path().join("cache/ncsn/mnist")).expect("kept").collect();
    assert!(kept.is_empty(), "{kept:?}");
    // The listener is gone.
    let message = plan(&mirror);
    assert!(message.contains(&format!("{mirror}/mnist/train-images-idx3-ubyte.gz")), "{message}");
}
