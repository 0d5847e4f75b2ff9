//! What there is to be timed: our bundles in the built page, and the other runtimes.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use ncsn::net::Picture;
use serde::Serialize;

use crate::visit::{DIST, NODE_MODULES, WORK};

/// The engine that ratios are to.
pub const PEER: &str = "ort-webgpu";

/// An engine, and what the adapter of its kind in `page/engines/` needs to load it.
#[derive(Clone, Debug, Serialize)]
pub struct Engine {
    /// For people.
    pub name: String,
    #[serde(flatten)]
    adapter: Adapter,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Adapter {
    Ncsn {
        script: String,
        wasm: String,
        model: String,
    },
    OnnxRuntime {
        script: String,
        provider: &'static str,
        layout: Option<&'static str>,
        capture: bool,
        models: BTreeMap<usize, String>,
        picture: [usize; 3],
    },
}

/// Every engine: ours first.
pub fn all(
    dist: &Path,
    node_modules: &Path,
    picture: Picture,
    batches: &[usize],
) -> Result<Vec<Engine>> {
    let mut engines = ours(dist)?;
    ensure!(!engines.is_empty(), "{} holds no engine: run `cargo xtask build`", dist.display());
    let peer = |name: &str, script: &str, provider| Engine {
        name: name.into(),
        adapter: Adapter::OnnxRuntime {
            script: format!("{NODE_MODULES}onnxruntime-web/dist/{script}"),
            provider,
            layout: None,
            capture: true,
            models: batches.iter().map(|&b| (b, format!("{WORK}{b}.onnx"))).collect(),
            picture: [picture.channels, picture.height, picture.width],
        },
    };
    if node_modules.join("onnxruntime-web").is_dir() {
        engines.push(peer(PEER, "ort.webgpu.bundle.min.mjs", "webgpu"));
        engines.push(peer("ort-wasm", "ort.wasm.bundle.min.mjs", "wasm"));
    }
    Ok(engines)
}

/// Our bundles: `engines/<name>/`, or the page's own where there is no such folder.
fn ours(dist: &Path) -> Result<Vec<Engine>> {
    let folder = dist.join("engines");
    if !folder.is_dir() {
        return Ok(bundle("reference", dist, "")?.into_iter().collect());
    }
    let mut engines = Vec::new();
    for entry in fs::read_dir(&folder).context("cannot list the page's engines")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        engines.extend(bundle(&name, &folder.join(&name), &format!("engines/{name}/"))?);
    }
    engines.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(engines)
}

/// A script by wasm-bindgen with its wasm file beside it, if they are there.
fn bundle(name: &str, folder: &Path, path: &str) -> Result<Option<Engine>> {
    let list = fs::read_dir(folder)
        .with_context(|| format!("{} is not there: run `cargo xtask build`", folder.display()))?;
    for entry in list {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if let Some(stem) = file.strip_suffix("_bg.wasm") {
            return Ok(Some(Engine {
                name: name.into(),
                adapter: Adapter::Ncsn {
                    script: format!("{DIST}{path}{stem}.js"),
                    wasm: format!("{DIST}{path}{file}"),
                    model: format!("{WORK}model.safetensors"),
                },
            }));
        }
    }
    Ok(None)
}
