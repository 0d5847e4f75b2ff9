//! The tools besides Cargo that the page needs, installed from crates.io at pinned versions.
//!
//! They are compiled for a short build, not for speed, since they run for seconds where rustc runs
//! for minutes. Only `wasm-bindgen`, which rewrites the whole wasm file, is optimised.

use std::{fs, io::ErrorKind, process::Command};

use anyhow::{Context, Result};

use crate::workspace::{Workspace, step};

/// The newest Trunk that compiles with this workspace's Rust.
const TRUNK: &str = "0.21.14";
const WASM_PACK: &str = "0.15.1";
const WASM: &str = "wasm32-unknown-unknown";

struct Tool {
    /// The package on crates.io.
    package: &'static str,
    /// The program that tells its version.
    program: &'static str,
    version: String,
    opt_level: &'static str,
}

/// Installs whatever is missing or has another version; prints nothing if there is nothing to do.
pub fn install(workspace: &Workspace) -> Result<()> {
    install_wasm_target(workspace)?;
    let tools = [
        Tool {
            package: "wasm-bindgen-cli",
            program: "wasm-bindgen",
            // The program refuses files made with any other version of the library.
            version: locked_version(workspace, "wasm-bindgen")?,
            opt_level: "2",
        },
        Tool { package: "trunk", program: "trunk", version: TRUNK.into(), opt_level: "0" },
        Tool {
            package: "wasm-pack",
            program: "wasm-pack",
            version: WASM_PACK.into(),
            opt_level: "0",
        },
    ];
    for tool in &tools {
        if installed_version(workspace, tool.program)?.as_deref() != Some(&tool.version) {
            tool.install(workspace)?;
        }
    }
    // The build folder takes up 1.5 GB and is no longer needed.
    match fs::remove_dir_all(workspace.tools_target()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("cannot clean up"),
        _ => Ok(()),
    }
}

impl Tool {
    fn install(&self, workspace: &Workspace) -> Result<()> {
        let name = format!("install {} {}", self.package, self.version);
        // A registry mirror can lag behind the lock file that the tool was published with.
        step(&name, &mut self.cargo_install(workspace, true)?).or_else(|error| {
            eprintln!("{error:#}; trying again with the dependencies that the registry has");
            step(&name, &mut self.cargo_install(workspace, false)?)
        })
    }

    fn cargo_install(&self, workspace: &Workspace, locked: bool) -> Result<Command> {
        let package = format!("{}@{}", self.package, self.version);
        // The default features are TLS and checks for updates, for downloads not wanted here.
        let mut cargo = workspace.cargo(["install", &package, "--no-default-features"])?;
        cargo
            .args(locked.then_some("--locked"))
            .arg("--root")
            .arg(workspace.tools())
            .env("CARGO_TARGET_DIR", workspace.tools_target())
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.opt_level)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        Ok(cargo)
    }
}

/// Adds the formatter and the linter, which rustup's minimal profile lacks, unless they are there.
pub fn install_checkers(workspace: &Workspace) -> Result<()> {
    for (component, program) in [("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")] {
        // rustup leaves a stand-in on the PATH, which fails.
        let there = workspace.command(program)?.arg("--version").output();
        if !there.is_ok_and(|output| output.status.success()) {
            let mut rustup = workspace.command("rustup")?;
            step(&format!("install {component}"), rustup.args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// Adds the browser's compilation target, unless it is there.
fn install_wasm_target(workspace: &Workspace) -> Result<()> {
    let output = workspace
        .command("rustc")?
        .args(["--print", "target-libdir", "--target", WASM])
        .output()
        .context("cannot start `rustc`: install Rust from https://rustup.rs")?;
    let folder = String::from_utf8(output.stdout).context("`rustc --print target-libdir`")?;
    if fs::exists(folder.trim()).unwrap_or(false) {
        return Ok(());
    }
    step("install the wasm target", workspace.command("rustup")?.args(["target", "add", WASM]))
}

/// The second word of `program --version`; `None` if there is no such program.
fn installed_version(workspace: &Workspace, program: &str) -> Result<Option<String>> {
    let Ok(output) = workspace.command(program)?.arg("--version").output() else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().nth(1).map(str::to_owned))
}

/// The version of `package` in `Cargo.lock`.
fn locked_version(workspace: &Workspace, package: &str) -> Result<String> {
    let path = workspace.root.join("Cargo.lock");
    let lock =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    version_in_lock(&lock, package)
        .map(str::to_owned)
        .with_context(|| format!("{} does not name {package}", path.display()))
}

/// Finds a package in Cargo's format: `name = "…"`, then `version = "…"` on the next line.
fn version_in_lock<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::version_in_lock;

    #[test]
    fn finds_the_exact_package_in_a_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in_lock(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(version_in_lock(lock, "trunk"), None);
    }
}
