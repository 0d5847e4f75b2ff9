//! The readers of files from strangers, for the tests that change such files and for the fuzzer.

pub mod memory;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ncsn::classifier::{Classifier, ClassifierCard, ClassifierDescription, ClassifierFile};
use ncsn::data::{DataSet, Images, ReadOptions, Size};
use ncsn::eval::{FeatureNetwork, Preprocessing};
use ncsn::import::pytorch::{self, Choice};
use ncsn::model_file::ModelFile;
use ncsn::net::ImageShape;
use ncsn::random::Key;
use ncsn::train::{Checkpoint, Checkpoints, Options, Start, Trainer};

use crate::common;
use crate::data_files::{npy, png_of, tar_of, zip_of};
use crate::onnx_file::{Axis, channel_means};

/// What a reader may take beside four times the file.
pub const ROOM: usize = 64 << 20;
/// What reading PyTorch's files may take: pickles take as much again as a model file may
/// (`import/saved_object.rs`).
pub const ROOM_FOR_PICKLES: usize = ROOM + (256 << 20);
/// What decoding image files may take: a small file may truly hold a large, even image
/// (`data/decode.rs`).
pub const ROOM_FOR_IMAGES: usize = 1 << 30;

/// What reads files of a kind.
pub struct Reader {
    /// The name of the kind.
    pub name: &'static str,
    /// The bytes of memory that it may take beside four times the file.
    pub room: usize,
    /// Reads the file, and returns whether it is a sound one.
    read: fn(&Path) -> bool,
}

/// All of them. The fuzzer has a target for each.
pub const READERS: [Reader; 8] =
    [MODEL, CLASSIFIER, PYTORCH, FEATURE_NETWORK, CHECKPOINT, ARRAY, ARCHIVE, IMAGE];

pub const MODEL: Reader = Reader {
    name: "model",
    room: ROOM,
    read: |path| fs::read(path).is_ok_and(|bytes| ModelFile::read(&bytes).is_ok()),
};

pub const CLASSIFIER: Reader = Reader {
    name: "classifier",
    room: ROOM,
    read: |path| fs::read(path).is_ok_and(|bytes| ClassifierFile::read(&bytes).is_ok()),
};

pub const PYTORCH: Reader = Reader {
    name: "pytorch",
    room: ROOM_FOR_PICKLES,
    read: |path| pytorch::read(path, &Choice::default()).is_ok(),
};

pub const FEATURE_NETWORK: Reader = Reader {
    name: "feature_network",
    room: ROOM,
    read: |path| {
        let bytes = fs::read(path).unwrap_or_default();
        FeatureNetwork::read(bytes, Preprocessing::default()).is_ok()
    },
};

pub const CHECKPOINT: Reader =
    Reader { name: "checkpoint", room: ROOM, read: |path| Checkpoint::load(path).is_ok() };

/// IDX, NumPy's arrays and CIFAR's pickles.
pub const ARRAY: Reader = Reader { name: "array", room: ROOM, read: is_data_set };

/// Archives of images.
pub const ARCHIVE: Reader = Reader { name: "archive", room: ROOM_FOR_IMAGES, read: is_data_set };

/// An image beside two others.
pub const IMAGE: Reader = Reader {
    name: "image",
    room: ROOM_FOR_IMAGES,
    read: |path| {
        let folder = path.parent().expect("a file in a folder");
        let reading =
            ReadOptions { size: Some(Size { height: 8, width: 8 }), ..ReadOptions::default() };
        let data = DataSet::load(folder, &reading);
        data.is_ok_and(|data| data.train.len() + data.held_out.len() == 3)
    },
};

fn is_data_set(path: &Path) -> bool {
    DataSet::load(path, &ReadOptions::default()).is_ok()
}

/// A folder with a file to be read.
pub struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    /// For a file of this name. Two image files are beside it.
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (beside, value) in [("whole.png", 9), ("another.png", 99)] {
            fs::write(folder.path().join(beside), png(value)).expect("written");
        }
        let path = folder.path().join(name);
        Self { _folder: folder, path }
    }

    /// Whether the reader reads these bytes as a sound file.
    pub fn read(&self, reader: &Reader, bytes: &[u8]) -> bool {
        fs::write(&self.path, bytes).expect("written");
        (reader.read)(&self.path)
    }

    /// The same.
    ///
    /// # Panics
    /// If the reader takes more memory than it may.
    pub fn read_within_limit(&self, reader: &Reader, bytes: &[u8]) -> bool {
        let (was_read, taken) = memory::taken_by(|| self.read(reader, bytes));
        let most = 4 * bytes.len() + reader.room;
        assert!(taken <= most, "{}: {taken} bytes for a file of {}", reader.name, bytes.len());
        was_read
    }
}

