//! The fused backend against Burn's.
//!
//! These tests need an adapter. Without a GPU that is Mesa's lavapipe, in the package
//! `mesa-vulkan-drivers` of Debian and Ubuntu.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use common::{difference, relative};
use ncsn::backend::fused::{
    Compiler, FusedChains, FusedError, Gpu, KernelConfig, KernelPrecision, Network, Strategy,
    Tiling, Tuner, best_kernel_config,
};
use ncsn::backend::{BackendError, BurnChains, BurnModel, Chains, View, advance_to, host};
use ncsn::model_file::ModelFile;
use ncsn::net::weights::{Weights, WeightsMismatch};
use ncsn::net::{self, Architecture, Depth, ImageShape, UNetDescription, Variant};
use ncsn::noise::NoiseSchedule;
use ncsn::random::Key;
use ncsn::sample::conditioning::{End, Path};
use ncsn::sample::observation::Block;
use ncsn::sample::{Conditioning, Observation, Sampler, Settings, StepTable, Update};
use pollster::block_on;

fn gpu() -> Gpu {
    block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"))
}

fn fused(gpu: &Gpu, architecture: &Architecture, weights: &Weights) -> Network {
    set_up(gpu, architecture, weights, block_on(best_kernel_config(gpu, KernelPrecision::F32)))
}

fn set_up(
    gpu: &Gpu,
    architecture: &Architecture,
    weights: &Weights,
    config: KernelConfig,
) -> Network {
    let compiler = Compiler::new(gpu, config).expect("the precision is supported");
    let network = block_on(Network::new(&compiler, architecture, weights));
    network.unwrap_or_else(|error| panic!("{config:?}: {error}"))
}

/// Whether the adapter has half precision. Where it has not, less is tested, which nobody should
/// miss.
fn has_half(gpu: &Gpu) -> bool {
    let has = gpu.has_half();
    if !has {
        eprintln!("not tested: half precision, which {} lacks", gpu.adapter());
    }
    has
}

/// Both strategies, and half precision if the adapter has it.
fn configs(gpu: &Gpu) -> Vec<KernelConfig> {
    let mut configs = vec![
        KernelConfig::new(Strategy::Direct, KernelPrecision::F32),
        KernelConfig::new(Strategy::Staged, KernelPrecision::F32),
    ];
    if has_half(gpu) {
        configs.push(KernelConfig::new(Strategy::Staged, KernelPrecision::F16));
    }
    configs
}

/// How far a score may be from Burn's, relative to the largest.
fn tolerance(config: KernelConfig) -> f32 {
    match config.precision {
        KernelPrecision::F32 => 1e-4,
        KernelPrecision::F16 => 1e-2,
    }
}

fn burn(architecture: &Architecture, weights: &Weights) -> net::Network {
    let device = Device::flex();
    net::Network::with_weights(architecture, weights.clone(), &device).expect("possible")
}

