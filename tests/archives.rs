//! Archives as people have them, from all kinds of programs, and what must not come out of them.
#![cfg(not(target_family = "wasm"))]

mod data_files;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use data_files::{error, load, png, write, zip_of};
use flate2::write::GzEncoder;
use ncsn::data::{DataSet, ReadOptions};
use zip::write::SimpleFileOptions;

type Entries = Vec<(String, Vec<u8>)>;

/// The data set that `tests/archives/make.py` makes.
fn set() -> Entries {
    let split = |index| if index < 6 { "train" } else { "test" };
    let kind = |index| if index % 2 == 0 { "cat" } else { "dog" };
    let name = |index: u8| format!("set/{}/{}/{index}.png", split(index), kind(index));
    (0..8).map(|index| (name(index), png(4, [30 * index, 255 - 30 * index, 7]))).collect()
}

/// Holds an archive to [`set`]: six images to train on, two held out, two classes.
fn is_set(path: &Path) {
    let data = load(path);
    let reds = |images: &ncsn::data::Images| -> Vec<(u8, u8)> {
        let labels = images.labels.clone().expect("classes");
        let mut all: Vec<_> = images.iter().map(|image| image[0]).zip(labels).collect();
        all.sort_unstable();
        all
    };
    let expected = |range: std::ops::Range<u8>| -> Vec<(u8, u8)> {
        range.map(|index| (30 * index, index % 2)).collect()
    };
    assert_eq!(data.classes, ["cat", "dog"], "{path:?}");
    assert_eq!(reds(&data.train), expected(0..6), "{path:?}");
    assert_eq!(reds(&data.held_out), expected(6..8), "{path:?}");
    assert!(data.found.unreadable.is_empty() && data.found.ignored.is_empty(), "{:?}", data.found);
}

