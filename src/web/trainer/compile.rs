//! Kernels that the page compiles side by side, before they are needed one after the other.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// A function of the page that compiles kernels, given by their texts, on the GPU that was
    /// requested last, and resolves when that is done.
    #[wasm_bindgen(typescript_type = "CompileTexts")]
    pub type CompileTexts;

    #[wasm_bindgen(method, catch)]
    fn call(this: &CompileTexts, receiver: &JsValue, texts: &Array) -> Result<Promise, JsValue>;
}

impl CompileTexts {
    /// Waits until kernels with these texts are compiled.
    pub(super) async fn compile<T: AsRef<str>>(&self, texts: impl Iterator<Item = T>) {
        let all = Array::new();
        for text in texts {
            all.push(&JsValue::from_str(text.as_ref()));
        }
        // What fails here fails again where the kernel is needed, and then says why.
        if let Ok(compiling) = self.call(&JsValue::UNDEFINED, &all) {
            let _ = JsFuture::from(compiling).await;
        }
    }
}
