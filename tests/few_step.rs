//! Networks for one to four evaluations: one that learned the score is tuned or distilled to end the
//! flow in one, or learns to draw from a model's distribution.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use ncsn::data::Images;
use ncsn::model_file::{Card, ModelFile};
use ncsn::net::weights::Weights;
use ncsn::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
use ncsn::random::Key;
use ncsn::sample::{Sampler, Settings};
use ncsn::train::{
    Checkpoints, Consistency, DistributionMatching, Method, Options, Precision, Start, TrainError,
    Trainer,
};

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

const TUNING: Consistency = Consistency { first_gap: 0.1, last_gap: 0.05, distillation: false };
const DISTILLATION: Consistency = Consistency { first_gap: 0.4, last_gap: 0.4, distillation: true };

/// What a run draws in one evaluation: the mean brightness of each of 64 images.
fn one_step_means(trainer: &Trainer) -> Vec<f32> {
    let Options { sigma_max, sigma_min, .. } = *trainer.options();
    let mut settings =
        Settings::recommended(sigma_max, sigma_min).for_sampler(Sampler::Consistency);
    settings.schedule.levels = 1;
    let table = settings.step_table().expect("possible");
    assert_eq!(table.nfe(), 1);
    let pixels = trainer.samples(&table, 64, &AtomicBool::new(false)).expect("it works");
    let pixels = pixels.expect("nobody stops it");
    pixels.chunks_exact(64).map(|image| image.iter().sum::<f32>() / 64.0).collect()
}

/// How far one-step samples are from the brightness of any image, on average.
fn one_step_error(trainer: &Trainer) -> f32 {
    let error = |mean: f32| (mean - DARK).abs().min((mean - BRIGHT).abs());
    one_step_means(trainer).into_iter().map(error).sum::<f32>() / 64.0
}

/// A run that matches the distribution of a model of the same architecture.
fn matching(options: &Options) -> DistributionMatching {
    DistributionMatching { model: options.architecture.clone(), name: "it".into(), critic_steps: 2 }
}

/// How a run starts that matches the distribution of such a model.
fn matched(options: &Options, generator: &Weights, model: &Weights) -> Start {
    let (generator, model) = (generator.clone(), model.clone());
    Start::Matched { generator, by: matching(options), model }
}

/// A run that starts so.
fn started(options: &Options, start: Start, images: &Images) -> Trainer {
    Trainer::new(options.clone(), start, images, &[Device::flex()]).expect("it fits")
}

/// The mean loss of some steps.
fn loss(trainer: &mut Trainer, images: &Images, steps: usize) -> f32 {
    (0..steps).for_each(|_| trainer.step(images));
    trainer.take_loss().expect("finite").expect("of these steps")
}

#[test]
fn one_evaluation_leads_to_an_image_after_tuning_distillation_and_matching() {
    let images = images();
    let options = options(&images);
    let mut trainer = started(&options, Start::Random, &images);
    (0..options.steps).for_each(|_| trainer.step(&images));
    let (before, weights) = (one_step_error(&trainer), trainer.ema_weights().expect("read"));
    // A denoiser's answer to pure noise is the mean of all images.
    assert!(before > 0.1, "{before}");

    // Stable targets would be points of the same flow; here the noise that was added is used.
    let options = Options { consistency: Some(TUNING), stable_targets: None, ..options };
    let mut tuned = started(&options, Start::From(weights.clone()), &images);
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

    let options = Options { consistency: Some(DISTILLATION), ..options };
    let mut distilled = started(&options, Start::Distilled(weights.clone()), &images);
    (0..options.steps).for_each(|_| distilled.step(&images));
    distilled.take_loss().expect("finite");
    let after = one_step_error(&distilled);
    println!("one step: {after} after distillation");
    assert!(after < 0.5 * before, "{after} after, {before} before");

    // From the model itself, since this density is easily matched.
    let steps = 900;
    let options = Options { consistency: None, learning_rate: 5e-4, steps, ..options };
    let mut matched = started(&options, matched(&options, &weights, &weights), &images);
    for _ in 0..steps {
        matched.step(&images);
        // Also steps of the generator have a loss, or evaluations that are due then would be left out.
        assert!(matched.take_loss().expect("finite").expect("of this step") > 0.0);
    }
    let after = one_step_error(&matched);
    let bright = one_step_means(&matched).into_iter().filter(|mean| *mean > 0.5).count();
    println!("one step: {after} after matching, {bright} of 64 bright");
    assert!(after < 0.5 * before, "{after} after, {before} before");
    assert!((13..=51).contains(&bright), "{bright} of 64 are bright");
}

#[test]
fn an_interrupted_tuning_goes_on_to_the_same_weights() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (images, device) = (images(), [Device::flex()]);
    let tuning = Options { consistency: Some(TUNING), steps: 12, ..options(&images) };
    assert!(tuning.stable_targets.is_some(), "both kinds of targets work together");
    let distillation =
        Options { consistency: Some(DISTILLATION), stable_targets: None, ..tuning.clone() };
    let plain = Options { consistency: None, warmup_steps: 3, ..distillation.clone() };
    for options in [tuning, distillation, plain] {
        let start = || {
            let weights = common::weights(&options.architecture);
            let start = match options.consistency {
                None => matched(&options, &weights, &weights),
                Some(DISTILLATION) => Start::Distilled(weights),
                Some(_) => Start::From(weights),
            };
            started(&options, start, &images)
        };
        let mut whole = start();
        (0..12).for_each(|_| whole.step(&images));

        let mut first = start();
        (0..5).for_each(|_| first.step(&images));
        let checkpoints = Checkpoints::beside(&folder.path().join("m.safetensors"));
        checkpoints.save(&first.checkpoint().expect("it can be written")).expect("saved");
        let checkpoint = checkpoints.load().expect("there").checkpoint;
        assert_eq!(checkpoint.options.consistency, options.consistency);
        let mut second = Trainer::resume(checkpoint, &images, &device).expect("it fits");
        (0..7).for_each(|_| second.step(&images));
        let weights = |trainer: &Trainer| trainer.ema_weights().expect("read");
        assert_eq!(weights(&second), weights(&whole));
        second.take_loss().expect("finite");
    }
}

