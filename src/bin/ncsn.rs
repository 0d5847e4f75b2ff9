//! `ncsn`: everything else that one does with a model, natively.

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    ncsn::cli::run(ncsn::cli::ncsn::main)
}

// `wasm-pack test` builds every target of the package for wasm, where there is nothing to run.
#[cfg(target_family = "wasm")]
fn main() {}
