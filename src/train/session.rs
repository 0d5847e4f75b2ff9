//! A training session: steps, and between them the reports, evaluations and checkpoints that are
//! due.
//!
//! [`Session`] is an iterator of [`Event`]s. Each call of `next` trains until there is something to
//! tell, so whoever consumes the events decides what is printed and logged, and may stop at any of
//! them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::card::card;
use super::{CheckpointError, Checkpoints, TrainError, Trainer};
use crate::data::DataSet;
use crate::files::write_atomically;
use crate::model_file::{ModelError, ModelFile};
use crate::sample::SettingsError;

/// What decides when a session evaluates, saves and stops, but not what it learns.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Time between checkpoints.
    pub checkpoint_every: Duration,
    /// Steps between evaluations, each of which also writes the model. The first comes after a
    /// tenth of these steps; 0 means only at the end.
    pub eval_every_steps: u64,
    /// Where the trainer computes, in words for the model's card.
    pub device: String,
    /// Whether the trainer comes from the checkpoint beside the model, which then need not be saved
    /// again.
    pub resumed: bool,
    /// Setting it, from any thread, ends the session after the current step: with a checkpoint, an
    /// evaluation without samples, and the model.
    pub stop: Arc<AtomicBool>,
}

impl SessionOptions {
    /// The default time between checkpoints, in seconds.
    pub const CHECKPOINT_EVERY_SECONDS: u64 = 120;
    /// The default number of steps between evaluations.
    pub const EVAL_EVERY_STEPS: u64 = 1000;

    /// Whether to evaluate after this step.
    fn evaluates_at(&self, step: u64) -> bool {
        let every = self.eval_every_steps;
        every > 0 && (step.is_multiple_of(every) || step == every / 10)
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            checkpoint_every: Duration::from_secs(Self::CHECKPOINT_EVERY_SECONDS),
            eval_every_steps: Self::EVAL_EVERY_STEPS,
            device: "cpu".into(),
            resumed: false,
            stop: Arc::default(),
        }
    }
}

/// What happened in a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Some steps were done, and found to be sound.
    Report(Report),
    /// The averaged network was evaluated on held-out images.
    HeldOut {
        /// Steps done.
        step: u64,
        /// `½ ‖σ s + z‖²` at a few noise levels: (σ, loss).
        losses: Vec<(f32, f32)>,
    },
    /// The averaged network drew images, always from the same seed, so that progress shows.
    Samples {
        /// Steps done.
        step: u64,
        /// N × C × H × W.
        pixels: Vec<f32>,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// Steps done.
        step: u64,
        /// Its file.
        path: PathBuf,
    },
    /// The model was written.
    Model {
        /// Steps done.
        step: u64,
        /// Its file.
        path: PathBuf,
    },
    /// No more steps follow: all are done, or the session was stopped. What is not saved yet is
    /// saved next.
    TrainingEnded {
        /// Steps done.
        step: u64,
    },
    /// The last event: everything is written.
    Finished {
        /// Steps done.
        step: u64,
        /// As in [`Event::HeldOut`], of the model as written.
        held_out: Vec<(f32, f32)>,
    },
}

/// The steps since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Steps done.
    pub step: u64,
    /// The mean weighted loss, as [`Trainer::take_loss`] gives it.
    pub loss: f32,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Images a second.
    pub rate: f64,
    /// Seconds spent in steps since the start of the run.
    pub seconds: f64,
}

/// Why a session ended before it was finished. Files saved earlier are left as they were.
#[derive(Debug, Error)]
pub enum SessionError {
    /// Training failed. After [`TrainError::Diverged`] the last sound state is in the newest
    /// checkpoint.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A checkpoint cannot be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The recommended sampler settings are impossible.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The model cannot be stored.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model's file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A training run from its start, or from where it resumes, to its end. See the [module](self).
///
/// After an error the iterator is over. If training diverges, the error follows the checkpoint of
/// the last sound state.
pub struct Session {
    trainer: Trainer,
    data: DataSet,
    model: PathBuf,
    checkpoints: Checkpoints,
    options: SessionOptions,
    /// The mean of the training images.
    mean: f32,
    /// What to do before the next step.
    due: VecDeque<Due>,
    /// Whether no more steps follow.
    ended: bool,
    /// The step of the newest checkpoint.
    saved: Option<u64>,
    /// When a timed checkpoint was last due.
    last_due: Instant,
    /// The step of the last evaluation, and its held-out losses.
    held_out: Option<(u64, Vec<(f32, f32)>)>,
}

/// What is due between steps.
enum Due {
    /// Writes a checkpoint, unless the newest is of this step.
    Checkpoint,
    /// As [`Self::Checkpoint`], if enough time has passed.
    TimedCheckpoint,
    /// Measures held-out losses.
    HeldOut,
    /// Draws samples, unless the session is stopped meanwhile.
    Samples,
    /// Writes the model.
    Model,
    /// Ends with success.
    Finish,
    /// Ends with an error.
    Fail(TrainError),
}

/// An evaluation, in order.
const EVALUATION: [Due; 3] = [Due::HeldOut, Due::Samples, Due::Model];

impl Session {
    /// A session that trains on this data and writes the model to a file, with [`Checkpoints`]
    /// beside it, replacing those of an earlier run. Nothing is written before the first event.
    pub fn new(trainer: Trainer, data: DataSet, model: &Path, options: SessionOptions) -> Self {
        let (done, steps) = (trainer.done(), trainer.options().steps);
        // The run may have been killed between the checkpoint and the evaluation after it.
        let evaluates = options.resumed && options.evaluates_at(done) && done < steps;
        let due = evaluates.then_some(EVALUATION).into_iter().flatten().collect();
        Self {
            mean: data.train.statistics().mean,
            saved: options.resumed.then_some(trainer.done()),
            checkpoints: Checkpoints::beside(model),
            model: model.to_owned(),
            trainer,
            data,
            options,
            due,
            ended: false,
            last_due: Instant::now(),
            held_out: None,
        }
    }