enum Entry<'a> {
    File(&'a [u8]),
    Link(&'a str),
    Hard(&'a str),
}

fn tar(entries: &[(&[u8], Entry<'_>)], mut header: tar::Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, entry) in entries {
        let (kind, content, link) = match *entry {
            Entry::File(content) => (tar::EntryType::Regular, content, ""),
            Entry::Link(link) => (tar::EntryType::Symlink, &b""[..], link),
            Entry::Hard(link) => (tar::EntryType::Link, &b""[..], link),
        };
        let old = header.as_old_mut();
        old.name = [0; 100];
        old.name[..name.len()].copy_from_slice(name);
        old.linkname = [0; 100];
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        bytes.extend(header.as_bytes());
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn tar_of(files: &Entries, header: tar::Header) -> Vec<u8> {
    let entries: Vec<_> =
        files.iter().map(|(name, bytes)| (name.as_bytes(), Entry::File(bytes))).collect();
    tar(&entries, header)
}

#[test]
fn archives_are_recognized_by_their_content() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str, bytes: &[u8]| write(folder.path(), name, bytes);
    for name in ["set.tar.xz", "set.tar.bz2", "set.tar.zst"] {
        let bytes = fs::read(Path::new("tests/archives").join(name)).expect("a fixture");
        let path = at(name, &bytes);
        is_set(&path);
        assert_eq!(load(&path).name, "set");
        is_set(&at("download", &bytes));
        let half = at(&format!("half {name}"), &bytes[..bytes.len() / 2]);
        assert!(error(&half).contains("half set.tar"), "{}", error(&half));
    }
    let gnu = tar_of(&set(), tar::Header::new_gnu());
    is_set(&at("gnu.tar", &gnu));
    is_set(&at("ustar.bin", &tar_of(&set(), tar::Header::new_ustar())));
    let v7 = tar_of(&set(), tar::Header::new_old());
    is_set(&at("v7.tar", &v7));
    let mut gzip = GzEncoder::new(Vec::new(), Default::default());
    gzip.write_all(&v7).expect("in memory");
    is_set(&at("v7.tgz", &gzip.finish().expect("in memory")));

    // A label (`tar -V`) has no size.
    let label = header("label", tar::EntryType::new(b'V'), 0, |header| header[124..136].fill(0));
    is_set(&at("label.tar", &[&label[..], &gnu].concat()));

    let zip = zip_of(&set());
    is_set(&at("set.zip", &zip));
    is_set(&at("set.tar.gz", &zip));
    // A program that unpacks what follows it.
    let program = [&b"MZ\x90\0"[..], &[7; 10_000]].concat();
    is_set(&at("set.exe", &[&program[..], &zip].concat()));
    is_set(&at("set.sh", &[&b"#!/bin/sh\nexec unzip $0\n"[..], &zip].concat()));
}

/// A tar archive may be cut between two files, where nothing but its end is missing.
#[test]
fn an_archive_without_its_end_is_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = tar_of(&set(), tar::Header::new_gnu());
    let path = write(folder.path(), "cut.tar", &whole[..whole.len() - 1024]);
    let problem = load(&path).found.left_out().expect("a problem");
    assert!(problem.contains("cut.tar") && problem.contains("download"), "{problem}");
    let strict = ReadOptions { strict: true, ..ReadOptions::default() };
    DataSet::load(&path, &strict).expect_err("strict");
    for name in ["set.tar.xz", "set.tar.bz2", "set.tar.zst"] {
        let bytes = fs::read(Path::new("tests/archives").join(name)).expect("a fixture");
        let cut = write(folder.path(), name, &bytes[..bytes.len() / 2]);
        let error = DataSet::load(&cut, &strict).expect_err("cut");
        let error = format!("{:#}", anyhow::Error::from(error));
        assert!(error.contains("download"), "{name}: {error}");
    }
    let zip = zip_of(&set());
    let cut = write(folder.path(), "cut.zip", &zip[..zip.len() - 30]);
    let error =
        format!("{:#}", anyhow::Error::from(DataSet::load(&cut, &strict).expect_err("cut")));
    assert!(error.contains("download"), "{error}");
}

/// Backslashes between folders, and what systems leave behind, in every spelling.
#[test]
fn archives_from_other_systems_keep_their_folders() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files: Entries = set().into_iter().map(|(n, b)| (n.replace('/', "\\"), b)).collect();
    let mut littered = files.clone();
    for name in ["__MACOSX\\set\\._0.png", "__macosx/set/0.png", "set\\train\\._0.png"] {
        littered.push((name.into(), b"\0\x05\x16\x07 of a Macintosh".to_vec()));
    }
    is_set(&write(folder.path(), "set.zip", zip_of(&littered)));
    is_set(&write(folder.path(), "set.tar", tar_of(&littered, tar::Header::new_ustar())));
    let mixed: Entries =
        set().into_iter().map(|(name, bytes)| (name.replacen('/', "\\", 1), bytes)).collect();
    is_set(&write(folder.path(), "mixed.zip", zip_of(&mixed)));
    // Unpacked by a program that does not know better.
    #[cfg(unix)]
    {
        let unpacked = folder.path().join("unpacked");
        for (name, bytes) in &littered {
            write(&unpacked, name, bytes);
        }
        is_set(&unpacked);
    }
}

/// An archive with links is read as the folder unpacked from it would be.
#[test]
fn links_are_followed_as_in_the_unpacked_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images: Vec<_> = (0..8).map(|index| png(4, [30 * index, 1, 2])).collect();
    let names: Vec<String> = (0..8).map(|index| format!("z/{index}.png")).collect();
    let links = [
        ("a/relative.png", "../z/0.png"),
        ("a/chain.png", "../b/chain.png"),
        ("b/chain.png", "../z/1.png"),
        ("b/folder", "../z/../z"),
        ("b/circle", "../b"),
        ("a/out.png", "../../nowhere/x.png"),
        ("a/gone.png", "../z/9.png"),
        ("a/self.png", "self.png"),
    ];
    let mut entries: Vec<(&[u8], Entry<'_>)> = Vec::new();
    for (name, target) in &links {
        entries.push((name.as_bytes(), Entry::Link(target)));
    }
    for (name, bytes) in names.iter().zip(&images) {
        entries.push((name.as_bytes(), Entry::File(bytes)));
    }
    entries.push((b"a/hard.png", Entry::Hard("z/2.png")));
    let path = write(folder.path(), "links.tar", tar(&entries, tar::Header::new_ustar()));
    let data = load(&path);
    // a, b and z have the same images; the first by name is kept.
    assert_eq!((data.train.len() + data.held_out.len(), data.found.duplicates), (8, 12));
    let listed: Vec<_> = data.found.unreadable.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(listed, ["a/gone.png", "a/out.png", "a/self.png", "b/circle"]);
    assert!(data.found.cannot_read().contains("../../nowhere/x.png"), "{:?}", data.found);
    let strict = ReadOptions { strict: true, ..ReadOptions::default() };
    let error = DataSet::load(&path, &strict).expect_err("links lead out").to_string();
    assert!(error.contains("a/out.png"), "{error}");

    // The archive's own folder is its root.
    let mut absolute: Vec<(&[u8], Entry<'_>)> = vec![(b"0.png", Entry::Link("/z/0.png"))];
    absolute.extend(names.iter().zip(&images).map(|(n, b)| (n.as_bytes(), Entry::File(b))));
    let path = write(folder.path(), "absolute.tar", tar(&absolute, tar::Header::new_gnu()));
    assert_eq!(load(&path).found.duplicates, 1);

    #[cfg(unix)]
    {
        let unpacked = folder.path().join("unpacked");
        for (name, bytes) in names.iter().zip(&images) {
            write(&unpacked, name, bytes);
        }
        fs::create_dir(unpacked.join("a")).and(fs::create_dir(unpacked.join("b"))).expect("made");
        fs::hard_link(unpacked.join("z/2.png"), unpacked.join("a/hard.png")).expect("linked");
        for (name, target) in links {
            std::os::unix::fs::symlink(target, unpacked.join(name)).expect("linked");
        }
        let folder = load(&unpacked);
        assert_eq!((&folder.train, &folder.held_out), (&data.train, &data.held_out));
        assert_eq!((&folder.classes, folder.found.duplicates), (&data.classes, 12));
        let mut unreadable: Vec<_> =
            folder.found.unreadable.iter().map(|(name, _)| name.clone()).collect();
        unreadable.sort_unstable();
        assert_eq!(unreadable, listed);
    }
}

/// Nothing is read from outside of an archive's folder, and nothing of it is lost without a word.
#[test]
fn entries_that_lead_out_of_an_archive_are_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names = ["../a.png", "set/../../b.png", "..\\c.png", "./../d.png"];
    let outside: Entries = names.map(|name| (name.to_owned(), png(4, [9, 9, 9]))).to_vec();
    let both = [set(), outside.clone()].concat();
    let header = tar::Header::new_ustar;
    for path in [
        write(folder.path(), "both.tar", tar_of(&both, header())),
        write(folder.path(), "both.zip", zip_of(&both)),
    ] {
        let data = load(&path);
        assert_eq!((data.train.len(), data.held_out.len()), (6, 2));
        let mut reported: Vec<_> = data.found.unreadable.clone();
        reported.sort_unstable();
        let why = "outside of the archive's folder";
        let expected = ["../a.png", "../c.png", "./../d.png", "set/../../b.png"];
        let expected = expected.map(|name| (name.to_owned(), why.to_owned()));
        assert_eq!(reported, expected, "{path:?}");
        let strict = ReadOptions { strict: true, ..ReadOptions::default() };
        let error = DataSet::load(&path, &strict).expect_err("entries lead out").to_string();
        assert!(error.contains("../a.png") && error.contains(why), "{error}");
    }
    // Where there is nothing else, or too little, they are the reason.
    let one = [&set()[..1], &outside[..]].concat();
    for (name, files) in [("outside", &outside), ("one", &one)] {
        for path in [
            write(folder.path(), &format!("{name}.tar"), tar_of(files, header())),
            write(folder.path(), &format!("{name}.zip"), zip_of(files)),
        ] {
            let error = error(&path);
            assert!(error.contains("../a.png (outside of the archive's folder)"), "{error}");
        }
    }
}

/// As 7-Zip and Python write them, too.
#[test]
fn files_in_zip_archives_may_be_compressed_in_several_ways() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["set-bzip2.zip", "set-lzma.zip"] {
        let path = Path::new("tests/archives").join(name);
        is_set(&path);
        let mut bytes = fs::read(&path).expect("a fixture");
        // In the middle of the first file, whose name and header end before.
        bytes[90] ^= 0x55;
        let data = load(&write(folder.path(), name, bytes));
        let [(file, _)] = &data.found.unreadable[..] else { panic!("{:?}", data.found) };
        assert_eq!(file, "set/train/cat/0.png");
    }
    // The method of every file, in its own header and in the directory, is changed to Deflate64.
    let mut bytes = zip_of(&set());
    for (magic, at) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let places: Vec<usize> = bytes
            .windows(4)
            .enumerate()
            .filter(|(_, w)| **w == magic[..])
            .map(|(at, _)| at)
            .collect();
        assert_eq!(places.len(), 8);
        places.into_iter().for_each(|place| bytes[place + at] = 9);
    }
    let error = error(&write(folder.path(), "rare.zip", bytes));
    assert!(error.contains("Deflate64") && error.contains("pack it with deflate"), "{error}");
}

