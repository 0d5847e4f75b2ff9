//! The fused executor against Burn's.
//!
//! These tests need an adapter. Without a GPU that is Mesa's lavapipe, in the package
//! `mesa-vulkan-drivers` of Debian and Ubuntu.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use ncsn::fused::{Chain, FusedError, Gpu, Network, Precision, Setup, Style, Tiling, Tuner};
use ncsn::model_file::ModelFile;
use ncsn::net::weights::Weights;
use ncsn::net::{
    self, Architecture, Depth, Picture, RefineNetDescription, UNetDescription, Variant,
};
use ncsn::noise::Ladder;
use ncsn::random::Key;
use ncsn::sample::observation::Block;
use ncsn::sample::steering::{End, Path};
use ncsn::sample::{self, Observation, Program, Sampler, Settings, Steering, Update, View};
use pollster::block_on;

fn gpu() -> Gpu {
    block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"))
}

fn fused(gpu: &Gpu, architecture: &Architecture, weights: &Weights) -> Network {
    set_up(gpu, architecture, weights, block_on(Setup::best(gpu, Precision::Single)))
}

fn set_up(gpu: &Gpu, architecture: &Architecture, weights: &Weights, setup: Setup) -> Network {
    let network = block_on(Network::with(gpu, architecture, weights, setup));
    network.unwrap_or_else(|error| panic!("{setup:?}: {error}"))
}

/// Whether the adapter has half precision. Where it has not, less is tested, which nobody should miss.
fn has_half(gpu: &Gpu) -> bool {
    let has = gpu.has_half();
    if !has {
        eprintln!("not tested: half precision, which {} lacks", gpu.adapter());
    }
    has
}

/// Both styles, and half precision if the adapter has it.
fn setups(gpu: &Gpu) -> Vec<Setup> {
    let mut setups = vec![
        Setup::new(Style::Direct, Precision::Single),
        Setup::new(Style::Staged, Precision::Single),
    ];
    if has_half(gpu) {
        setups.push(Setup::new(Style::Staged, Precision::Half));
    }
    setups
}

/// How far a score may be from Burn's, relative to the largest.
fn tolerance(setup: Setup) -> f32 {
    match setup.precision {
        Precision::Single => 1e-4,
        Precision::Half => 1e-2,
    }
}

