//! The log of a run: a folder `x.log` beside `x.safetensors`, with CSV tables, grids of samples and
//! event files for TensorBoard.
//!
//! A resumed run continues from a checkpoint older than the last rows: those are dropped and
//! written again. One process at a time writes to a log, and so to the checkpoints beside it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::table::Table;
use super::tensorboard::EventFile;
use crate::files::{link_target, write_atomically};
use crate::grid;
use crate::net::ImageShape;
use crate::pixel;
use crate::train::Report;

/// The file that whoever writes to a log has locked.
const LOCK: &str = ".lock";

/// The log of a run.
pub struct Log {
    folder: PathBuf,
    losses: Table,
    held_out: Table,
    events: EventFile,
}

impl Log {
    /// The folder of the log beside a model.
    pub fn folder_beside(model: &Path) -> PathBuf {
        model.with_extension("log")
    }

    /// Checks, before a run reads anything, that its log would replace no other files than those of
    /// an earlier log, and those only if `overwrite` says so or they are of a run that ended before
    /// it saved anything. A resumed run adds to them.
    ///
    /// # Errors
    /// Names the file or folder that is in the way.
    pub fn ensure_own(folder: &Path, resume: bool, overwrite: bool) -> anyhow::Result<()> {
        let shown = folder.display();
        ensure!(
            folder.is_dir() || !folder.exists(),
            "{shown} is a file, but the log is a folder of that name; move it, or choose another \
             --out"
        );
        let foreign = |path: &Path| {
            format!(
                "{} is not of a log that `train` wrote, but a log would replace it; move it, or \
                 choose another --out, beside which the log goes",
                path.display()
            )
        };
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        let mut is_log = false;
        for (name, header) in [LOSSES, HELD_OUT] {
            let path = folder.join(name);
            let is_table = Table::has_header(&path, header);
            ensure!(is_table || !path.exists(), foreign(&path));
            is_log |= is_table;
        }
        if resume {
            return Ok(());
        }
        let mut paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let samples = paths.find(|path| path.file_name().is_some_and(is_samples));
        if let Some(samples) = &samples {
            ensure!(is_log, foreign(samples));
        }
        ensure!(
            overwrite || (samples.is_none() && !Table::has_rows(&folder.join(HELD_OUT.0))),
            "{shown} holds the log of an earlier run; choose another --out, or replace it with \
             --overwrite"
        );
        Ok(())
    }

    /// Locks the log beside a model, until what is returned is dropped. Two processes that train the
    /// same model would replace each other's checkpoints. The system unlocks it when this process
    /// ends, however it ends.
    ///
    /// # Errors
    /// If another process has locked it, or the file for that cannot be written.
    pub fn lock(model: &Path) -> anyhow::Result<File> {
        let folder = Self::folder_beside(model);
        let open = || -> io::Result<File> {
            fs::create_dir_all(link_target(&folder)?)?;
            OpenOptions::new().create(true).append(true).open(folder.join(LOCK))
        };
        let file = open().with_context(|| format!("cannot write to {}", folder.display()))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => bail!(
                "another process trains this model and writes to {}; let it end, or stop it, or \
                 choose another --out",
                folder.display()
            ),
            // Some network file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        }
    }

    /// Opens the log beside a model: that of a run resumed after `resumed` steps, or a new one. See
    /// [`Self::ensure_own`].
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn open(model: &Path, resumed: Option<u64>) -> anyhow::Result<Self> {
        let folder = Self::folder_beside(model);
        let open = || -> io::Result<Self> {
            fs::create_dir_all(link_target(&folder)?)?;
            if resumed.is_none() {
                remove_old_files(&folder)?;
            }
            let losses = Table::open(&folder, LOSSES, resumed)?;
            let held_out = Table::open(&folder, HELD_OUT, resumed)?;
            let events = EventFile::create(&folder, resumed)?;
            Ok(Self { folder: folder.clone(), losses, held_out, events })
        };
        open().with_context(|| format!("cannot write to {}", folder.display()))
    }

    /// Where the log is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Logs the steps since the last report.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn report(&mut self, report: &Report) -> anyhow::Result<()> {
        let Report { step, loss, learning_rate, rate, seconds } = *report;
        let line = format!("{step},{loss},{learning_rate:e},{rate:.1},{seconds:.1}\n");
        let scalars = [
            ("loss/train", loss),
            ("learning_rate", learning_rate as f32),
            ("pictures_per_second", rate as f32),
        ];
        self.losses
            .append(step, &line)
            .and_then(|()| self.events.scalars(step, &scalars))
            .with_context(|| format!("cannot write to {}", self.folder.display()))
    }

    /// Logs held-out losses, pairs (σ, loss). A run resumed at its end evaluates its last step
    /// again, which is logged only once.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn held_out(&mut self, step: u64, losses: &[(f32, f32)]) -> anyhow::Result<()> {
        if self.held_out.last() == Some(step) {
            return Ok(());
        }
        let lines: String =
            losses.iter().map(|(sigma, loss)| format!("{step},{sigma},{loss}\n")).collect();
        let tag = |sigma: f32| format!("loss/held-out σ={sigma:.3}");
        let tags: Vec<_> = losses.iter().map(|&(sigma, loss)| (tag(sigma), loss)).collect();
        let scalars: Vec<_> = tags.iter().map(|(tag, loss)| (tag.as_str(), *loss)).collect();
        self.held_out
            .append(step, &lines)
            .and_then(|()| self.events.scalars(step, &scalars))
            .with_context(|| format!("cannot write to {}", self.folder.display()))
    }

    /// Logs images, N × C × H × W, as a grid.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn samples(&mut self, step: u64, pixels: &[f32], shape: ImageShape) -> anyhow::Result<()> {
        let png = grid::encode_png(&pixel::bytes(pixels), shape, None)?;
        let path = self.folder.join(format!("samples-{step:08}.png"));
        write_atomically(&path, &png)
            .and_then(|()| self.events.png(step, "samples", png))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The tables: the names of their files, and their headers.
const LOSSES: (&str, &str) = ("losses.csv", "step,loss,learning_rate,pictures_per_second,seconds");
const HELD_OUT: (&str, &str) = ("held-out.csv", "step,sigma,loss");

/// Whether a file's name is that of a grid of samples, `samples-00001000.png`.
fn is_samples(name: &OsStr) -> bool {
    let name = name.to_str().unwrap_or_default();
    let step = name.strip_prefix("samples-").and_then(|rest| rest.strip_suffix(".png"));
    step.is_some_and(|step| step.len() >= 8 && step.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Removes another run's files that [`Log`] would add to, and nothing else in the folder.
fn remove_old_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_samples(&name) || name.to_str().is_some_and(EventFile::is_own) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
