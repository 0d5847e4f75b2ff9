//! A run from its start, or from where it resumes, to its end.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::RunArgs;
use super::interrupt::Interrupt;
use super::log::{Log, Row};
use crate::cli::output;
use crate::data::DataSet;
use crate::model_file::{Autoguided, Card, ModelFile, Training};
use crate::noise::NoiseSchedule;
use crate::sample::Settings;
use crate::train::{Checkpoints, Options, TrainError, Trainer};

/// A run under way.
pub struct Run {
    arguments: RunArgs,
    data: DataSet,
    trainer: Trainer,
    checkpoints: Checkpoints,
    log: Log,
    /// The mean of the training images.
    mean: f32,
    /// The step of the newest checkpoint.
    saved: Option<u64>,
    /// The step at which the model was last evaluated, and its held-out losses.
    looked: Option<(u64, Vec<(f32, f32)>)>,
}

impl Run {
    /// Prepares a run. Its files replace those of an earlier one.
    ///
    /// # Errors
    /// Names the file or folder that cannot be written.
    pub fn new(
        arguments: RunArgs,
        data: DataSet,
        trainer: Trainer,
        checkpoints: Checkpoints,
    ) -> anyhow::Result<Self> {
        if arguments.overwrite {
            checkpoints.remove()?;
        }
        let done = trainer.done();
        let log = Log::open(&arguments.out, arguments.resume.then_some(done))?;
        let saved = arguments.resume.then_some(done);
        let mean = data.train.statistics().mean;
        Ok(Self { arguments, data, trainer, checkpoints, log, mean, saved, looked: None })
    }

    /// Trains to the last step, or until the user stops it, and writes everything. The exit code
    /// says which.
    ///
    /// # Errors
    /// If training diverges, the device fails or a file cannot be written. Files saved earlier are
    /// left as they were.
    pub fn finish(mut self) -> anyhow::Result<ExitCode> {
        let interrupt = Interrupt::listen()?;
        let stop = interrupt.asked();
        match self.train(stop).map_err(|error| error.downcast::<TrainError>()) {
            Err(Ok(error @ TrainError::Diverged { .. })) => {
                return Err(self.keep_what_was_sound(error)?);
            }
            Err(Ok(error)) => return Err(error.into()),
            Err(Err(error)) => return Err(error),
            Ok(()) => {}
        }
        self.save()?;
        let held_out = self.look(stop)?;
        let (done, steps) = (self.trainer.done(), self.trainer.options().steps);
        if done < steps {
            println!("stopped at step {done} of {steps}; continue with --resume");
        }
        let dimension = self.data.train.shape.dimension();
        println!("held-out loss ½‖σ s + z‖² (a network that answers 0 has {}):", dimension / 2);
        for (sigma, loss) in held_out {
            println!("  σ = {sigma:<8.3} {loss:.2}");
        }
        println!(
            "model in {}, checkpoint in {}, log in {}",
            self.arguments.out.display(),
            self.checkpoints.newest().display(),
            self.log.folder().display()
        );
        Ok(interrupt.exit_code())
    }

    fn train(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        // A report waits for the device, so not after every step, but often enough not to bore
        // anyone.
        const REPORT: u64 = 10;
        const REPORT_AFTER: Duration = Duration::from_secs(10);
        let save_every = Duration::from_secs(self.arguments.checkpoint_every_seconds);
        let steps = self.trainer.options().steps;
        let mut progress = Progress::new(steps, self.trainer.done())?;
        let mut saved = Instant::now();
        let mut reported = (self.trainer.done(), Instant::now());
        while self.trainer.done() < steps && !stop.load(Ordering::Relaxed) {
            self.trainer.step(&self.data.train);
            let done = self.trainer.done();
            let look = self.arguments.looks_at(done) && done < steps;
            let due = done.is_multiple_of(REPORT) || reported.1.elapsed() >= REPORT_AFTER;
            if !(due || look || done == steps) {
                continue;
            }
            // Everything saved or shown below was found to be finite here.
            let Some(loss) = self.trainer.take_loss()? else { continue };
            let images = (done - reported.0) * self.trainer.options().batch as u64;
            let rate = images as f64 / reported.1.elapsed().as_secs_f64();
            progress.report(done, loss, rate);
            let learning_rate = self.trainer.options().learning_rate_at(done - 1);
            let seconds = self.trainer.seconds();
            self.log.row(&Row { step: done, loss, learning_rate, rate, seconds })?;
            if look {
                // A run killed from here on must not leave a model without a checkpoint to continue
                // from.
                if self.saved.is_none() {
                    self.save()?;
                }
                self.look(stop)?;
            }
            if saved.elapsed() >= save_every {
                self.save()?;
                saved = Instant::now();
            }
            reported = (done, Instant::now());
        }
        self.trainer.take_loss()?;
        progress.end();
        Ok(())
    }

