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

use std::process::Command;

use anyhow::Result;

use crate::{
    chrome, dependencies,
    package::{self, Package},
    page, scripts,
    tools::{self, Tool},
    workspace::{Workspace, step},
};

/// The library for the browser with both of its WebGPU engines and training, without the programs
/// of the default feature `cli`. Burn's features are those of the reference engine.
const BROWSER: [&str; 2] = ["--no-default-features", "--features=fused,reference,training"];
/// The library for the browser with all of its code but one line that names Burn's WebGPU device,
/// for which Clippy would have to read twice as much of Burn.
const BROWSER_LINTS: [&str; 2] = ["--no-default-features", "--features=fused,cpu,training"];
const WASM: [&str; 2] = ["--target", "wasm32-unknown-unknown"];

const CRATE: [&str; 2] = ["--release", "--package=ncsn"];
/// The packages around the crate that use it, and the tests of the built page.
const AROUND: [&str; 4] =
    ["--profile=quick", "--package=toy2d", "--package=bench-web", "--package=e2e"];
/// Programs that other tasks build alone. (`xtask-bindgen` is a few lines and many dependencies.)
const PROGRAMS: [&str; 2] = ["--package=xtask", "--package=minify"];
const QUICK: [&str; 1] = ["--profile=quick"];
/// The tests of the built page and of the npm package: the test binaries of `e2e`.
const PAGE: [&str; 2] = ["--test", "*"];

/// Seconds that all tests of one wasm file may take together. Compiling shaders for a software
/// adapter takes minutes.
const BROWSER_TIMEOUT: &str = "900";

/// The command for tests of the library in headless Chrome, to which those are added that are to
/// run. What `wasm-pack test --headless --chrome` does, which would take minutes to install.
pub fn browser(workspace: &Workspace, seconds: &str) -> Result<Command> {
    let mut command = workspace.cargo(["test", "--release"])?;
    command
        .args(WASM)
        .args(BROWSER)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner")
        .env("CHROMEDRIVER", chrome::driver(workspace)?)
        .env("WASM_BINDGEN_TEST_ONLY_WEB", "1")
        .env("WASM_BINDGEN_TEST_TIMEOUT", seconds);
    Ok(command)
}

/// Runs every check and every test.
pub fn run(workspace: &Workspace) -> Result<()> {
    let driver = chrome::driver(workspace)?;
    tools::install_checkers(workspace)?;
    step("formatting", "seconds", &mut workspace.cargo(["fmt", "--all", "--check"])?)?;
    scripts::check(workspace)?;
    dependencies::check(workspace)?;

    let lint = |name, usually, args: &[&[&str]]| {
        let mut clippy = workspace.cargo(["clippy"])?;
        step(name, usually, clippy.args(args.concat()).args(["--", "-D", "warnings"]))
    };
    lint("lints, native", "2 min the first time", &[&["--all-targets"], &CRATE])?;
    lint(
        "lints around the crate",
        "2 min the first time",
        &[&["--all-targets"], &AROUND, &PROGRAMS],
    )?;
    tools::install(workspace, &[])?;
    let library = ["--release", "--lib", "--tests"];
    lint("lints, browser", "3 min the first time", &[&library, &WASM, &BROWSER_LINTS])?;

    let test = |name, usually, args: &[&[&str]]| {
        step(name, usually, workspace.cargo(["test"])?.args(args.concat()))
    };
    test("tests, native", "20 min the first time", &[&CRATE])?;
    test("tests around the crate", "2 min the first time", &[&AROUND, &["--lib", "--bins"]])?;
    for program in PROGRAMS {
        test("tests of programs", "1 min the first time", &[&QUICK, &[program]])?;
    }

    tools::install(workspace, &Tool::ALL)?;
    step(
        "tests, browser",
        "20 min the first time",
        browser(workspace, BROWSER_TIMEOUT)?.args(["--lib", "--test", "*"]),
    )?;
    page::build(workspace, &[], &[])?;
    page::ensure_small(workspace)?;
    package::build(workspace, &Package::Npm)?;
    let mut tests = workspace.cargo(["test"])?;
    tests.args(AROUND).args(PAGE).env("CHROMEDRIVER", &driver);
    if let Some(axe) = scripts::axe(workspace) {
        tests.env("NCSN_AXE", axe);
    }
    step("tests, page", "25 min", &mut tests)
}
