//! Consistency tuning: a network that learned the score learns to end the flow in one evaluation.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use ncsn::data::Images;
use ncsn::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
use ncsn::random::Key;
use ncsn::sample::{Sampler, Settings};
use ncsn::train::{Checkpoints, Consistency, Options, Precision, Trainer};

const DARK: f32 = 0.2;
const BRIGHT: f32 = 0.8;

/// Even images of 8 × 8, dark or bright, with a little texture.
fn images() -> Images {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let byte = |index: u32| {
        let value = if (index / 64).is_multiple_of(2) { DARK } else { BRIGHT };
        let texture = 0.02 * Key { seed: 1, stream: 0, step: 0 }.normal(index);
        (255.0 * (value + texture)) as u8
    };
    Images::new(shape, (0..64 * 64).map(byte).collect())
}

fn options(images: &Images) -> Options {
    let Architecture::UNet(tiny) = common::tiny() else { panic!("the tiny model is a U-Net") };
    let preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.3 };
    Options {
        architecture: Architecture::UNet(UNetDescription { preconditioning, ..tiny }),
        steps: 400,
        batch: 16,
        warmup_steps: 20,
        ..Options::for_images(images).expect("images that differ")
    }
}

const TUNING: Consistency = Consistency { first_gap: 0.1, last_gap: 0.05 };

/// How far one-step samples are from the brightness of any image, on average.
fn one_step_error(trainer: &Trainer) -> f32 {
    let Options { sigma_max, sigma_min, .. } = *trainer.options();
    let mut settings =
        Settings::recommended(sigma_max, sigma_min).for_sampler(Sampler::Consistency);
    settings.schedule.levels = 1;
    let table = settings.step_table().expect("possible");
    assert_eq!(table.nfe(), 1);
    let pixels = trainer.samples(&table, 64, &AtomicBool::new(false)).expect("it works");
    let pixels = pixels.expect("nobody stops it");
    let error = |image: &[f32]| {
        let mean = image.iter().sum::<f32>() / 64.0;
        (mean - DARK).abs().min((mean - BRIGHT).abs())
    };
    pixels.chunks_exact(64).map(error).sum::<f32>() / 64.0
}

/// The mean loss of some steps.
fn loss(trainer: &mut Trainer, images: &Images, steps: usize) -> f32 {
    (0..steps).for_each(|_| trainer.step(images));
    trainer.take_loss().expect("finite").expect("of these steps")
}

#[test]
fn one_evaluation_leads_to_an_image_after_tuning() {
    let (images, device) = (images(), [Device::flex()]);
    let options = options(&images);
    let mut trainer = Trainer::new(options.clone(), &images, &device).expect("possible");
    (0..options.steps).for_each(|_| trainer.step(&images));
    let (before, weights) = (one_step_error(&trainer), trainer.ema_weights().expect("read"));
    // A denoiser's answer to pure noise is the mean of all images.
    assert!(before > 0.1, "{before}");

    // Stable targets would be points of the same flow; here the noise that was added is used.
    let options = Options { consistency: Some(TUNING), stable_targets: None, ..options };
    let tuned = Trainer::new(options, &images, &device).expect("possible");
    let mut tuned = tuned.from_weights(weights).expect("the same network");
    let first = loss(&mut tuned, &images, 40);
    (0..160).for_each(|_| tuned.step(&images));
    tuned.take_loss().expect("finite");
    // The gap, and with it the loss, halves after 200 steps.
    (0..120).for_each(|_| tuned.step(&images));
    tuned.take_loss().expect("finite");
    let last = loss(&mut tuned, &images, 80);
    assert!(last < 0.7 * first, "{last} after {first}");
    let after = one_step_error(&tuned);
    println!("one step: {before} before, {after} after tuning; loss {first}, then {last}");
    assert!(after < 0.5 * before, "{after} after, {before} before");
}

#[test]
fn an_interrupted_tuning_goes_on_to_the_same_weights() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (images, device) = (images(), [Device::flex()]);
    let options = Options { consistency: Some(TUNING), steps: 12, ..options(&images) };
    assert!(options.stable_targets.is_some(), "both kinds of targets work together");
    let start = || {
        let trainer = Trainer::new(options.clone(), &images, &device).expect("possible");
        trainer.from_weights(common::weights(&options.architecture)).expect("the same network")
    };
    let mut whole = start();
    (0..12).for_each(|_| whole.step(&images));

    let mut first = start();
    (0..5).for_each(|_| first.step(&images));
    let checkpoints = Checkpoints::beside(&folder.path().join("m.safetensors"));
    checkpoints.save(&first.checkpoint().expect("it can be written")).expect("saved");
    let checkpoint = checkpoints.load().expect("there").checkpoint;
    assert_eq!(checkpoint.options.consistency, Some(TUNING));
    let mut second = Trainer::resume(checkpoint, &images, &device).expect("it fits");
    (0..7).for_each(|_| second.step(&images));
    let weights = |trainer: &Trainer| trainer.ema_weights().expect("read");
    assert_eq!(weights(&second), weights(&whole));
}

#[test]
fn what_cannot_be_tuned_is_refused() {
    let images = images();
    let options = Options { consistency: Some(TUNING), ..options(&images) };
    options.check().expect("possible");
    let half = Options { precision: Precision::Bf16, ..options.clone() };
    assert!(half.check().is_err_and(|error| error.to_string().contains("bf16")));
    let grows = Consistency { first_gap: 0.1, last_gap: 0.2 };
    let grows = Options { consistency: Some(grows), ..options };
    assert!(grows.check().is_err_and(|error| error.to_string().contains("gaps")));
}