#[test]
fn links_in_zip_archives_are_followed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for index in 0..4 {
        let name = format!("z/{index}.png");
        archive.start_file(name, SimpleFileOptions::default()).expect("in memory");
        archive.write_all(&png(4, [30 * index, 1, 2])).expect("in memory");
    }
    let options = SimpleFileOptions::default();
    archive.add_symlink("a/0.png", "../z/0.png", options).expect("in memory");
    archive.add_symlink("a/1.png", "/etc/hostname", options).expect("in memory");
    let bytes = archive.finish().expect("in memory").into_inner();
    let data = load(&write(folder.path(), "links.zip", bytes));
    assert_eq!((data.train.len() + data.held_out.len(), data.found.duplicates), (4, 1));
    assert_eq!(data.classes, ["a", "z"]);
    let [(name, problem)] = &data.found.unreadable[..] else { panic!("{:?}", data.found) };
    assert_eq!((&name[..], problem.contains("not in the archive")), ("a/1.png", true));
}

/// A file appended to an archive once more replaces the earlier one.
#[test]
fn the_last_of_several_entries_of_one_name_counts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images: Vec<_> = (0..6).map(|index| png(4, [30 * index, 1, 2])).collect();
    let names = ["s/0.png", "s/1.png", "s/2.png", "s/3.png", "./s//0.png", "s/1.png"];
    let entries: Vec<(&[u8], Entry<'_>)> =
        names.iter().zip(&images).map(|(n, b)| (n.as_bytes(), Entry::File(b))).collect();
    let path = write(folder.path(), "again.tar", tar(&entries, tar::Header::new_gnu()));
    let data = load(&path);
    let mut reds: Vec<u8> =
        data.train.iter().chain(data.held_out.iter()).map(|image| image[0]).collect();
    reds.sort_unstable();
    assert_eq!(reds, [60, 90, 120, 150]);
    assert_eq!(data.found.duplicates, 0);
}

