//! `train`: a model from pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::pictures::{self, PictureArgs};
use super::{device, plan};
use crate::data::DataSet;
use crate::loss::Weighting;
use crate::model_file::{Card, ModelFile, Training};
use crate::net::{Architecture, Picture, Preconditioning, UNetDescription};
use crate::noise::Ladder;
use crate::sample::Settings;
use crate::train::{Augmentation, Checkpoint, Options, Trainer, write_atomically};

/// Train a score-based generative model on pictures.
///
/// Writes the model to --out, and beside it a checkpoint from which --resume goes on.
#[derive(Parser)]
#[command(name = "train", version)]
struct Arguments {
    #[command(flatten)]
    pictures: PictureArgs,
    /// Mirror every second picture, left for right, differently in each epoch.
    #[arg(long)]
    flip: bool,
    /// Add uniform noise of one grey level, so that the density has no spikes at the 256 values.
    #[arg(long)]
    dequantize: bool,
    /// The model to write.
    #[arg(long, default_value = "model.safetensors")]
    out: PathBuf,
    /// Where to compute: cpu, cuda[:N], vulkan, metal or libtorch.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Go on where the checkpoint beside --out was written; everything but --steps and --lr is as
    /// it was.
    #[arg(long)]
    resume: bool,
    /// Optimiser steps.
    #[arg(long)]
    steps: Option<u64>,
    /// Pictures a step.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Adam's learning rate after warm-up; it decays to nothing along half a cosine.
    #[arg(long)]
    lr: Option<f64>,
    /// Steps over which the learning rate rises.
    #[arg(long, default_value_t = 500)]
    warm_up: u64,
    /// The largest norm of the gradients.
    #[arg(long, default_value_t = 1.0)]
    clip: f32,
    /// The decay of the moving average of the weights, which is what is saved.
    #[arg(long, default_value_t = 0.999)]
    ema: f64,
    /// How much each noise level counts.
    #[arg(long, value_enum, default_value_t = Weighting::Edm)]
    weighting: Weighting,
    /// How the noise levels are chosen.
    #[arg(long, value_enum, default_value_t = Sigmas::Given)]
    sigmas: Sigmas,
    /// The largest noise level [default: 20].
    #[arg(long)]
    sigma_max: Option<f32>,
    /// The smallest noise level.
    #[arg(long, default_value_t = 0.01)]
    sigma_min: f32,
    /// The median of the noise levels that training draws.
    #[arg(long, default_value_t = 0.4)]
    sigma_centre: f32,
    /// The standard deviation of their logarithm.
    #[arg(long, default_value_t = 1.5)]
    sigma_spread: f32,
    /// Channels at each resolution, finest first.
    #[arg(long, value_delimiter = ',', default_values_t = [48, 96])]
    widths: Vec<usize>,
    /// Residual blocks at each resolution.
    #[arg(long, default_value_t = 1)]
    blocks: usize,
    /// The side of the squares of pixels that are folded into channels.
    #[arg(long, default_value_t = 2)]
    patch: usize,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Seconds between checkpoints.
    #[arg(long, default_value_t = 120)]
    save_every: u64,
    /// The licence of the pictures, for the model's card.
    #[arg(long, default_value = "unknown")]
    licence: String,
}

/// How the noise levels are chosen.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sigmas {
    /// By --sigma-max and --sigma-min.
    Given,
    /// From the pictures and --sigma-min, by the rules that `ncsn plan` explains.
    Auto,
}

const SIGMA_MAX: f32 = 20.0;
/// The run of a user who does not say how long: some hours on a CPU, minutes on a GPU.
const STEPS: u64 = 30_000;
const LEARNING_RATE: f64 = 2e-3;

impl ValueEnum for Weighting {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Paper, Self::Edm]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            Self::Paper => "paper",
            Self::Edm => "edm",
        }))
    }
}

/// The program.
///
/// # Errors
/// Whatever the user should know; one line.
pub fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let ladder_is_given = arguments.sigmas == Sigmas::Given;
    ensure!(ladder_is_given || arguments.sigma_max.is_none(), "--sigmas auto chooses --sigma-max");
    let check = |shape| {
        let scale = Preconditioning { mean: 0.5, deviation: 0.5 };
        architecture(&arguments, shape, scale).check().map_err(|e| e.to_string())
    };
    let data = arguments.pictures.load(&|shape| pictures::with_sizes_that_work(shape, &check))?;
    pictures::say(&data);
    let shape = data.train.shape;
    ensure_writable(&arguments.out)?;

    let device = device::parse(&arguments.device)?;
    let path = arguments.out.with_extension("checkpoint");
    let mut trainer = if arguments.resume {
        let mut checkpoint = Checkpoint::load(&path)?;
        let trained_on = checkpoint.options.architecture.picture();
        ensure!(trained_on == shape, "{} is for pictures of another shape", path.display());
        checkpoint.options.steps = arguments.steps.unwrap_or(checkpoint.options.steps);
        checkpoint.options.learning_rate = arguments.lr.unwrap_or(checkpoint.options.learning_rate);
        Trainer::resume(checkpoint, &data.train, &device)?
    } else {
        Trainer::new(options(&arguments, &data)?, &data.train, &device)?
    };
    let options = trainer.options().clone();
    println!(
        "{} parameters on {}; step {} of {}, {} pictures a step",
        options.architecture.parameters(),
        arguments.device,
        trainer.done(),
        options.steps,
        options.batch
    );

    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .context("cannot listen for Ctrl-C")?;

    let save = |trainer: &Trainer| -> anyhow::Result<Training> {
        trainer.checkpoint()?.save(&path)?;
        let model = model(&arguments, &data, trainer)?;
        write_atomically(&arguments.out, &model.write()?)
            .with_context(|| format!("cannot write {}", arguments.out.display()))?;
        Ok(model.card.training)
    };
    train(&mut trainer, &data, &stop, Duration::from_secs(arguments.save_every), &save)?;
    let training = save(&trainer)?;

    if stop.load(Ordering::Relaxed) {
        println!("stopped at step {}; go on with --resume", trainer.done());
    }
    println!("held-out loss ½‖σ s + z‖² (a network that answers 0 has {}):", shape.dimension() / 2);
    for (sigma, loss) in training.held_out {
        println!("  σ = {sigma:<8.3} {loss:.2}");
    }
    println!("model in {}, checkpoint in {}", arguments.out.display(), path.display());
    Ok(())
}

