//! The fused executor against Burn's.
//!
//! These tests need an adapter. On a machine without a GPU that is Mesa's lavapipe, in Debian's and
//! Ubuntu's package `mesa-vulkan-drivers`.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use ncsn::fused::{Chain, FusedError, Gpu, Network};
use ncsn::model_file::ModelFile;
use ncsn::net::weights::{self, Weights};
use ncsn::net::{self, Architecture, Picture, UNetDescription};
use ncsn::random::Key;
use ncsn::sample::{self, Program, Sampler, Settings};
use pollster::block_on;

fn gpu() -> Gpu {
    block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"))
}

fn fused(gpu: &Gpu, architecture: &Architecture, weights: &Weights) -> Network {
    block_on(Network::new(gpu, architecture, weights)).unwrap_or_else(|error| panic!("{error}"))
}

fn burn(architecture: &Architecture, weights: &Weights) -> net::Network {
    let device = Device::flex();
    let network = net::Network::new(architecture, &device).expect("possible");
    weights::apply(network, weights.clone(), &device)
}

fn burn_score(
    network: &net::Network,
    Picture { channels, height, width }: Picture,
    x: &[f32],
    sigmas: &[f32],
) -> Vec<f32> {
    let shape = [x.len() / (channels * height * width), channels, height, width];
    let x = Tensor::<4>::from_data(TensorData::new(x.to_vec(), shape), &Device::flex());
    network.score(x, sigmas).into_data().iter::<f32>().collect()
}

fn normal(count: usize, stream: u32) -> Vec<f32> {
    let mut x = vec![0.0; count];
    Key { seed: 11, stream, step: 0 }.fill_normal(&mut x);
    x
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The largest difference over the largest value.
fn relative(a: &[f32], b: &[f32]) -> f32 {
    difference(a, b) / b.iter().fold(0.0, |m: f32, b| m.max(b.abs()))
}

fn unet(picture: (usize, usize, usize), widths: &[usize]) -> UNetDescription {
    let (channels, height, width) = picture;
    let picture = Picture { channels, height, width };
    UNetDescription {
        widths: widths.to_vec(),
        attention: widths.iter().enumerate().map(|(level, _)| level > 0).collect(),
        groups: 4,
        heads: 2,
        embedding: 8,
        ..UNetDescription::new(picture, common::SCALE)
    }
}

/// Every size that a description can vary.
#[test]
fn any_network_has_the_score_that_burn_gives_it() {
    let gpu = gpu();
    let variants = [
        (1, unet((1, 8, 8), &[8, 16])),
        (3, UNetDescription { patch: 1, ..unet((3, 28, 28), &[8, 12]) }),
        (7, UNetDescription { blocks: 2, groups: 2, ..unet((4, 32, 32), &[4, 8, 16]) }),
        (1, UNetDescription { heads: 1, groups: 1, ..unet((3, 64, 48), &[16]) }),
        // Nothing is a multiple of four, and the groups are odd.
        (2, UNetDescription { groups: 5, heads: 5, embedding: 6, ..unet((1, 12, 20), &[10, 15]) }),
        (3, UNetDescription { attention: vec![true, true], ..unet((1, 28, 28), &[48, 96]) }),
        (1, UNetDescription { patch: 4, ..unet((2, 104, 136), &[8]) }),
    ];
    for (batch, description) in variants {
        let picture = description.picture;
        let architecture = Architecture::UNet(description);
        let weights = common::weights(&architecture);
        let network = fused(&gpu, &architecture, &weights);
        let reference = burn(&architecture, &weights);
        let x = normal(batch * picture.dimension(), 1);
        let sigmas: Vec<f32> = (0..batch).map(|n| 20.0 * 0.3f32.powi(n as i32)).collect();
        for sigmas in [&sigmas[..], &[0.5]] {
            let found = block_on(network.score(&x, sigmas)).expect("a score");
            let expected = burn_score(&reference, picture, &x, sigmas);
            let error = relative(&found, &expected);
            assert!(error < 1e-4, "{error} at {sigmas:?} with {architecture:?}");
        }
    }
}
