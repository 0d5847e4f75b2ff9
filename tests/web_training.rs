//! Training in a real browser, on WebGPU.
#![cfg(all(target_family = "wasm", feature = "training"))]

#[path = "common/damage.rs"]
mod damage;

use damage::damaged;
use js_sys::{Object, Reflect};
use ncsn::model_file::{Class, ModelFile};
use ncsn::net::weights::Array;
use ncsn::noise::NoiseSchedule;
use ncsn::random::Key;
use ncsn::recipe::Recipe;
use ncsn::sample::{Sampler, Settings};
use ncsn::web::{CompileTexts, Trainer};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
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

/// The learning rate at which a small network soon learns.
const RATE: f64 = 0.002;
/// The noise levels that [`model_with_classes`] says it was trained at.
const SIGMAS: [f32; 2] = [9.0, 0.02];

fn plan(steps: u32, rate: f64) -> JsValue {
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
        ("learningRate", rate.into()),
        ("seed", JsValue::from(1)),
        ("flip", true.into()),
        ("widths", widths.into()),
        ("originals", ORIGINALS.into()),
        ("sigmas", js_sys::Array::of2(&SIGMAS[0].into(), &SIGMAS[1].into()).into()),
    ])
}

/// A property of an error that is a text; empty if there is none.
fn text(error: impl Into<JsValue>, property: &str) -> String {
    let found = Reflect::get(&error.into(), &property.into());
    found.ok().and_then(|text| text.as_string()).unwrap_or_default()
}

fn message(error: impl Into<JsValue>) -> String {
    text(error, "message")
}

async fn trainer(steps: u32, model: Option<Vec<u8>>) -> Trainer {
    let trainer = Trainer::create(plan(steps, RATE), drawings(30), model, None).await;
    trainer.unwrap_or_else(|error| panic!("{}", message(error)))
}

/// What [`Trainer::nearest`] finds.
#[derive(Debug, Deserialize, PartialEq)]
struct Nearest {
    numbers: Vec<u32>,
    ratios: Vec<f32>,
}

fn nearest(run: &Trainer, images: &[u8]) -> Nearest {
    let found = run.nearest(images).unwrap_or_else(|error| panic!("{}", message(error)));
    serde_wasm_bindgen::from_value(found).expect("numbers")
}

async fn checkpoint(run: &Trainer) -> Vec<u8> {
    let bytes = run.checkpoint().await.unwrap_or_else(|error| panic!("{}", message(error)));
    bytes.to_vec()
}

/// A number in the card's own text: browsers do not parse all of it.
fn in_card(model: &[u8], name: &str) -> f64 {
    let text = String::from_utf8_lossy(model);
    let (_, rest) = text.split_once(&format!("\\\"{name}\\\":")).expect("the card has it");
    let end = rest.find([',', '}']).expect("it ends");
    rest[..end].parse().expect("a number")
}

/// Trains some steps, and returns the mean loss.
async fn train(trainer: &mut Trainer, steps: u32) -> f64 {
    let report = trainer.train(steps).await.unwrap_or_else(|error| panic!("{}", message(error)));
    Reflect::get(&report, &"loss".into()).ok().and_then(|loss| loss.as_f64()).expect("a number")
}

/// A model that can be asked for classes, makes the same images without one, and recommends a
/// sampler from fewer noise levels than it was trained at.
fn model_with_classes(bytes: &[u8]) -> Vec<u8> {
    let mut model = ModelFile::read(bytes).expect("a model file");
    model.card.sampler = Settings {
        sampler: Sampler::Ancestral,
        schedule: NoiseSchedule { sigma_max: 5.0, sigma_min: 0.1, levels: 10 },
        ..model.card.sampler
    };
    model.card.architecture = model.card.architecture.with_classes(2).with_guidance_max(4.0);
    model.card.classes = ["a", "b"].map(|name| Class { name: name.into(), images: 15 }).into();
    let shapes = model.card.architecture.tensors();
    let rows = shapes.into_iter().find(|(name, _)| name == "embedding.classes");
    let (name, shape) = rows.expect("a network with classes has rows for them");
    let values = vec![0.0; shape.iter().product()];
    model.weights.insert(name, Array { shape, values });
    model.write().expect("a sound model")
}

