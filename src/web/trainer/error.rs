//! The trainer's errors, with a code where a page does more than show their message.

use std::error::Error;

use js_sys::Reflect;
use wasm_bindgen::JsValue;

use crate::backend::BackendError;
use crate::backend::fused::FusedError;

/// Why a run cannot begin or go on. In JavaScript it is an `Error`, and its property `code`, if it
/// has one, is a `TrainerErrorCode` of `www/types.d.ts`.
#[derive(Debug)]
pub struct TrainerError {
    message: String,
    code: Option<&'static str>,
}

impl TrainerError {
    /// An error without a code.
    pub fn new(message: &str) -> Self {
        Self { message: message.to_owned(), code: None }
    }

    /// The loss or a weight is not finite.
    pub fn diverged() -> Self {
        let message = "the training diverged; it is back at its last finite state";
        Self { message: message.to_owned(), code: Some("diverged") }
    }
}

impl<E: Error + 'static> From<E> for TrainerError {
    fn from(error: E) -> Self {
        let any: &(dyn Error + 'static) = &error;
        let fused = match any.downcast_ref::<BackendError>() {
            Some(BackendError::Fused(error)) => Some(error),
            _ => any.downcast_ref::<FusedError>(),
        };
        let out_of_memory = matches!(fused, Some(FusedError::OutOfMemory));
        Self { message: error.to_string(), code: out_of_memory.then_some("out-of-memory") }
    }
}

impl From<TrainerError> for JsValue {
    fn from(TrainerError { message, code }: TrainerError) -> Self {
        let error = Self::from(js_sys::Error::new(&message));
        if let Some(code) = code {
            // This fails only for objects that take no properties.
            let _ = Reflect::set(&error, &"code".into(), &code.into());
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_has_its_code_whatever_has_found_it() {
        let code = |error: TrainerError| error.code;
        assert_eq!(code(FusedError::OutOfMemory.into()), Some("out-of-memory"));
        let of_chains = BackendError::Fused(FusedError::OutOfMemory);
        assert_eq!(code(of_chains.into()), Some("out-of-memory"));
        assert_eq!(code(FusedError::Gradients.into()), None);
        assert_eq!(code(BackendError::CannotDraw.into()), None);
    }
}
