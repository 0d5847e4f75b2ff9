//! The interface for JavaScript. Everything that crosses it is typed: plain data through
//! `serde-wasm-bindgen`, with the TypeScript of [`types`] in the generated `.d.ts`.
//!
//! The page comes in four bundles of this crate: one for each engine (`fused`, `reference`, `cpu`)
//! with the same exports, of which only `fused` also tunes and draws, and one that also trains.
//! [`Model`] needs no device, so a page can read a model and check settings before it chooses an
//! engine.
//!
//! | file | what it does |
//! |---|---|
//! | `model` | a model file that has been read and checked |
//! | `engine` | a model on a device |
//! | `chains` | chains in progress on a device |
//! | `backend` | the backends of this bundle, behind one interface; the canvas that chains draw into |
//! | `chain_options` | what a visitor asks of chains, besides a sampler's settings |
//! | `trainer` | training on the visitor's GPU |
//! | `drawing` | a visitor's drawing as a conditioning |
//! | `verify` | whether finished images can be right |
//! | `convert`, `types` | values to and from JavaScript; their TypeScript |

mod backend;
mod chain_options;
mod chains;
mod convert;
mod drawing;
mod engine;
mod model;
#[cfg(feature = "training")]
mod trainer;
mod types;
mod verify;

pub use chains::Chains;
use convert::to_js;
pub use engine::Engine;
pub use model::Model;
use serde::Serialize;
#[cfg(feature = "training")]
pub use trainer::{CompileTexts, Trainer};
use wasm_bindgen::prelude::*;

use crate::sample::parameters::{APPLIES_TO, AppliesTo, DEFAULTS, Defaults};

/// As fast as wasm's default allocator, with a quarter of its code.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Runs when the wasm module has loaded: makes panics go in full to the console, and to the page
/// (or the worker) as the event `ncsn-panic` of the global object, whose `detail` is the message.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let init = web_sys::CustomEventInit::new();
        init.set_detail(&info.to_string().into());
        let event = web_sys::CustomEvent::new_with_event_init_dict("ncsn-panic", &init);
        // If the report of a panic fails, there is nowhere to report that.
        let target: web_sys::EventTarget = js_sys::global().unchecked_into();
        if let Ok(event) = event {
            let _ = target.dispatch_event(&event);
        }
    }));
}

/// The settings that not all samplers have.
#[derive(Serialize)]
struct SamplerParameters {
    applies_to: AppliesTo,
    defaults: Defaults,
}

/// Which samplers have the settings that not all have, and what those are unless given.
///
/// # Errors
/// None.
#[wasm_bindgen(unchecked_return_type = "SamplerParameters")]
pub fn sampler_parameters() -> Result<JsValue, JsError> {
    to_js(&SamplerParameters { applies_to: APPLIES_TO, defaults: DEFAULTS })
}