fn train(
    trainer: &mut Trainer,
    data: &DataSet,
    stop: &AtomicBool,
    save_every: Duration,
    save: &impl Fn(&Trainer) -> anyhow::Result<Training>,
) -> anyhow::Result<()> {
    const REPORT: u64 = 10;
    // Where there is no terminal to draw a bar on, a line now and then.
    const LOG_EVERY: Duration = Duration::from_secs(60);
    let (steps, batch) = (trainer.options().steps, trainer.options().batch as f64);
    let template = "{bar:30} {pos}/{len} steps, loss {msg}, {eta} left";
    let bar = ProgressBar::new(steps).with_style(ProgressStyle::with_template(template)?);
    bar.set_position(trainer.done());
    bar.reset_eta();
    let mut smooth = None;
    let [mut saved, mut reported, mut logged] = [Instant::now(); 3];
    while trainer.done() < steps && !stop.load(Ordering::Relaxed) {
        trainer.step(&data.train);
        if trainer.done().is_multiple_of(REPORT) || trainer.done() == steps {
            let loss = trainer.take_loss()?.unwrap_or(f32::NAN);
            let mean = smooth.map_or(loss, |mean: f32| mean + 0.05 * (loss - mean));
            smooth = Some(mean);
            let rate = REPORT as f64 * batch / reported.elapsed().as_secs_f64();
            reported = Instant::now();
            bar.set_position(trainer.done());
            let message = format!("{mean:.4}, {rate:.0} pictures/s");
            if bar.is_hidden() && logged.elapsed() >= LOG_EVERY {
                eprintln!("step {} of {steps}, loss {message}", trainer.done());
                logged = Instant::now();
            }
            bar.set_message(message);
        }
        if saved.elapsed() >= save_every {
            // A diverged run must not replace the last good checkpoint.
            trainer.take_loss()?;
            save(trainer)?;
            (saved, reported) = (Instant::now(), Instant::now());
        }
    }
    trainer.take_loss()?;
    bar.abandon();
    Ok(())
}

fn architecture(
    arguments: &Arguments,
    picture: Picture,
    preconditioning: Preconditioning,
) -> Architecture {
    let mut unet = UNetDescription::new(picture, preconditioning);
    unet.attention = (0..arguments.widths.len()).map(|level| level > 0).collect();
    unet.widths.clone_from(&arguments.widths);
    (unet.blocks, unet.patch) = (arguments.blocks, arguments.patch);
    Architecture::UNet(unet)
}

fn options(arguments: &Arguments, data: &DataSet) -> anyhow::Result<Options> {
    let Ladder { sigma_max, sigma_min, levels } = match arguments.sigmas {
        Sigmas::Given => Ladder {
            sigma_max: arguments.sigma_max.unwrap_or(SIGMA_MAX),
            sigma_min: arguments.sigma_min,
            levels: Settings::LEVELS,
        },
        Sigmas::Auto => plan::ladder(&data.train, arguments.sigma_min)?,
    };
    Ok(Options {
        architecture: architecture(arguments, data.train.shape, data.train.statistics()),
        seed: arguments.seed,
        steps: arguments.steps.unwrap_or(STEPS),
        batch: arguments.batch,
        learning_rate: arguments.lr.unwrap_or(LEARNING_RATE),
        warm_up: arguments.warm_up,
        clip: arguments.clip,
        ema_decay: arguments.ema,
        weighting: arguments.weighting,
        sigma_max,
        sigma_min,
        sigma_centre: arguments.sigma_centre,
        sigma_spread: arguments.sigma_spread,
        levels,
        augmentation: Augmentation { flip: arguments.flip, dequantize: arguments.dequantize },
    })
}

fn model(arguments: &Arguments, data: &DataSet, trainer: &Trainer) -> anyhow::Result<ModelFile> {
    let options = trainer.options().clone();
    let name = arguments.out.file_stem().map_or("model".into(), |s| s.to_string_lossy().into());
    let training = Training {
        data: data.name.clone(),
        pictures: data.train.len(),
        steps: trainer.done(),
        examples: trainer.done() * options.batch as u64,
        ema_decay: options.ema_decay,
        weighting: options.weighting,
        seconds: trainer.seconds(),
        device: arguments.device.clone(),
        held_out: trainer.held_out(&data.held_out)?,
    };
    let mut sampler = Settings::recommended(options.sigma_max, options.sigma_min);
    sampler.ladder.levels = options.levels;
    let card = Card {
        format: Card::FORMAT,
        name,
        sampler,
        architecture: options.architecture,
        training,
        licence: arguments.licence.clone(),
    };
    Ok(ModelFile { card, weights: trainer.average() })
}

/// Finds out before hours of training that their result cannot be written.
fn ensure_writable(out: &Path) -> anyhow::Result<()> {
    ensure!(!out.is_dir(), "cannot write {}: it is a folder", out.display());
    let probe = out.with_extension("probe");
    write_atomically(&probe, &[]).with_context(|| format!("cannot write {}", out.display()))?;
    std::fs::remove_file(&probe).with_context(|| format!("cannot remove {}", probe.display()))
}
