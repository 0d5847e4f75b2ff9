//! The same seed and the same program: the same bytes, on any number of threads and in any batch.
#![cfg(not(target_family = "wasm"))]

mod cli;
mod common;

use std::fs;

use cli::{ncsn, succeed};

#[test]
fn samples_do_not_depend_on_threads_or_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = common::model();
    // Large enough that work is shared between threads.
    model.card.architecture = ncsn::net::Architecture::UNet(common::unet((3, 32, 32), &[32, 64]));
    model.weights = common::weights(&model.card.architecture);
    fs::write(folder.path().join("m.safetensors"), model.write().expect("finite"))
        .expect("written");
    let sample = |sampler: &str, threads: &str, batch: &str| {
        let sample = ["sample", "--model", "m.safetensors", "-n", "5", "--device", "cpu"];
        let how = ["--sampler", sampler, "--levels", "3", "--batch", batch, "--out", "s.npy"];
        succeed(ncsn(folder.path(), &sample).args(how).env("RAYON_NUM_THREADS", threads));
        fs::read(folder.path().join("s.npy")).expect("written")
    };
    for sampler in ["ancestral", "predictor-corrector", "unipc"] {
        let first = sample(sampler, "1", "5");
        assert!(first.iter().skip(128).any(|&byte| byte != first[128]), "images of one color");
        for (threads, batch) in [("2", "5"), ("3", "1"), ("8", "2"), ("1", "3")] {
            let other = sample(sampler, threads, batch);
            assert!(first == other, "{sampler} on {threads} threads, {batch} at once");
        }
    }
}
