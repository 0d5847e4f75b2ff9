//! The two newest checkpoints of a run, kept so that the disk holds a whole one at every instant.
//!
//! A new one is written beside the others and forced to disk before any of them is touched. Then
//! two renames make the newest the previous one, and the new one the newest. If the process or
//! machine dies in between, at least one of them survives. There are two because a rename protects
//! from a crash, but not from a disk that loses what it has confirmed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::files;

/// The paths of a run's checkpoints.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    newest: PathBuf,
    previous: PathBuf,
}

/// A checkpoint, and what was wrong with the newest one if this is the previous one.
pub struct Found {
    /// The newest whole checkpoint.
    pub checkpoint: Checkpoint,
    /// A sentence for the user.
    pub warning: Option<String>,
}

impl Checkpoints {
    /// The checkpoints of the run that writes the given model: `x.checkpoint` and
    /// `x.previous.checkpoint` beside `x.safetensors`. If the first is a symbolic link, both are
    /// where it leads.
    pub fn beside(model: &Path) -> Self {
        let newest = model.with_extension("checkpoint");
        // A circle of links is reported by the first attempt to use it.
        let newest = files::target(&newest).unwrap_or(newest);
        Self { previous: newest.with_extension("previous.checkpoint"), newest }
    }

    /// The path of the newest checkpoint.
    pub fn newest(&self) -> &Path {
        &self.newest
    }

    /// The path of the previous checkpoint.
    pub fn previous(&self) -> &Path {
        &self.previous
    }

    /// Whether there are any checkpoints.
    pub fn any(&self) -> bool {
        self.newest.exists() || self.previous.exists()
    }

    /// Writes a checkpoint as the newest; the one that was the newest becomes the previous one.
    ///
    /// # Errors
    /// [`CheckpointError::Write`] names the file; a whole checkpoint is still there.
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

    /// Reads the newest checkpoint, or the previous one if the newest is damaged or missing. A
    /// damaged one is set aside, so that it never replaces the previous one.
    ///
    /// # Errors
    /// [`CheckpointError`] for the newest one if neither can be read.
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

    /// Removes all checkpoints: another run is about to replace them.
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
