//! The log of a run: a folder `x.log` beside `x.safetensors`, with CSV tables, grids of samples and
//! event files for TensorBoard.
//!
//! A resumed run continues from a checkpoint older than the last rows: those are dropped and
//! written again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::Context;

use super::tensorboard::EventFile;
use crate::cli::grid;
use crate::pixel;
use crate::sample::Program;
use crate::train::{Trainer, write_atomically};

/// The log of a run.
pub struct Log {
    folder: PathBuf,
    losses: Table,
    held_out: Table,
    events: EventFile,
}

/// What is logged for the steps since the last row.
pub struct Row {
    /// Steps done.
    pub step: u64,
    /// The mean weighted loss over D/2.
    pub loss: f32,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Pictures a second.
    pub rate: f64,
    /// Seconds spent in steps since the start of the run.
    pub seconds: f64,
}

impl Log {
    /// Opens the log beside a model: that of a run resumed after `resumed` steps, or a new one.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn open(model: &Path, resumed: Option<u64>) -> anyhow::Result<Self> {
        let folder = model.with_extension("log");
        let open = || -> io::Result<Self> {
            fs::create_dir_all(&folder)?;
            if resumed.is_none() {
                remove_old_files(&folder)?;
            }
            let header = "step,loss,learning_rate,pictures_per_second,seconds";
            let losses = Table::open(folder.join("losses.csv"), header, resumed)?;
            let held_out = Table::open(folder.join("held-out.csv"), "step,sigma,loss", resumed)?;
            let events = EventFile::create(&folder, resumed)?;
            Ok(Self { folder: folder.clone(), losses, held_out, events })
        };
        open().with_context(|| format!("cannot write to {}", folder.display()))
    }

    /// Where the log is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Logs a row.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        let Row { step, loss, learning_rate, rate, seconds } = *row;
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
        if self.held_out.last == Some(step) {
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

    /// Draws a grid of pictures with the averaged network, always from the same seed, so that
    /// progress shows. Does nothing once `stop` is set.
    ///
    /// # Errors
    /// If the device fails or a file cannot be written.
    pub fn samples(
        &mut self,
        step: u64,
        trainer: &Trainer,
        program: &Program,
        stop: &AtomicBool,
    ) -> anyhow::Result<()> {
        const PICTURES: usize = 16;
        let Some(pixels) = trainer.samples(program, PICTURES, stop)? else {
            return Ok(());
        };
        let shape = trainer.options().architecture.picture();
        let png = grid::encode_png(&pixel::bytes(&pixels), shape, None, 2)?;
        let path = self.folder.join(format!("samples-{step:08}.png"));
        write_atomically(&path, &png)
            .and_then(|()| self.events.png(step, "samples", png))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Removes another run's files that [`Log`] would add to, and nothing else in the folder.
fn remove_old_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let samples = name.starts_with("samples-") && name.ends_with(".png");
        if samples || name.starts_with(EventFile::PREFIX) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// A CSV file whose rows begin with the step.
struct Table {
    file: File,
    /// The step of the last row.
    last: Option<u64>,
}

impl Table {
    fn open(path: PathBuf, header: &str, resumed: Option<u64>) -> io::Result<Self> {
        let old = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            result => result?,
        };
        let mut text = format!("{header}\n");
        let mut last = None;
        if let Some(resumed) = resumed {
            let step = |line: &str| line.split(',').next()?.parse::<u64>().ok();
            // A line without an end was cut off by a crash. The header has no step.
            for line in old.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                if let Some(step) = step(line).filter(|&step| step <= resumed) {
                    text.push_str(line);
                    last = Some(step);
                }
            }
        }
        write_atomically(&path, text.as_bytes())?;
        Ok(Self { file: OpenOptions::new().append(true).open(&path)?, last })
    }

    fn append(&mut self, step: u64, lines: &str) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        self.last = Some(step);
        Ok(())
    }
}