/// A header of a tar archive for these many bytes, changed before its checksum is computed.
fn header(name: &str, kind: tar::EntryType, size: usize, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).expect("short");
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    change(header.as_mut_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// What does not fit into a header is beside it: sizes from 8 GiB on, maps of sparse files.
#[test]
fn large_and_sparse_files_are_no_obstacle_in_tar_archives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [large, sparse, plain] = [1, 2, 3].map(|index| png(4, [30 * index, 1, 2]));
    let padded = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    };
    let file = |name: &str, size: usize| header(name, tar::EntryType::Regular, size, |_| ());
    let pax = |properties: &[(&str, &str)]| {
        let mut text = String::new();
        for (key, value) in properties {
            let rest = format!(" {key}={value}\n");
            let whole = |length: &usize| length.to_string().len() + rest.len() == *length;
            text += &format!("{}{rest}", (1..).find(whole).expect("a length"));
        }
        let header = header("pax", tar::EntryType::XHeader, text.len(), |_| ());
        [header, padded(text.as_bytes())].concat()
    };
    // Where the pieces of a sparse file begin, and their lengths: the first is all of it, and GNU
    // tar ends with an empty one. Four of them fit into the header.
    let octal = |number: usize| format!("{number:011o}\0").into_bytes();
    let piece = |at: usize, length: usize| [octal(at), octal(length)].concat();
    let end = piece(sparse.len(), 0);
    let map = [piece(0, sparse.len()), end.repeat(3), vec![1], octal(sparse.len())].concat();
    let further = padded(&end);
    let [large_size, sparse_size] = [&large, &sparse].map(|bytes| bytes.len().to_string());
    let bytes = [
        pax(&[("size", &large_size[..])]),
        file("s/large.png", 0),
        padded(&large),
        header("s/sparse.png", tar::EntryType::GNUSparse, sparse.len(), |header| {
            header[386..][..map.len()].copy_from_slice(&map);
        }),
        further,
        padded(&sparse),
        pax(&[
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "s/pax.png"),
            ("GNU.sparse.realsize", &sparse_size[..]),
        ]),
        file("GNUSparseFile.0/pax.png", 512 + sparse.len()),
        padded(format!("1\n0\n{sparse_size}\n").as_bytes()),
        padded(&sparse),
        file("s/plain.png", plain.len()),
        padded(&plain),
        vec![0; 1024],
    ]
    .concat();
    let data = load(&write(folder.path(), "set.tar", bytes));
    let mut reds: Vec<u8> =
        data.train.iter().chain(data.held_out.iter()).map(|image| image[0]).collect();
    reds.sort_unstable();
    assert_eq!(reds, [30, 60, 90]);
    let [(name, problem)] = &data.found.unreadable[..] else { panic!("{:?}", data.found) };
    assert_eq!((&name[..], problem.contains("sparse")), ("s/pax.png", true));
}

