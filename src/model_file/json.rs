//! Parses JSON into typed data.
//!
//! Natively `serde_json` does. The browser has a parser of its own, whose values
//! `serde-wasm-bindgen` reads. The page needs that crate anyway, for settings; the other would add
//! 17 kB to it.

pub(super) use parser::parse;
use thiserror::Error;

/// Why a text is not the expected JSON, in the parser's words.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct JsonError(String);

#[cfg(not(target_family = "wasm"))]
mod parser {
    use serde::de::DeserializeOwned;

    use super::JsonError;
    use crate::words::one_line;

    /// Parses a text as a `T`.
    pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
        serde_json::from_str(text).map_err(|error| JsonError(one_line(error)))
    }
}

#[cfg(target_family = "wasm")]
mod parser {
    use serde::de::DeserializeOwned;
    use wasm_bindgen::{JsCast, JsValue};

    use super::JsonError;

    /// Parses a text as a `T`.
    pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
        let value = js_sys::JSON::parse(text).map_err(thrown)?;
        serde_wasm_bindgen::from_value(value).map_err(|error| thrown(error.into()))
    }

    /// The message of an `Error`, which is what both steps throw.
    fn thrown(error: JsValue) -> JsonError {
        JsonError(error.unchecked_into::<js_sys::Error>().message().into())
    }
}
