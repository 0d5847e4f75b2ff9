//! Opens models for the commands.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Context;

use super::progress;
use crate::hub::{self, Address};
use crate::model_file::ModelFile;

/// Reads a model: a file, or one on the hub by its address, `hf:user/name`. An error names it.
pub(super) fn open(path: &Path) -> anyhow::Result<ModelFile> {
    let path = local(path)?;
    parse(&path, &bytes(&path)?)
}

/// Reads a model from a file's contents; an error names the file.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> anyhow::Result<ModelFile> {
    ModelFile::read(bytes).with_context(|| format!("cannot use {}", path.display()))
}

/// The contents of a file; an error names it.
pub(super) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The file on this machine that a path or an address on the hub names.
pub(super) fn local(path: &Path) -> anyhow::Result<Cow<'_, Path>> {
    match path.to_str().filter(|text| text.starts_with(Address::PREFIX) && !path.exists()) {
        None => Ok(path.into()),
        Some(text) => {
            let limit = ModelFile::MAX_BYTES as u64;
            Ok(hub::fetch(&text.parse()?, limit, &progress::download)?.into())
        }
    }
}