/// A small archive could unpack to any size if its files shared their bytes.
#[test]
fn files_in_zip_archives_have_bytes_of_their_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in set() {
        archive.start_file(name, SimpleFileOptions::default()).expect("in memory");
        archive.write_all(&bytes).expect("in memory");
    }
    let shared = "set/train/cat/again.png";
    archive.shallow_copy_file("set/train/cat/4.png", shared).expect("in memory");
    let bytes = archive.finish().expect("in memory").into_inner();
    let data = load(&write(folder.path(), "shared.zip", bytes));
    assert_eq!((data.train.len(), data.held_out.len()), (6, 2));
    let [(name, problem)] = &data.found.unreadable[..] else { panic!("{:?}", data.found) };
    assert_eq!((&name[..], problem.contains("those of another file")), (shared, true));

    // The directory says that the last file has more packed bytes than the archive.
    let mut bytes = zip_of(&set());
    let last = bytes.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").expect("a directory");
    bytes[last + 20..][..4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let data = load(&write(folder.path(), "beyond.zip", bytes));
    let [(name, problem)] = &data.found.unreadable[..] else { panic!("{:?}", data.found) };
    assert_eq!((&name[..], problem.contains("beyond")), ("set/test/dog/7.png", true));
}

#[test]
fn names_that_are_no_text_are_no_obstacle() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images: Vec<_> = (0..10).map(|index| png(4, [20 * index, 1, 2])).collect();
    // In Latin-1, and two that look the same as text.
    let names: Vec<Vec<u8>> =
        (0..10).map(|index| [&b"s/Fran"[..], &[0xe0 + index], b"ois.png"].concat()).collect();
    let entries: Vec<(&[u8], Entry<'_>)> =
        names.iter().zip(&images).map(|(n, b)| (&n[..], Entry::File(b))).collect();
    let path = write(folder.path(), "latin1.tar", tar(&entries, tar::Header::new_gnu()));
    let data = load(&path);
    assert_eq!(data.train.len() + data.held_out.len(), 10, "{:?}", data.found);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt;
        let unpacked = folder.path().join("unpacked");
        fs::create_dir_all(unpacked.join("s")).expect("created");
        for (name, bytes) in names.iter().zip(&images) {
            fs::write(unpacked.join(std::ffi::OsStr::from_bytes(name)), bytes).expect("written");
        }
        let torn = unpacked.join(std::ffi::OsStr::from_bytes(b"torn\xff.png"));
        fs::write(torn, "torn").expect("written");
        let folder = load(&unpacked);
        assert_eq!((&folder.train, &folder.held_out), (&data.train, &data.held_out));
        assert!(folder.found.cannot_read().contains("torn\\xff.png"), "{:?}", folder.found);
    }
}

/// Zeros, gzipped: 16 MiB in each member.
fn zeros(members: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![0; 16 << 20]).expect("in memory");
    gzip.finish().expect("in memory").repeat(members)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Default::default());
    gzip.write_all(bytes).expect("in memory");
    gzip.finish().expect("in memory")
}

