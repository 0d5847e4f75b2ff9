//! `train` and `ncsn train`: images in, a model out.
//!
//! [`arguments`] holds the flags ([`network`], [`noise`] and [`method`] some of them), [`checks`] what
//! is asked of them, [`images`] what is read, [`options`] what the library gets, [`start`] what a
//! run starts from, [`place`] where it computes, [`ranks`] which processes take part, [`resume`] what
//! a resumed one keeps, [`run`] what is printed while the library trains, [`interrupt`] what ends it
//! early, [`log`] the files written along the way ([`table`] its tables, [`tensorboard`] its event
//! files) and [`estimate`] the cost of a run; [`classifier`] trains a classifier instead.

mod arguments;
mod checks;
mod classifier;
mod estimate;
mod images;
mod interrupt;
mod log;
mod method;
mod network;
mod noise;
mod options;
mod place;
mod ranks;
mod resume;
mod run;
mod start;
mod table;
mod tensorboard;
#[cfg(test)]
pub(super) mod test_model;

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, ensure};

pub(super) use self::arguments::Arguments;
use self::interrupt::Interrupt;
use self::start::Start;
use super::numbers::ensure_within;
use super::{command_line, data_set, report};
use crate::train::{Checkpoints, Ranks};
use crate::words::count;

/// The entry point of the `train` program. The exit code is that of the signal by which a run was
/// interrupted.
///
/// # Errors
/// Errors are one-line messages for the user.
pub fn main() -> anyhow::Result<ExitCode> {
    let (arguments, matches) = command_line::read::<Arguments>();
    train(arguments.checked(&matches)?)
}

/// Trains what the arguments say, for `train` and for `ncsn train`.
///
/// # Errors
/// As [`main`].
pub(super) fn train(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Reading images uses many threads, too.
    set_threads(arguments.run.threads)?;
    let ranks = ranks::join()?;
    match (train_among(ranks.clone(), &arguments), ranks) {
        // Whoever leaves MPI waits for the other ranks, and they may wait for this one.
        (Err(error), Some(ranks)) => ranks.abort(report(&error).into()),
        (result, _) => result,
    }
}

/// As [`train`], as one of these ranks if there are several.
fn train_among(ranks: Option<Rc<dyn Ranks>>, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.run.classifier {
        ensure!(ranks.is_none(), "a classifier is trained by one process; start it once");
        classifier::train(arguments)?;
        return Ok(ExitCode::SUCCESS);
    }
    let leads = ranks.as_ref().is_none_or(|ranks| ranks.rank() == 0);
    let checkpoints = Checkpoints::beside(&arguments.run.out);
    let start = Start::new(arguments, &checkpoints, leads)?;
    let data = arguments.load(start.image_shape())?;
    data_set::say(&data);
    let (mut trainer, mut device) = start.trainer(arguments, &data)?;
    if let Some(ranks) = ranks {
        device = format!("{} ranks of {device}", ranks.world_size());
        trainer = trainer.distributed(Box::new(ranks))?;
    }
    if !leads {
        // Rank 0 hears signals, too, and decides when the run ends.
        let _heard = Interrupt::listen()?;
        trainer.follow(&data.train)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = trainer.options();
    println!(
        "{} on {device}; step {} of {}, {} a step",
        count(options.architecture.parameters(), "parameter"),
        trainer.done(),
        options.steps,
        count(options.batch, "image")
    );
    if let Some(sigma) = options.stable_targets {
        println!("stable targets from σ = {sigma:.2} up");
    }
    if arguments.run.dry_run {
        estimate::print(trainer, &data)?;
        return Ok(ExitCode::SUCCESS);
    }
    run::run(&arguments.run, data, trainer, device)
}

/// Sets the size of rayon's global pool, which Burn's Flex uses; LibTorch reads OpenMP's variable.
fn set_threads(threads: Option<usize>) -> anyhow::Result<()> {
    /// More than any machine has cores; systems refuse tens of thousands in their own words.
    const MOST_THREADS: usize = 1024;
    let Some(threads) = threads else { return Ok(()) };
    ensure_within("--threads", threads, 1..=MOST_THREADS)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("cannot start the threads")
}
