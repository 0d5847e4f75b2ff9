//! Shared by the native and the browser tests: a tiny model that is the same everywhere, and the
//! results that it must give everywhere.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod cifar;
pub mod damage;
pub mod random_networks;
pub mod soak;

use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ncsn::loss::Weighting;
use ncsn::model_file::{Card, ModelFile, TrainingRecord};
use ncsn::net::weights::{Array, Weights};
use ncsn::net::{
    Architecture, Depth, ImageShape, Preconditioning, RefineNetDescription, UNetDescription,
    Variant,
};
use ncsn::noise::NoiseSchedule;
use ncsn::random::Key;
use ncsn::sample::{Sampler, Settings};

/// How much of something a test does: the number in this environment variable, or the usual one.
pub fn amount<T: FromStr>(variable: &str, usual: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Lets one test of a file run at a time, for those that measure the whole process's memory.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub const SCALE: Preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.15 };

/// A U-Net of some thousand parameters with everything that a large one has.
pub fn tiny() -> Architecture {
    let image_shape = ImageShape { channels: 1, height: 8, width: 8 };
    Architecture::UNet(UNetDescription {
        widths: vec![8, 16],
        heads: 2,
        groups: 4,
        embedding: 8,
        ..UNetDescription::new(image_shape, SCALE)
    })
}

/// A small U-Net for images of these channels, height and width.
pub fn unet(image_shape: (usize, usize, usize), widths: &[usize]) -> UNetDescription {
    let (channels, height, width) = image_shape;
    let image_shape = ImageShape { channels, height, width };
    UNetDescription {
        widths: widths.to_vec(),
        attention: widths.iter().enumerate().map(|(level, _)| level > 0).collect(),
        groups: 4,
        heads: 2,
        embedding: 8,
        ..UNetDescription::new(image_shape, SCALE)
    }
}

/// A RefineNet for images of these channels, height and width.
pub fn refinenet(
    variant: Variant,
    depth: Depth,
    (channels, height, width): (usize, usize, usize),
    ngf: usize,
) -> Architecture {
    let image_shape = ImageShape { channels, height, width };
    let schedule = NoiseSchedule { sigma_max: 4.0, sigma_min: 0.05, levels: 8 };
    Architecture::RefineNet(RefineNetDescription { variant, image_shape, depth, ngf, schedule })
}

pub fn settings() -> Settings {
    let schedule = NoiseSchedule { sigma_max: 4.0, sigma_min: 0.05, levels: 8 };
    let sampler = Sampler::Langevin;
    let step_lr = 0.8 * 0.05 * 0.05;
    Settings { sampler, schedule, steps_each: 2, step_lr, ..Settings::recommended(4.0, 0.05) }
}

/// Weights drawn without a device: normal, and scaled so that signals stay near unit variance and
/// the output is small, which lets chains end among the grays.
pub fn weights(architecture: &Architecture) -> Weights {
    let tensor = |(stream, (name, shape)): (u32, (String, Vec<usize>))| {
        let count: usize = shape.iter().product();
        let fan_in = if shape.len() == 4 { count / shape[0] } else { shape[0] };
        let mut values = vec![0.0; count];
        Key { seed: 5, stream, step: 0 }.fill_normal(&mut values);
        let (scale, shift) = match shape.len() {
            1 => (0.1, if name.ends_with("gamma") { 1.0 } else { 0.0 }),
            _ if name.ends_with("table") => (0.3, 0.7),
            _ if name.starts_with("head") || name.starts_with("end.") => {
                (0.3 * (fan_in as f32).sqrt().recip(), 0.0)
            }
            _ => ((fan_in as f32).sqrt().recip(), 0.0),
        };
        values.iter_mut().for_each(|value| *value = *value * scale + shift);
        (name, Array { shape, values })
    };
    (0..).zip(architecture.tensors()).map(tensor).collect()
}

/// The tiny model.
pub fn model() -> ModelFile {
    model_of(tiny())
}

/// A model of this architecture.
pub fn model_of(architecture: Architecture) -> ModelFile {
    let weights = weights(&architecture);
    let training = TrainingRecord {
        checksum: None,
        flip: false,
        stable_targets: None,
        few_step: false,
        consistency_distillation: false,
        distribution_matching: None,
        data: "nothing".into(),
        images: 0,
        from: None,
        autoguidance: None,
        steps: 0,
        examples: 0,
        sigmas: None,
        ema_decay: 0.0,
        weighting: Weighting::Edm,
        seconds: 0.0,
        device: "cpu".into(),
        held_out: vec![(1.0, 2.0)],
    };
    let card = Card {
        format: Card::FORMAT,
        name: "tiny".into(),
        architecture,
        sampler: settings(),
        mean: None,
        classes: Vec::new(),
        training: Some(training),
        imported: None,
        best: None,
        quality: None,
        license: "none".into(),
    };
    ModelFile { card, weights }
}

/// The ends of [`ENDS_OF`] chains of the tiny model under [`settings`] and seed 7, every 21st pixel
/// of each. Burn's Flex computed them; the browser's GPU and any other backend must give the same.
/// `tests/backends.rs` checks Flex itself against closed forms.
pub const ENDS: [f32; 12] = [
    0.25528094, 0.41614467, 0.44162014, 0.46281785, 0.27510527, 0.61688894, 0.2764777, 0.6930021,
    0.42898998, 0.16682959, 0.43747932, 0.23893508,
];
pub const ENDS_OF: usize = 3;

/// The largest difference between values in the same place; NaN if one of them is.
pub fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    // `f32::max` would pass over a NaN, and whatever is not a number would be no difference.
    let larger = |most: f32, apart: f32| if apart <= most || most.is_nan() { most } else { apart };
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, larger)
}

/// The same, relative to the largest value that is expected.
pub fn relative(found: &[f32], expected: &[f32]) -> f32 {
    difference(found, expected) / expected.iter().fold(0.0, |most: f32, b| most.max(b.abs()))
}

/// Checks that two networks have the same tensors, and that all values are less than `most` apart.
pub fn assert_close(found: &Weights, expected: &Weights, most: f32, what: &str) {
    assert!(found.keys().eq(expected.keys()), "{what}: other tensors");
    for (name, expected) in expected {
        let apart = difference(&found[name].values, &expected.values);
        assert!(apart < most, "{what}: {name} is {apart} apart");
    }
}

/// The pixels that [`ENDS`] holds.
pub fn every_21st(pixels: &[f32]) -> Vec<f32> {
    pixels.chunks(64).flat_map(|image| image.iter().step_by(21).copied()).collect()
}
