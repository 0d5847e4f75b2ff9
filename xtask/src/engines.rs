//! The page's lazily loaded engines: bundles of the same crate with another backend.
//!
//! They go into `www/engines/`, which Trunk copies along with the rest of `www/`. The page works
//! without them, and at first they take minutes to compile because Burn does, so `trunk serve` does
//! not wait for them.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::{
    tools::{self, Tool},
    workspace::{Workspace, step},
};

/// An engine other than the page's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Burn on the CPU, in workers
    Cpu,
    /// Burn on WebGPU, the reference for the page's own engine
    Reference,
    /// The page's own engine with training
    Training,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Reference => "reference",
            Self::Training => "training",
        }
    }

    /// How long it usually takes to compile, on two cores.
    fn usually(self) -> &'static str {
        match self {
            Self::Cpu => "5 min the first time",
            Self::Reference => "20 min the first time",
            Self::Training => "2 min the first time",
        }
    }

    /// Cargo's flags. The reference includes the fused backend, so that it shares every compiled
    /// dependency with the tests that compare the two.
    pub const fn flags(self) -> [&'static str; 2] {
        let features = match self {
            Self::Cpu => "--features=cpu",
            Self::Reference => "--features=fused,reference",
            Self::Training => "--features=fused,training",
        };
        ["--no-default-features", features]
    }
}

/// Builds these engines, or all if none are named.
pub fn build(workspace: &Workspace, engines: &[Engine]) -> Result<()> {
    tools::install(workspace, &[Tool::WasmBindgen])?;
    let engines = if engines.is_empty() { Engine::value_variants() } else { engines };
    engines.iter().try_for_each(|&engine| build_one(workspace, engine))
}

fn build_one(workspace: &Workspace, engine: Engine) -> Result<()> {
    let name = engine.name();
    step(
        &format!("compile the engine {name}"),
        engine.usually(),
        workspace
            .cargo(["build", "--release", "--lib", "--target", "wasm32-unknown-unknown"])?
            .args(engine.flags()),
    )?;
    let wasm = workspace.target().join("wasm32-unknown-unknown/release/ncsn.wasm");
    let folder = workspace.root.join("www/engines").join(name);
    let bind = format!("bind the engine {name}");
    step(&bind, "seconds", &mut bindgen(workspace, &wasm, &folder)?)?;
    report(&folder.join("ncsn_bg.wasm"))
}

/// The command that writes a module for browsers around a wasm file.
pub fn bindgen(workspace: &Workspace, wasm: &Path, folder: &Path) -> Result<Command> {
    let mut command = workspace.command("wasm-bindgen")?;
    command
        .args(["--target", "web", "--no-typescript"])
        // An eighth of the download, and only useful to debuggers.
        .args(["--remove-name-section", "--remove-producers-section", "--out-dir"])
        .arg(folder)
        .arg(wasm);
    Ok(command)
}

fn report(wasm: &Path) -> Result<()> {
    let bytes = wasm.metadata().with_context(|| format!("{} was not made", wasm.display()))?.len();
    eprintln!("  {} ({:.2} MB)", wasm.display(), bytes as f64 / 1e6);
    Ok(())
}
