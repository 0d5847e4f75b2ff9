//! Pictures from disk, and batches of them.

pub mod idx;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::net::{Picture, Preconditioning};
use crate::random::{Key, permutation};

/// Pictures of one shape in memory, as bytes: 255 is 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// The shape of each.
    pub shape: Picture,
    /// One picture after the other, C × H × W each.
    pub bytes: Vec<u8>,
}

/// What to train on, and what to hold out.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// A name for people, from the folder or the file.
    pub name: String,
    /// What is trained on.
    pub train: Pictures,
    /// What is never trained on.
    pub held_out: Pictures,
}

/// Why data cannot be used.
#[derive(Debug, Error)]
pub enum DataError {
    /// A file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder without data.
    #[error(
        "{}: no pictures here; expected IDX files such as train-images-idx3-ubyte(.gz)",
        path.display()
    )]
    Nothing {
        /// Which folder.
        path: PathBuf,
    },
}

impl Pictures {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.shape.dimension()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The pixels of picture `index`.
    ///
    /// # Panics
    /// Where there are not that many pictures.
    pub fn picture(&self, index: usize) -> &[u8] {
        let dimension = self.shape.dimension();
        &self.bytes[index * dimension..][..dimension]
    }

    /// Mean and standard deviation over all pixels, with pixels in \[0, 1\].
    pub fn statistics(&self) -> Preconditioning {
        let n = self.bytes.len().max(1) as f64;
        let sum: u64 = self.bytes.iter().map(|&b| u64::from(b)).sum();
        let squares: u64 = self.bytes.iter().map(|&b| u64::from(b).pow(2)).sum();
        let mean = sum as f64 / n / 255.0;
        let variance = squares as f64 / n / 255.0 / 255.0 - mean * mean;
        // Four digits are plenty, and read well in the card. A blank data set has no scale.
        let round = |v: f64| ((v * 1e4).round() / 1e4) as f32;
        Preconditioning { mean: round(mean), deviation: round(variance.max(1e-4).sqrt()) }
    }

    /// Splits off the last `count` pictures.
    fn split_off(mut self, count: usize) -> (Self, Self) {
        let at = (self.len() - count) * self.shape.dimension();
        let tail = self.bytes.split_off(at);
        let shape = self.shape;
        (self, Self { shape, bytes: tail })
    }
}

impl DataSet {
    /// Loads pictures from an IDX file, or a folder that holds `train-images…` and, to hold out,
    /// `t10k-images…`. Without the latter, one picture in twenty is held out.
    ///
    /// # Errors
    /// [`DataError`] names the file and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, DataError> {
        let metadata = std::fs::metadata(path)
            .map_err(|source| DataError::Io { path: path.to_owned(), source })?;
        let name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = name.file_name().map_or("data".into(), |n| n.to_string_lossy().into_owned());
        let (train, held_out) = if metadata.is_dir() {
            let file = find(path, "train-images-idx3-ubyte")
                .ok_or_else(|| DataError::Nothing { path: path.to_owned() })?;
            (file, find(path, "t10k-images-idx3-ubyte"))
        } else {
            (path.to_owned(), None)
        };
        let train = idx::read(&train)?;
        let (train, held_out) = match held_out {
            Some(path) => (train, idx::read(&path)?),
            None => {
                let count = train.len() / 20;
                train.split_off(count)
            }
        };
        Ok(Self { name, train, held_out })
    }
}

/// The file of that name in a folder, gzipped or not.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let candidates = [folder.join(name), folder.join(format!("{name}.gz"))];
    candidates.into_iter().find(|path| path.is_file())
}

/// The order in which pictures are seen: every epoch all of them once, in an order of its own that
/// depends on the seed and the epoch alone, so that training can be resumed anywhere.
#[derive(Clone, Debug)]
pub struct Order {
    pictures: usize,
    seed: u64,
    epoch: u64,
    order: Vec<u32>,
}

impl Order {
    /// The order of `pictures` ≥ 1 pictures under a seed.
    pub fn new(pictures: usize, seed: u64) -> Self {
        Self { pictures, seed, epoch: u64::MAX, order: Vec::new() }
    }

    /// Which picture is the `position`-th to be seen, counting from the start of training.
    pub fn at(&mut self, position: u64) -> usize {
        let (epoch, index) = (position / self.pictures as u64, position % self.pictures as u64);
        if epoch != self.epoch {
            let key = Key { seed: self.seed, stream: ORDER_STREAM, step: epoch as u32 };
            self.order = permutation(self.pictures, key);
            self.epoch = epoch;
        }
        self.order[index as usize] as usize
    }
}

/// Streams of a training step are its examples; this one is none of them.
const ORDER_STREAM: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_the_pixels() {
        let shape = Picture { channels: 1, height: 1, width: 2 };
        let pictures = Pictures { shape, bytes: vec![0, 255, 255, 0] };
        assert_eq!(pictures.statistics(), Preconditioning { mean: 0.5, deviation: 0.5 });
        assert_eq!((pictures.len(), pictures.picture(1)), (2, &[255, 0][..]));
    }

    #[test]
    fn an_epoch_sees_everything_once_in_an_order_of_its_own() {
        let mut order = Order::new(50, 3);
        let mut epoch = |e: u64| (0..50).map(|i| order.at(e * 50 + i)).collect::<Vec<_>>();
        let (first, second, again) = (epoch(0), epoch(1), epoch(0));
        assert_eq!(first, again);
        assert_ne!(first, second);
        let mut sorted = second;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..50));
    }

    #[test]
    fn missing_data_is_an_error_that_names_the_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = DataSet::load(folder.path()).expect_err("nothing there");
        assert!(error.to_string().contains("train-images-idx3-ubyte"), "{error}");
        let error = DataSet::load(&folder.path().join("nowhere")).expect_err("no such folder");
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
