//! JSON text into typed data.
//!
//! Natively `serde_json` parses it. The browser has a parser of its own, whose values
//! `serde-wasm-bindgen` reads; that one is in the page in any case, for settings, and every visitor
//! would have to download the other.

pub(super) use parser::parse;
use thiserror::Error;

/// Why a text is not the JSON that was expected, in the parser's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct JsonError(String);

#[cfg(not(target_family = "wasm"))]
mod parser {
    use serde::de::DeserializeOwned;

    use super::JsonError;

    /// What a text says, if it says a `T`.
    pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
        serde_json::from_str(text).map_err(|error| JsonError(error.to_string()))
    }
}

#[cfg(target_family = "wasm")]
mod parser {
    use serde::de::DeserializeOwned;
    use wasm_bindgen::{JsCast, JsValue};

    use super::JsonError;

    /// What a text says, if it says a `T`.
    pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
        let value = js_sys::JSON::parse(text).map_err(thrown)?;
        serde_wasm_bindgen::from_value(value).map_err(|error| thrown(error.into()))
    }

    /// The message of an `Error`, which is what both steps throw.
    fn thrown(error: JsValue) -> JsonError {
        JsonError(error.unchecked_into::<js_sys::Error>().message().into())
    }
}