fn burn_score(
    network: &net::Network,
    ImageShape { channels, height, width }: ImageShape,
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

/// Holds the scores of a network with drawn weights to Burn's, in all of [`configs`].
fn holds_to_burn(gpu: &Gpu, batch: usize, architecture: &Architecture) -> Vec<Network> {
    set_up_holds_to_burn(gpu, batch, architecture, &configs(gpu))
}

fn set_up_holds_to_burn(
    gpu: &Gpu,
    batch: usize,
    architecture: &Architecture,
    configs: &[KernelConfig],
) -> Vec<Network> {
    let image_shape = architecture.image_shape();
    let weights = common::weights(architecture);
    let set_up = |&config: &KernelConfig| set_up(gpu, architecture, &weights, config);
    let networks: Vec<_> = configs.iter().map(set_up).collect();
    let reference = burn(architecture, &weights);
    let x = normal(batch * image_shape.dimension(), 1);
    let sigmas: Vec<f32> = (0..batch).map(|n| 20.0 * 0.3f32.powi(n as i32)).collect();
    for sigmas in [&sigmas[..], &[0.5]] {
        let expected = burn_score(&reference, image_shape, &x, sigmas);
        for network in &networks {
            let (config, found) = (network.config(), block_on(network.score(&x, sigmas)));
            let error = relative(&found.expect("a score"), &expected);
            let most = tolerance(config);
            assert!(error < most, "{config:?}: {error} at {sigmas:?} with {architecture:?}");
        }
    }
    networks
}

/// Varies every size of a description.
#[test]
fn any_unet_has_the_score_that_burn_gives_it() {
    let gpu = gpu();
    let variants = [
        (1, common::unet((1, 8, 8), &[8, 16])),
        (3, UNetDescription { patch: 1, ..common::unet((3, 28, 28), &[8, 12]) }),
        (7, UNetDescription { blocks: 2, groups: 2, ..common::unet((4, 32, 32), &[4, 8, 16]) }),
        (1, UNetDescription { heads: 1, groups: 1, ..common::unet((3, 64, 48), &[16]) }),
        // Nothing is a multiple of four, and the groups are odd.
        (
            2,
            UNetDescription {
                groups: 5,
                heads: 5,
                embedding: 6,
                ..common::unet((1, 12, 20), &[10, 15])
            },
        ),
        (
            2,
            UNetDescription {
                groups: 3,
                heads: 3,
                attention: vec![true; 3],
                ..common::unet((1, 8, 8), &[18; 3])
            },
        ),
        (
            3,
            UNetDescription { attention: vec![true, true], ..common::unet((1, 28, 28), &[48, 96]) },
        ),
        (1, UNetDescription { patch: 4, ..common::unet((2, 104, 136), &[8]) }),
    ];
    for (batch, description) in variants {
        holds_to_burn(&gpu, batch, &Architecture::UNet(description));
    }
}

/// All depths.
fn refinenets_hold_to_burn(variant: Variant) {
    let gpu = gpu();
    let variants = [
        // No number of channels is a multiple of four.
        (3, common::refinenet(variant, Depth::Standard, (3, 28, 28), 6)),
        // Narrow ones, whose shaders compile sooner on a software adapter.
        (3, common::refinenet(variant, Depth::Deeper, (1, 28, 12), 4)),
        (1, common::refinenet(variant, Depth::Deepest, (3, 32, 8), 4)),
    ];
    for (batch, architecture) in variants {
        let networks = holds_to_burn(&gpu, batch, &architecture);
        let (direct, staged) = networks.split_first().expect("both strategies");
        assert!(staged.iter().all(|staged| staged.launches() < direct.launches()));
    }
}

#[test]
fn any_ncsn_has_the_score_that_burn_gives_it() {
    refinenets_hold_to_burn(Variant::Ncsn);
}

#[test]
fn any_ncsnv2_has_the_score_that_burn_gives_it() {
    refinenets_hold_to_burn(Variant::Ncsnv2);
}

/// It has too many tiles for every reader of a normalized tensor to go through.
#[test]
fn a_tall_image_has_the_score_that_burn_gives_it() {
    let gpu = gpu();
    let sizes = |height| common::refinenet(Variant::Ncsnv2, Depth::Standard, (1, height, 4), 2);
    let tall = holds_to_burn(&gpu, 2, &sizes(512));
    let weights = common::weights(&sizes(64));
    for tall in tall {
        let short = set_up(&gpu, &sizes(64), &weights, tall.config());
        assert!(
            short.launches() < tall.launches(),
            "{:?}: moments are brought together",
            tall.config()
        );
    }
}

#[test]
fn the_published_model_has_the_score_that_burn_gives_it() {
    let bytes = std::fs::read("www/models/mnist.safetensors").expect("there");
    let ModelFile { card, weights } = ModelFile::read(&bytes).expect("a good model");
    let gpu = gpu();
    let mut configs = configs(&gpu);
    if has_half(&gpu) {
        configs.push(KernelConfig::new(Strategy::Direct, KernelPrecision::F16));
    }
    let set_up = |&config: &KernelConfig| set_up(&gpu, &card.architecture, &weights, config);
    let networks: Vec<_> = configs.iter().map(set_up).collect();
    let reference = burn(&card.architecture, &weights);
    let image_shape = card.architecture.image_shape();
    for sigma in [10.0f32, 1.0, 0.1, 0.01] {
        let x: Vec<f32> =
            normal(2 * image_shape.dimension(), 3).iter().map(|z| 0.1 + sigma * z).collect();
        let expected = burn_score(&reference, image_shape, &x, &[sigma]);
        for network in &networks {
            let (config, found) = (network.config(), block_on(network.score(&x, &[sigma])));
            let error = relative(&found.expect("a score"), &expected);
            assert!(error < tolerance(config), "{config:?}: {error} at {sigma}");
        }
    }
    for staged in networks.iter().filter(|network| network.config().strategy == Strategy::Staged) {
        assert!(staged.launches() < 25, "{} launches", staged.launches());
    }
}

/// Whichever tiles are the fastest, the scores are the same.
#[test]
fn tiles_of_every_shape_have_the_score_that_burn_gives_it() {
    let gpu = gpu();
    let others =
        |config: KernelConfig| Tiling::of(config.strategy)[1..].iter().map(move |&t| (config, t));
    let configs = configs(&gpu).into_iter().flat_map(others);
    let configs: Vec<_> =
        configs.map(|(config, tiling)| KernelConfig { tiling, ..config }).collect();
    // Rows of 16 and of 14, and numbers of columns that are multiples of 4, of 8 and of 16.
    for sizes in [
        common::unet((3, 32, 28), &[16]),
        UNetDescription { heads: 1, ..common::unet((1, 8, 16), &[12]) },
    ] {
        set_up_holds_to_burn(&gpu, 2, &Architecture::UNet(sizes), &configs);
    }
}

/// Every candidate is timed, and the result is remembered for this network and no other.
#[test]
fn the_fastest_tiles_are_found_and_remembered() {
    let gpu = gpu();
    // Wide enough that all tilings give different kernels.
    let architecture = Architecture::UNet(common::unet((1, 8, 32), &[16]));
    let weights = common::weights(&architecture);
    let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
    let network = set_up(&gpu, &architecture, &weights, config);
    let mut tuner = Tuner::new(&network, 2);
    while block_on(tuner.step()).expect("healthy") {}
    let times: Vec<_> = tuner.times().collect();
    assert_eq!(times.len(), Tiling::of(Strategy::Direct).len());
    assert!(times.iter().all(|(_, seconds)| seconds.is_finite()), "{times:?}");
    let (least, seconds) = times.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("candidates");
    let (usual, usually) = &times[0];
    let best = if Tuner::BETTER * usually <= *seconds { usual } else { least };
    assert_eq!(tuner.finish().config().tiling, *best);

    let other = KernelConfig { tiling: Tiling::of(Strategy::Direct)[1], ..config };
    let line = set_up(&gpu, &architecture, &weights, other).tuning();
    let compiler = Compiler::new(&gpu, config).expect("every GPU has f32");
    let remember = |architecture: &Architecture, line: &str| {
        let weights = common::weights(architecture);
        let network = Network::load(&compiler, architecture, &weights, line);
        network.expect("it fits").config().tiling
    };
    assert_eq!(remember(&architecture, &line), other.tiling);
    assert_eq!(remember(&Architecture::UNet(common::unet((1, 8, 8), &[8])), &line), config.tiling);
    let unknown = [line.split_once(' ').expect("a key").0, " 1000 x 1000"].concat();
    for line in [&unknown, "", "nothing", "0 0 0"] {
        assert_eq!(remember(&architecture, line), config.tiling, "{line}");
    }
}

/// In half precision a seed still gives the same image to the eye.
#[test]
fn a_chain_in_half_precision_ends_near_the_exact_one() {
    let gpu = gpu();
    if !has_half(&gpu) {
        return;
    }
    let weights = common::weights(&common::tiny());
    let config = KernelConfig::new(Strategy::Staged, KernelPrecision::F16);
    let network = set_up(&gpu, &common::tiny(), &weights, config);
    let table = common::settings().step_table().expect("possible");
    let found = common::every_21st(&ends(&network, &table, 7, 0..common::ENDS_OF));
    let difference = difference(&found, &common::ENDS);
    assert!(difference < 1e-2, "{difference}");
    assert!(difference > 0.0, "f16 rounds");
}

/// Numbers too large for f16 become its largest, not an infinity.
#[test]
fn half_precision_saturates() {
    let gpu = gpu();
    if !has_half(&gpu) {
        return;
    }
    // Where a convolution writes, and where one normalizes what it reads.
    for (architecture, enlarged) in [
        (common::refinenet(Variant::Ncsnv2, Depth::Standard, (1, 8, 8), 4), "begin.weight"),
        (common::tiny(), "down.0.blocks.0.norm1.gamma"),
    ] {
        let mut weights = common::weights(&architecture);
        let tensor = weights.get_mut(enlarged).expect("a tensor of the network");
        tensor.values.iter_mut().for_each(|weight| *weight *= 1e6);
        let config = KernelConfig::new(Strategy::Staged, KernelPrecision::F16);
        let network = set_up(&gpu, &architecture, &weights, config);
        let score = block_on(network.score(&normal(64, 2), &[0.5])).expect("a score");
        assert!(score.iter().all(|s| s.is_finite()), "{enlarged}: {score:?}");
    }
}

fn ends(network: &Network, table: &StepTable, seed: u64, chains: Range<usize>) -> Vec<f32> {
    steered_ends(network, table, &Conditioning::default(), seed, chains)
}

fn steered_ends(
    network: &Network,
    table: &StepTable,
    conditioning: &Conditioning,
    seed: u64,
    chains: Range<usize>,
) -> Vec<f32> {
    let chain = FusedChains::conditioned(network, table.clone(), conditioning, seed, chains);
    let mut chain = chain.expect("it fits");
    while chain.submit(usize::MAX) > 0 {}
    assert_eq!(chain.done(), table.nfe());
    block_on(chain.read(View::Noisy)).expect("read back")
}

/// A network on both backends.
struct Pair {
    image_shape: ImageShape,
    fused: Network,
    burn: BurnModel,
}

impl Pair {
    fn new(gpu: &Gpu, architecture: &Architecture) -> Self {
        let weights = common::weights(architecture);
        let (fused, image_shape) = (fused(gpu, architecture, &weights), architecture.image_shape());
        let burn = BurnModel::new(burn(architecture, &weights), image_shape);
        Self { image_shape, fused, burn }
    }

    /// Holds the ends of chains to Burn's.
    fn agrees(
        &self,
        table: &StepTable,
        conditioning: &Conditioning,
        seed: u64,
        what: &str,
    ) -> Vec<f32> {
        let found = steered_ends(&self.fused, table, conditioning, seed, 4..7);
        let chains = BurnChains::conditioned(&self.burn, table.clone(), conditioning, seed, 4..7);
        let mut chains = chains.expect("it fits");
        block_on(advance_to(&mut chains, usize::MAX, |_| ())).expect("the device works");
        let expected = block_on(chains.read(View::Noisy)).expect("the device works");
        let difference = difference(&found, &expected);
        assert!(difference < 1e-3, "{what}: {difference}");
        found
    }
}

/// Start, noise, update and denoising of every sampler; also with more levels than the tables hold
/// at a time, and with a step that looks back at a noisy one.
#[test]
fn a_seed_is_the_same_chain_as_on_burn() {
    let gpu = gpu();
    let pair = Pair::new(&gpu, &common::tiny());
    let base = common::settings();
    let long = Settings { schedule: NoiseSchedule { levels: 600, ..base.schedule }, ..base };
    let variants = Sampler::ALL.map(|sampler| Settings { sampler, ..base });
    for (settings, seed) in variants.into_iter().chain([long]).zip(u64::MAX - 4..) {
        let table = settings.step_table().expect("possible");
        pair.agrees(&table, &Conditioning::default(), seed, &format!("{:?}", settings.sampler));
    }
    let settings = Settings { sampler: Sampler::Heun, ..base };
    let mut table = settings.step_table().expect("possible");
    for step in &mut table.steps {
        if let Update::Affine { noise, .. } = &mut step.update {
            *noise = 0.1;
        }
    }
    pair.agrees(&table, &Conditioning::default(), 1, "a noisy step is looked back at");

    // Every step but the first looks back, at one that does so, too.
    let mut table = Settings { sampler: Sampler::Euler, ..base }.step_table().expect("possible");
    for step in table.steps.iter_mut().skip(1) {
        if let Update::Affine { drift, previous, .. } = &mut step.update {
            (*previous, *drift) = (-0.2 * *drift, 1.2 * *drift);
        }
    }
    pair.agrees(&table, &Conditioning::default(), 1, "steps in a row look back");
}

/// Around the mean in the card, from the first step to the last.
#[test]
fn chains_begin_around_the_mean_of_the_images() {
    let gpu = gpu();
    let pair = Pair::new(&gpu, &common::tiny());
    let mut card = common::model().card;
    card.mean = Some(0.13);
    for sampler in [Sampler::ExactLangevin, Sampler::Ancestral, Sampler::Heun] {
        let settings = Settings { sampler, ..common::settings() };
        let table = card.step_table(&settings, None).expect("possible");
        let mut chain = FusedChains::new(&pair.fused, table.clone(), 9, 0..3).expect("it fits");
        let begun = block_on(chain.read(View::Noisy)).expect("read back");
        let expected = host::start(&table, 64, 9, 3);
        assert!(difference(&begun, &expected) < 1e-4, "{sampler:?}");
        let gray = host::start(&settings.step_table().expect("possible"), 64, 9, 3);
        let moved = begun.iter().zip(&gray).map(|(a, b)| a - b);
        assert!(moved.into_iter().all(|d| (d + 0.37).abs() < 1e-4), "{sampler:?}");
        pair.agrees(&table, &Conditioning::default(), 9, &format!("{sampler:?}"));
    }
}

#[test]
fn refinenets_run_whole_chains_as_on_burn() {
    let gpu = gpu();
    let table = common::settings().step_table().expect("possible");
    for variant in [Variant::Ncsn, Variant::Ncsnv2] {
        let pair = Pair::new(&gpu, &common::refinenet(variant, Depth::Standard, (1, 12, 8), 4));
        pair.agrees(&table, &Conditioning::default(), 5, variant.name());
    }
}

/// Every kind of observation, under samplers that draw noise, measure their steps and look back.
#[test]
fn what_is_observed_is_imposed_as_on_burn() {
    let gpu = gpu();
    let image_shape = ImageShape { channels: 3, height: 8, width: 12 };
    let Architecture::UNet(sizes) = common::tiny() else { panic!("the tiny model is a U-Net") };
    let pair = Pair::new(&gpu, &Architecture::UNet(UNetDescription { image_shape, ..sizes }));
    let pixels: Vec<f32> =
        normal(image_shape.dimension(), 9).iter().map(|z| 0.5 + 0.1 * z).collect();
    let known: Vec<bool> = (0..96).map(|pixel| pixel % 5 < 2).collect();
    let observations = [
        Observation::pixels(image_shape, &pixels, &known),
        Observation::means(image_shape, &pixels, Block { channels: 3, height: 1, width: 1 }),
        Observation::downsampled(image_shape, &pixels[..3 * 24], 2),
    ];
    let samplers = [Sampler::Langevin, Sampler::PredictorCorrector, Sampler::Heun, Sampler::UniPc];
    for observation in observations {
        let observation = observation.expect("it fits");
        let conditioning =
            Conditioning { observation: Some(observation), ..Conditioning::default() };
        for sampler in samplers {
            let table = Settings { sampler, ..common::settings() }.step_table().expect("possible");
            let block = conditioning.observation.as_ref().map(Observation::block);
            let found = pair.agrees(&table, &conditioning, 2, &format!("{sampler:?}, {block:?}"));
            if let Some(Block { channels: 1, height: 1, width: 1 }) = block {
                for x in found.chunks(image_shape.dimension()) {
                    let seen = (0..).zip(x).filter(|(i, _)| known[i % 96]);
                    assert!(seen.into_iter().all(|(i, x)| *x == pixels[i]));
                }
            }
        }
    }
}

#[test]
fn paths_are_those_of_burn() {
    let gpu = gpu();
    let pair = Pair::new(&gpu, &common::tiny());
    let [here, there] =
        [1, 2].map(|stream| normal(64, stream).iter().map(|z| 0.5 + 0.1 * z).collect::<Vec<_>>());
    let to_seed = Path { frames: 9, to: End::Seed(u64::MAX - 1) };
    let to_image = Path { frames: 9, to: End::Image(there) };
    let observation = Observation::pixels(pair.image_shape, &here, &[[true, false]; 32].concat());
    let steerings = [
        Conditioning { path: Some(to_seed.clone()), ..Conditioning::default() },
        Conditioning { path: Some(to_image), origin: Some(here), ..Conditioning::default() },
        Conditioning {
            path: Some(to_seed),
            observation: Some(observation.expect("it fits")),
            ..Conditioning::default()
        },
    ];
    for conditioning in steerings {
        for sampler in [
            Sampler::Langevin,
            Sampler::PredictorCorrector,
            Sampler::Euler,
            Sampler::SdeDpmSolverPp,
        ] {
            let table = Settings { sampler, ..common::settings() }.step_table().expect("possible");
            pair.agrees(&table, &conditioning, 3, &format!("{sampler:?}, {:?}", conditioning.path));
        }
    }
}

/// Chains saved on either backend carry on from there on the other: among them, steps that read the
/// score of the step before, steps that tell it from how far x has moved, and steps that look back
/// at denoised images.
#[test]
fn a_state_carries_over_to_burn_and_back() {
    let gpu = gpu();
    let Pair { image_shape, fused, burn } = Pair::new(&gpu, &common::tiny());
    let settings = Settings { sampler: Sampler::Heun, ..common::settings() };
    let plain = settings.step_table().expect("possible");
    let mut noisy = plain.clone();
    for step in &mut noisy.steps {
        if let Update::Affine { noise, .. } = &mut step.update {
            *noise = 0.1;
        }
    }
    let multistep = Settings { sampler: Sampler::UniPc, ..settings };
    let multistep = multistep.step_table().expect("possible");
    let known = [[true, false]; 32].concat();
    let observation = Observation::pixels(image_shape, &[0.25; 64], &known).expect("it fits");
    let observed = Conditioning { observation: Some(observation), ..Conditioning::default() };
    for (table, conditioning) in [
        (&plain, &Conditioning::default()),
        (&noisy, &Conditioning::default()),
        (&noisy, &observed),
        (&multistep, &Conditioning::default()),
        (&multistep, &observed),
    ] {
        let pair = || -> [Box<dyn Chains>; 2] {
            let on_burn = BurnChains::conditioned(&burn, table.clone(), conditioning, 7, 1..3);
            let on_gpu = FusedChains::conditioned(&fused, table.clone(), conditioning, 7, 1..3);
            [Box::new(on_gpu.expect("it fits")), Box::new(on_burn.expect("it fits"))]
        };
        let finish = |chains: &mut dyn Chains| {
            block_on(advance_to(chains, usize::MAX, |_| ())).expect("the device works");
            block_on(chains.read(View::Noisy)).expect("the device works")
        };
        let whole = pair().map(|mut chains| finish(&mut *chains));
        for pause in 0..=table.nfe() {
            for [from, to] in [[0, 0], [0, 1], [1, 0]] {
                let first = &mut pair()[from];
                block_on(advance_to(&mut **first, pause, |_| ())).expect("the device works");
                let state = block_on(first.save()).expect("the device works");
                let second = &mut pair()[to];
                // Not where a chain begins, so that what is not restored shows.
                block_on(advance_to(&mut **second, 3, |_| ())).expect("the device works");
                second.restore(&state).expect("a state of these chains");
                let difference = difference(&finish(&mut **second), &whole[to]);
                assert!(difference < 1e-3, "{from} to {to} after {pause} steps: {difference}");
            }
        }
    }
}

/// A long run keeps to the memory it began with, and a restart reuses that of the run before.
#[test]
fn steps_and_restarts_allocate_no_memory() {
    let gpu = gpu();
    let network = fused(&gpu, &common::tiny(), &common::weights(&common::tiny()));
    let base = common::settings();
    let schedule = NoiseSchedule { levels: 300, ..base.schedule };
    let sampler = Sampler::PredictorCorrector;
    let long =
        Settings { sampler, schedule, steps_each: 33, ..base }.step_table().expect("possible");
    assert!(long.nfe() > 10_000);
    let allocated = || {
        block_on(gpu.idle()).expect("healthy");
        let report = gpu.device().generate_allocator_report().expect("this backend counts");
        report.allocations.iter().map(|allocation| allocation.size).sum::<u64>()
    };
    let mut chain = FusedChains::new(&network, long.clone(), 1, 0..2).expect("it fits");
    assert!(chain.submit(1) > 0);
    let at_the_start = allocated();
    while chain.submit(usize::MAX) > 0 {}
    assert_eq!(allocated(), at_the_start);
    drop(chain);
    let mut restarted = FusedChains::new(&network, long, 2, 0..2).expect("it fits");
    assert!(restarted.submit(1) > 0);
    assert_eq!(allocated(), at_the_start);
    let another =
        FusedChains::new(&network, base.step_table().expect("possible"), 2, 0..2).expect("it fits");
    assert!(allocated() > at_the_start, "two chains need twice the memory");
    drop(another);
}

#[test]
fn a_chain_is_the_same_in_any_batch_and_can_be_inspected() {
    let gpu = gpu();
    let weights = common::weights(&common::tiny());
    let network = fused(&gpu, &common::tiny(), &weights);
    let table = common::settings().step_table().expect("possible");
    let together = ends(&network, &table, 7, 0..5);
    let apart = [0..2, 2..3, 3..5].map(|chains| ends(&network, &table, 7, chains)).concat();
    assert_eq!(together, apart);
    let shared = common::every_21st(&together[..64 * common::ENDS_OF]);
    assert!(difference(&shared, &common::ENDS) < 1e-3, "{shared:?}");

    // To evaluate D(x̃, σ) does not change a chain; it is D at the next step's σ.
    let mut chain = FusedChains::new(&network, table.clone(), 7, 0..5).expect("it fits");
    while chain.done() < 9 {
        let (x, denoised) =
            (block_on(chain.read(View::Noisy)), block_on(chain.read(View::Denoised)));
        let (x, denoised) = (x.expect("read back"), denoised.expect("read back"));
        let sigma = chain.next().expect("not over").sigma;
        let score = block_on(network.score(&x, &[sigma])).expect("a score");
        let expected: Vec<f32> = x.iter().zip(&score).map(|(x, s)| x + sigma * sigma * s).collect();
        assert!(relative(&denoised, &expected) < 1e-5);
        assert_eq!(chain.submit(1), 1);
    }
    while chain.submit(3) > 0 {}
    assert_eq!(block_on(chain.read(View::Noisy)).expect("read back"), together);
    assert_eq!(block_on(chain.read(View::Denoised)).expect("read back"), together);
}

/// Rendered to a texture with four times the pixels: each is the image's, clamped.
#[test]
fn chains_are_drawn_as_a_grid() {
    let gpu = gpu();
    let weights = common::weights(&common::tiny());
    let network = fused(&gpu, &common::tiny(), &weights);
    let table = common::settings().step_table().expect("possible");
    let mut chain = FusedChains::new(&network, table, 3, 0..5).expect("it fits");
    let (side, columns) = (64, 4);
    let texture = gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: side, height: side / 2, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    chain.draw(View::Noisy, columns, 0, &texture.create_view(&Default::default())).expect("drawn");
    let pixels = read_texture(&gpu, &texture);
    let x = block_on(chain.read(View::Noisy)).expect("read back");
    for (at, pixel) in pixels.chunks(4).enumerate() {
        let (row, column) = (at / side as usize / 2, at % side as usize / 2);
        let n = row / 8 * columns + column / 8;
        let expected = match n < 5 {
            true => {
                let gray = x[n * 64 + row % 8 * 8 + column % 8].clamp(0.0, 1.0) * 255.0;
                [gray, gray, gray, 255.0]
            }
            false => [0.0; 4],
        };
        for (found, expected) in pixel.iter().zip(expected) {
            assert!((f32::from(*found) - expected).abs() < 0.51, "{at}: {found} {expected}");
        }
    }
}

fn read_texture(gpu: &Gpu, texture: &wgpu::Texture) -> Vec<u8> {
    let size = texture.size();
    let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(4 * size.width * size.height),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let layout = wgpu::TexelCopyBufferLayout {
        offset: 0,
        bytes_per_row: Some(4 * size.width),
        rows_per_image: None,
    };
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo { buffer: &buffer, layout },
        size,
    );
    gpu.queue().submit([encoder.finish()]);
    buffer.map_async(wgpu::MapMode::Read, .., |result| result.expect("mapped"));
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).expect("done");
    buffer.get_mapped_range(..).expect("mapped").to_vec()
}

