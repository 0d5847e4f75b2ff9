//! Long runs: memory stays flat, and every number finite.
//!
//! `NCSN_SOAK=50 cargo test --release --test soak -- --nocapture` runs fifty times as long as usual,
//! which is 100,000 steps of Langevin dynamics, a thousand models and 20,000 steps of training, and
//! prints memory and speed on the way.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::time::Instant;

use burn::tensor::Device;
use ncsn::backend::fused::{
    Compiler, FusedChains, Gpu, KernelConfig, Network as FusedNetwork, Precision,
    best_kernel_config,
};
use ncsn::backend::{BurnChains, Chains, advance_to};
use ncsn::data::Images;
use ncsn::net::{ImageShape, Network};
use ncsn::random::Key;
use ncsn::sample::{Sampler, Settings, StepTable, View};
use ncsn::train::{Options, Trainer};
use pollster::block_on;

/// How many times as much is done as usual.
fn factor() -> usize {
    common::amount("NCSN_SOAK", 1)
}

/// The process's memory in bytes.
fn memory() -> usize {
    let text = fs::read_to_string("/proc/self/statm").expect("a Linux system");
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number of pages") * 4096
}

/// Does something in ten parts, and checks that memory does not grow once it has settled.
fn stays_flat(what: &str, count: usize, mut part: impl FnMut(usize)) {
    /// What caches and the allocator may still take after a fifth of the run.
    const ROOM: usize = 16 << 20;
    let mut settled = None;
    for tenth in 1..=10 {
        let (before, began) = (count * (tenth - 1) / 10, Instant::now());
        let now = count * tenth / 10;
        part(now);
        let rate = (now - before) as f64 / began.elapsed().as_secs_f64();
        let memory = memory();
        eprintln!("{what}: {now} of {count}, {rate:.1} per second, {} MiB", memory >> 20);
        if tenth == 2 {
            settled = Some(memory);
        }
        let most = settled.map_or(usize::MAX, |settled| settled + ROOM);
        assert!(memory <= most, "{what}: memory grew to {memory} bytes");
    }
}

/// A hundred levels with as many steps each as make `steps` together.
fn langevin(steps: usize) -> StepTable {
    let mut settings = Settings { sampler: Sampler::Langevin, ..common::settings() };
    settings.schedule.levels = 100;
    settings.steps_each = steps / 100;
    settings.denoise = false;
    settings.step_table().expect("possible")
}

fn runs_long(what: &str, mut chains: Box<dyn Chains>) {
    let count = chains.step_table().nfe();
    stays_flat(what, count, |step| {
        block_on(advance_to(&mut *chains, step, |_| ())).expect("the device works");
        let pixels = block_on(chains.read(View::Noisy)).expect("the device works");
        assert!(pixels.iter().all(|pixel| pixel.is_finite()), "{what}: not finite at {step}");
    });
}

fn on_burn(table: StepTable) -> Box<dyn Chains> {
    let (architecture, device) = (common::tiny(), Device::flex());
    let weights = common::weights(&architecture);
    let network = Network::with_weights(&architecture, weights, &device).expect("possible");
    Box::new(BurnChains::new(network, architecture.image_shape(), table, 7, 0..2, &device))
}

fn on_gpu(gpu: &Gpu, config: KernelConfig, table: StepTable) -> Box<dyn Chains> {
    let architecture = common::tiny();
    let compiler = Compiler::new(gpu, config).expect("the precision is supported");
    let weights = common::weights(&architecture);
    let network = block_on(FusedNetwork::new(&compiler, &architecture, &weights));
    let network = network.expect("possible");
    Box::new(FusedChains::new(&network, table, 7, 0..2).expect("it fits"))
}

#[test]
fn chains_of_many_steps() {
    let _alone = common::alone();
    let table = langevin(2_000 * factor());
    runs_long("steps on Burn", on_burn(table.clone()));
    let gpu = block_on(Gpu::request()).expect("an adapter");
    let config = block_on(best_kernel_config(&gpu, Precision::Single));
    runs_long("steps on the GPU", on_gpu(&gpu, config, table));
}

#[test]
fn many_models_one_after_another() {
    let _alone = common::alone();
    let gpu = block_on(Gpu::request()).expect("an adapter");
    let config = block_on(best_kernel_config(&gpu, Precision::Single));
    let table = common::settings().step_table().expect("possible");
    let mut done = 0;
    stays_flat("models", 20 * factor(), |count| {
        for _ in done..count {
            for mut chains in [on_burn(table.clone()), on_gpu(&gpu, config, table.clone())] {
                block_on(advance_to(&mut *chains, 3, |_| ())).expect("the device works");
                let pixels = block_on(chains.read(View::Noisy)).expect("the device works");
                assert!(pixels.iter().all(|pixel| pixel.is_finite()));
            }
        }
        done = count;
    });
}

#[test]
fn training_of_many_steps() {
    let _alone = common::alone();
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let byte = |at| (Key { seed: 1, stream: 0, step: 0 }.uniform(at) * 256.0) as u8;
    let images = Images::new(shape, (0..100 * 64).map(byte).collect());
    let steps = 400 * factor();
    let options = Options::for_images(&images).expect("images that differ");
    let options =
        Options { architecture: common::tiny(), batch: 8, steps: steps as u64, ..options };
    let mut trainer = Trainer::new(options, &images, &[Device::flex()]).expect("possible");
    let mut done = 0;
    stays_flat("training steps", steps, |count| {
        for _ in done..count {
            trainer.step(&images);
        }
        done = count;
        trainer.checkpoint().expect("finite weights");
    });
}
