//! Prepares what the browser benchmark needs (the page, Chrome, the other runtimes) and starts it.

use std::fs;

use anyhow::{Context, Result};

use crate::{
    chrome, page,
    scripts::NPM,
    workspace::{Workspace, step},
};

/// The npm packages of the runtimes to compare with.
const PEERS: [&str; 5] = [
    "onnxruntime-web@1.30.0",
    "@jax-js/jax@0.1.25",
    "@jax-js/onnx@0.1.2",
    "@tensorflow/tfjs@4.22.0",
    "@tensorflow/tfjs-backend-webgpu@4.22.0",
];

/// Runs `benches/web` with these arguments.
pub fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let mut bench =
        workspace.bench_cargo(["run", "--quiet", "--release", "--package", "bench-web", "--"])?;
    let peers = workspace.bench_peers();
    bench.arg("--node-modules").arg(peers.join("node_modules")).args(args);
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        return step("ask the benchmark", "3 min the first time", &mut bench);
    }
    let driver = chrome::driver(workspace)?;
    install_peers(workspace)?;
    page::build(workspace, &[], &[])?;
    step(
        "time the engines",
        "minutes to hours, as --budget says",
        bench.env("CHROMEDRIVER", &driver),
    )
}

/// Has npm install the other runtimes into the user's cache, unless they are there.
fn install_peers(workspace: &Workspace) -> Result<()> {
    let folder = workspace.bench_peers();
    let mark = folder.join("installed");
    let peers = PEERS.join(" ");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == peers) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    step(
        "fetch the other runtimes (with npm, of Node.js)",
        "seconds",
        workspace
            .command(NPM)?
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
            .arg("--prefix")
            .arg(&folder)
            .args(PEERS),
    )?;
    fs::write(&mark, peers).with_context(|| format!("cannot write {}", mark.display()))
}
