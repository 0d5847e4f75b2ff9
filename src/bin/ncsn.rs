//! The `ncsn` program: `ncsn train`, `ncsn sample` and all other commands.

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    ncsn::cli::run(ncsn::cli::ncsn::main)
}

// `wasm-pack test` builds every target for wasm, where this program has nothing to do.
#[cfg(target_family = "wasm")]
fn main() {}
