//! A run from its start, or from where it resumes, to its end: prints and logs what happens in a
//! [`Session`].

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use indicatif::{HumanDuration, ProgressBar};

use super::arguments::RunArgs;
use super::interrupt::Interrupt;
use super::log::Log;
use crate::cli::progress;
use crate::data::DataSet;
use crate::model_file::ModelError;
use crate::train::{
    Checkpoints, Event, Options, Report, Session, SessionError, SessionOptions, TrainError, Trainer,
};
use crate::words::images_per_second;

/// Trains on the device of this name to the last step, or until the user stops it, and writes
/// everything. The exit code says which. The run's files replace those of an earlier one.
///
/// # Errors
/// If training diverges, the device fails or a file cannot be written. Files saved earlier are
/// left as they were.
pub fn run(
    arguments: &RunArgs,
    data: DataSet,
    trainer: Trainer,
    device: String,
) -> anyhow::Result<ExitCode> {
    let _lock = Log::lock(&arguments.out)?;
    if arguments.overwrite {
        Checkpoints::beside(&arguments.out).remove()?;
    }
    let (done, steps) = (trainer.done(), trainer.options().steps);
    let mut log = Log::open(&arguments.out, arguments.resume.then_some(done))?;
    let interrupt = Interrupt::listen()?;
    let options = SessionOptions {
        checkpoint_every: Duration::from_secs(arguments.checkpoint_every_seconds),
        eval_every_steps: arguments.eval_every_steps,
        device,
        resumed: arguments.resume,
        stop: interrupt.asked(),
    };
    let shape = data.train.shape;
    let mut progress = Some(Progress::new(&trainer, options.device.clone()));
    let mut session = Session::new(trainer, data, &arguments.out, options);
    while let Some(event) = session.next() {
        match event.map_err(|error| explain(error, &session))? {
            Event::Report(report) => {
                progress.iter_mut().for_each(|progress| progress.report(&report));
                log.report(&report)?;
            }
            Event::HeldOut { step, losses } => log.held_out(step, &losses)?,
            Event::Samples { step, pixels } => log.samples(step, &pixels, shape)?,
            Event::Checkpoint { .. } | Event::Model { .. } => {}
            Event::TrainingEnded { .. } => progress.take().into_iter().for_each(Progress::end),
            Event::Finished { step, held_out } => {
                if step < steps {
                    println!("stopped at step {step} of {steps}; continue with --resume");
                }
                // A model for few evaluations unlearns the score while it improves.
                if !session.trainer().options().few_step() && !held_out.is_empty() {
                    let half = shape.dimension() / 2;
                    println!("held-out loss ½‖σ s + z‖² (a network whose output is 0 has {half}):");
                    for (sigma, loss) in held_out {
                        println!("  σ = {sigma:<8.3} {loss:.2}");
                    }
                }
                println!(
                    "model in {}, checkpoint in {}, log in {}",
                    arguments.out.display(),
                    session.checkpoints().newest().display(),
                    log.folder().display()
                );
            }
        }
    }
    Ok(interrupt.exit_code())
}

/// Adds how to go on from the newest checkpoint. After a divergence that is the last sound state.
fn explain(error: SessionError, session: &Session) -> anyhow::Error {
    let (Some(step), newest) = (session.saved(), session.checkpoints().newest().display()) else {
        return error.into();
    };
    match error {
        SessionError::Train(TrainError::Diverged { .. })
        | SessionError::Model(ModelError::BeyondF16 { .. } | ModelError::NotFinite(_)) => anyhow!(
            "{error}; step {step} is saved in {newest}: continue from it with --resume and an --lr below \
             {:e}, or start anew with a smaller --max-grad-norm or a longer --warmup-steps",
            session.trainer().options().learning_rate
        ),
        SessionError::Train(_) => {
            anyhow!("{error}; step {step} is saved in {newest}: continue from it with --resume")
        }
        _ => error.into(),
    }
}

/// A progress bar in a terminal, an occasional line elsewhere.
struct Progress {
    bar: ProgressBar,
    /// The name of the device.
    device: String,
    /// Images per step.
    batch: usize,
    reports: u64,
    /// A running mean: single losses vary with the noise levels drawn.
    loss: Option<f32>,
    logged: Instant,
}

impl Progress {
    fn new(trainer: &Trainer, device: String) -> Self {
        let Options { steps, batch, .. } = *trainer.options();
        let bar = progress::bar(steps, "{bar:30} {pos}/{len} steps, loss {msg}, {eta} left");
        bar.set_position(trainer.done());
        bar.reset_eta();
        Self { bar, device, batch, reports: 0, loss: None, logged: Instant::now() }
    }

    fn report(&mut self, &Report { step, loss, rate, .. }: &Report) {
        const LOG_EVERY: Duration = Duration::from_secs(60);
        self.reports += 1;
        let left = self.bar.length().unwrap_or_default().saturating_sub(step);
        let speed = images_per_second(rate);
        // The steps of the first report also started threads and compiled kernels.
        if self.reports == 2 && left > 0 {
            let seconds = (left as f64 * self.batch as f64 / rate) as u64;
            let left = HumanDuration(Duration::from_secs(seconds));
            self.bar.suspend(|| println!("{speed} on {}; about {left} left", self.device));
        }
        let mean = self.loss.map_or(loss, |mean| mean + 0.05 * (loss - mean));
        self.loss = Some(mean);
        let message = format!("{mean:.4}, {speed}");
        if self.bar.is_hidden() && self.logged.elapsed() >= LOG_EVERY {
            eprintln!("step {step} of {}, loss {message}", self.bar.length().unwrap_or_default());
            self.logged = Instant::now();
        }
        self.bar.set_position(step);
        self.bar.set_message(message);
    }

    fn end(self) {
        self.bar.abandon();
    }
}
