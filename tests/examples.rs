//! The examples, on images that are made on the spot.
#![cfg(not(target_family = "wasm"))]

#[path = "../examples/sample.rs"]
mod sample;
#[path = "../examples/train.rs"]
mod train;

use std::fs;

use image::{GrayImage, Luma};
use ncsn::model_file::ModelFile;
use ncsn::random::Key;

#[test]
fn a_folder_of_images_becomes_a_model_and_the_model_a_png() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    fs::create_dir(at("images")).expect("created");
    for image in 0..40 {
        let key = Key { seed: 1, stream: image, step: 0 };
        let pixel = |x, y| Luma([(key.uniform(8 * y + x) * 256.0) as u8]);
        let path = at(&format!("images/{image}.png"));
        GrayImage::from_fn(8, 8, pixel).save(path).expect("saved");
    }

    train::train(&at("images"), &at("model.safetensors"), 12).expect("trained");
    let model = fs::read(at("model.safetensors")).expect("written");
    let card = ModelFile::read(&model).expect("a good model").card;
    let training = card.training.expect("trained here");
    assert_eq!((training.steps, training.examples), (12, 12 * 64));
    assert!(training.held_out.iter().all(|(_, loss)| loss.is_finite()), "{training:?}");
    assert!(folder.path().join("model.checkpoint").exists());

    sample::sample(&at("model.safetensors"), &at("samples.png")).expect("sampled");
    let grid = image::open(at("samples.png")).expect("a PNG").into_luma8();
    // Four images in a row and a border around each, enlarged twice.
    assert_eq!(grid.dimensions(), (2 * (4 * 9 + 1), 2 * (4 * 9 + 1)));
    let levels: std::collections::BTreeSet<u8> = grid.pixels().map(|pixel| pixel.0[0]).collect();
    assert!(levels.len() > 50, "images of {} gray levels", levels.len());
}
