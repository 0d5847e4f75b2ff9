//! The model of this folder's unit tests.

use crate::model_file::{Card, ModelFile};
use crate::net::weights::initial;
use crate::net::{Architecture, ImageShape};
use crate::sample::{Sampler, Settings};
use crate::train::test_network::tiny;

/// A small model of fifty images of 1 × 8 × 8 called noise: one that has learned their score, or one for
/// few evaluations.
pub fn model(few_step: bool) -> ModelFile {
    let image_shape = ImageShape { channels: 1, height: 8, width: 8 };
    let sizes = tiny(image_shape);
    let weights = initial(&sizes, 1);
    let architecture = Architecture::UNet(sizes);
    let training = serde_json::json!({
        "data": "noise",
        "pictures": 50,
        "consistency": few_step,
        "steps": 10,
        "examples": 80,
        "ema_decay": 0.9,
        "weighting": "edm",
        "seconds": 1.0,
        "device": "cpu",
        "held_out": [],
    });
    let mut sampler = Settings::recommended(4.0, 0.01);
    if few_step {
        sampler = sampler.for_sampler(Sampler::Consistency);
    }
    // As if that had been measured.
    sampler.schedule.levels = 7;
    let card = Card {
        format: Card::FORMAT,
        name: "m".into(),
        architecture,
        sampler,
        mean: None,
        classes: Vec::new(),
        training: Some(serde_json::from_value(training).expect("all that a card has to say")),
        imported: None,
        best: None,
        quality: None,
        license: "CC0-1.0".into(),
    };
    ModelFile { card, weights }
}