/// What is said of a checkpoint of another length, and of one with numbers that are none.
const OTHER: &str = "this checkpoint is of another network";
const DAMAGED: &str = "this checkpoint is damaged";

#[wasm_bindgen_test]
async fn a_network_learns_drawings_and_is_a_model_like_any_other() {
    let mut run = trainer(60, None).await;
    let first = train(&mut run, 10).await;
    let at_10 = checkpoint(&run).await;
    train(&mut run, 30).await;
    let last = train(&mut run, 100).await;
    assert_eq!(run.step(), 60.0, "no step beyond the last");
    assert!(last < 0.9 * first, "the loss fell from {first} to {last}");

    let bytes = run.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    let model = ModelFile::read(&bytes).expect("a model file");
    assert_eq!(model.card.name, "squares");
    let samples = run.samples(3, 6).await.unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(samples.len(), 3 * SIDE * SIDE);
    let own = Nearest { numbers: vec![0, 1], ratios: vec![0.0, 0.0] };
    assert_eq!(nearest(&run, &drawings(2)), own, "training images are their own copies");
    let mirrored: Vec<u8> =
        drawings(1).chunks(SIDE).flat_map(|row| row.iter().rev().copied()).collect();
    let copies = nearest(&run, &mirrored).ratios;
    assert_eq!(copies, [0.0], "and so are mirrored ones, if all are mirrored");

    // The same steps again give the same model.
    let mut again = trainer(60, None).await;
    again.restore(&at_10).unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(again.step(), 10.0);
    train(&mut again, 50).await;
    let repeated = again.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    assert!(ModelFile::read(&repeated).expect("a model").weights == model.weights);
    assert_eq!(again.restore(&at_10[1..]).err().map(message).as_deref(), Some(OTHER));
    assert_eq!(again.restore(&[]).err().map(message).as_deref(), Some(OTHER));

    // And it goes on from there, as the start of another run.
    let mut tuned = trainer(20, Some(model_with_classes(&bytes))).await;
    let start = train(&mut tuned, 10).await;
    assert!(start < first, "it begins where the model was: {start} after {first}");
    let bytes = tuned.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    let card = ModelFile::read(&bytes).expect("a model file").card;
    assert_eq!((card.architecture.classes(), card.classes.len()), (0, 0));
    let [sigma_max, sigma_min] = SIGMAS;
    let trained = NoiseSchedule { sigma_max, sigma_min, levels: Settings::LEVELS };
    assert_eq!(card.sampler, Settings::for_network(&card.architecture, trained));
}

/// The time and the decay that a card names are those of the whole run.
#[wasm_bindgen_test]
async fn a_continued_run_counts_the_time_before_and_names_its_decay() {
    let mut run = trainer(20, None).await;
    train(&mut run, 10).await;
    let kept = checkpoint(&run).await;
    let seconds = f64::from_le_bytes(*kept[8..].first_chunk().expect("it has the seconds"));
    assert!(seconds > 0.0);

    // As after a reload, with twice the steps and more.
    let mut longer = trainer(4000, None).await;
    longer.restore(&kept).unwrap_or_else(|error| panic!("{}", message(error)));
    let bytes = longer.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(in_card(&bytes, "seconds"), seconds);
    assert_eq!((in_card(&bytes, "steps"), in_card(&bytes, "ema_decay")), (10.0, 0.999));
    let bytes = run.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(in_card(&bytes, "ema_decay"), 0.99);

    // Earlier versions of the page wrote no seconds.
    let earlier = [&kept[..8], &kept[16..]].concat();
    longer.restore(&earlier).unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(longer.step(), 10.0);
    let bytes = longer.model().await.unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(in_card(&bytes, "seconds"), 0.0);

    // A weight that is not a number.
    let mut damaged = kept.clone();
    damaged[16..20].copy_from_slice(&f32::NAN.to_le_bytes());
    let refused = longer.restore(&damaged).err().map(message);
    assert_eq!(refused.as_deref(), Some(DAMAGED));
}

