//! The TypeScript declarations of the plain data that crosses to JavaScript. The page's own scripts
//! are checked against the same file.

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("../../www/types.d.ts");
