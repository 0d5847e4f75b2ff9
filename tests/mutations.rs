//! Damaged and hostile files: every reader either reads a file or says why not. None panics, hangs,
//! or takes much more memory than the file has bytes.
//!
//! Each whole file of the tests is changed in random but repeatable ways: bits flip, numbers become
//! extreme, pieces are cut, repeated or exchanged. `NCSN_MUTATIONS=100000 cargo test --release --test
//! mutations` tries more than the usual number; a failure names the seed.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{Cursor, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use ncsn::data::{DataSet, Reading, Size};
use ncsn::import::pytorch::{self, Choice};
use ncsn::model_file::ModelFile;
use ncsn::random::{Key, pcg4d};
use ncsn::train::Checkpoint;
use zip::write::SimpleFileOptions;

/// Counts the bytes in use, and the most there were.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands every request to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a reader may take beside four times the file.
const ROOM: usize = 64 << 20;
/// What decoding image files may take: a small file may truly hold a large, even image
/// (`data/decode.rs`).
const IMAGES: usize = 1 << 30;

/// Random words of one mutation.
struct Dice {
    seed: u32,
    count: u32,
}

impl Dice {
    fn word(&mut self) -> u32 {
        self.count += 1;
        pcg4d([self.count, self.seed, 7, 11])[0]
    }

    fn below(&mut self, end: usize) -> usize {
        self.word() as usize % end.max(1)
    }
}

/// A file with one to four changes.
fn mutated(bytes: &[u8], seed: u32) -> Vec<u8> {
    let mut dice = Dice { seed, count: 0 };
    let mut out = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        if out.is_empty() {
            break;
        }
        // Headers are where it matters.
        let within = if dice.below(2) == 0 { out.len().min(64) } else { out.len() };
        let at = dice.below(within);
        match dice.below(7) {
            0 => out[at] ^= 1 << dice.below(8),
            1 => out[at] = [0, 1, 0x7f, 0x80, 0xff][dice.below(5)],
            2 => {
                let number = [0u32, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 20];
                let number = number[dice.below(6)];
                let ends = [number.to_le_bytes(), number.to_be_bytes()];
                let end = (at + 4).min(out.len());
                out[at..end].copy_from_slice(&ends[dice.below(2)][..end - at]);
            }
            3 => out.truncate(at),
            4 => {
                let end = (at + 1 + dice.below(64)).min(out.len());
                let piece = out[at..end].to_vec();
                let to = dice.below(out.len());
                out.splice(to..to, piece);
            }
            5 => {
                let end = (at + 1 + dice.below(64)).min(out.len());
                out.drain(at..end);
            }
            _ => {
                let end = (at + 1 + dice.below(16)).min(out.len());
                out[at..end].fill(0);
            }
        }
    }
    out
}

/// Lets a reader read a file and many changed ones in so much memory. `read` returns whether the
/// file was read.
fn survives(name: &str, bytes: &[u8], room: usize, read: impl Fn(&[u8]) -> bool) {
    let count: u32 = common::amount("NCSN_MUTATIONS", 150);
    assert!(read(bytes), "{name} is read when it is whole");
    let mut refused = 0;
    for seed in 0..count {
        let changed = mutated(bytes, seed);
        let before = USED.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&changed)));
        let taken = MOST.load(Ordering::Relaxed).saturating_sub(before);
        let Ok(was_read) = outcome else { panic!("{name} with seed {seed} panics") };
        refused += u32::from(!was_read);
        assert!(
            taken <= 4 * changed.len() + room,
            "{name} with seed {seed}: {taken} bytes for a file of {}",
            changed.len()
        );
    }
    assert!(refused > 0, "{name}: nothing was ever refused");
}

/// As [`survives`], for data sets: the changed file is in a folder under this name.
fn data_survives(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    let room = if name.contains(".tar") || name.ends_with(".zip") { IMAGES } else { ROOM };
    survives(name, bytes, room, |bytes| {
        fs::write(&path, bytes).expect("written");
        DataSet::load(&path, &Reading::default()).is_ok()
    });
}

/// A grey image as a PNG file.
fn png(value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = (0..64).map(|at| value.wrapping_add(3 * at)).collect();
    let image = image::GrayImage::from_raw(8, 8, pixels).expect("it fits");
    image.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).expect("in memory");
    bytes
}

fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).expect("a name");
        archive.write_all(bytes).expect("in memory");
    }
    archive.finish().expect("in memory").into_inner()
}

fn tar_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, &bytes[..]).expect("in memory");
    }
    archive.into_inner().expect("in memory")
}

