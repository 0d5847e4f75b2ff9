//! The bindings in a real browser, on WebGPU. Without an adapter they fail: that is the point.
#![cfg(target_family = "wasm")]

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use common::damage::damaged;
use common::random_networks::{self, Rolls};
use js_sys::{Reflect, Uint8ClampedArray};
use ncsn::model_file::Class;
use ncsn::net::{Architecture, ImageShape, UNetDescription};
use ncsn::web::{Chains, Engine, Model, sampler_parameters};
use serde::Serialize;
use wasm_bindgen::{JsError, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The engines of this bundle.
const ENGINES: &[&str] = &[
    #[cfg(feature = "fused")]
    "fused",
    #[cfg(feature = "reference")]
    "reference",
    #[cfg(feature = "cpu")]
    "cpu",
];

fn model() -> Model {
    let bytes = common::model().write().expect("finite");
    Model::new(&bytes).unwrap_or_else(|error| panic!("{}", message(error)))
}

async fn engine(name: &str) -> Engine {
    let model = model();
    let engine = Engine::create(name.into(), &model, None, None).await;
    let mut engine = engine.unwrap_or_else(|error| panic!("{name}: {}", message(error)));
    engine.load(&model).unwrap_or_else(|error| panic!("{name}: {}", message(error)));
    engine
}

fn message(error: JsError) -> String {
    let value = JsValue::from(error);
    Reflect::get(&value, &"message".into()).ok().and_then(|m| m.as_string()).unwrap_or_default()
}

fn settings(change: &[(&str, JsValue)]) -> JsValue {
    // Flattened structs are maps, which must become objects, as in a card's JSON.
    let plain = serde_wasm_bindgen::Serializer::json_compatible();
    let settings = common::settings().serialize(&plain).expect("plain data");
    for (name, value) in change {
        Reflect::set(&settings, &(*name).into(), value).expect("an object");
    }
    settings
}

fn number(object: &JsValue, name: &str) -> f64 {
    let value = Reflect::get(object, &name.into()).expect("an object");
    value.as_f64().unwrap_or_else(|| panic!("{name} is {value:?}"))
}

/// One step at a time: a software adapter is so slow that more would hold up the whole browser.
async fn finish(chain: &Chains) {
    loop {
        let progress = chain.advance(1).await.unwrap_or_else(|error| panic!("{}", message(error)));
        if number(&progress, "step") == number(&progress, "steps") {
            return;
        }
    }
}

async fn pixels(chain: &Chains, view: &str) -> Vec<u8> {
    let pixels: Uint8ClampedArray =
        chain.pixels(view.into()).await.unwrap_or_else(|error| panic!("{}", message(error)));
    pixels.to_vec()
}

/// Every engine in the bundle ends where Flex ends natively: same seed, same images.
#[wasm_bindgen_test]
async fn the_same_seed_gives_the_same_images_as_natively() {
    for name in ENGINES {
        let engine = engine(name).await;
        let Ok(chain) = engine.start(
            settings(&[]),
            7,
            0,
            common::ENDS_OF as u32,
            None,
            None,
            JsValue::UNDEFINED,
        ) else {
            panic!("possible settings");
        };
        finish(&chain).await;
        let rgba = pixels(&chain, "noisy").await;
        assert_eq!(rgba.len(), common::ENDS_OF * 8 * 8 * 4);
        let gray: Vec<f32> = rgba.chunks_exact(4).map(|p| f32::from(p[0]) / 255.0).collect();
        for (found, expected) in common::every_21st(&gray).iter().zip(common::ENDS) {
            let (expected, most) = (expected.clamp(0.0, 1.0), 1.0 / 255.0 + 1e-3);
            assert!((found - expected).abs() < most, "{name}: {found} instead of {expected}");
        }
        // A finished chain has no noise to remove.
        assert_eq!(pixels(&chain, "denoised").await, rgba);
    }
}

/// At the smallest of noise, a start is as gray as the mean in the card; older cards have none.
#[wasm_bindgen_test]
async fn chains_begin_around_the_mean_of_the_images() {
    for name in ENGINES {
        for (mean, gray) in [(Some(0.2), 51), (None, 128)] {
            let mut file = common::model();
            file.card.mean = mean;
            let model = Model::new(&file.write().expect("finite"));
            let model = model.unwrap_or_else(|error| panic!("{}", message(error)));
            let engine = Engine::create((*name).into(), &model, None, None).await;
            let mut engine = engine.unwrap_or_else(|error| panic!("{name}: {}", message(error)));
            engine.load(&model).unwrap_or_else(|error| panic!("{name}: {}", message(error)));
            let still = [("sigma_max", 1e-3), ("sigma_min", 1e-3), ("step_lr", 1e-7)];
            let still = still.map(|(name, value)| (name, JsValue::from_f64(value)));
            let Ok(chain) = engine.start(settings(&still), 7, 0, 2, None, None, JsValue::UNDEFINED)
            else {
                panic!("possible settings");
            };
            let rgba = pixels(&chain, "noisy").await;
            let off = rgba.chunks_exact(4).map(|pixel| i32::from(pixel[0]) - gray);
            assert!(off.into_iter().all(|off| off.abs() <= 2), "{name}, {mean:?}: {rgba:?}");
        }
    }
}

/// Their shape and where they begin, too, which an engine knew before it had any weights.
#[wasm_bindgen_test]
async fn chains_are_of_the_model_that_was_loaded_last() {
    let Architecture::UNet(sizes) = common::model().card.architecture else { panic!("a U-Net") };
    let image_shape = ImageShape { height: 16, ..sizes.image_shape };
    let mut file = common::model_of(Architecture::UNet(UNetDescription { image_shape, ..sizes }));
    file.card.mean = Some(0.2);
    let model = Model::new(&file.write().expect("finite"));
    let model = model.unwrap_or_else(|error| panic!("{}", message(error)));
    for name in ENGINES {
        let mut engine = engine(name).await;
        engine.load(&model).unwrap_or_else(|error| panic!("{name}: {}", message(error)));
        let still = [("sigma_max", 1e-3), ("sigma_min", 1e-3), ("step_lr", 1e-7)];
        let still = still.map(|(name, value)| (name, JsValue::from_f64(value)));
        let chain = engine.start(settings(&still), 7, 0, 2, None, None, JsValue::UNDEFINED);
        let chain = chain.unwrap_or_else(|error| panic!("{name}: {}", message(error)));
        let rgba = pixels(&chain, "noisy").await;
        assert_eq!(rgba.len(), 2 * 16 * 8 * 4, "{name}");
        assert!(rgba.chunks_exact(4).all(|pixel| pixel[0].abs_diff(51) <= 2), "{name}: {rgba:?}");
    }
}

/// This lets workers share the chains of a run.
#[wasm_bindgen_test]
async fn a_chain_is_the_same_whichever_others_run_beside_it() {
    let engine = engine("fused").await;
    let [together, alone] = [(0, 3), (2, 1)].map(|(first, count)| {
        engine
            .start(settings(&[]), 7, first, count, None, None, JsValue::UNDEFINED)
            .unwrap_or_else(|e| panic!("{}", message(e)))
    });
    for chain in [&together, &alone] {
        assert!(chain.advance(4).await.is_ok());
    }
    let (all, last) = (pixels(&together, "noisy").await, pixels(&alone, "noisy").await);
    assert_eq!(all[2 * 8 * 8 * 4..], last);
}

/// Several models can share a device, which lasts as long as any of them.
#[wasm_bindgen_test]
async fn an_engine_outlasts_the_one_that_it_was_made_beside() {
    let first = engine("fused").await;
    let model = model();
    let second = first.beside(&model, None);
    let mut second = second.unwrap_or_else(|error| panic!("{}", message(error)));
    second.load(&model).unwrap_or_else(|error| panic!("{}", message(error)));
    let start = |engine: &Engine| {
        let chain = engine.start(settings(&[]), 7, 0, 1, None, None, JsValue::UNDEFINED);
        chain.unwrap_or_else(|error| panic!("{}", message(error)))
    };
    let chain = start(&first);
    finish(&chain).await;
    let expected = pixels(&chain, "noisy").await;
    drop(chain);
    drop(first);
    let chain = start(&second);
    finish(&chain).await;
    assert_eq!(pixels(&chain, "noisy").await, expected);
}

/// A path of chains from one seed to another begins and ends with the first chain of each. A point
/// of it is the same when it runs alone.
#[wasm_bindgen_test]
async fn a_path_leads_from_seed_to_seed() {
    let engine = engine("fused").await;
    let options = js_sys::Object::new();
    for (name, value) in [("to", js_sys::BigInt::from(8_u64).into()), ("frames", 3.into())] {
        Reflect::set(&options, &name.into(), &value).expect("an object");
    }
    let start = |seed, first, count, options: &JsValue| {
        let chain = engine.start(settings(&[]), seed, first, count, None, None, options.clone());
        chain.unwrap_or_else(|e| panic!("{}", message(e)))
    };
    let path = start(7, 0, 3, &options);
    let middle = start(7, 1, 1, &options);
    let ends = [7, 8].map(|seed| start(seed, 0, 1, &JsValue::UNDEFINED));
    for chain in ends.iter().chain([&path, &middle]) {
        assert!(chain.advance(4).await.is_ok());
    }
    let all = pixels(&path, "noisy").await;
    let points: Vec<&[u8]> = all.chunks_exact(8 * 8 * 4).collect();
    for (found, expected) in [(0, &ends[0]), (1, &middle), (2, &ends[1])] {
        let expected = pixels(expected, "noisy").await;
        let off = points[found].iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(1), "point {found} is off by {off:?} of 255");
    }
    assert_ne!(points[0], points[2]);
}

