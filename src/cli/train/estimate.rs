//! `--dry-run`: what a run would cost.

use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanDuration};

use crate::cli::print::ensure_delivered;
use crate::data::DataSet;
use crate::train::{TrainError, Trainer};
use crate::words::count;

/// Copies of each parameter: the weight, its gradient, its moving average and Adam's two moments,
/// plus all of these but the gradient for the last sound state.
const COPIES: usize = 5 + 4;

/// Trains a few steps and prints what the whole run would take, or the rest of a resumed one.
///
/// # Errors
/// If training fails.
pub fn print(mut trainer: Trainer, data: &DataSet) -> anyhow::Result<()> {
    const STEPS: u32 = 4;
    // Before these steps are counted, too: the run itself begins without them.
    let left = trainer.options().steps.saturating_sub(trainer.done());
    println!("training {} to measure what a step takes", count(1 + STEPS, "step"));
    let before = peak_memory();
    // The first step also starts threads, fills caches and compiles kernels.
    let _ = step(&mut trainer, data, 1)?;
    let each = step(&mut trainer, data, STEPS)? / STEPS;
    let after = peak_memory();

    let options = trainer.options();
    let parameters = options.architecture.parameters();
    let state = (parameters * COPIES * size_of::<f32>()) as u64;
    let images = (data.train.bytes.len() + data.held_out.bytes.len()) as u64;
    println!("parameters: {parameters}");
    println!("memory:");
    println!("  {} weights, gradients, average, Adam, last sound state", BinaryBytes(state));
    println!("  {} images", BinaryBytes(images));
    if options.stable_targets.is_some() {
        let values = options.augmentation.every_len(&data.train);
        let targets = (values * size_of::<f32>()) as u64;
        println!("  {} images on the device, for stable targets", BinaryBytes(targets));
    }
    if let (Some(before), Some(after)) = (before, after) {
        // The first step allocates the gradients and moments, and writes weights and average anew.
        let growth = after.saturating_sub(before).saturating_sub(state);
        println!("  {} activations and everything else in a step (measured)", BinaryBytes(growth));
        println!("  {} in total: the peak of this process so far", BinaryBytes(after));
    } else {
        println!("  activations: unknown, as this system does not report a process's memory");
    }
    let rate = options.batch as f64 / each.as_secs_f64();
    println!("time: {:.3} s a step, {rate:.0} images/s", each.as_secs_f64());
    println!("  {} for {}", HumanDuration(each * left as u32), count(left, "step"));
    Ok(ensure_delivered()?)
}

fn step(trainer: &mut Trainer, data: &DataSet, steps: u32) -> Result<Duration, TrainError> {
    let started = Instant::now();
    for _ in 0..steps {
        trainer.step(&data.train);
    }
    trainer.take_loss()?;
    Ok(started.elapsed())
}

/// The peak memory of this process in bytes, if the system tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
