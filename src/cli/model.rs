//! Opens models for the commands.

use std::path::Path;

use anyhow::Context;

use crate::model_file::ModelFile;

/// Reads a model; an error names the file.
pub(super) fn open(path: &Path) -> anyhow::Result<ModelFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    ModelFile::read(&bytes).with_context(|| format!("cannot use {}", path.display()))
}
