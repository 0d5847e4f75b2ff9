//! Prepares what the browser benchmark needs (the page, Chrome, the other runtimes) and starts it.

use anyhow::Result;

use crate::{
    chrome, page, scripts,
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
    scripts::install(workspace, "other runtimes", &peers, &PEERS)?;
    page::build(workspace, &[], &[])?;
    step(
        "time the engines",
        "minutes to hours, as --budget says",
        bench.env("CHROMEDRIVER", &driver),
    )
}
