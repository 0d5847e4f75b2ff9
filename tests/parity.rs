//! The RefineNets compute what published PyTorch code computes, from the same weights.
//!
//! `tests/fixtures` has small ones, made by `make.py` there. To test others in a folder, in the
//! same format: `NCSN_FIXTURES=folder cargo test --release --test parity -- --ignored`.
#![cfg(not(target_family = "wasm"))]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use ncsn::import::{Facts, refinenet};
use ncsn::net::weights::{Array, Weights};
use ncsn::net::{Architecture, ClassInput, Network, Variant};
use ncsn::sample::langevin;
use ncsn::sample::step_table::Update;
use safetensors::tensor::SafeTensors;
use serde::de::DeserializeOwned;

/// The contents of a fixture; see `make.py`.
struct Fixture {
    tensors: Weights,
    labels: Vec<usize>,
    facts: HashMap<String, String>,
}

impl Fixture {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("a readable fixture");
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a safetensors file");
        let facts = metadata.metadata().clone().expect("a fixture has metadata");
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let mut labels = Vec::new();
        let mut tensors = Weights::new();
        for (name, tensor) in file.tensors() {
            let shape = tensor.shape().to_vec();
            if name == "input/labels" {
                let numbers = tensor.data().as_chunks().0;
                labels = numbers.iter().map(|&b| i64::from_le_bytes(b) as usize).collect();
            } else {
                let numbers = tensor.data().as_chunks().0;
                let values = numbers.iter().map(|&b| f32::from_le_bytes(b)).collect();
                tensors.insert(name, Array { shape, values });
            }
        }
        Self { tensors, labels, facts }
    }

    fn fact<T: DeserializeOwned>(&self, name: &str) -> T {
        serde_json::from_str(&self.facts[name]).expect("JSON")
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let Array { shape, values } = self.tensors[name].clone();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// ‖found − truth‖/‖truth‖.
    fn error(&self, found: Tensor<4>, truth: &str) -> f64 {
        let truth = &self.tensors[truth].values;
        let found: Vec<f32> = found.into_data().iter::<f32>().collect();
        assert_eq!(found.len(), truth.len());
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let difference = found.iter().zip(truth).map(|(a, b)| f64::from(*a) - f64::from(*b));
        norm(&mut { difference }) / norm(&mut truth.iter().map(|&value| f64::from(value)))
    }

    /// The network, on a device.
    fn network(&self, device: &Device) -> (Variant, Network) {
        let state = self.tensors.iter().filter_map(|(name, array)| {
            Some((name.strip_prefix("state/")?.to_owned(), array.clone()))
        });
        let [_, _, height, width] = self.tensors["input/x"].shape[..] else {
            panic!("images have four axes")
        };
        let mut facts = Facts { size: Some([height, width]), sigmas: None };
        let sigmas: Vec<f32> = self.fact("sigmas");
        if !self.tensors.contains_key("state/sigmas") {
            facts.sigmas = Some([sigmas[0], sigmas[sigmas.len() - 1]]);
        }
        let (description, weights) = refinenet(state.collect(), &facts).expect("published names");
        assert_eq!(description.schedule.levels, sigmas.len());
        let variant = description.variant;
        let architecture = Architecture::RefineNet(description);
        (variant, Network::with_weights(&architecture, weights, device).expect("checked"))
    }
}

/// Runs one fixture: the score and a whole chain.
fn holds(path: &Path) {
    let device = Device::flex();
    let fixture = Fixture::read(path);
    let (variant, network) = fixture.network(&device);
    let sigmas: Vec<f32> = fixture.fact("sigmas");

    let at: Vec<f32> = fixture.labels.iter().map(|&label| sigmas[label]).collect();
    let score =
        fixture.error(network.score(fixture.tensor("input/x", &device), &at), "output/score");

    let table = langevin::annealed(&sigmas, fixture.fact("steps_each"), fixture.fact("step_lr"));
    let noise: Tensor<5> = fixture.tensor("input/chain_noise", &device);
    assert_eq!(table.nfe(), noise.dims()[0]);
    let mut x: Tensor<4> = fixture.tensor("input/chain_x0", &device);
    for (step, z) in table.steps.iter().zip(noise.iter_dim(0)) {
        let Update::Affine { drift, previous: 0.0, noise } = step.update else {
            panic!("Langevin's steps are affine")
        };
        x = x.clone() + network.score(x, &[step.sigma]) * drift + z.squeeze_dim::<4>(0) * noise;
    }
    if fixture.fact("denoise") {
        x = network.denoise(x, &sigmas[sigmas.len() - 1..], &[ClassInput::from(None)]);
    }
    let chain = fixture.error(x, "output/chain");
    println!("{} ({}): score {score:.1e}, chain {chain:.1e}", path.display(), variant.name());
    assert!(score < 1e-4, "{}: the score is off by {score:e}", path.display());
    assert!(chain < 1e-3, "{}: the chain is off by {chain:e}", path.display());
}

/// The fixtures in a folder; none if there is no folder.
fn fixtures(folder: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = files.map(|file| file.expect("a readable folder").path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect()
}

#[test]
fn scores_and_chains_are_those_of_pytorch() {
    let own = fixtures(Path::new("tests/fixtures"));
    assert_eq!(own.len(), 2, "the fixtures of this repository");
    own.iter().for_each(|path| holds(path));
}

#[test]
#[ignore = "needs a folder of fixtures, which NCSN_FIXTURES names"]
fn scores_and_chains_are_those_of_the_published_code() {
    let folder = std::env::var_os("NCSN_FIXTURES").expect("NCSN_FIXTURES");
    let paths = fixtures(Path::new(&folder));
    assert!(!paths.is_empty(), "no fixtures in {}", folder.display());
    paths.iter().for_each(|path| holds(path));
}
