//! Values to and from JavaScript.

use serde::Serialize;
use wasm_bindgen::{JsError, JsValue};

use crate::backend::View;
use crate::sample::Settings;

/// A view by its name in JavaScript.
pub(super) fn view_from_js(name: &str) -> Result<View, JsError> {
    match name {
        "noisy" => Ok(View::Noisy),
        "denoised" => Ok(View::Denoised),
        _ => Err(JsError::new(&format!("no such view: {name}"))),
    }
}

/// A sampler's settings from an object like [`Settings`]' JSON.
pub(super) fn settings_from_js(settings: JsValue) -> Result<Settings, JsError> {
    Ok(serde_wasm_bindgen::from_value(settings)?)
}

/// Plain data as an object.
pub(super) fn to_js(value: &impl Serialize) -> Result<JsValue, JsError> {
    Ok(serde_wasm_bindgen::to_value(value)?)
}
