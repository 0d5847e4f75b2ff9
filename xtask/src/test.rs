//! Everything that must hold before a change is accepted: cheapest first, stopping at the first
//! failure.
//!
//! Almost all steps use the release profile. The native tests share their build with `train`, and
//! Burn for the browser, which takes minutes, is compiled once for wasm-pack and the page's
//! reference engine. That only works while both ask Cargo for the same target, features and flags.

use anyhow::Result;

use crate::{
    chrome,
    engines::Engine,
    page, tools,
    workspace::{Workspace, step},
};

/// The library for the browser with both of its WebGPU engines, without the programs of the default
/// feature `cli`.
const WASM: [&str; 2] = Engine::Reference.flags();

/// The crate and what surrounds it are built separately. Together their features would differ from
/// the crate's alone, and Burn, which takes minutes, would be compiled once for the tests and again
/// for `train`.
const CRATE: &[&str] = &["--release", "--package=ncsn"];
/// The page's figure of the plane.
const PLANE: &[&str] = &["--release", "--package=plane"];
const XTASK: &[&str] = &["--release", "--package=xtask"];
/// The browser benchmark, which is compiled in a folder of its own.
const BENCH: &[&str] = &["--release", "--package=bench-web"];
/// The program that makes the built page smaller, compiled as by `build`.
const SHRINK: &[&str] = &["--profile=quick", "--package=shrink"];
/// The tests of the built page.
const PAGE: &[&str] = &["--release", "--package=e2e"];

/// Seconds that all tests of one wasm file may take together. Compiling shaders for a software
/// adapter takes minutes.
const BROWSER_TIMEOUT: &str = "900";

/// Runs every check and every test.
pub fn run(workspace: &Workspace) -> Result<()> {
    let driver = chrome::driver(workspace)?;
    tools::install_checkers(workspace)?;
    tools::install(workspace)?;

    step("formatting", &mut workspace.cargo(["fmt", "--all", "--check"])?)?;
    for packages in [CRATE, PLANE, XTASK, BENCH, SHRINK, PAGE] {
        let mut clippy = workspace.cargo(["clippy", "--all-targets"])?;
        step("lints, native", clippy.args(packages).args(["--", "-D", "warnings"]))?;
    }
    step(
        "lints, browser",
        workspace
            .cargo(["clippy", "--release", "--lib", "--tests"])?
            .args(["--target", "wasm32-unknown-unknown"])
            .args(WASM)
            .args(["--", "-D", "warnings"]),
    )?;
    for packages in [CRATE, PLANE, XTASK, SHRINK] {
        step("tests, native", workspace.cargo(["test"])?.args(packages))?;
    }
    step("tests, native", workspace.bench_cargo(["test"])?.args(BENCH))?;
    step(
        "tests, browser",
        workspace
            .command("wasm-pack")?
            .args(["test", "--headless", "--chrome", "--release", "--chromedriver"])
            .arg(&driver)
            // wasm-pack adds the target itself. Documentation examples are tested natively.
            .arg("--")
            .args(WASM)
            .args(["--lib", "--test", "*"])
            .env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TIMEOUT),
    )?;
    page::build(workspace, &[], &[])?;
    step("tests, page", workspace.cargo(["test"])?.args(PAGE).env("CHROMEDRIVER", &driver))
}
