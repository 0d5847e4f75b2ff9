//! `wasm-bindgen`, which writes the JavaScript that a browser loads a wasm file with.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(std::env::args_os())
}