/// Values are what pixels are rounded from, also where these are clamped.
#[wasm_bindgen_test]
async fn values_are_neither_rounded_nor_clamped() {
    for name in ENGINES {
        let engine = engine(name).await;
        let chain = engine.start(settings(&[]), 7, 0, 2, None, None, JsValue::UNDEFINED);
        let chain = chain.unwrap_or_else(|e| panic!("{}", message(e)));
        for view in ["noisy", "denoised"] {
            let values = chain.values(view.into()).await;
            let values = values.unwrap_or_else(|e| panic!("{}", message(e))).to_vec();
            let rgba = pixels(&chain, view).await;
            let bytes = values.iter().map(|value| (255.0 * value.clamp(0.0, 1.0)).round() as u8);
            let off = bytes.zip(rgba.chunks_exact(4)).map(|(a, b)| a.abs_diff(b[0])).max();
            assert!(off <= Some(1), "{name}, {view}: off by {off:?} of 255");
            assert!(view == "denoised" || values.iter().any(|value| !(0.0..=1.0).contains(value)));
        }
    }
}

/// A remembered measurement need not be repeated.
#[wasm_bindgen_test]
async fn tiles_are_measured_in_pieces_and_remembered() {
    let tune = async |engine: &Engine| {
        let found = engine.tune(1).await;
        found.unwrap_or_else(|error| panic!("{}", message(error)))
    };
    let first = engine("fused").await;
    let mut pieces = 0;
    let line = loop {
        match tune(&first).await {
            Some(line) => break line,
            None => pieces += 1,
        }
    };
    assert!(pieces > 1, "{pieces} pieces");
    // From the beginning of a file alone, as the page does it while the rest is on its way.
    let bytes = common::model().write().expect("finite");
    let head = Model::without_weights(&bytes[..bytes.len() / 2]);
    let head = head.unwrap_or_else(|error| panic!("{}", message(error)));
    let again = Engine::create("fused".into(), &head, Some(true), Some(line.clone())).await;
    let mut again = again.unwrap_or_else(|error| panic!("{}", message(error)));
    let Err(error) = again.start(settings(&[]), 1, 0, 1, None, None, JsValue::UNDEFINED) else {
        panic!("no weights")
    };
    assert!(message(error).contains("load"));
    again.load(&model()).unwrap_or_else(|error| panic!("{}", message(error)));
    assert_eq!(again.precision(), "f32");
    assert_eq!(tune(&again).await, Some(line));
}

