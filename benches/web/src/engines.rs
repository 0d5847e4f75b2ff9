//! The engines to time: our bundles in the built page, and the other runtimes.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use e2e::server::scripts;
use ncsn::net::ImageShape;
use serde::Serialize;

use crate::addresses::{DIST, MODEL, NODE_MODULES, WORK, address};

/// The engine that ratios refer to.
pub const PEER: &str = "ort-webgpu";

/// Our engine on the GPU, and our trainer.
pub const FUSED: &str = "fused";

/// The bundle in `engines/` that is no engine.
const TRAINING: &str = "training";

/// An engine, and what its adapter in `page/engines/` needs to load it.
#[derive(Clone, Debug, Serialize)]
pub struct Engine {
    /// The engine's name for people.
    pub name: String,
    #[serde(flatten)]
    adapter: Adapter,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Adapter {
    Ncsn {
        engine: String,
        /// The page's module that puts a model on an engine's device.
        engines: String,
        /// The page's own wasm module, which reads the model for all engines and contains the first
        /// one.
        script: String,
        wasm: String,
        model: String,
    },
    OnnxRuntime {
        script: String,
        provider: &'static str,
        models: BTreeMap<usize, String>,
        image_shape: [usize; 3],
    },
    Jax {
        models: BTreeMap<usize, String>,
        image_shape: [usize; 3],
    },
    #[serde(rename = "ncsn-trainer")]
    NcsnTrainer {
        script: String,
    },
    TensorFlow,
    #[serde(rename = "jax-trainer")]
    JaxTrainer,
}

/// All engines, ours first.
pub fn all(dist: &Path, image_shape: ImageShape, batches: &[usize]) -> Result<Vec<Engine>> {
    let mut engines = ours(dist)?;
    let models: BTreeMap<usize, String> =
        batches.iter().map(|&b| (b, address(WORK, format_args!("{b}.onnx")))).collect();
    let image_shape = [image_shape.channels, image_shape.height, image_shape.width];
    let onnxruntime = |script: &str, provider| Adapter::OnnxRuntime {
        script: address(NODE_MODULES, format_args!("onnxruntime-web/dist/{script}")),
        provider,
        models: models.clone(),
        image_shape,
    };
    let peers = [
        (PEER, onnxruntime("ort.webgpu.bundle.min.mjs", "webgpu")),
        ("ort-wasm", onnxruntime("ort.wasm.bundle.min.mjs", "wasm")),
        ("jax-webgpu", Adapter::Jax { models: models.clone(), image_shape }),
    ];
    engines.extend(peers.map(|(name, adapter)| Engine { name: name.into(), adapter }));
    Ok(engines)
}

/// All that can train, ours first.
pub fn trainers(dist: &Path) -> Result<Vec<Engine>> {
    let script = format!("{}engines/{TRAINING}/ncsn.js", scripts(dist)?);
    let there = dist.join(&script).is_file();
    ensure!(there, "{} has no trainer: run `cargo xtask build`", dist.display());
    let script = address(DIST, script);
    let trainers = [
        (FUSED, Adapter::NcsnTrainer { script }),
        ("tensorflow-webgpu", Adapter::TensorFlow),
        ("jax-webgpu", Adapter::JaxTrainer),
    ];
    Ok(trainers.map(|(name, adapter)| Engine { name: name.into(), adapter }).into())
}

/// Our engines: the one that is part of the page, and those in `engines/` beside its scripts.
fn ours(dist: &Path) -> Result<Vec<Engine>> {
    let (script, wasm) = wasm_module(dist)?;
    let scripts = scripts(dist)?;
    let mut names = vec![FUSED.to_owned()];
    if let Ok(list) = fs::read_dir(dist.join(&scripts).join("engines")) {
        for entry in list {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    names.retain(|name| name != TRAINING);
    names[1..].sort();
    let engine = |name: String| Engine {
        name: name.clone(),
        adapter: Adapter::Ncsn {
            engine: name,
            engines: address(DIST, format_args!("{scripts}engine.js")),
            script: address(DIST, &script),
            wasm: address(DIST, &wasm),
            model: address(WORK, MODEL),
        },
    };
    Ok(names.into_iter().map(engine).collect())
}

/// The names of the page's script and wasm file, which contain a hash.
fn wasm_module(dist: &Path) -> Result<(String, String)> {
    let missing = || format!("{} holds no page: run `cargo xtask build`", dist.display());
    for entry in fs::read_dir(dist).with_context(missing)? {
        let wasm = entry?.file_name().to_string_lossy().into_owned();
        if let Some(stem) = wasm.strip_suffix("_bg.wasm") {
            return Ok((format!("{stem}.js"), wasm));
        }
    }
    bail!("{}", missing())
}
