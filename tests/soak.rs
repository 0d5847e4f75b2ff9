//! Long runs: memory stays flat, and every number finite.
//!
//! `NCSN_SOAK=50 cargo test --release --test soak -- --nocapture` runs fifty times as long as usual,
//! which is 100,000 steps of Langevin dynamics, a thousand models and 20,000 steps of training, each
//! on Burn and on the GPU. It prints memory and speed on the way, and requires that the speed does
//! not fall; with the usual length, nothing depends on speed.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::time::Instant;

use burn::tensor::Device;
use common::soak::LongRun;
use ncsn::backend::fused::{
    Compiler, Gpu, KernelConfig, KernelPrecision, Network as FusedNetwork, best_kernel_config,
};
use ncsn::backend::{BurnModel, ChainSource, Chains, View, advance_to};
use ncsn::data::Images;
use ncsn::net::ImageShape;
use ncsn::random::Key;
use ncsn::sample::{Conditioning, Sampler, Settings, StepTable};
use ncsn::train::{Options, Start, Trainer};
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

/// Does something in ten parts, and checks that memory does not grow once it has settled and, if it
/// is done more often than usual, that the speed does not fall.
fn stays_flat(what: &'static str, count: usize, mut part: impl FnMut(usize)) {
    let mut run = LongRun::new(what, 16 << 20);
    for tenth in 1..=10 {
        let [before, now] = [tenth - 1, tenth].map(|tenth| LongRun::until(count, tenth));
        let began = Instant::now();
        part(now);
        eprintln!("{}", run.record(now - before, began.elapsed().as_secs_f64(), memory()));
    }
    if factor() > 1 {
        run.check_speed();
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

fn runs_long(what: &'static str, mut chains: Box<dyn Chains>) {
    let count = chains.step_table().nfe();
    stays_flat(what, count, |step| {
        block_on(advance_to(&mut *chains, step, |_| ())).expect("the device works");
        let pixels = block_on(chains.read(View::Noisy)).expect("the device works");
        assert!(pixels.iter().all(|pixel| pixel.is_finite()), "{what}: not finite at {step}");
    });
}

/// Two chains of a network.
fn chains(source: &dyn ChainSource, table: StepTable) -> Box<dyn Chains> {
    source.chains(table, &Conditioning::default(), 7, 0..2).expect("they fit")
}

fn on_burn(table: StepTable) -> Box<dyn Chains> {
    let architecture = common::tiny();
    let weights = common::weights(&architecture);
    let model = BurnModel::with_weights(&architecture, weights, &Device::flex());
    chains(&model.expect("possible"), table)
}

fn on_gpu(gpu: &Gpu, config: KernelConfig, table: StepTable) -> Box<dyn Chains> {
    let architecture = common::tiny();
    let compiler = Compiler::new(gpu, config).expect("the precision is supported");
    let weights = common::weights(&architecture);
    let network = block_on(FusedNetwork::new(&compiler, &architecture, &weights));
    chains(&network.expect("possible"), table)
}

#[test]
fn chains_of_many_steps_on_burn() {
    let _alone = common::alone();
    runs_long("steps on Burn", on_burn(langevin(2_000 * factor())));
}

#[test]
fn chains_of_many_steps_on_the_gpu() {
    let _alone = common::alone();
    let gpu = block_on(Gpu::request()).expect("an adapter");
    let config = block_on(best_kernel_config(&gpu, KernelPrecision::F32));
    runs_long("steps on the GPU", on_gpu(&gpu, config, langevin(2_000 * factor())));
}

#[test]
fn many_models_one_after_another() {
    let _alone = common::alone();
    let gpu = block_on(Gpu::request()).expect("an adapter");
    let config = block_on(best_kernel_config(&gpu, KernelPrecision::F32));
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

/// Options of a run of many steps on small images, and the images.
fn small_run() -> (Options, Images) {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let byte = |at| (Key { seed: 1, stream: 0, step: 0 }.uniform(at) * 256.0) as u8;
    let images = Images::new(shape, (0..100 * 64).map(byte).collect());
    let options = Options::for_images(&images).expect("images that differ");
    let steps = 400 * factor() as u64;
    (Options { architecture: common::tiny(), batch: 8, steps, ..options }, images)
}

fn trains_long(what: &'static str, mut trainer: Trainer, images: &Images) {
    let mut done = 0;
    stays_flat(what, trainer.options().steps as usize, |count| {
        for _ in done..count {
            trainer.step(images);
        }
        done = count;
        trainer.take_loss().expect("a finite loss");
        trainer.checkpoint().expect("finite weights");
    });
}

#[test]
fn training_of_many_steps_on_burn() {
    let _alone = common::alone();
    let (options, images) = small_run();
    let trainer =
        Trainer::new(options, Start::Random, &images, &[Device::flex()]).expect("possible");
    trains_long("training steps on Burn", trainer, &images);
}

#[test]
fn training_of_many_steps_on_the_gpu() {
    let _alone = common::alone();
    let (options, images) = small_run();
    let gpu = block_on(Gpu::request()).expect("an adapter");
    let trainer = Trainer::on_gpu(options, Start::Random, &images, &gpu).expect("possible");
    trains_long("training steps on the GPU", trainer, &images);
}