/// A sound file that a reader reads.
pub struct Sound {
    pub reader: &'static Reader,
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Sound files of all kinds. Fixtures are found from the root of the repository.
pub fn sound_files() -> Vec<Sound> {
    let mut all = vec![sound(&MODEL, "model", common::model().write().expect("finite"))];
    all.push(sound(&CLASSIFIER, "classifier", classifier().write().expect("finite")));
    for name in ["ncsn.pth", "ncsnv2.pth"] {
        all.push(sound(&PYTORCH, name, fixture(&format!("fixtures/{name}"))));
    }

    let network = channel_means(Axis::Symbol("N"), [Axis::Size(4), Axis::Size(6)]);
    all.push(sound(&FEATURE_NETWORK, "channel_means.onnx", network));
    all.push(sound(&CHECKPOINT, "checkpoint", checkpoint()));

    let noise = |at| (256.0 * Key { seed: 1, stream: 0, step: 0 }.uniform(at)) as u8;
    let mut idx = [0x803, 9, 6, 6].map(u32::to_be_bytes).concat();
    idx.extend((0..9 * 36).map(noise));
    all.push(sound(&ARRAY, "train-images-idx3-ubyte", idx));
    let cifar = common::cifar::pickle(&[10, 20, 30], "labels", &[3, 9, 0]);
    all.push(sound(&ARRAY, "data_batch_1", cifar));
    let images: Vec<_> =
        (0..6).map(|index| (format!("{}/{index}.png", index % 2), png(40 * index))).collect();
    all.push(sound(&ARCHIVE, "images.zip", zip_of(&images)));
    all.push(sound(&ARCHIVE, "images.tar", tar_of(&images, tar::Header::new_gnu())));
    for end in ["xz", "bz2", "zst"] {
        let archive = fixture(&format!("archives/set.tar.{end}"));
        all.push(sound(&ARCHIVE, &format!("images.tar.{end}"), archive));
    }
    let array = npy(&[7, 6, 6], (0..252u32).map(|at| (at * 37 % 256) as u8));
    all.push(sound(&ARRAY, "images.npz", zip_of(&[("images.npy".into(), array.clone())])));
    all.push(sound(&ARRAY, "images.npy", array));

    let mut images = vec![
        "colors.bmp".to_owned(),
        "colors.webp".into(),
        "gray16.png".into(),
        "palette.png".into(),
        "sideways.jpg".into(),
        "transparent.gif".into(),
    ];
    let jpegs = fs::read_dir("tests/images/jpeg").expect("a folder").flatten();
    let mut jpegs: Vec<_> =
        jpegs.map(|entry| format!("jpeg/{}", entry.file_name().display())).collect();
    jpegs.retain(|name| name.ends_with(".jpg"));
    jpegs.sort();
    images.extend(jpegs.into_iter().take(3));
    for name in images {
        all.push(sound(&IMAGE, &name, fixture(&format!("images/{name}"))));
    }
    all
}

/// A tiny classifier that has learned nothing.
fn classifier() -> ClassifierFile {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let description = ClassifierDescription {
        widths: vec![8, 8],
        pools: vec![true, false],
        features: 8,
        groups: 4,
        embedding: 8,
        ..ClassifierDescription::new(shape, 2, common::SCALE)
    };
    let classifier = Classifier::new(&description, &Device::flex()).expect("possible");
    let card = ClassifierCard {
        format: ClassifierCard::FORMAT,
        data: "nothing".into(),
        description,
        classes: vec!["dark".into(), "bright".into()],
        sigma_min: 0.01,
        sigma_max: 20.0,
        accuracy: 0.5,
    };
    ClassifierFile::new(card, &classifier)
}

/// A checkpoint of a tiny run.
pub fn checkpoint() -> Vec<u8> {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let images = Images::new(shape, (0..640).map(|at: u32| (at * 31 % 256) as u8).collect());
    let options = Options::for_images(&images).expect("images that differ");
    let options = Options { architecture: common::tiny(), batch: 2, ..options };
    let mut trainer =
        Trainer::new(options, Start::Random, &images, &[Device::flex()]).expect("possible");
    trainer.step(&images);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let checkpoints = Checkpoints::beside(&folder.path().join("m.safetensors"));
    checkpoints.save(&trainer.checkpoint().expect("read")).expect("written");
    fs::read(checkpoints.newest()).expect("written")
}

fn sound(reader: &'static Reader, name: &str, bytes: Vec<u8>) -> Sound {
    Sound { reader, name: name.replace('/', "-"), bytes }
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new("tests").join(name)).expect("a fixture")
}

/// A gray image as a PNG file.
fn png(value: u8) -> Vec<u8> {
    let pixels = (0..64).map(|at| value.wrapping_add(3 * at)).collect();
    png_of(image::GrayImage::from_raw(8, 8, pixels).expect("it fits"))
}