fn some_images() -> Vec<(String, Vec<u8>)> {
    (0..6).map(|index| (format!("{}/{index}.png", index % 2), png(40 * index))).collect()
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests").join(name)).expect("a fixture")
}

#[test]
fn damaged_files_are_read_or_refused() {
    let _alone = common::alone();
    survives("model", &common::model().write().expect("finite"), ROOM, |bytes| {
        ModelFile::read(bytes).is_ok()
    });

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("changed");
    for name in ["ncsn.pth", "ncsnv2.pth"] {
        survives(name, &fixture(&format!("fixtures/{name}")), ROOM, |bytes| {
            fs::write(&path, bytes).expect("written");
            pytorch::read(&path, &Choice::default()).is_ok()
        });
    }

    let idx = |count: u32| {
        let header = [0x803, count, 6, 6].map(u32::to_be_bytes).concat();
        let key = Key { seed: 1, stream: 0, step: 0 };
        let pixels = (0..count * 36).map(|at| (256.0 * key.uniform(at)) as u8);
        header.into_iter().chain(pixels).collect::<Vec<u8>>()
    };
    data_survives("train-images-idx3-ubyte", &idx(9));
    data_survives("images.zip", &zip_of(&some_images()));
    data_survives("images.tar", &tar_of(&some_images()));
    for end in ["xz", "bz2", "zst"] {
        data_survives(&format!("images.tar.{end}"), &fixture(&format!("archives/set.tar.{end}")));
    }
    let mut npy = Vec::new();
    {
        use npyz::WriterBuilder;
        let options = npyz::WriteOptions::new().default_dtype().shape(&[7, 6, 6]);
        let mut writer = options.writer(&mut npy).begin_nd().expect("in memory");
        writer.extend((0..252u32).map(|at| (at * 37 % 256) as u8)).expect("in memory");
        writer.finish().expect("in memory");
    }
    data_survives("images.npy", &npy);
    data_survives("images.npz", &zip_of(&[("images.npy".into(), npy)]));
}

/// One changed image file beside a whole one.
#[test]
fn damaged_images_are_read_or_refused() {
    let _alone = common::alone();
    let jpegs = fs::read_dir("tests/images/jpeg").expect("a folder").flatten();
    let mut jpegs: Vec<_> =
        jpegs.map(|entry| format!("jpeg/{}", entry.file_name().display())).collect();
    jpegs.retain(|name| name.ends_with(".jpg"));
    jpegs.sort();
    jpegs.truncate(3);
    let names = [
        "colours.bmp",
        "colours.webp",
        "grey16.png",
        "palette.png",
        "sideways.jpg",
        "transparent.gif",
    ];
    for name in names.into_iter().map(str::to_owned).chain(jpegs) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let end = name.rsplit_once('.').map_or("", |(_, end)| end);
        let path = folder.path().join(format!("changed.{end}"));
        fs::write(folder.path().join("whole.png"), png(9)).expect("written");
        fs::write(folder.path().join("another.png"), png(99)).expect("written");
        let reading = Reading { size: Some(Size { height: 8, width: 8 }), ..Reading::default() };
        survives(&name, &fixture(&format!("images/{name}")), IMAGES, |bytes| {
            fs::write(&path, bytes).expect("written");
            let data = DataSet::load(folder.path(), &reading);
            data.is_ok_and(|data| data.train.len() + data.held_out.len() == 3)
        });
    }
}

/// Checkpoints have a checksum, so no change goes unnoticed.
#[test]
fn damaged_checkpoints_are_refused() {
    use burn::tensor::Device;
    use ncsn::data::Images;
    use ncsn::net::ImageShape;
    use ncsn::train::{Checkpoints, Options, Trainer};

    let _alone = common::alone();
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let images = Images::new(shape, (0..640).map(|at: u32| (at * 31 % 256) as u8).collect());
    let options = Options::for_images(&images).expect("images that differ");
    let options = Options { architecture: common::tiny(), batch: 2, ..options };
    let mut trainer = Trainer::new(options, &images, &[Device::flex()]).expect("possible");
    trainer.step(&images);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checkpoints = Checkpoints::beside(&folder.path().join("m.safetensors"));
    checkpoints.save(&trainer.checkpoint().expect("read")).expect("written");
    let path = checkpoints.newest().to_owned();
    let whole = fs::read(&path).expect("written");
    let load = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        Checkpoint::load(&path).is_ok()
    };
    survives("checkpoint", &whole, ROOM, |bytes| load(bytes) && bytes == whole);
    for at in (0..whole.len()).step_by(1024) {
        assert!(!load(&whole[..at]), "cut off after {at} bytes");
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        assert!(!load(&flipped), "a bit of byte {at} flipped");
    }
}