/// A measurement that is under way when other weights are loaded does not bring back the first.
#[wasm_bindgen_test]
async fn weights_that_are_loaded_during_a_measurement_stay() {
    let tune = async |engine: &Engine| {
        let found = engine.tune(1).await;
        found.unwrap_or_else(|error| panic!("{}", message(error)))
    };
    let image = async |engine: &Engine| {
        let chain = engine.start(settings(&[]), 7, 0, 1, None, None, JsValue::UNDEFINED);
        let chain = chain.unwrap_or_else(|error| panic!("{}", message(error)));
        finish(&chain).await;
        pixels(&chain, "noisy").await
    };
    let off = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max();
    let mut engine = engine("fused").await;
    let before = image(&engine).await;
    assert_eq!(tune(&engine).await, None);
    let mut other = common::model();
    for array in other.weights.values_mut() {
        array.values.iter_mut().for_each(|value| *value = -*value);
    }
    let other = Model::new(&other.write().expect("finite"));
    let other = other.unwrap_or_else(|error| panic!("{}", message(error)));
    engine.load(&other).unwrap_or_else(|error| panic!("{}", message(error)));
    let after = image(&engine).await;
    while tune(&engine).await.is_none() {}
    let tuned = image(&engine).await;
    // Other tiles round in another way.
    assert!(off(&after, &tuned) <= Some(4), "{:?} of 255", off(&after, &tuned));
    assert!(off(&after, &before) > Some(4), "the weights make no difference");
}

