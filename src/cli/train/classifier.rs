//! `train --classifier`: the classifier that guides `ncsn sample --class`.

use anyhow::ensure;

use super::arguments::Arguments;
use crate::classifier::accuracy;
use crate::cli::classifiers::{self, Labeled};
use crate::cli::{apart, data_set, device, output};
use crate::noise::NoiseSchedule;
use crate::random::Key;
use crate::train::ClassifierOptions;

/// Trains a noise-conditional classifier of the data's classes and writes it.
///
/// # Errors
/// Errors are one-line messages for the user.
pub fn train(arguments: &Arguments) -> anyhow::Result<()> {
    let run = &arguments.run;
    let data = [("--data", Some(&*arguments.images.data))];
    apart::ensure_replaces_none(&data, "--out", &run.out)?;
    output::ensure_model(&run.out, run.overwrite)?;
    // Classifiers are Burn modules.
    let device = device::parse(if run.device == "auto" { "cpu" } else { &run.device })?;
    let data = arguments.load(None)?;
    data_set::say(&data);
    ensure!(
        !data.classes.is_empty(),
        "these images have no classes: give labels (IDX, CIFAR-10), or a folder for each class"
    );
    ensure!(
        data.held_out.labels.is_some(),
        "the held-out images have no classes, but the training images have"
    );
    let NoiseSchedule { sigma_max, sigma_min, .. } = arguments.schedule(&data)?;
    let optimization = &arguments.optimization;
    let options = ClassifierOptions {
        steps: optimization.steps.unwrap_or(5000),
        batch: optimization.batch,
        learning_rate: optimization.lr.unwrap_or(3e-3),
        sigmas: [sigma_min, sigma_max],
        shift: 0,
        seed: optimization.seed,
    };
    let labeled = Labeled {
        name: &data.name,
        classes: data.classes.clone(),
        scale: data.train.statistics(),
        train: &data.train,
        held_out: &data.held_out,
    };
    let file = classifiers::train(labeled, &options, &device)?;
    let classifier = file.network(&device)?;
    println!("held-out images whose class it tells, through noise:");
    let levels = NoiseSchedule { sigma_max, sigma_min, levels: 8 }.sigmas();
    for &sigma in &levels {
        let noise = Some(Key { seed: options.seed, stream: 0, step: 0 });
        let share = accuracy(&classifier, &data.held_out, sigma, noise, &device);
        println!("  σ = {sigma:<8.3} {:.1} %", 100.0 * share);
    }
    output::write(&run.out, &file.write()?)?;
    println!("classifier in {}", run.out.display());
    Ok(())
}
