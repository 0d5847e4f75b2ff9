//! The two newest checkpoints of a run, kept so that at every instant a whole one is on the disk.
//!
//! A new one is written beside the others and forced to the disk before anything that is there is
//! touched; then the newest becomes the previous one and the new one the newest, each by a rename.
//! A process or a machine that dies in between leaves at least one of them. Why two: a rename
//! protects from a crash, not from a disk that loses what it had confirmed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::files;

/// Where a run's checkpoints are.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    newest: PathBuf,
    previous: PathBuf,
}

/// A checkpoint that was found, and what was wrong with the newest one if it is the one before.
pub struct Found {
    /// The newest whole checkpoint.
    pub checkpoint: Checkpoint,
    /// A sentence for the user.
    pub warning: Option<String>,
}

impl Checkpoints {
    /// Those of the run that writes the given model: `x.checkpoint` and `x.previous.checkpoint`
    /// beside `x.safetensors`.
    pub fn beside(model: &Path) -> Self {
        Self {
            newest: model.with_extension("checkpoint"),
            previous: model.with_extension("previous.checkpoint"),
        }
    }

    /// The newest one's place.
    pub fn newest(&self) -> &Path {
        &self.newest
    }

    /// The place of the one before.
    pub fn previous(&self) -> &Path {
        &self.previous
    }

    /// Whether there is any.
    pub fn any(&self) -> bool {
        self.newest.exists() || self.previous.exists()
    }

    /// Writes a checkpoint, which becomes the newest; the newest becomes the previous one.
    ///
    /// # Errors
    /// [`CheckpointError::Write`] names the file; what was there is still there.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let write = || {
            let partial = files::write_beside(&self.newest, &checkpoint.to_bytes()?)?;
            match std::fs::rename(&self.newest, &self.previous) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            files::replace(&partial, &self.newest)
        };
        write().map_err(|source| CheckpointError::Write { path: self.newest.clone(), source })
    }

    /// Reads the newest checkpoint or, where that is damaged or was never finished, the one before.
    /// A damaged one is set aside, so that it never takes the place of the one before.
    ///
    /// # Errors
    /// [`CheckpointError`] of the newest one where neither can be read.
    pub fn load(&self) -> Result<Found, CheckpointError> {
        let error = match Checkpoint::load(&self.newest) {
            Ok(checkpoint) => return Ok(Found { checkpoint, warning: None }),
            Err(error) => error,
        };
        let Ok(checkpoint) = Checkpoint::load(&self.previous) else { return Err(error) };
        let mut warning = format!(
            "{error}; going on from the one before, {}, which is of step {}",
            self.previous.display(),
            checkpoint.step
        );
        if let CheckpointError::Damaged { .. } = error {
            let aside = self.newest.with_extension("damaged");
            std::fs::rename(&self.newest, &aside)
                .map_err(|source| CheckpointError::Write { path: aside.clone(), source })?;
            warning += &format!(" (the damaged one is now {})", aside.display());
        }
        Ok(Found { checkpoint, warning: Some(warning) })
    }

    /// Removes them all: another run is about to take their place.
    ///
    /// # Errors
    /// [`CheckpointError::Write`] names the file.
    pub fn remove(&self) -> Result<(), CheckpointError> {
        for path in [&self.newest, &self.previous] {
            match std::fs::remove_file(path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(CheckpointError::Write { path: path.clone(), source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