/// Files of a megabyte that unpack to more than a gigabyte, read with less memory than that.
#[cfg(target_os = "linux")]
#[test]
fn files_that_unpack_to_too_much_are_refused_by_name() {
    const MEMBERS: usize = 96;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = |path: &Path| {
        let mut command = Command::new("sh");
        // In KiB: half of what the files unpack to, and enough for the program itself.
        command.args(["-c", "ulimit -v 786432 && exec \"$0\" plan --data \"$1\""]);
        command.arg(env!("CARGO_BIN_EXE_ncsn")).arg(path);
        command.env("RAYON_NUM_THREADS", "2").env("MALLOC_ARENA_MAX", "2");
        let output = command.output().expect("the program starts");
        let text =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.code(), text.concat())
    };
    let refused = |name: &str, bytes: &[u8], words: &[&str]| {
        let path = write(folder.path(), name, bytes);
        let (code, text) = plan(&path);
        assert_eq!(code, Some(2), "{text}");
        for word in words {
            assert_eq!(text.matches(word).count(), 1, "{word} in {text}");
        }
        fs::remove_file(path).expect("there");
    };
    let header = |sizes: [u32; 4]| sizes.map(u32::to_be_bytes).concat();
    // An IDX file that says 784 kB, and one that says the truth.
    let idx = [gzipped(&header([0x803, 1000, 28, 28])), zeros(MEMBERS)].concat();
    refused("idx.gz", &idx, &["idx.gz", "longer than its header says (784000 bytes"]);
    let idx = [gzipped(&header([0x803, 2_000_000, 28, 28])), zeros(MEMBERS)].concat();
    refused("honest.gz", &idx, &["honest.gz", "which no images do"]);
    refused("data_batch_1.bin.gz", &zeros(MEMBERS), &["data_batch_1", "which no images do"]);
    // Arrays that claim more than there is.
    let npy = "{'descr': '<f8', 'fortran_order': False, 'shape': (2000000, 32, 32)}\n";
    let length = (npy.len() as u16).to_le_bytes();
    let npy = [b"\x93NUMPY\x01\0", &length[..], npy.as_bytes(), &[0; 100]].concat();
    refused("lies.npy", &npy, &["lies.npy", "truncated", "found 100"]);

    // Among good images: left out, by name.
    let listed = |name: &str, bytes: &[u8]| {
        let path = write(folder.path(), name, bytes);
        let (code, text) = plan(&path);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("bomb.png") && text.contains("no images do"), "{text}");
        fs::remove_file(path).expect("there");
    };
    let mut tar = tar_of(&set(), tar::Header::new_ustar());
    tar.truncate(tar.len() - 1024);
    let mut bomb = tar::Header::new_ustar();
    bomb.set_path("set/train/cat/bomb.png").expect("short");
    bomb.set_size((MEMBERS as u64) << 24);
    bomb.set_mode(0o644);
    bomb.set_cksum();
    tar.extend(bomb.as_bytes());
    let end = gzipped(&[0; 1024]);
    listed("bomb.tar.gz", &[gzipped(&tar), zeros(MEMBERS), end.clone()].concat());
    // An entry whose name is that long.
    let mut long = tar::Header::new_gnu();
    long.set_entry_type(tar::EntryType::GNULongName);
    long.set_size((MEMBERS as u64) << 24);
    long.set_cksum();
    let long = [gzipped(long.as_bytes()), zeros(MEMBERS), end].concat();
    refused("name.tar.gz", &long, &["name.tar.gz", "the name of an entry has"]);

    let path = folder.path().join("bomb.zip");
    let mut archive = zip::ZipWriter::new(File::create(&path).expect("created"));
    for (name, bytes) in set() {
        archive.start_file(name, SimpleFileOptions::default()).expect("written");
        archive.write_all(&bytes).expect("written");
    }
    let options = SimpleFileOptions::default();
    archive.start_file("set/train/cat/bomb.png", options).expect("written");
    for _ in 0..64 {
        archive.write_all(&vec![0; 16 << 20]).expect("written");
    }
    archive.finish().expect("written");
    let bytes = fs::read(&path).expect("there");
    listed("bomb.zip", &bytes);
}