/// Whatever has become of a checkpoint, it is refused or holds a run of this network, and an intact
/// one leads back to where it was made.
#[wasm_bindgen_test]
async fn checkpoints_damaged_at_random_are_refused_or_restored() {
    let mut run = trainer(20, None).await;
    train(&mut run, 2).await;
    let kept = checkpoint(&run).await;
    let mut refusals = 0;
    for seed in 0..200 {
        match run.restore(&damaged(&kept, seed)).map_err(message) {
            Ok(()) => assert!(run.step() <= 20.0, "{seed}: it is at step {}", run.step()),
            Err(said) => {
                assert!([OTHER, DAMAGED].contains(&said.as_str()), "{seed}: it says {said}");
                refusals += 1;
            }
        }
    }
    assert!((1..200).contains(&refusals), "{refusals} of 200 are refused");
    run.restore(&kept).unwrap_or_else(|error| panic!("{}", message(error)));
    assert!(checkpoint(&run).await == kept, "it is not back where it was");
    assert!(train(&mut run, 1).await.is_finite());
}

/// The form is shown before this module is fetched, so it has numbers of its own.
#[wasm_bindgen_test]
fn the_form_offers_the_programs_learning_rate_for_a_new_network() {
    let form = include_str!("../www/train/setup.js");
    let rate = format!("rate: \"{:e}\"", Recipe::LEARNING_RATE);
    assert!(form.contains(&rate), "the form does not say {rate}");
}

#[wasm_bindgen_test]
async fn impossible_numbers_are_refused() {
    for (plan, what) in [(plan(0, RATE), "the number of steps"), (plan(20, 0.0), "learning rate")] {
        let refused = Trainer::create(plan, drawings(30), None, None).await.err().map(message);
        assert!(refused.as_ref().is_some_and(|said| said.contains(what)), "{refused:?}");
    }
}

#[wasm_bindgen_test]
async fn a_run_that_diverges_is_back_at_its_last_state_and_says_so_with_a_code() {
    let run = Trainer::create(plan(20, 1e30), drawings(30), None, None).await;
    let mut run = run.unwrap_or_else(|error| panic!("{}", message(error)));
    let before = checkpoint(&run).await;
    let error = run.train(5).await.expect_err("such steps lead beyond all numbers");
    assert_eq!(text(error, "code"), "diverged");
    assert_eq!(run.step(), 0.0);
    assert!(checkpoint(&run).await == before);
}

/// What the page is given to compile is what the run then asks the browser for.
#[wasm_bindgen_test]
async fn kernels_are_given_to_the_page_before_they_are_needed() {
    let notes = "(() => { \
                   const { createShaderModule } = GPUDevice.prototype; \
                   GPUDevice.prototype.createShaderModule = function (descriptor) { \
                     globalThis.asked?.push(descriptor.code); \
                     return createShaderModule.call(this, descriptor); \
                   }; \
                   return async (texts) => { \
                     [globalThis.given, globalThis.asked] = [texts, []]; \
                   }; \
                 })()";
    let compile = js_sys::eval(notes).expect("a function").unchecked_into::<CompileTexts>();
    let run = Trainer::create(plan(20, RATE), drawings(30), None, Some(compile)).await;
    assert!(run.is_ok(), "{}", run.err().map(message).unwrap_or_default());
    let count = |expression: &str| js_sys::eval(expression).ok().and_then(|count| count.as_f64());
    let asked = count("asked.length").expect("the page was called");
    assert!(asked > 50.0, "the run asked for {asked} kernels");
    assert_eq!(count("asked.filter((text) => !given.includes(text)).length"), Some(0.0));
}
