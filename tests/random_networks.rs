//! Differential tests of the kernels: networks drawn at random have the scores that Burn gives them.
//! (For gradients, see `fused_training.rs`.)
//!
//! `NCSN_NETWORKS=1000 cargo test --release --test random_networks` tries more than the usual number.
//! A failure names the smallest network that shows it.
#![cfg(not(target_family = "wasm"))]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::SCALE;
use common::random_networks::{self as random, Rolls};
use ncsn::backend::fused::{
    Compiler, Gpu, KernelConfig, KernelPrecision, Network, Strategy, Tiling,
};
use ncsn::net::{self, Architecture};
use ncsn::random::Key;
use pollster::block_on;

/// A network, how it is computed, and of how many images.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    architecture: Architecture,
    config: KernelConfig,
    batch: usize,
}

impl Case {
    fn of(seed: u32, has_half: bool) -> Self {
        let mut rolls = Rolls::new(seed);
        let architecture = random::architecture(&mut rolls);
        let strategy = rolls.one_of(&[Strategy::Direct, Strategy::Staged]);
        let half = rolls.below(3) == 0 && has_half;
        let precision = if half { KernelPrecision::F16 } else { KernelPrecision::F32 };
        let tiling = rolls.one_of(Tiling::of(strategy));
        let config = KernelConfig { tiling, ..KernelConfig::new(strategy, precision) };
        Self { architecture, config, batch: 1 + rolls.below(5) }
    }

    fn smaller(&self) -> Vec<Self> {
        let networks = random::smaller(&self.architecture).into_iter();
        let mut found: Vec<_> =
            networks.map(|architecture| Self { architecture, ..self.clone() }).collect();
        if self.batch > 1 {
            found.push(Self { batch: self.batch - 1, ..self.clone() });
        }
        found
    }

    /// How far a score may be from Burn's, relative to the largest. Rounding adds up over the
    /// layers of random networks.
    fn tolerance(&self) -> f32 {
        match self.config.precision {
            KernelPrecision::F32 => 1e-4,
            KernelPrecision::F16 => 3e-2,
        }
    }

    /// Holds the scores to Burn's.
    fn check(&self, gpu: &Gpu) -> Result<(), String> {
        let Self { architecture, config, batch } = self;
        let weights = common::weights(architecture);
        let device = Device::flex();
        let burn = net::Network::with_weights(architecture, weights.clone(), &device);
        let burn = burn.map_err(|error| error.to_string())?;
        let compiler = Compiler::new(gpu, *config).map_err(|error| error.to_string())?;
        let network = block_on(Network::new(&compiler, architecture, &weights));
        let network = network.map_err(|error| error.to_string())?;

        let shape = architecture.image_shape();
        let mut x = vec![0.0; batch * shape.dimension()];
        Key { seed: 11, stream: 1, step: 0 }.fill_normal(&mut x);
        let sigmas: Vec<f32> = (0..*batch).map(|n| 3.0 * 0.4f32.powi(n as i32)).collect();
        let axes = [*batch, shape.channels, shape.height, shape.width];
        let tensor = Tensor::<4>::from_data(TensorData::new(x.clone(), axes), &device);
        let expected: Vec<f32> = burn.score(tensor, &sigmas).into_data().iter::<f32>().collect();
        let found = block_on(network.score(&x, &sigmas)).map_err(|error| error.to_string())?;
        let apart = common::relative(&found, &expected);
        // Also false for NaN.
        if apart <= self.tolerance() {
            Ok(())
        } else {
            Err(format!("{apart} of the largest value apart"))
        }
    }
}

#[test]
fn random_networks_have_the_scores_that_burn_gives_them() {
    let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
    for seed in 0..common::amount("NCSN_NETWORKS", 8) {
        let case = Case::of(seed, gpu.has_half());
        if let Err(failure) = case.check(&gpu) {
            let (least, how) =
                random::shrink(case, failure, Case::smaller, |case| case.check(&gpu));
            panic!("seed {seed}: {how} with {least:?}");
        }
    }
}

#[test]
fn a_failure_shrinks_to_what_it_needs() {
    let mut rolls = Rolls::new(5);
    let unet = random::unet(&mut rolls);
    let wide = net::UNetDescription {
        widths: vec![24, 24],
        attention: vec![true, true],
        blocks: 2,
        ..unet
    };
    let fails = |architecture: &Architecture| match architecture {
        Architecture::UNet(unet) if unet.attention.contains(&true) => Err("attention".to_owned()),
        _ => Ok(()),
    };
    let (least, how) =
        random::shrink(Architecture::UNet(wide), "at first".into(), random::smaller, fails);
    let Architecture::UNet(least) = least else { panic!("still a U-Net") };
    assert_eq!(how, "attention");
    assert_eq!((least.widths.len(), least.blocks, least.classes), (1, 1, 0));
    assert_eq!(least.preconditioning, SCALE);
}
