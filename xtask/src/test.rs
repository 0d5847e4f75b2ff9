//! Everything that must hold before a change is accepted: cheapest first, stopping at the first
//! failure.
//!
//! Nearly all of the time of a first run goes into compiling Burn, so what is compiled how often is
//! decided here:
//!
//! | what | profile and features | Burn |
//! |---|---|---|
//! | lints of the crate, native | `release`, default | metadata only |
//! | tests of the crate, native | `release`, default; shared with `train` and `ncsn` | compiled |
//! | lints of the library, browser | `release`, `fused` and `cpu` | metadata, without its GPU code |
//! | tests of the library, browser | `release`, `fused` and `reference`; shared with that engine | compiled |
//! | the CPU engine | `release`, `cpu` | compiled, without its GPU code |
//! | everything else | `quick` | – |
//!
//! Cargo shares compiled dependencies between two commands only while target, profile, flags and
//! features agree. The features are those of all packages of a command together. So the crate is
//! always built alone, and everything around it, which uses the crate without its features, with
//! another profile, which is also another folder: a library that is a `cdylib`, too, has a file
//! name without a hash, and in one folder its two flavors would replace each other.

use anyhow::Result;

use crate::{
    chrome,
    engines::Engine,
    page, scripts,
    tools::{self, Tool},
    workspace::{Workspace, step},
};

/// The library for the browser with both of its WebGPU engines, without the programs of the default
/// feature `cli`.
const BROWSER: [&str; 2] = Engine::Reference.flags();
/// The library for the browser with all of its code but one line that names Burn's WebGPU device,
/// for which Clippy would have to read twice as much of Burn.
const BROWSER_LINTS: [&str; 2] = ["--no-default-features", "--features=fused,cpu"];
const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];

const CRATE: [&str; 2] = ["--release", "--package=ncsn"];
/// Everything around the crate. (`xtask-bindgen` is a few lines and many dependencies.)
const AROUND: [&str; 6] = [
    "--profile=quick",
    "--package=toy2d",
    "--package=xtask",
    "--package=bench-web",
    "--package=minify",
    "--package=e2e",
];
/// The tests of the built page, a test binary of `e2e`.
const PAGE: [&str; 2] = ["--test", "page"];

/// Seconds that all tests of one wasm file may take together. Compiling shaders for a software
/// adapter takes minutes.
const BROWSER_TIMEOUT: &str = "900";

/// Runs every check and every test.
pub fn run(workspace: &Workspace) -> Result<()> {
    let driver = chrome::driver(workspace)?;
    tools::install_checkers(workspace)?;
    step("formatting", "seconds", &mut workspace.cargo(["fmt", "--all", "--check"])?)?;
    scripts::check(workspace)?;

    let lint = |name, usually, args: &[&[&str]]| {
        let mut clippy = workspace.cargo(["clippy"])?;
        step(name, usually, clippy.args(args.concat()).args(["--", "-D", "warnings"]))
    };
    lint("lints, native", "5 min the first time", &[&["--all-targets"], &CRATE])?;
    lint("lints around the crate", "2 min the first time", &[&["--all-targets"], &AROUND])?;
    tools::install(workspace, &[])?;
    let library = ["--release", "--lib", "--tests"];
    lint("lints, browser", "3 min the first time", &[&library, &WASM, &BROWSER_LINTS])?;

    let test = |name, usually, args: &[&[&str]]| {
        step(name, usually, workspace.cargo(["test"])?.args(args.concat()))
    };
    test("tests, native", "15 min the first time", &[&CRATE])?;
    test("tests around the crate", "2 min the first time", &[&AROUND, &["--lib", "--bins"]])?;

    tools::install(workspace, &Tool::ALL)?;
    step(
        "tests, browser",
        "20 min the first time",
        // What `wasm-pack test --headless --chrome` runs, which would take minutes to install.
        workspace
            .cargo(["test", "--release", "--lib", "--test", "*"])?
            .args(WASM)
            .args(BROWSER)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner")
            .env("CHROMEDRIVER", &driver)
            .env("WASM_BINDGEN_TEST_ONLY_WEB", "1")
            .env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TIMEOUT),
    )?;
    page::build(workspace, &[], &[])?;
    let mut tests = workspace.cargo(["test"])?;
    tests.args(AROUND).args(PAGE).env("CHROMEDRIVER", &driver);
    step("tests, page", "10 min", &mut tests)
}
