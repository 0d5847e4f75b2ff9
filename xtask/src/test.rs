//! Everything that must hold before a change is taken, cheapest first, stopping at the first
//! failure.
//!
//! All steps use the release profile: the native tests share their build with `train`, and Burn for
//! the browser, minutes of work, is compiled once for wasm-pack and the page's reference engine. That
//! holds only as long as both ask Cargo for the same target, features and flags.

use anyhow::Result;

use crate::{
    chrome,
    engines::Engine,
    page, tools,
    workspace::{Workspace, step},
};

/// The library for the browser with both of its WebGPU engines, without the programs, which are
/// behind the default feature `cli`.
const WASM: [&str; 2] = Engine::Reference.flags();

/// Seconds that all tests of one wasm file may take together. Compiling shaders for a software
/// adapter takes minutes.
const BROWSER_TIMEOUT: &str = "900";

/// Runs every check and every test.
pub fn run(workspace: &Workspace) -> Result<()> {
    let driver = chrome::driver(workspace)?;
    tools::install_checkers(workspace)?;
    tools::install(workspace)?;

    step("formatting", &mut workspace.cargo(["fmt", "--all", "--check"])?)?;
    step(
        "lints, native",
        workspace
            .cargo(["clippy", "--release", "--workspace", "--all-targets"])?
            .args(["--", "-D", "warnings"]),
    )?;
    step(
        "lints, browser",
        workspace
            .cargo(["clippy", "--release", "--lib", "--tests"])?
            .args(["--target", "wasm32-unknown-unknown"])
            .args(WASM)
            .args(["--", "-D", "warnings"]),
    )?;
    step(
        "tests, native",
        workspace.cargo(["test", "--release", "--workspace"])?.args([
            "--exclude",
            "e2e",
            "--exclude",
            "shrink",
        ]),
    )?;
    step(
        "tests, what makes the page smaller",
        &mut workspace.cargo(["test", "--profile", "quick", "--package", "shrink"])?,
    )?;
    step(
        "tests, browser",
        workspace
            .command("wasm-pack")?
            .args(["test", "--headless", "--chrome", "--release", "--chromedriver"])
            .arg(&driver)
            // wasm-pack names the target itself. Examples in the documentation are tested natively.
            .arg("--")
            .args(WASM)
            .args(["--lib", "--test", "*"])
            .env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TIMEOUT),
    )?;
    page::build(workspace, &[])?;
    step(
        "tests, page",
        workspace.cargo(["test", "--release", "--package", "e2e"])?.env("CHROMEDRIVER", &driver),
    )
}