#[wasm_bindgen_test]
async fn progress_counts_and_views_differ() {
    let engine = engine("fused").await;
    let Ok(chain) = engine.start(settings(&[]), 1, 0, 2, None, None, JsValue::UNDEFINED) else {
        panic!("possible settings")
    };
    let progress = |chain: &Chains| chain.progress().unwrap_or_else(|e| panic!("{}", message(e)));
    let before = progress(&chain);
    assert_eq!((number(&before, "step"), number(&before, "steps")), (0.0, 17.0));
    assert_eq!((number(&before, "sigma"), number(&before, "level")), (4.0, 0.0));
    // A page may ask at any time, even while steps are running.
    let mut advancing = pin!(chain.advance(3));
    assert!(poll_fn(|context| Poll::Ready(advancing.as_mut().poll(context).is_pending())).await);
    assert_eq!(number(&progress(&chain), "step"), 0.0);
    assert!(advancing.await.is_ok());
    let after = progress(&chain);
    assert_eq!((number(&after, "step"), number(&after, "level")), (3.0, 1.0));
    assert_ne!(pixels(&chain, "noisy").await, pixels(&chain, "denoised").await);
    let schedule =
        model().schedule(settings(&[]), None).unwrap_or_else(|e| panic!("{}", message(e)));
    assert_eq!(schedule.length(), 17);
}

/// A drawing with one opaque half: kept to the last bit, or covered with noise.
#[wasm_bindgen_test]
async fn chains_begin_at_a_drawing_or_end_with_it() {
    let gray = |at: usize| (at * 4) as u8;
    let drawing: Vec<u8> = (0..64)
        .flat_map(|at| if at % 8 < 4 { [gray(at), gray(at), gray(at), 255] } else { [0; 4] })
        .collect();
    for name in ENGINES {
        let engine = engine(name).await;
        let start = |drawing: &[u8], strength| {
            engine.start(
                settings(&[]),
                7,
                0,
                2,
                Some(drawing.to_vec()),
                strength,
                JsValue::UNDEFINED,
            )
        };
        let Ok(chain) = start(&drawing, None) else { panic!("a drawing of this size") };
        finish(&chain).await;
        let rgba = pixels(&chain, "noisy").await;
        for (at, pixel) in rgba.chunks_exact(4).enumerate().filter(|(at, _)| at % 8 < 4) {
            assert_eq!(pixel[0], gray(at % 64), "{name}: pixel {at}");
        }

        let Ok(chain) = start(&drawing, Some(0.5)) else { panic!("a drawing of this size") };
        let schedule = model().schedule(settings(&[]), Some(0.5));
        let schedule = schedule.unwrap_or_else(|e| panic!("{}", message(e)));
        let progress = chain.progress().unwrap_or_else(|e| panic!("{}", message(e)));
        assert_eq!(number(&progress, "steps"), f64::from(schedule.length()));
        assert_eq!(number(&progress, "sigma"), f64::from(schedule.get_index(0)));
        assert!(schedule.length() < 17, "it leaves out the steps of large σ");

        let refused = |drawing: &[u8], strength| match start(drawing, strength) {
            Err(error) => message(error),
            Ok(_) => panic!("must be refused"),
        };
        assert!(refused(&drawing[4..], None).contains("252 bytes instead of 256"));
        assert!(refused(&drawing, Some(2.0)).contains("strength"));
    }
}

