//! Long runs in a real browser: memory stays flat.
//!
//! With `NCSN_SOAK=100` when the tests are compiled, a hundred times as much is done as usual, which
//! is 10,000 steps and a thousand models, one after another, and the speed must not fall. `cargo xtask
//! soak "long runs in the browser"` does this, and prints memory and speed on the way.
#![cfg(all(target_family = "wasm", feature = "fused"))]

mod common;

use common::soak::LongRun;
use js_sys::{Date, Reflect, WebAssembly};
use ncsn::model_file::ModelFile;
use ncsn::net::Architecture;
use ncsn::web::{Chains, Engine, Model};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsError, JsValue};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// How many times as much is done as usual. The browser has no environment.
fn factor() -> usize {
    option_env!("NCSN_SOAK").and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn message(error: JsError) -> String {
    let value = JsValue::from(error);
    Reflect::get(&value, &"message".into()).ok().and_then(|m| m.as_string()).unwrap_or_default()
}

fn done<T>(result: Result<T, JsError>) -> T {
    result.unwrap_or_else(|error| panic!("{}", message(error)))
}

/// The memory of the wasm module, in bytes: it is never given back, so it shows the most there was.
fn memory() -> usize {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    Reflect::get(&memory.buffer(), &"byteLength".into())
        .ok()
        .and_then(|bytes| bytes.as_f64())
        .expect("a buffer has a length") as usize
}

/// The memory of JavaScript's objects, where the browser tells it. It is freed when the browser
/// chooses to, so it is printed and not judged.
fn script_memory() -> String {
    let part = |object: JsValue, name: &str| Reflect::get(&object, &name.into()).ok();
    part(js_sys::global().into(), "performance")
        .and_then(|performance| part(performance, "memory"))
        .and_then(|memory| part(memory, "usedJSHeapSize"))
        .and_then(|bytes| bytes.as_f64())
        .map_or("unknown".into(), |bytes| format!("{:.1} MiB", bytes / f64::from(1 << 20)))
}

/// Does something in ten parts; `part` does as much as it is told, and returns when it is done.
async fn stays_flat(what: &'static str, count: usize, mut part: impl AsyncFnMut(usize)) {
    let mut run = LongRun::new(what, 4 << 20);
    for tenth in 1..=10 {
        let [before, now] = [tenth - 1, tenth].map(|tenth| LongRun::until(count, tenth));
        let began = Date::now();
        part(now - before).await;
        // Of at least a millisecond, which is the clock's resolution.
        let seconds = (Date::now() - began).max(1.0) / 1000.0;
        let line = run.record(now - before, seconds, memory());
        console_log!("{line}; of scripts {}", script_memory());
    }
    if factor() > 1 {
        run.check_speed();
    }
}

fn model(file: &ModelFile) -> Model {
    done(Model::new(&file.write().expect("finite")))
}

async fn engine(model: &Model) -> Engine {
    let mut engine = done(Engine::create("fused".into(), model, None, None).await);
    done(engine.load(model));
    engine
}

/// Two chains, with so many steps at each of eight levels.
fn start(engine: &Engine, steps_each: usize) -> Chains {
    // Flattened structs are maps, which must become objects, as in a card's JSON.
    let plain = serde_wasm_bindgen::Serializer::json_compatible();
    let settings = ncsn::sample::Settings { steps_each, ..common::settings() };
    let settings = settings.serialize(&plain).expect("plain data");
    done(engine.start(settings, 7, 0, 2, None, None, JsValue::UNDEFINED))
}

/// Takes some steps, one at a time as the page does on a slow GPU, and reads the images.
async fn advance(chain: &Chains, steps: usize) {
    for _ in 0..steps {
        done(chain.advance(1).await);
    }
    let pixels = done(chain.pixels("noisy".into()).await).to_vec();
    let varied = pixels.chunks_exact(4).any(|pixel| pixel[0] != pixels[0]);
    assert!(varied, "all pixels are alike");
}

#[wasm_bindgen_test]
async fn chains_of_many_steps() {
    let model = model(&common::model());
    let engine = engine(&model).await;
    let count = 100 * factor();
    let chain = start(&engine, count.div_ceil(8));
    stays_flat("steps in the browser", count, async |steps| advance(&chain, steps).await).await;
}

/// As when a visitor chooses one model after another: each has a device of its own.
#[wasm_bindgen_test]
async fn many_models_one_after_another() {
    let other = Architecture::UNet(common::unet((3, 8, 12), &[8]));
    let models = [model(&common::model()), model(&common::model_of(other))];
    let mut made = 0;
    stays_flat("models in the browser", 10 * factor(), async |count| {
        for _ in 0..count {
            let engine = engine(&models[made % models.len()]).await;
            advance(&start(&engine, 2), 3).await;
            made += 1;
        }
    })
    .await;
}