#[test]
fn what_cannot_work_is_an_error() {
    let gpu = gpu();
    let mut weights = common::weights(&common::tiny());
    let network = fused(&gpu, &common::tiny(), &weights);
    let score = |x: &[f32], sigmas: &[f32]| block_on(network.score(x, sigmas));
    assert!(matches!(score(&[0.0; 65], &[1.0]), Err(FusedError::Images { .. })));
    assert!(matches!(score(&[0.0; 128], &[1.0; 3]), Err(FusedError::Count { .. })));
    let table = common::settings().step_table().expect("possible");
    let refused =
        |chains| FusedChains::new(&network, table.clone(), 1, chains).expect_err("impossible");
    let message = refused(0..1 << 20).to_string();
    assert!(message.contains("1048576") && message.contains("65535"), "{message}");
    for chains in [0..0, 1 << 32..(1 << 32) + 1] {
        assert!(matches!(refused(chains), BackendError::Chains { .. }));
    }
    weights.remove("middle.conv1.bias");
    let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
    let compiler = Compiler::new(&gpu, config).expect("every GPU has f32");
    let error = Network::load(&compiler, &common::tiny(), &weights, "").expect_err("no bias");
    assert_eq!(error, WeightsMismatch::Missing("middle.conv1.bias".into()).into());
}
