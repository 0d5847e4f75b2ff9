//! `--dry-run`: what a run would cost.

use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanDuration};

use crate::data::DataSet;
use crate::train::{TrainError, Trainer};

/// Copies of each parameter: the weight, its gradient, its moving average and Adam's two moments;
/// and, from the last state that was found sound, all of these but the gradient.
const COPIES: usize = 5 + 4;

/// Trains a few steps and prints what a whole run takes.
///
/// # Errors
/// Where the training fails.
pub fn print(mut trainer: Trainer, data: &DataSet) -> anyhow::Result<()> {
    const STEPS: u32 = 4;
    let before = peak_memory();
    // The first step also starts threads and fills caches, or compiles kernels.
    let _ = step(&mut trainer, data, 1)?;
    let each = step(&mut trainer, data, STEPS)? / STEPS;
    let after = peak_memory();

    let options = trainer.options();
    let parameters = options.architecture.parameters();
    let state = (parameters * COPIES * size_of::<f32>()) as u64;
    let pictures = (data.train.bytes.len() + data.held_out.bytes.len()) as u64;
    println!("parameters: {parameters}");
    println!("memory:");
    println!("  {} weights, gradients, average, Adam, last sound state", BinaryBytes(state));
    println!("  {} pictures", BinaryBytes(pictures));
    if options.stable_targets.is_some() {
        let values = options.augmentation.every_len(&data.train);
        let targets = (values * size_of::<f32>()) as u64;
        println!("  {} pictures on the device, for stable targets", BinaryBytes(targets));
    }
    if let (Some(before), Some(after)) = (before, after) {
        // A first step makes the gradients and the moments, and writes weights and average anew.
        let growth = after.saturating_sub(before).saturating_sub(state);
        println!("  {} activations and all else in a step (measured)", BinaryBytes(growth));
        println!("  {} in all: the peak of this process so far", BinaryBytes(after));
    } else {
        println!("  activations: this system does not say how much a process has used");
    }
    let rate = options.batch as f64 / each.as_secs_f64();
    let left = options.steps - trainer.done().min(options.steps);
    println!("time: {:.3} s a step, {rate:.0} pictures/s", each.as_secs_f64());
    println!("  {} for the {left} steps that are left", HumanDuration(each * left as u32));
    Ok(())
}

fn step(trainer: &mut Trainer, data: &DataSet, steps: u32) -> Result<Duration, TrainError> {
    let started = Instant::now();
    for _ in 0..steps {
        trainer.step(&data.train);
    }
    trainer.take_loss()?;
    Ok(started.elapsed())
}

/// The most memory that this process has had, in bytes, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
