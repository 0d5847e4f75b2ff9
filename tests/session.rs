//! The events of a training session.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use burn::tensor::Device;
use ncsn::backend::fused::{FusedError, Gpu};
use ncsn::data::{DataSet, Images, LoadReport};
use ncsn::model_file::ModelFile;
use ncsn::net::ImageShape;
use ncsn::random::Key;
use ncsn::train::{
    Checkpoints, Event, Options, Session, SessionError, SessionOptions, Start, TrainError, Trainer,
};
use pollster::block_on;

/// Images of noise, and how to learn them.
fn noise(change: impl Fn(&mut Options)) -> (DataSet, Options) {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let images = |stream, count: u32| {
        let key = Key { seed: 1, stream, step: 0 };
        Images::new(shape, (0..count * 64).map(|i| (key.uniform(i) * 256.0) as u8).collect())
    };
    let (train, held_out) = (images(0, 30), images(1, 4));
    let mut learns = Options::for_images(&train).expect("images that differ");
    learns = Options { architecture: common::tiny(), batch: 4, warmup_steps: 1, ..learns };
    change(&mut learns);
    let (name, classes, found) = ("noise".into(), Vec::new(), LoadReport::default());
    (DataSet { name, train, held_out, classes, found }, learns)
}

/// A session on images of noise, and its model's file.
fn session(folder: &Path, change: impl Fn(&mut Options), options: SessionOptions) -> Session {
    let (data, learns) = noise(change);
    let trainer =
        Trainer::new(learns, Start::Random, &data.train, &[Device::flex()]).expect("possible");
    Session::new(trainer, data, &folder.join("m.safetensors"), options)
}

/// An event in a word.
fn name(event: &Event) -> String {
    match event {
        Event::Report(report) => format!("report {}", report.step),
        Event::HeldOut { step, .. } => format!("held-out {step}"),
        Event::Samples { step, .. } => format!("samples {step}"),
        Event::Checkpoint { step, .. } => format!("checkpoint {step}"),
        Event::Model { step, .. } => format!("model {step}"),
        Event::TrainingEnded { step } => format!("ended {step}"),
        Event::Finished { step, .. } => format!("finished {step}"),
    }
}

#[test]
fn events_come_in_order_and_files_before_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = SessionOptions { eval_every_steps: 20, ..SessionOptions::default() };
    let steps = |options: &mut Options| options.steps = 25;
    let mut names = Vec::new();
    for event in session(folder.path(), steps, options) {
        let event = event.expect("sound");
        match &event {
            Event::Report(report) => assert!(report.loss > 0.0 && report.rate > 0.0, "{report:?}"),
            Event::Samples { pixels, .. } => assert_eq!(pixels.len(), 16 * 64),
            Event::Checkpoint { path, .. } => assert!(path.exists()),
            Event::Model { step, path } => {
                let model = ModelFile::read(&std::fs::read(path).expect("written"));
                let training = model.expect("a good model").card.training.expect("trained here");
                assert_eq!((training.steps, training.held_out.len()), (*step, 8));
            }
            Event::Finished { held_out, .. } => assert_eq!(held_out.len(), 8),
            Event::HeldOut { .. } | Event::TrainingEnded { .. } => {}
        }
        // A slow machine reports after fewer steps, too.
        let is_due = |step: u64| step.is_multiple_of(10) || [2, 25].contains(&step);
        if !matches!(&event, Event::Report(report) if !is_due(report.step)) {
            names.push(name(&event));
        }
    }
    let expected = [
        "report 2",
        "checkpoint 2",
        "held-out 2",
        "samples 2",
        "model 2",
        "report 10",
        "report 20",
        "held-out 20",
        "samples 20",
        "model 20",
        "report 25",
        "ended 25",
        "checkpoint 25",
        "held-out 25",
        "samples 25",
        "model 25",
        "finished 25",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_stopped_session_saves_and_ends_without_samples() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = SessionOptions {
        checkpoint_every: Duration::ZERO,
        eval_every_steps: 0,
        ..SessionOptions::default()
    };
    let stop = options.stop.clone();
    let mut names = Vec::new();
    for event in session(folder.path(), |_| {}, options) {
        let event = event.expect("sound");
        if matches!(&event, Event::Report(report) if report.step >= 20) {
            stop.store(true, Ordering::Relaxed);
        }
        // A slow machine reports after fewer steps, too.
        if !matches!(&event, Event::Report(report) if !report.step.is_multiple_of(10)) {
            names.push(name(&event));
        }
    }
    let expected = [
        "report 10",
        "checkpoint 10",
        "report 20",
        "checkpoint 20",
        "ended 20",
        "held-out 20",
        "model 20",
        "finished 20",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_divergence_is_the_last_item_and_what_was_sound_is_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let diverges = |options: &mut Options| options.learning_rate = 1e30;
    let mut session = session(folder.path(), diverges, SessionOptions::default());
    let items: Vec<_> = session.by_ref().collect();
    let [Ok(checkpoint), Err(error)] = &items[..] else { panic!("{items:?}") };
    assert_eq!(name(checkpoint), "checkpoint 0");
    let SessionError::Train(TrainError::Diverged { sound: 0, .. }) = error else {
        panic!("{error}")
    };
    assert!(session.next().is_none());
    let found = Checkpoints::beside(&folder.path().join("m.safetensors")).load().expect("saved");
    assert_eq!(found.checkpoint.step, 0);
}

#[test]
fn a_lost_gpu_is_the_last_item_and_what_was_saved_remains() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
    let (data, learns) = noise(|options| options.steps = 40);
    let trainer = Trainer::on_gpu(learns, Start::Random, &data.train, &gpu).expect("possible");
    let model = folder.path().join("m.safetensors");
    let options = SessionOptions { checkpoint_every: Duration::ZERO, ..SessionOptions::default() };
    let mut session = Session::new(trainer, data, &model, options);
    let saved = session.by_ref().find_map(|event| match event.expect("sound") {
        Event::Checkpoint { step, .. } => Some(step),
        _ => None,
    });
    gpu.device().destroy();
    let error = session.by_ref().find_map(Result::err).expect("the GPU is lost");
    assert!(matches!(error, SessionError::Train(TrainError::Gpu(FusedError::Lost(_)))), "{error}");
    assert!(session.next().is_none());
    let found = Checkpoints::beside(&model).load().expect("whole");
    assert_eq!(Some(found.checkpoint.step), saved);
}
