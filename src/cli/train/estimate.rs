//! `--dry-run`: what a run would cost.

use std::time::Instant;

use crate::data::DataSet;
use crate::train::Trainer;

/// Trains a few steps and prints what a whole run takes.
///
/// # Errors
/// Where the training fails.
pub fn print(mut trainer: Trainer, data: &DataSet) -> anyhow::Result<()> {
    // The first step also starts threads and fills caches, or compiles kernels.
    const STEPS: u32 = 3;
    trainer.step(&data.train);
    trainer.take_loss()?;
    let started = Instant::now();
    for _ in 0..STEPS {
        trainer.step(&data.train);
    }
    trainer.take_loss()?;
    let step = started.elapsed() / STEPS;
    println!("{step:?} a step");
    Ok(())
}
