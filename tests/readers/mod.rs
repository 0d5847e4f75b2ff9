//! The readers of files from strangers, for the tests that change such files and for the fuzzer.

pub mod memory;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use bzip2::{Compression, write::BzEncoder};
use ncsn::classifier::{Classifier, ClassifierCard, ClassifierDescription, ClassifierFile};
use ncsn::data::{DataSet, Images, ReadOptions, Size};
use ncsn::eval::{FeatureNetwork, Preprocessing};
use ncsn::import::pytorch::{self, Choice};
use ncsn::model_file::ModelFile;
use ncsn::net::ImageShape;
use ncsn::random::Key;
use ncsn::train::{Checkpoint, Checkpoints, Options, Start, Trainer};

use crate::common;
use crate::data_files::{self, npy, png_of, tar_of, zip_of};
use crate::onnx_file::{Axis, channel_means};

/// What a reader may take beside four times the file.
pub const ROOM: usize = 64 << 20;
/// What reading PyTorch's files may take: pickles take as much again as a model file may
/// (`import/saved_object.rs`).
pub const ROOM_FOR_PICKLES: usize = ROOM + (256 << 20);
/// What decoding image files may take: a small file may truly hold a large, even image
/// (`data/decode.rs`).
pub const ROOM_FOR_IMAGES: usize = 1 << 30;

/// The files of archives whose names begin with `many`.
const MANY: usize = 3000;

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
pub const READERS: [Reader; 10] = [
    MODEL,
    CLASSIFIER,
    PYTORCH,
    FEATURE_NETWORK,
    PREPROCESSING,
    CHECKPOINT,
    ARRAY,
    LABELS,
    ARCHIVE,
    IMAGE,
];

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

/// The JSON beside a feature network.
pub const PREPROCESSING: Reader = Reader {
    name: "preprocessing",
    room: ROOM,
    read: |path| {
        let text = fs::read(path).unwrap_or_default();
        let network = channel_means(Axis::Symbol("N"), [Axis::Size(4), Axis::Size(6)]);
        serde_json::from_slice(&text).is_ok_and(|it| FeatureNetwork::read(network, it).is_ok())
    },
};

pub const CHECKPOINT: Reader =
    Reader { name: "checkpoint", room: ROOM, read: |path| Checkpoint::load(path).is_ok() };

/// IDX, NumPy's arrays and CIFAR's pickles.
pub const ARRAY: Reader = Reader { name: "array", room: ROOM, read: is_data_set };

/// Labels of NumPy's or IDX beside nine images.
pub const LABELS: Reader = Reader {
    name: "labels",
    room: ROOM,
    read: |path| {
        let bytes = fs::read(path).unwrap_or_default();
        let (labels, name, images) = if bytes.starts_with(b"\x93NUMPY") {
            ("y_train.npy", "x_train.npy", npy(&[9, 6, 6], (0..9 * 36).map(noise)))
        } else {
            ("train-labels-idx1-ubyte", "train-images-idx3-ubyte", idx())
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(labels), bytes).expect("written");
        let images = data_files::write(folder.path(), name, images);
        let data = DataSet::load(&images, &ReadOptions::default());
        data.is_ok_and(|data| data.train.labels.is_some())
    },
};

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
    let json = br#"{"size":[4,6],"channels":"bgr","range":[-1,1],"mean":[0.1,0.2,0.3]}"#;
    all.push(sound(&PREPROCESSING, "channel_means.json", json.to_vec()));
    all.push(sound(&CHECKPOINT, "checkpoint", checkpoint()));

    all.push(sound(&ARRAY, "train-images-idx3-ubyte", idx()));
    let labels = [&[0, 0, 8, 1, 0, 0, 0, 9][..], &[0, 1, 2, 0, 1, 2, 0, 1, 2]].concat();
    all.push(sound(&LABELS, "train-labels-idx1-ubyte", labels));
    all.push(sound(&LABELS, "numbers.npy", npy(&[9, 1], (0..9u8).map(|at| at % 3))));
    all.push(sound(
        &LABELS,
        "rows.npy",
        npy(&[9, 3], (0..27).map(|at| f32::from(at % 3 == at / 3 % 3))),
    ));
    all.push(sound(&LABELS, "names.npy", names()));
    let cifar = common::cifar::pickle(&[10, 20, 30], "labels", &[3, 9, 0]);
    all.push(sound(&ARRAY, "data_batch_1", cifar));
    let images: Vec<_> =
        (0..6).map(|index| (format!("{}/{index}.png", index % 2), png(40 * index))).collect();
    all.push(sound(&ARCHIVE, "images.zip", zip_of(&images)));
    all.push(sound(&ARCHIVE, "images.tar", tar_of(&images, tar::Header::new_gnu())));
    let classes = (0..6).map(|index| (format!("{index}.cls"), format!("{}", index % 2).into()));
    let images = (0..6).map(|index| (format!("{index}.png"), png(40 * index)));
    let samples: Vec<_> = images.chain(classes).collect();
    all.push(sound(&ARCHIVE, "samples.tar", tar_of(&samples, tar::Header::new_gnu())));
    // Faults that only many files bring out.
    let many: Vec<_> =
        (0..MANY).map(|at| (format!("{}/{at}.png", at % 3), png((at % 5) as u8))).collect();
    let tar = tar_of(&many, tar::Header::new_gnu());
    let mut bzip2 = BzEncoder::new(Vec::new(), Compression::best());
    bzip2.write_all(&tar).expect("in memory");
    all.push(sound(&ARCHIVE, "many.tar.bz2", bzip2.finish().expect("in memory")));
    all.push(sound(&ARCHIVE, "many.tar", tar));
    all.push(sound(&ARCHIVE, "many.zip", zip_of(&many)));
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

fn noise(at: u32) -> u8 {
    (256.0 * Key { seed: 1, stream: 0, step: 0 }.uniform(at)) as u8
}

/// Nine images.
fn idx() -> Vec<u8> {
    let head = [0x803, 9, 6, 6].map(u32::to_be_bytes).concat();
    head.into_iter().chain((0..9 * 36).map(noise)).collect()
}

/// Labels that are names.
fn names() -> Vec<u8> {
    let header = "{'descr': '<U3', 'fortran_order': False, 'shape': (9,), }\n";
    let length = (header.len() as u16).to_le_bytes();
    let names = ["cat", "dog", "owl"].repeat(3).concat();
    let names: Vec<u8> = names.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect();
    [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), &names].concat()
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
