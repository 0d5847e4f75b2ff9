//! `--dry-run`: what a run would cost.

use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, HumanDuration};

use crate::cli::print::ensure_delivered;
use crate::data::DataSet;
use crate::train::{Options, TrainError, Trainer};
use crate::words::{count, images_per_second};

/// Copies of each parameter: the weight, its gradient, its moving average and Adam's two moments,
/// plus all of these but the gradient for the last sound state.
const COPIES: usize = 5 + 4;
/// The same of a critic, which has no moving average.
const COPIES_OF_CRITIC: usize = 4 + 3;

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
    let bytes = |numbers: usize| (numbers * size_of::<f32>()) as u64;
    let [learned_from, critic] = of_models(options).map(bytes);
    let (own, models) = (bytes(parameters * COPIES), learned_from + critic);
    let images = (data.train.bytes.len() + data.held_out.bytes.len()) as u64;
    println!("parameters: {parameters}");
    println!("memory:");
    println!("  {} weights, gradients, average, Adam, last sound state", BinaryBytes(own));
    if models > 0 {
        println!("  {} the models to learn from, and a critic's state", BinaryBytes(models));
    }
    println!("  {} images", BinaryBytes(images));
    if options.stable_targets.is_some() {
        let values = options.augmentation.every_len(&data.train);
        println!("  {} images on the device, for stable targets", BinaryBytes(bytes(values)));
    }
    if let (Some(before), Some(after)) = (before, after) {
        // The first step allocates the gradients and moments, and writes weights and average anew.
        // Models to learn from were loaded before.
        let growth = after.saturating_sub(before).saturating_sub(own + critic);
        println!("  {} activations and everything else in a step (measured)", BinaryBytes(growth));
        println!("  {} in total: the peak of this process so far", BinaryBytes(after));
    } else {
        println!("  activations: unknown, as this system does not report a process's memory");
    }
    let rate = options.batch as f64 / each.as_secs_f64();
    println!("time: {:.3} s a step, {}", each.as_secs_f64(), images_per_second(rate));
    println!("  {} for {}", HumanDuration(each * left as u32), count(left, "step"));
    Ok(ensure_delivered()?)
}

/// The numbers that a run keeps besides its own network's: of the models that it learns from, and
/// of a critic's state.
fn of_models(options: &Options) -> [usize; 2] {
    let own = options.architecture.parameters();
    match (&options.distribution_matching, &options.autoguidance) {
        (Some(by), _) => [1, COPIES_OF_CRITIC].map(|copies| copies * by.model.parameters()),
        (None, Some(by)) => [own + by.worse.parameters(), 0],
        (None, None) => [options.teacher_method().map_or(0, |_| own), 0],
    }
}

fn step(trainer: &mut Trainer, data: &DataSet, steps: u32) -> Result<Duration, TrainError> {
    let started = Instant::now();
    for _ in 0..steps {
        trainer.step(&data.train);
    }
    trainer.take_loss()?;
    Ok(started.elapsed())
}

/// The peak memory of this process in bytes, if the system reports it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::train::test_model::model;
    use crate::data::Images;
    use crate::sample::GuidanceScale;
    use crate::train::{Autoguidance, Consistency, DistributionMatching};

    #[test]
    fn the_models_to_learn_from_are_counted() {
        let architecture = model(false).card.architecture;
        let images = Images::new(architecture.image_shape(), (0..128).collect());
        let usual = Options::for_images(&images).expect("images that differ");
        let plain = Options { architecture: architecture.clone(), stable_targets: None, ..usual };
        let (worse, model) = (architecture.clone(), architecture.clone());
        let autoguidance =
            Autoguidance { worse, name: "worse".into(), guidance_scale: GuidanceScale::NONE };
        let consistency = Consistency { first_gap: 0.4, last_gap: 0.4, distillation: true };
        let matching = DistributionMatching { model, name: "model".into(), critic_steps: 5 };
        for (options, copies) in [
            (plain.clone(), [0, 0]),
            (Options { consistency: Some(consistency), ..plain.clone() }, [1, 0]),
            (Options { autoguidance: Some(autoguidance), ..plain.clone() }, [2, 0]),
            (Options { distribution_matching: Some(matching), ..plain }, [1, 7]),
        ] {
            let numbers = copies.map(|copies| copies * architecture.parameters());
            assert_eq!(of_models(&options), numbers);
        }
    }
}
