//! Training in a real browser, on WebGPU.
#![cfg(all(target_family = "wasm", feature = "training"))]

use js_sys::{Object, Reflect};
use ncsn::model_file::{Class, ModelFile};
use ncsn::net::weights::Array;
use ncsn::random::Key;
use ncsn::web::Trainer;
use wasm_bindgen::{JsError, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const SIDE: usize = 8;
/// The other images count as variants of these.
const ORIGINALS: u32 = 20;

/// Dark images with a bright square, somewhere.
fn drawings(count: u32) -> Vec<u8> {
    let drawing = |stream| {
        let key = Key { seed: 4, stream, step: 0 };
        let [left, top] = [0, 1].map(|index| (5.0 * key.uniform(index)) as usize);
        let inside = move |at: usize| {
            (left..left + 4).contains(&(at % SIDE)) && (top..top + 4).contains(&(at / SIDE))
        };
        (0..SIDE * SIDE).map(move |at| if inside(at) { 230 } else { 20 })
    };
    (0..count).flat_map(drawing).collect()
}

fn plan(steps: u32) -> JsValue {
    let object = |entries: &[(&str, JsValue)]| -> JsValue {
        let object = Object::new();
        for (name, value) in entries {
            Reflect::set(&object, &(*name).into(), value).expect("an object");
        }
        object.into()
    };
    let side = JsValue::from(SIDE as u32);
    let image_shape = object(&[("channels", 1.into()), ("height", side.clone()), ("width", side)]);
    let widths = js_sys::Array::of2(&8.into(), &16.into());
    object(&[
        ("imageShape", image_shape),
        ("name", "squares".into()),
        ("steps", steps.into()),
        ("batch", 8.into()),
        ("learningRate", 0.002.into()),
        ("seed", JsValue::from(1)),
        ("flip", true.into()),
        ("widths", widths.into()),
        ("originals", ORIGINALS.into()),
    ])
}

fn message(error: JsError) -> String {
    let value = JsValue::from(error);
    Reflect::get(&value, &"message".into()).ok().and_then(|m| m.as_string()).unwrap_or_default()
}

async fn trainer(steps: u32, model: Option<Vec<u8>>) -> Trainer {
    let trainer = Trainer::create(plan(steps), drawings(30), model).await;
    trainer.unwrap_or_else(|error| panic!("{}", message(error)))
}

/// Trains some steps, and returns the mean loss.
async fn train(trainer: &mut Trainer, steps: u32) -> f64 {
    let report = trainer.train(steps).await.unwrap_or_else(|error| panic!("{}", message(error)));
    Reflect::get(&report, &"loss".into()).ok().and_then(|loss| loss.as_f64()).expect("a number")
}

/// A model that can be asked for classes, and makes the same images without one.
fn with_classes(bytes: &[u8]) -> Vec<u8> {
    let mut model = ModelFile::read(bytes).expect("a model file");
    model.card.architecture = model.card.architecture.with_classes(2).with_guidance_max(4.0);
    model.card.classes = ["a", "b"].map(|name| Class { name: name.into(), images: 15 }).into();
    let shapes = model.card.architecture.tensors();
    let rows = shapes.into_iter().find(|(name, _)| name == "embedding.classes");
    let (name, shape) = rows.expect("a network with classes has rows for them");
    let values = vec![0.0; shape.iter().product()];
    model.weights.insert(name, Array { shape, values });
    model.write().expect("a sound model")
}

#[wasm_bindgen_test]
async fn a_network_learns_drawings_and_is_a_model_like_any_other() {
    let mut run = trainer(60, None).await;
    let first = train(&mut run, 10).await;
    let checkpoint = run.checkpoint().await.unwrap_or_else(|error| panic!("{}", message(error)));
    train(&mut run, 30).await;
    let last = train(&mut run, 100).await;
    assert_eq!(run.step(), 60.0, "no step beyond the last");
    assert!(last < 0.9 * first, "the loss fell from {first} to {last}");

    let bytes = run.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    let model = ModelFile::read(&bytes).expect("a model file");
    assert_eq!(model.card.name, "squares");
    let samples = run.samples(3, 6).await.unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(samples.len(), 3 * SIDE * SIDE);
    let nearest = run.nearest(&drawings(2));
    assert_eq!(nearest[..2], [0.0, 1.0]);
    assert_eq!(nearest[2..], [0.0, 0.0], "training images are their own copies");
    let mirrored: Vec<u8> =
        drawings(1).chunks(SIDE).flat_map(|row| row.iter().rev().copied()).collect();
    assert_eq!(run.nearest(&mirrored)[1..], [0.0], "and so are mirrored ones, if all are mirrored");

    // The same steps again give the same model.
    let mut again = trainer(60, None).await;
    let checkpoint = checkpoint.to_vec();
    again.restore(&checkpoint).unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(again.step(), 10.0);
    train(&mut again, 50).await;
    let repeated = again.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    assert!(ModelFile::read(&repeated).expect("a model").weights == model.weights);
    assert!(again.restore(&checkpoint[1..]).is_err());

    // And it goes on from there, as the start of another run.
    let mut tuned = trainer(20, Some(with_classes(&bytes))).await;
    let start = train(&mut tuned, 10).await;
    assert!(start < first, "it begins where the model was: {start} after {first}");
    let bytes = tuned.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    let card = ModelFile::read(&bytes).expect("a model file").card;
    assert_eq!((card.architecture.classes(), card.classes.len()), (0, 0));
}