fn burn(architecture: &Architecture, weights: &Weights) -> net::Network {
    let device = Device::flex();
    net::Network::with_weights(architecture, weights.clone(), &device).expect("possible")
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

/// Holds the scores of a network with drawn weights to Burn's, in all of [`setups`].
fn holds_to_burn(gpu: &Gpu, batch: usize, architecture: &Architecture) -> Vec<Network> {
    set_up_holds_to_burn(gpu, batch, architecture, &setups(gpu))
}

fn set_up_holds_to_burn(
    gpu: &Gpu,
    batch: usize,
    architecture: &Architecture,
    setups: &[Setup],
) -> Vec<Network> {
    let picture = architecture.picture();
    let weights = common::weights(architecture);
    let set_up = |&setup: &Setup| set_up(gpu, architecture, &weights, setup);
    let networks: Vec<_> = setups.iter().map(set_up).collect();
    let reference = burn(architecture, &weights);
    let x = normal(batch * picture.dimension(), 1);
    let sigmas: Vec<f32> = (0..batch).map(|n| 20.0 * 0.3f32.powi(n as i32)).collect();
    for sigmas in [&sigmas[..], &[0.5]] {
        let expected = burn_score(&reference, picture, &x, sigmas);
        for network in &networks {
            let (setup, found) = (network.setup(), block_on(network.score(&x, sigmas)));
            let error = relative(&found.expect("a score"), &expected);
            let most = tolerance(setup);
            assert!(error < most, "{setup:?}: {error} at {sigmas:?} with {architecture:?}");
        }
    }
    networks
}

/// Varies every size of a description.
#[test]
fn any_unet_has_the_score_that_burn_gives_it() {
    let gpu = gpu();
    let variants = [
        (1, unet((1, 8, 8), &[8, 16])),
        (3, UNetDescription { patch: 1, ..unet((3, 28, 28), &[8, 12]) }),
        (7, UNetDescription { blocks: 2, groups: 2, ..unet((4, 32, 32), &[4, 8, 16]) }),
        (1, UNetDescription { heads: 1, groups: 1, ..unet((3, 64, 48), &[16]) }),
        // Nothing is a multiple of four, and the groups are odd.
        (2, UNetDescription { groups: 5, heads: 5, embedding: 6, ..unet((1, 12, 20), &[10, 15]) }),
        (
            2,
            UNetDescription {
                groups: 3,
                heads: 3,
                attention: vec![true; 3],
                ..unet((1, 8, 8), &[18; 3])
            },
        ),
        (3, UNetDescription { attention: vec![true, true], ..unet((1, 28, 28), &[48, 96]) }),
        (1, UNetDescription { patch: 4, ..unet((2, 104, 136), &[8]) }),
    ];
    for (batch, description) in variants {
        holds_to_burn(&gpu, batch, &Architecture::UNet(description));
    }
}

fn refinenet(
    variant: Variant,
    depth: Depth,
    (channels, height, width): (usize, usize, usize),
    ngf: usize,
) -> Architecture {
    let picture = Picture { channels, height, width };
    let ladder = Ladder { sigma_max: 4.0, sigma_min: 0.05, levels: 8 };
    Architecture::RefineNet(RefineNetDescription { variant, picture, depth, ngf, ladder })
}

/// All depths.
fn refinenets_hold_to_burn(variant: Variant) {
    let gpu = gpu();
    let variants = [
        // No number of channels is a multiple of four.
        (3, refinenet(variant, Depth::Standard, (3, 28, 28), 6)),
        // Narrow ones, whose shaders compile sooner on a software adapter.
        (3, refinenet(variant, Depth::Deeper, (1, 28, 12), 4)),
        (1, refinenet(variant, Depth::Deepest, (3, 32, 8), 4)),
    ];
    for (batch, architecture) in variants {
        let networks = holds_to_burn(&gpu, batch, &architecture);
        let (direct, staged) = networks.split_first().expect("both styles");
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

/// It has too many tiles for every reader of a normalised tensor to go through.
#[test]
fn a_tall_picture_has_the_score_that_burn_gives_it() {
    let gpu = gpu();
    let sizes = |height| refinenet(Variant::Ncsnv2, Depth::Standard, (1, height, 4), 2);
    let tall = holds_to_burn(&gpu, 2, &sizes(512));
    let weights = common::weights(&sizes(64));
    for tall in tall {
        let short = set_up(&gpu, &sizes(64), &weights, tall.setup());
        assert!(
            short.launches() < tall.launches(),
            "{:?}: moments are brought together",
            tall.setup()
        );
    }
}

#[test]
fn the_published_model_has_the_score_that_burn_gives_it() {
    let bytes = std::fs::read("www/models/mnist.safetensors").expect("there");
    let ModelFile { card, weights } = ModelFile::read(&bytes).expect("a good model");
    let gpu = gpu();
    let mut setups = setups(&gpu);
    if has_half(&gpu) {
        setups.push(Setup::new(Style::Direct, Precision::Half));
    }
    let set_up = |&setup: &Setup| set_up(&gpu, &card.architecture, &weights, setup);
    let networks: Vec<_> = setups.iter().map(set_up).collect();
    let reference = burn(&card.architecture, &weights);
    let picture = card.architecture.picture();
    for sigma in [10.0f32, 1.0, 0.1, 0.01] {
        let x: Vec<f32> =
            normal(2 * picture.dimension(), 3).iter().map(|z| 0.1 + sigma * z).collect();
        let expected = burn_score(&reference, picture, &x, &[sigma]);
        for network in &networks {
            let (setup, found) = (network.setup(), block_on(network.score(&x, &[sigma])));
            let error = relative(&found.expect("a score"), &expected);
            assert!(error < tolerance(setup), "{setup:?}: {error} at {sigma}");
        }
    }
    for staged in networks.iter().filter(|network| network.setup().style == Style::Staged) {
        assert!(staged.launches() < 25, "{} launches", staged.launches());
    }
}

/// Whichever tiles are the fastest, the scores are the same.
#[test]
fn tiles_of_every_shape_have_the_score_that_burn_gives_it() {
    let gpu = gpu();
    let others = |setup: Setup| Tiling::of(setup.style)[1..].iter().map(move |&t| (setup, t));
    let setups = setups(&gpu).into_iter().flat_map(others);
    let setups: Vec<_> = setups.map(|(setup, tiling)| Setup { tiling, ..setup }).collect();
    // Rows of 16 and of 14, and numbers of columns that are multiples of 4, of 8 and of 16.
    for sizes in [unet((3, 32, 28), &[16]), UNetDescription { heads: 1, ..unet((1, 8, 16), &[12]) }]
    {
        set_up_holds_to_burn(&gpu, 2, &Architecture::UNet(sizes), &setups);
    }
}

/// Every candidate is timed, and the result is remembered for this network and no other.
#[test]
fn the_fastest_tiles_are_found_and_remembered() {
    let gpu = gpu();
    // Wide enough that all tilings give different kernels.
    let architecture = Architecture::UNet(unet((1, 8, 32), &[16]));
    let weights = common::weights(&architecture);
    let setup = Setup::new(Style::Direct, Precision::Single);
    let network = set_up(&gpu, &architecture, &weights, setup);
    let mut tuner = Tuner::new(&network, 2);
    while block_on(tuner.step()).expect("healthy") {}
    let times: Vec<_> = tuner.times().collect();
    assert_eq!(times.len(), Tiling::of(Style::Direct).len());
    assert!(times.iter().all(|(_, seconds)| seconds.is_finite()), "{times:?}");
    let (least, seconds) = times.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("candidates");
    let (usual, usually) = &times[0];
    let best = if Tuner::BETTER * usually <= *seconds { usual } else { least };
    assert_eq!(tuner.finish().setup().tiling, *best);

    let other = Setup { tiling: Tiling::of(Style::Direct)[1], ..setup };
    let line = set_up(&gpu, &architecture, &weights, other).tuning();
    let remember = |architecture: &Architecture, line: &str| {
        let weights = common::weights(architecture);
        let network = Network::remembering(&gpu, architecture, &weights, setup, line);
        block_on(network).expect("it fits").setup().tiling
    };
    assert_eq!(remember(&architecture, &line), other.tiling);
    assert_eq!(remember(&Architecture::UNet(unet((1, 8, 8), &[8])), &line), setup.tiling);
    let unknown = [line.split_once(' ').expect("a key").0, " 1000 x 1000"].concat();
    for line in [&unknown, "", "nothing", "0 0 0"] {
        assert_eq!(remember(&architecture, line), setup.tiling, "{line}");
    }
}

/// In half precision a seed still gives the same picture to the eye.
#[test]
fn a_chain_in_half_precision_ends_near_the_exact_one() {
    let gpu = gpu();
    if !has_half(&gpu) {
        return;
    }
    let weights = common::weights(&common::tiny());
    let setup = Setup::new(Style::Staged, Precision::Half);
    let network = set_up(&gpu, &common::tiny(), &weights, setup);
    let program = common::settings().program().expect("possible");
    let found = common::every_21st(&ends(&network, &program, 7, 0..common::ENDS_OF));
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
    let architecture = refinenet(Variant::Ncsnv2, Depth::Standard, (1, 8, 8), 4);
    let mut weights = common::weights(&architecture);
    let begin = weights.get_mut("begin.weight").expect("a layer");
    begin.values.iter_mut().for_each(|weight| *weight *= 1e6);
    let setup = Setup::new(Style::Staged, Precision::Half);
    let network = set_up(&gpu, &architecture, &weights, setup);
    let score = block_on(network.score(&normal(64, 2), &[0.5])).expect("a score");
    assert!(score.iter().all(|s| s.is_finite()), "{score:?}");
}

fn ends(network: &Network, program: &Program, seed: u64, chains: Range<usize>) -> Vec<f32> {
    steered_ends(network, program, &Steering::default(), seed, chains)
}

fn steered_ends(
    network: &Network,
    program: &Program,
    steering: &Steering,
    seed: u64,
    chains: Range<usize>,
) -> Vec<f32> {
    let chain = Chain::steered(network, program.clone(), steering, seed, chains);
    let mut chain = chain.expect("it fits");
    while chain.submit(usize::MAX) > 0 {}
    assert_eq!(chain.done(), program.nfe());
    block_on(chain.noisy()).expect("read back")
}

/// A network on both executors.
struct Pair {
    picture: Picture,
    fused: Network,
    burn: net::Network,
}

impl Pair {
    fn new(gpu: &Gpu, architecture: &Architecture) -> Self {
        let weights = common::weights(architecture);
        let (fused, burn) = (fused(gpu, architecture, &weights), burn(architecture, &weights));
        Self { picture: architecture.picture(), fused, burn }
    }

    /// Holds the ends of chains to Burn's.
    fn agrees(&self, program: &Program, steering: &Steering, seed: u64, what: &str) -> Vec<f32> {
        let found = steered_ends(&self.fused, program, steering, seed, 4..7);
        let (network, program, device) = (self.burn.clone(), program.clone(), Device::flex());
        let chain =
            sample::Chain::steered(network, self.picture, program, steering, seed, 4..7, &device);
        let mut chain = chain.expect("it fits");
        while chain.step() {}
        let expected: Vec<f32> = chain.noisy().into_data().iter::<f32>().collect();
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
    let long = Settings { ladder: Ladder { levels: 600, ..base.ladder }, ..base };
    let variants = Sampler::ALL.map(|sampler| Settings { sampler, ..base });
    for (settings, seed) in variants.into_iter().chain([long]).zip(u64::MAX - 4..) {
        let program = settings.program().expect("possible");
        pair.agrees(&program, &Steering::default(), seed, &format!("{:?}", settings.sampler));
    }
    let settings = Settings { sampler: Sampler::Heun, ..base };
    let mut program = settings.program().expect("possible");
    for step in &mut program.steps {
        if let Update::Affine { noise, .. } = &mut step.update {
            *noise = 0.1;
        }
    }
    pair.agrees(&program, &Steering::default(), 1, "a noisy step is looked back at");
}

/// Around the mean in the card, from the first step to the last.
#[test]
fn chains_begin_around_the_mean_of_the_pictures() {
    let gpu = gpu();
    let pair = Pair::new(&gpu, &common::tiny());
    let mut card = common::model().card;
    card.mean = Some(0.13);
    for sampler in [Sampler::ExactLangevin, Sampler::Ancestral, Sampler::Heun] {
        let settings = Settings { sampler, ..common::settings() };
        let program = card.program(&settings, None).expect("possible");
        let chain = Chain::new(&pair.fused, program.clone(), 9, 0..3).expect("it fits");
        let begun = block_on(chain.noisy()).expect("read back");
        let expected = sample::host::start(&program, 64, 9, 3);
        assert!(difference(&begun, &expected) < 1e-4, "{sampler:?}");
        let grey = sample::host::start(&settings.program().expect("possible"), 64, 9, 3);
        let moved = begun.iter().zip(&grey).map(|(a, b)| a - b);
        assert!(moved.into_iter().all(|d| (d + 0.37).abs() < 1e-4), "{sampler:?}");
        pair.agrees(&program, &Steering::default(), 9, &format!("{sampler:?}"));
    }
}

#[test]
fn refinenets_run_whole_chains_as_on_burn() {
    let gpu = gpu();
    let program = common::settings().program().expect("possible");
    for variant in [Variant::Ncsn, Variant::Ncsnv2] {
        let pair = Pair::new(&gpu, &refinenet(variant, Depth::Standard, (1, 12, 8), 4));
        pair.agrees(&program, &Steering::default(), 5, variant.name());
    }
}

/// Every kind of observation, under samplers that draw noise, measure their steps and look back.
#[test]
fn what_is_observed_is_imposed_as_on_burn() {
    let gpu = gpu();
    let picture = Picture { channels: 3, height: 8, width: 12 };
    let Architecture::UNet(sizes) = common::tiny() else { panic!("the tiny model is a U-Net") };
    let pair = Pair::new(&gpu, &Architecture::UNet(UNetDescription { picture, ..sizes }));
    let pixels: Vec<f32> = normal(picture.dimension(), 9).iter().map(|z| 0.5 + 0.1 * z).collect();
    let known: Vec<bool> = (0..96).map(|pixel| pixel % 5 < 2).collect();
    let observations = [
        Observation::pixels(picture, &pixels, &known),
        Observation::grey(picture, &pixels[..96]),
        Observation::downsampled(picture, &pixels[..3 * 24], 2),
    ];
    let samplers = [Sampler::Langevin, Sampler::PredictorCorrector, Sampler::Heun];
    for observation in observations {
        let observation = observation.expect("it fits");
        let steering = Steering { observation: Some(observation), ..Steering::default() };
        for sampler in samplers {
            let program = Settings { sampler, ..common::settings() }.program().expect("possible");
            let block = steering.observation.as_ref().map(Observation::block);
            let found = pair.agrees(&program, &steering, 2, &format!("{sampler:?}, {block:?}"));
            if let Some(Block { channels: 1, height: 1, width: 1 }) = block {
                for x in found.chunks(picture.dimension()) {
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
    let to_picture = Path { frames: 9, to: End::Picture(there) };
    let observation = Observation::pixels(pair.picture, &here, &[[true, false]; 32].concat());
    let steerings = [
        Steering { path: Some(to_seed.clone()), ..Steering::default() },
        Steering { path: Some(to_picture), origin: Some(here), ..Steering::default() },
        Steering {
            path: Some(to_seed),
            observation: Some(observation.expect("it fits")),
            ..Steering::default()
        },
    ];
    for steering in steerings {
        for sampler in [Sampler::Langevin, Sampler::PredictorCorrector, Sampler::Ode] {
            let program = Settings { sampler, ..common::settings() }.program().expect("possible");
            pair.agrees(&program, &steering, 3, &format!("{sampler:?}, {:?}", steering.path));
        }
    }
}

/// A long run keeps to the memory it began with, and a restart reuses that of the run before.
#[test]
fn steps_and_restarts_allocate_no_memory() {
    let gpu = gpu();
    let network = fused(&gpu, &common::tiny(), &common::weights(&common::tiny()));
    let base = common::settings();
    let ladder = Ladder { levels: 300, ..base.ladder };
    let sampler = Sampler::PredictorCorrector;
    let long = Settings { sampler, ladder, steps_each: 33, ..base }.program().expect("possible");
    assert!(long.nfe() > 10_000);
    let allocated = || {
        block_on(gpu.idle()).expect("healthy");
        let report = gpu.device().generate_allocator_report().expect("this backend counts");
        report.allocations.iter().map(|allocation| allocation.size).sum::<u64>()
    };
    let mut chain = Chain::new(&network, long.clone(), 1, 0..2).expect("it fits");
    assert!(chain.submit(1) > 0);
    let at_the_start = allocated();
    while chain.submit(usize::MAX) > 0 {}
    assert_eq!(allocated(), at_the_start);
    drop(chain);
    let mut restarted = Chain::new(&network, long, 2, 0..2).expect("it fits");
    assert!(restarted.submit(1) > 0);
    assert_eq!(allocated(), at_the_start);
    let another =
        Chain::new(&network, base.program().expect("possible"), 2, 0..2).expect("it fits");
    assert!(allocated() > at_the_start, "two chains need twice the memory");
    drop(another);
}

#[test]
fn a_chain_is_the_same_in_any_batch_and_can_be_looked_at() {
    let gpu = gpu();
    let weights = common::weights(&common::tiny());
    let network = fused(&gpu, &common::tiny(), &weights);
    let program = common::settings().program().expect("possible");
    let together = ends(&network, &program, 7, 0..5);
    let apart = [0..2, 2..3, 3..5].map(|chains| ends(&network, &program, 7, chains)).concat();
    assert_eq!(together, apart);
    let shared = common::every_21st(&together[..64 * common::ENDS_OF]);
    assert!(difference(&shared, &common::ENDS) < 1e-3, "{shared:?}");

    // Looking does not change a chain, and shows D(x̃, σ) at the next step's σ.
    let mut chain = Chain::new(&network, program.clone(), 7, 0..5).expect("it fits");
    while chain.done() < 9 {
        let (x, denoised) = (block_on(chain.noisy()), block_on(chain.denoised()));
        let (x, denoised) = (x.expect("read back"), denoised.expect("read back"));
        let sigma = chain.next().expect("not over").sigma;
        let score = block_on(network.score(&x, &[sigma])).expect("a score");
        let expected: Vec<f32> = x.iter().zip(&score).map(|(x, s)| x + sigma * sigma * s).collect();
        assert!(relative(&denoised, &expected) < 1e-5);
        assert_eq!(chain.submit(1), 1);
    }
    while chain.submit(3) > 0 {}
    assert_eq!(block_on(chain.noisy()).expect("read back"), together);
    assert_eq!(block_on(chain.denoised()).expect("read back"), together);
}

/// Rendered to a texture with four times the pixels: each is the picture's, clamped.
#[test]
fn chains_are_drawn_as_a_grid() {
    let gpu = gpu();
    let weights = common::weights(&common::tiny());
    let network = fused(&gpu, &common::tiny(), &weights);
    let program = common::settings().program().expect("possible");
    let mut chain = Chain::new(&network, program, 3, 0..5).expect("it fits");
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
    chain
        .render(View::Noisy, columns, 0, &texture.create_view(&Default::default()))
        .expect("drawn");
    let pixels = read_texture(&gpu, &texture);
    let x = block_on(chain.noisy()).expect("read back");
    for (at, pixel) in pixels.chunks(4).enumerate() {
        let (row, column) = (at / side as usize / 2, at % side as usize / 2);
        let n = row / 8 * columns + column / 8;
        let expected = match n < 5 {
            true => {
                let grey = x[n * 64 + row % 8 * 8 + column % 8].clamp(0.0, 1.0) * 255.0;
                [grey, grey, grey, 255.0]
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
    assert!(matches!(score(&[0.0; 65], &[1.0]), Err(FusedError::Pictures { .. })));
    assert!(matches!(score(&[0.0; 128], &[1.0; 3]), Err(FusedError::Sigmas { .. })));
    let program = common::settings().program().expect("possible");
    let error = Chain::new(&network, program, 1, 0..1 << 20).expect_err("too many");
    let message = error.to_string();
    assert!(message.contains("1048576") && message.contains("65535"), "{message}");
    weights.remove("middle.conv1.bias");
    let error = block_on(Network::new(&gpu, &common::tiny(), &weights)).expect_err("no bias");
    assert_eq!(error, FusedError::Weights("middle.conv1.bias".into()));
}
