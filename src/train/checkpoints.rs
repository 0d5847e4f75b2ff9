//! The two newest checkpoints of a run, kept so that the disk holds a whole one at every instant.
//!
//! A new one is written beside the others and forced to disk before any of them is touched. Then
//! two renames make the newest the previous one, and the new one the newest. If the process or
//! machine dies in between, at least one of them survives. There are two because a rename protects
//! from a crash, but not from a disk that loses what it has confirmed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, CheckpointError};
use crate::files;

/// The paths of a run's checkpoints.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    newest: PathBuf,
    previous: PathBuf,
}

/// A checkpoint, and what was wrong with the newest one if this is the previous one.
pub struct LoadedCheckpoint {
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
        let newest = files::link_target(&newest).unwrap_or(newest);
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
            files::replace(partial, &self.newest)
        };
        write().map_err(|source| CheckpointError::Write { path: self.newest.clone(), source })
    }

    /// Reads the newest checkpoint, or the previous one if the newest is damaged, cannot be read or is
    /// missing. What is there in its place is set aside, so that the next [`Self::save`] does not
    /// replace the previous one by it.
    ///
    /// # Errors
    /// [`CheckpointError`] for the newest one if neither can be read, [`CheckpointError::Write`] if
    /// the newest cannot be set aside.
    pub fn load(&self) -> Result<LoadedCheckpoint, CheckpointError> {
        self.find(true)
    }

    /// As [`Self::load`], but leaves everything as it is.
    ///
    /// # Errors
    /// [`CheckpointError`] for the newest one if neither can be read.
    pub fn peek(&self) -> Result<LoadedCheckpoint, CheckpointError> {
        self.find(false)
    }

    fn find(&self, sets_aside: bool) -> Result<LoadedCheckpoint, CheckpointError> {
        let error = match Checkpoint::load(&self.newest) {
            Ok(checkpoint) => return Ok(LoadedCheckpoint { checkpoint, warning: None }),
            Err(error) => error,
        };
        let Ok(checkpoint) = Checkpoint::load(&self.previous) else { return Err(error) };
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let cause = cause.unwrap_or_default();
        let mut warning = format!(
            "{error}{cause}; going on from the one before, {}, which is of step {}",
            self.previous.display(),
            checkpoint.step
        );
        let kind = match &error {
            CheckpointError::Read { source, .. } if source.kind() == ErrorKind::NotFound => None,
            CheckpointError::Damaged { .. } => Some("damaged"),
            _ => Some("unreadable"),
        };
        if let Some(kind) = kind.filter(|_| sets_aside) {
            let aside = self.newest.with_extension(kind);
            match std::fs::rename(&self.newest, &aside) {
                // Another process of the same run was faster.
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(CheckpointError::Write { path: aside, source });
                }
                _ => {}
            }
            warning += &format!(" (the {kind} one is now {})", aside.display());
        }
        Ok(LoadedCheckpoint { checkpoint, warning: Some(warning) })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use burn::tensor::Bytes;

    use super::*;
    use crate::data::Images;
    use crate::net::ImageShape;
    use crate::train::Options;
    use crate::train::records::Records;

    fn checkpoint(step: u64) -> Checkpoint {
        let shape = ImageShape { channels: 1, height: 4, width: 4 };
        let images = Images::new(shape, (0..32).collect());
        let part = || Bytes::from_bytes_vec(vec![1, 2, 3]);
        Checkpoint {
            options: Options::for_images(&images).expect("images that differ"),
            step,
            seconds: 0.0,
            records: Records {
                weights: part(),
                ema: part(),
                optimizer: part(),
                teacher: Vec::new(),
                critic: Vec::new(),
            },
        }
    }

    /// A folder in its place is what nobody can read, not even the administrator.
    #[test]
    fn a_newest_checkpoint_that_cannot_be_read_never_replaces_the_previous_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let checkpoints = Checkpoints::beside(&folder.path().join("m.safetensors"));
        for step in [1, 2] {
            checkpoints.save(&checkpoint(step)).expect("written");
        }
        fs::remove_file(checkpoints.newest()).expect("it was there");
        fs::create_dir(checkpoints.newest()).expect("created");
        let LoadedCheckpoint { checkpoint: seen, warning } =
            checkpoints.peek().expect("the previous one");
        assert_eq!(seen.step, 1);
        assert!(warning.is_some_and(|warning| warning.contains("going on from the one before")));
        assert!(checkpoints.newest().is_dir(), "to look at it changes nothing");
        let LoadedCheckpoint { checkpoint: found, warning } =
            checkpoints.load().expect("the previous one");
        assert_eq!(found.step, 1);
        assert!(warning.is_some_and(|warning| warning.contains("m.unreadable")));
        assert!(folder.path().join("m.unreadable").is_dir());

        checkpoints.save(&checkpoint(3)).expect("written");
        assert_eq!(Checkpoint::load(checkpoints.previous()).expect("whole").step, 1);
        assert_eq!(Checkpoint::load(checkpoints.newest()).expect("whole").step, 3);
    }
}