    /// The trainer, in its current state.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Where checkpoints are written.
    pub fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// The step of the newest checkpoint, if there is one.
    pub fn saved(&self) -> Option<u64> {
        self.saved
    }

    fn is_stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }

    /// Trains until there is something to report, and queues what is then due.
    fn train(&mut self) -> Result<Event, TrainError> {
        // A report waits for the device, so it does not follow every step.
        const REPORT: u64 = 10;
        const REPORT_AFTER: Duration = Duration::from_secs(10);
        let (steps, batch) = (self.trainer.options().steps, self.trainer.options().batch as u64);
        let (before, started) = (self.trainer.done(), Instant::now());
        while self.trainer.done() < steps && !self.is_stopped() {
            self.trainer.step(&self.data.train);
            let step = self.trainer.done();
            let evaluates = self.options.evaluates_at(step) && step < steps;
            let reports = step.is_multiple_of(REPORT) || started.elapsed() >= REPORT_AFTER;
            if !(reports || evaluates || step == steps) {
                continue;
            }
            // Everything saved or shown after this was found to be finite here.
            let Some(loss) = self.trainer.take_loss()? else { continue };
            let rate = ((step - before) * batch) as f64 / started.elapsed().as_secs_f64();
            let learning_rate = self.trainer.options().learning_rate_at(step - 1);
            let seconds = self.trainer.seconds();
            if evaluates {
                // A run killed from here on must not leave a model without a checkpoint to continue
                // from.
                self.due.extend(self.saved.is_none().then_some(Due::Checkpoint));
                self.due.extend(EVALUATION);
            }
            self.due.push_back(Due::TimedCheckpoint);
            return Ok(Event::Report(Report { step, loss, learning_rate, rate, seconds }));
        }
        self.trainer.take_loss()?;
        self.ended = true;
        let step = self.trainer.done();
        self.due.push_back(Due::Checkpoint);
        if self.held_out.as_ref().is_none_or(|(at, _)| *at != step) {
            self.due.extend(EVALUATION);
        }
        self.due.push_back(Due::Finish);
        Ok(Event::TrainingEnded { step })
    }

    /// Does what is due; `None` if there was nothing to do.
    fn perform(&mut self, due: Due) -> Result<Option<Event>, SessionError> {
        const SAMPLES: usize = 16;
        let step = self.trainer.done();
        Ok(match due {
            Due::Checkpoint => self.save()?,
            Due::TimedCheckpoint if self.last_due.elapsed() >= self.options.checkpoint_every => {
                let event = self.save()?;
                self.last_due = Instant::now();
                event
            }
            Due::TimedCheckpoint => None,
            Due::HeldOut => {
                let losses = self.trainer.held_out(&self.data.held_out)?;
                self.held_out = Some((step, losses.clone()));
                Some(Event::HeldOut { step, losses })
            }
            Due::Samples => {
                let table =
                    self.trainer.options().recommended_settings().step_table()?.around(self.mean);
                let pixels = self.trainer.samples(&table, SAMPLES, &self.options.stop)?;
                pixels.map(|pixels| Event::Samples { step, pixels })
            }
            Due::Model => {
                let (bytes, path) = (self.model()?.write()?, self.model.clone());
                match write_atomically(&path, &bytes) {
                    Ok(()) => Some(Event::Model { step, path }),
                    Err(source) => return Err(SessionError::Write { path, source }),
                }
            }
            Due::Finish => Some(Event::Finished { step, held_out: self.losses() }),
            Due::Fail(error) => return Err(error.into()),
        })
    }

    /// Writes a checkpoint, unless the newest is of this step.
    fn save(&mut self) -> Result<Option<Event>, SessionError> {
        let step = self.trainer.done();
        if self.saved == Some(step) {
            return Ok(None);
        }
        self.checkpoints.save(&self.trainer.checkpoint()?)?;
        self.saved = Some(step);
        Ok(Some(Event::Checkpoint { step, path: self.checkpoints.newest().to_owned() }))
    }

    fn losses(&self) -> Vec<(f32, f32)> {
        self.held_out.as_ref().map(|(_, losses)| losses.clone()).unwrap_or_default()
    }

    /// The model with the held-out losses of the last evaluation.
    fn model(&self) -> Result<ModelFile, TrainError> {
        let Self { data, trainer, options, mean, .. } = self;
        let name = self.model.file_stem().map_or("model".into(), |s| s.to_string_lossy().into());
        let card = card(trainer, data, name, *mean, options.device.clone(), self.losses());
        Ok(ModelFile { card, weights: trainer.ema_weights()? })
    }
}

impl Iterator for Session {
    type Item = Result<Event, SessionError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let result = match self.due.pop_front() {
                Some(due) => self.perform(due),
                None if self.ended => return None,
                None => match self.train() {
                    // The trainer is back at its last sound state.
                    Err(error @ TrainError::Diverged { .. }) => {
                        self.ended = true;
                        self.due.extend([Due::Checkpoint, Due::Fail(error)]);
                        continue;
                    }
                    result => result.map(Some).map_err(SessionError::from),
                },
            };
            if result.is_err() {
                self.ended = true;
                self.due.clear();
            }
            if let Some(item) = result.transpose() {
                return Some(item);
            }
        }
    }
}
