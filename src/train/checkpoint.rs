//! A training run on disk: everything needed to continue to the very same weights.
//!
//! A `.safetensors` container of byte tensors, as Burn writes them: weights, their moving average,
//! Adam's state, and the teacher and the critic, if the run has them. The rest is JSON in the
//! metadata, with a checksum that reveals damage. [`super::Checkpoints`] puts it on disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::Bytes;
use flate2::Crc;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Options;
use super::records::Records;

/// Everything that a run needs to continue.
#[derive(Clone)]
pub struct Checkpoint {
    /// The options of the run.
    pub options: Options,
    /// Steps done.
    pub step: u64,
    /// Seconds spent in these steps.
    pub seconds: f64,
    pub(super) records: Records,
}

/// Why a checkpoint cannot be read or written.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read the checkpoint {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is damaged or not a checkpoint.
    #[error("the checkpoint {} is damaged ({problem})", path.display())]
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
}

/// The parts of every checkpoint, and the additional ones of a run that learns from models.
const NAMES: [&str; 3] = ["weights", "average", "optimizer"];
const TEACHER: [&str; 2] = ["teacher", "worse"];
const CRITIC: [&str; 2] = ["critic", "critic-optimizer"];

impl Checkpoint {
    pub(super) fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let Self { options, step, seconds, records } = self;
        let Records { weights, ema, optimizer, teacher, critic } = records;
        let named = NAMES.into_iter().zip([weights, ema, optimizer]);
        let named = named.chain(TEACHER.into_iter().zip(teacher));
        let named: Vec<(&str, &Bytes)> = named.chain(CRITIC.into_iter().zip(critic)).collect();
        let header = Header { options: options.clone(), step: *step, seconds: *seconds };
        let header = serde_json::to_string(&header)?;
        let sum = checksum(&header, named.iter().map(|(_, part)| &part[..]));
        let view = |part| TensorView::new(Dtype::U8, vec![<[u8]>::len(part)], part);
        let mut tensors = Vec::new();
        for (name, part) in named {
            tensors.push((name, view(&part[..]).map_err(std::io::Error::other)?));
        }
        let metadata =
            HashMap::from([("checkpoint".into(), header), ("checksum".into(), sum.to_string())]);
        safetensors::serialize(tensors, Some(metadata)).map_err(std::io::Error::other)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is none, or it is damaged.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path)
            .map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        Self::parse(&bytes)
            .map_err(|problem| CheckpointError::Damaged { path: path.to_owned(), problem })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let entry = |name| metadata.metadata().as_ref()?.get(name);
        let header = entry("checkpoint").ok_or("it has no header")?;
        let sum = entry("checksum").ok_or("it has no checksum")?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let Header { options, step, seconds } =
            serde_json::from_str(header).map_err(|e| e.to_string())?;
        let part = |name| file.tensor(name).map(|part| part.data()).map_err(|e| e.to_string());
        let [weights, ema, optimizer] = NAMES.map(part);
        let parts = [weights?, ema?, optimizer?];
        let found = |names: [&'static str; 2]| -> Vec<&[u8]> {
            names.into_iter().map_while(|name| part(name).ok()).collect()
        };
        let (teacher, critic) = (found(TEACHER), found(CRITIC));
        let all = parts.into_iter().chain(teacher.iter().chain(&critic).copied());
        if checksum(header, all).to_string() != *sum {
            return Err("its checksum does not match".into());
        }
        let bytes = |part: &[u8]| Bytes::from_bytes_vec(part.to_vec());
        let [weights, ema, optimizer] = parts.map(bytes);
        let [teacher, critic] =
            [teacher, critic].map(|parts| parts.into_iter().map(bytes).collect());
        let records = Records { weights, ema, optimizer, teacher, critic };
        Ok(Self { options, step, seconds, records })
    }
}

fn checksum<'a>(header: &str, parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut crc = Crc::new();
    crc.update(header.as_bytes());
    parts.for_each(|part| crc.update(part));
    crc.sum()
}