/// A form learns from the bindings what applies to which sampler, and the defaults.
#[wasm_bindgen_test]
fn the_parameters_of_samplers_are_plain_data() {
    let parameters = sampler_parameters().unwrap_or_else(|error| panic!("{}", message(error)));
    let json = js_sys::JSON::stringify(&parameters).map(String::from).expect("plain data");
    for part in [
        r#""denoise":["langevin","exact-langevin","plain-langevin"]"#,
        r#""churn":["heun"]"#,
        r#""rho":7"#,
        r#""churn":{"amount":0,"min":0"#,
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
    let strength = model().default_strength();
    assert!(strength > 0.0 && strength < 1.0, "{strength}");
}

/// A form and the npm package learn from the bindings what suits another sampler.
#[wasm_bindgen_test]
fn another_sampler_begins_with_what_suits_it() {
    let model = model();
    let suited = |sampler: &str, sigmas: Option<[f32; 2]>| {
        let [sigma_max, sigma_min] = [0, 1].map(|end| sigmas.map(|sigmas| sigmas[end]));
        model.settings_for(sampler.into(), sigma_max, sigma_min).map_err(message)
    };
    let heun = suited("heun", Some([20.0, 0.5])).expect("a sampler");
    let found = ["sigma_max", "sigma_min", "levels"].map(|name| number(&heun, name));
    assert_eq!(found, [20.0, 0.5, 20.0]);
    let sigmas = model.schedule(heun, None).map_err(message).expect("possible settings");
    assert_eq!(sigmas.length(), 2 * 20 - 1);
    // Without the ends that the network was trained for, those of the card's sampler.
    let few = suited("consistency", None).expect("a sampler");
    assert_eq!([number(&few, "sigma_max"), number(&few, "levels")], [4.0, 2.0]);
    let refused = suited("magic", None).expect_err("no such sampler");
    assert!(refused.contains("magic"), "{refused}");
}

#[wasm_bindgen_test]
fn the_card_is_plain_data() {
    let card = model().card().unwrap_or_else(|error| panic!("{}", message(error)));
    let json = js_sys::JSON::stringify(&card).map(String::from).expect("plain data");
    for part in [r#""name":"tiny""#, r#""sampler":{"#, r#""sigma_max":4"#, r#""height":8"#] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
}

/// The browser's JSON parser finds what the native one finds; `tests/model_file.rs` has the rest.
#[wasm_bindgen_test]
fn bad_model_files_are_refused_with_what_is_wrong() {
    let refused = |bytes: &[u8]| match Model::new(bytes) {
        Err(error) => message(error),
        Ok(_) => panic!("must be refused"),
    };
    let good = common::model().write().expect("finite");
    // Of the same length, so that everything else stays in place.
    let changed = |from: &str, to: &str| {
        let at = good.windows(from.len()).position(|part| part == from.as_bytes());
        let mut bytes = good.clone();
        bytes[at.expect("in the header")..][..to.len()].copy_from_slice(to.as_bytes());
        refused(&bytes)
    };
    assert!(refused(&good[..good.len() - 1]).contains("cut off"));
    assert!(refused(&[&good[..], b"\n"].concat()).contains("1 more follow"));
    let bare = br#"{"__metadata__":null}"#;
    assert!(refused(&[&bare.len().to_le_bytes()[..], &[0; 4], bare].concat()).contains("`card`"));
    assert!(changed("{", "[").contains("header cannot be read"));
    assert!(changed(r#"\"format\":1"#, r#"\"format\":2"#).contains("format 2"));
    let unnamed = changed(r#"\"name\""#, r#"\"nome\""#);
    assert!(unnamed.contains("card") && unnamed.contains("missing field `name`"), "{unnamed}");
    let shapeless = changed(r#""shape":["#, r#""shapo":["#);
    assert!(shapeless.contains("missing field `shape`"), "{shapeless}");
    let unknown = changed(r#"\"kind\":\"unet\""#, r#"\"kind\":\"anet\""#);
    assert!(unknown.contains("anet") && unknown.contains("refinenet"), "{unknown}");
    let patchless = changed(r#"\"patch\""#, r#"\"potch\""#);
    assert!(patchless.contains("missing field `patch`"), "{patchless}");
    assert!(changed(r#""F16""#, r#""F64""#).contains("F64"));
}

/// Damaged models are read or refused. (A panic would end the test.)
#[wasm_bindgen_test]
fn damaged_model_files_are_read_or_refused() {
    let whole = common::model().write().expect("finite");
    let read = |seed| Model::new(&damaged(&whole, seed)).is_ok();
    let count = (0..200).filter(|&seed| read(seed)).count();
    assert!((1..200).contains(&count), "{count} of 200 were read");
}

/// Differential test of the engines: networks drawn at random look the same on each.
/// `NCSN_NETWORKS=100` when the test is compiled tries more than the usual number.
#[wasm_bindgen_test]
async fn random_networks_give_the_same_images_on_every_engine() {
    let count = option_env!("NCSN_NETWORKS").and_then(|text| text.parse().ok()).unwrap_or(3);
    for seed in 0..count {
        let architecture = random_networks::architecture(&mut Rolls::new(seed));
        let mut file = common::model_of(architecture);
        let classes = file.card.architecture.classes();
        file.card.classes =
            (0..classes).map(|class| Class { name: class.to_string(), images: 1 }).collect();
        let model = Model::new(&file.write().expect("finite"));
        let model = model.unwrap_or_else(|error| panic!("{seed}: {}", message(error)));
        let mut first: Option<Vec<u8>> = None;
        for name in ENGINES {
            let failed = |error| -> ! { panic!("{name}, {seed}: {}", message(error)) };
            let engine = Engine::create((*name).into(), &model, None, None).await;
            let mut engine = engine.unwrap_or_else(|error| failed(error));
            engine.load(&model).unwrap_or_else(|error| failed(error));
            let few = settings(&[("levels", 2.0.into())]);
            let chain = engine.start(few, 7, 0, 2, None, None, JsValue::UNDEFINED);
            let chain = chain.unwrap_or_else(|error| failed(error));
            finish(&chain).await;
            let found = pixels(&chain, "noisy").await;
            let expected = first.get_or_insert_with(|| found.clone());
            let furthest = found.iter().zip(&*expected).map(|(&a, &b)| a.abs_diff(b)).max();
            assert!(
                furthest <= Some(2),
                "{name}, {seed}: {furthest:?} of {:?}",
                file.card.architecture
            );
        }
    }
}

#[wasm_bindgen_test]
async fn what_cannot_work_is_an_error_that_says_why() {
    let Err(error) = Model::new(b"no model") else { panic!("no model") };
    assert!(message(error).contains("safetensors"));
    let Err(error) = Engine::create("steam".into(), &model(), None, None).await else {
        panic!("no engine")
    };
    assert!(message(error).contains("steam"));

    let engine = engine("fused").await;
    let refused = |name: &str, value: f64, word: &str| {
        let Err(error) = engine.start(
            settings(&[(name, value.into())]),
            1,
            0,
            1,
            None,
            None,
            JsValue::UNDEFINED,
        ) else {
            panic!("{name} = {value} must be refused");
        };
        let message = message(error);
        assert!(message.contains(word), "{message}");
    };
    refused("levels", 0.0, "levels");
    refused("step_lr", 1.0, "unstable");
    refused("sigma_min", 9.0, "sigma_min");
    let Err(error) = engine.start(settings(&[]), 1, 0, 0, None, None, JsValue::UNDEFINED) else {
        panic!("no chains")
    };
    assert!(message(error).contains("chains"));
    let last = engine.start(settings(&[]), 1, u32::MAX, 1, None, None, JsValue::UNDEFINED);
    let Err(error) = last else { panic!("no such number") };
    assert!(message(error).contains("numbers"));
    let Ok(chain) = engine.start(settings(&[]), 1, 0, 1, None, None, JsValue::UNDEFINED) else {
        panic!("possible settings")
    };
    let Err(error) = chain.pixels("sideways".into()).await else { panic!("no such view") };
    assert!(message(error).contains("sideways"));
}