    /// Writes a checkpoint, unless the newest is of this step.
    fn save(&mut self) -> anyhow::Result<()> {
        let step = self.trainer.done();
        if self.saved != Some(step) {
            self.checkpoints.save(&self.trainer.checkpoint()?)?;
            self.saved = Some(step);
        }
        Ok(())
    }

    /// Evaluates the averaged network, with held-out losses (σ, loss), which are returned, and a
    /// grid of samples unless the user is waiting for the end; then writes the model.
    fn look(&mut self, stop: &AtomicBool) -> anyhow::Result<Vec<(f32, f32)>> {
        let step = self.trainer.done();
        if let Some((at, held_out)) = &self.looked
            && *at == step
        {
            return Ok(held_out.clone());
        }
        let held_out = self.trainer.held_out(&self.data.held_out)?;
        self.log.held_out(step, &held_out)?;
        let table = self.recommended().step_table()?.around(self.mean);
        self.log.samples(step, &self.trainer, &table, stop)?;
        let model = self.model(held_out.clone());
        output::write(&self.arguments.out, &model.write()?)?;
        self.looked = Some((step, held_out.clone()));
        Ok(held_out)
    }

    fn recommended(&self) -> Settings {
        let options = self.trainer.options();
        let Options { sigma_max, sigma_min, levels, .. } = *options;
        let schedule = NoiseSchedule { sigma_max, sigma_min, levels };
        options.sampler.unwrap_or_else(|| Settings::for_network(&options.architecture, schedule))
    }

    fn model(&self, held_out: Vec<(f32, f32)>) -> ModelFile {
        let Self { arguments, data, trainer, .. } = self;
        let options = trainer.options().clone();
        let name = arguments.out.file_stem().map_or("model".into(), |s| s.to_string_lossy().into());
        let training = Training {
            data: data.name.clone(),
            images: data.train.len(),
            checksum: options.images.map(|images| images.checksum),
            flip: options.augmentation.flip,
            stable_targets: options.stable_targets,
            from: options.from,
            autoguidance: options.autoguidance.map(|by| Autoguided {
                away_from: by.name,
                weight: by.guidance_scale.weight,
                sigmas: by.guidance_scale.sigmas,
            }),
            steps: trainer.done(),
            examples: trainer.done() * options.batch as u64,
            sigmas: Some((options.sigma_max, options.sigma_min)),
            ema_decay: options.ema_decay,
            weighting: options.weighting,
            seconds: trainer.seconds(),
            device: arguments.device.clone(),
            held_out,
        };
        let card = Card {
            format: Card::FORMAT,
            name,
            sampler: self.recommended(),
            mean: Some(self.mean),
            architecture: options.architecture,
            training: Some(training),
            imported: None,
            best: options.best,
            quality: None,
            license: options.license.unwrap_or_else(|| "unknown".into()),
        };
        ModelFile { card, weights: trainer.ema_weights() }
    }

    /// After a divergence the trainer is back at its last sound state: saves that, and says what to
    /// do.
    fn keep_what_was_sound(&mut self, error: TrainError) -> anyhow::Result<anyhow::Error> {
        self.save()?;
        Ok(anyhow::Error::from(error).context(format!(
            "step {} is saved in {}; continue from it with --resume and an --lr below {}, or start \
             anew with a smaller --max-grad-norm or a longer --warmup-steps",
            self.trainer.done(),
            self.checkpoints.newest().display(),
            self.trainer.options().learning_rate
        )))
    }
}

/// A progress bar in a terminal, an occasional line elsewhere.
struct Progress {
    bar: ProgressBar,
    /// A running mean: single losses vary with the noise levels drawn.
    loss: Option<f32>,
    logged: Instant,
}

impl Progress {
    fn new(steps: u64, done: u64) -> anyhow::Result<Self> {
        let template = "{bar:30} {pos}/{len} steps, loss {msg}, {eta} left";
        let bar = ProgressBar::new(steps).with_style(ProgressStyle::with_template(template)?);
        bar.set_position(done);
        bar.reset_eta();
        Ok(Self { bar, loss: None, logged: Instant::now() })
    }

    fn report(&mut self, done: u64, loss: f32, rate: f64) {
        const LOG_EVERY: Duration = Duration::from_secs(60);
        let mean = self.loss.map_or(loss, |mean| mean + 0.05 * (loss - mean));
        self.loss = Some(mean);
        let message = format!("{mean:.4}, {rate:.0} images/s");
        if self.bar.is_hidden() && self.logged.elapsed() >= LOG_EVERY {
            eprintln!("step {done} of {}, loss {message}", self.bar.length().unwrap_or_default());
            self.logged = Instant::now();
        }
        self.bar.set_position(done);
        self.bar.set_message(message);
    }

    fn end(self) {
        self.bar.abandon();
    }
}
