//! A training run on disk: everything that is needed to go on to the very same weights.
//!
//! A `.safetensors` container of three byte tensors (weights, their moving average, Adam's state,
//! each as Burn writes it) with the rest as JSON in its metadata. It is written to a temporary file
//! that replaces the old checkpoint in one step, so that at any moment a whole one is there, and
//! it carries a checksum, so that a damaged one is not mistaken for a whole one.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Bytes;
use flate2::Crc;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Options;

/// Everything that a run needs to go on.
pub struct Checkpoint {
    /// What the run is made of.
    pub options: Options,
    /// Steps done.
    pub step: u64,
    /// Seconds spent in them.
    pub seconds: f64,
    pub(super) weights: Bytes,
    pub(super) average: Bytes,
    pub(super) optimizer: Bytes,
}

/// Why a checkpoint cannot be read or written.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read the checkpoint {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is damaged, or no checkpoint.
    #[error("the checkpoint {} is damaged ({problem}); start without --resume", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    options: Options,
    step: u64,
    seconds: f64,
    checksum: u32,
}

const NAMES: [&str; 3] = ["weights", "average", "optimizer"];

impl Checkpoint {
    /// Writes the checkpoint, replacing an older one in one step.
    ///
    /// # Errors
    /// [`CheckpointError::Write`], with the older one left as it was.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let parts = [&self.weights, &self.average, &self.optimizer];
        let header = Header {
            options: self.options.clone(),
            step: self.step,
            seconds: self.seconds,
            checksum: checksum(parts.map(|part| &part[..])),
        };
        let write = || {
            let view = |part| TensorView::new(Dtype::U8, vec![<[u8]>::len(part)], part);
            let mut tensors = Vec::new();
            for (name, part) in NAMES.into_iter().zip(parts) {
                tensors.push((name, view(&part[..]).map_err(std::io::Error::other)?));
            }
            let header = serde_json::to_string(&header)?;
            let metadata = HashMap::from([("checkpoint".to_owned(), header)]);
            let bytes = safetensors::serialize(tensors, Some(metadata));
            write_atomically(path, &bytes.map_err(std::io::Error::other)?)
        };
        write().map_err(|source| CheckpointError::Write { path: path.to_owned(), source })
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`] where there is none, or it is damaged.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path)
            .map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        Self::parse(&bytes)
            .map_err(|problem| CheckpointError::Damaged { path: path.to_owned(), problem })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let metadata = metadata.metadata().as_ref();
        let header = metadata.and_then(|m| m.get("checkpoint")).ok_or("it has no header")?;
        let header: Header = serde_json::from_str(header).map_err(|e| e.to_string())?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let mut parts = [&[][..]; 3];
        for (part, name) in parts.iter_mut().zip(NAMES) {
            *part = file.tensor(name).map_err(|e| e.to_string())?.data();
        }
        if checksum(parts) != header.checksum {
            return Err("its checksum does not match".into());
        }
        let [weights, average, optimizer] = parts.map(|part| Bytes::from_bytes_vec(part.to_vec()));
        let Header { options, step, seconds, .. } = header;
        Ok(Self { options, step, seconds, weights, average, optimizer })
    }
}

fn checksum(parts: [&[u8]; 3]) -> u32 {
    let mut crc = Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum()
}

/// Writes a file beside `path`, forces it to the disk and renames it: a crash leaves the old file
/// or the new one, never half of one.
///
/// # Errors
/// Whatever the file system says; the old file is then untouched.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let write = || {
        let mut file = std::fs::File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    // What is left of a failed attempt helps nobody, and may be what filled the disk.
    write().inspect_err(|_| drop(std::fs::remove_file(&partial)))
}
