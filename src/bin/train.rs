//! The `train` program: makes a model from images, as `ncsn train` does.

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    ncsn::cli::run(ncsn::cli::train::main)
}

// `wasm-pack test` builds every target for wasm, where this program has nothing to do.
#[cfg(target_family = "wasm")]
fn main() {}