#[test]
fn what_cannot_be_tuned_is_refused() {
    let images = images();
    let options = Options { consistency: Some(TUNING), ..options(&images) };
    options.check().expect("possible");
    let stable = Options { consistency: Some(DISTILLATION), ..options.clone() };
    assert!(stable.check().is_err_and(|error| error.to_string().contains("stable targets")));
    let half = Options { precision: Precision::Bf16, ..options.clone() };
    assert!(half.check().is_err_and(|error| error.to_string().contains("bf16")));
    let grows = Consistency { first_gap: 0.1, last_gap: 0.2, distillation: false };
    let grows = Options { consistency: Some(grows), ..options };
    assert!(grows.check().is_err_and(|error| error.to_string().contains("gaps")));
}

#[test]
fn the_start_does_not_replace_the_model_to_match() {
    let images = images();
    let options = Options { stable_targets: None, warmup_steps: 0, ..options(&images) };
    let model = common::weights(&options.architecture);
    let mut start = model.clone();
    start.values_mut().for_each(|tensor| tensor.values.iter_mut().for_each(|value| *value *= 0.9));
    let [one, other] = [&model, &start].map(|model| {
        let mut trainer = started(&options, matched(&options, &start, model), &images);
        // The third step is the generator's.
        (0..3).for_each(|_| trainer.step(&images));
        trainer.ema_weights().expect("read")
    });
    assert!(one != other, "the same is matched");
}

/// A critic that diverges is found at the next report, while the network is still finite.
#[test]
fn a_critic_that_is_not_finite_ends_the_run_where_it_was_sound() {
    let images = images();
    let options = Options { stable_targets: None, warmup_steps: 3, ..options(&images) };
    let weights = common::weights(&options.architecture);
    let rate = Options { learning_rate: 1e38, ..options };
    let mut trainer = started(&rate, matched(&rate, &weights, &weights), &images);
    trainer.step(&images);
    let error = trainer.take_loss().expect_err("the critic has diverged");
    assert!(matches!(error, TrainError::Diverged { sound: 0, step: 1, .. }), "{error}");
    assert_eq!(trainer.done(), 0);
}

#[test]
fn a_distribution_that_cannot_be_matched_is_refused() {
    let images = images();
    let options = Options { stable_targets: None, ..options(&images) };
    let with = |change: &dyn Fn(&mut DistributionMatching)| {
        let mut by = matching(&options);
        change(&mut by);
        let options = Options { distribution_matching: Some(by), ..options.clone() };
        options.check().expect_err("refused").to_string()
    };
    assert!(with(&|by| by.critic_steps = 0).contains("critic"));
    assert!(
        with(&|by| by.model = by.model.clone().with_classes(2)).contains("2 classes, this one 0")
    );
    let both = Options {
        distribution_matching: Some(matching(&options)),
        consistency: Some(DISTILLATION),
        ..options.clone()
    };
    assert!(both.check().is_err_and(|error| error.to_string().contains("consistency")));
    // All of it would be steps of the critic.
    let matching = || Some(matching(&options));
    let short = Options { distribution_matching: matching(), warmup_steps: 398, ..options.clone() };
    assert!(short.check().is_err_and(|error| error.to_string().contains("the critic takes")));
    Options { warmup_steps: 397, ..short }.check().expect("the last step is the network's");

    let only = Options { distribution_matching: matching(), ..options.clone() };
    let without = Trainer::new(only, Start::Random, &images, &[Device::flex()]).err();
    assert!(matches!(without, Some(TrainError::Teacher(Method::DistributionMatching))));
}

/// While somebody draws, the page takes the weights of `data-few-step` in the place of a model's own.
#[test]
fn the_pages_weights_for_few_steps_fit_their_models() {
    let page = include_str!("../index.html");
    let open = |path: &str| {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        ModelFile::read(&bytes).unwrap_or_else(|error| panic!("{path}: {error}")).card
    };
    let after = |text: &str, start: &str| {
        let (_, rest) = text.split_once(start)?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let links = page.lines().filter(|line| line.contains("data-few-step="));
    let links: Vec<&str> = links.collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        let model = open(&after(link, "?model=").expect("a model's address"));
        let few_step = open(&after(link, "data-few-step=\"").expect("an address"));
        assert_eq!(few_step.architecture.image_shape(), model.architecture.image_shape(), "{link}");
        let names = |card: &Card| card.classes.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&few_step), names(&model), "{link}");
        assert_eq!(few_step.sampler.sampler, Sampler::Consistency, "{link}");
        let training = few_step.training.expect("it was trained here");
        assert!(training.few_step, "{link}");
        // Guidance is an input, or one evaluation would be two.
        assert!(
            few_step.classes.is_empty() || few_step.architecture.guidance_max() >= 2.0,
            "{link}"
        );
    }
}
