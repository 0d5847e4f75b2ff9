//! The Burn network and the Burn backend, against closed forms and the host backend.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use common::difference;
use ncsn::backend::{
    BackendError, BurnChains, BurnModel, ChainSource, Chains, HostChains, State, View, advance_to,
    host,
};
use ncsn::likelihood::NetworkDivergence;
use ncsn::loss::dsm;
use ncsn::model_file::ModelFile;
use ncsn::net::{Architecture, Depth, Network, Preconditioning, UNetDescription, Variant, weights};
use ncsn::random::Key;
use ncsn::sample::conditioning::{End, Path};
use ncsn::sample::edm::Churn;
use ncsn::sample::guidance::Autoguide;
use ncsn::sample::observation::Block;
use ncsn::sample::{
    Conditioning, GuidanceScale, Observation, Sampler, Settings, Start, Step, StepTable, Update,
};
use ncsn::score::{Score, ScoreWithDivergence};
use ncsn::toy::GaussianMixture;
use pollster::block_on;

fn network(architecture: &Architecture, weights: weights::Weights) -> Network {
    let device = Device::flex();
    Network::with_weights(architecture, weights, &device).expect("a possible network")
}

fn ends(
    network: &Network,
    table: &StepTable,
    seed: u64,
    chains: std::ops::Range<usize>,
) -> Vec<f32> {
    let model = BurnModel::new(network.clone(), common::tiny().image_shape());
    finish(&mut BurnChains::new(&model, table.clone(), seed, chains).expect("it fits"))
}

/// Runs chains to their ends.
fn finish(chains: &mut dyn Chains) -> Vec<f32> {
    block_on(advance_to(chains, usize::MAX, |_| ())).expect("the device works");
    assert_eq!(chains.done(), chains.step_table().nfe());
    block_on(chains.read(View::Noisy)).expect("the device works")
}

/// Plain data and Burn modules agree on the name and shape of every tensor.
#[test]
fn the_description_lists_the_tensors_that_the_module_has() {
    let mut variants = vec![common::tiny()];
    let Architecture::UNet(mut deep) = common::tiny() else { panic!("the tiny model is a U-Net") };
    (deep.blocks, deep.widths, deep.attention) = (2, vec![8, 12, 16], vec![true, false, true]);
    (deep.image_shape.channels, deep.groups) = (3, 2);
    variants.push(Architecture::UNet(deep));
    for (variant, depth) in [(Variant::Ncsn, Depth::Standard), (Variant::Ncsnv2, Depth::Deeper)] {
        variants.push(common::refinenet(variant, depth, (3, 16, 16), 4));
    }
    for architecture in variants {
        let network = Network::new(&architecture, &Device::flex()).expect("possible");
        let mut listed = architecture.tensors();
        listed.sort();
        let found = weights::collect(&network);
        let found: Vec<_> = found.into_iter().map(|(name, array)| (name, array.shape)).collect();
        assert_eq!(listed, found);
    }
}

#[test]
fn weights_survive_a_round_trip_through_a_module() {
    let drawn = common::weights(&common::tiny());
    assert_eq!(weights::collect(&network(&common::tiny(), drawn.clone())), drawn);
}

/// A fresh network's last layer is zero, so its score is exactly that of the data's Gaussian. The
/// whole chain on Burn (start, noise, update, denoising) must then be the host's.
#[test]
fn a_silent_network_runs_the_chains_of_a_gaussian() {
    let network = Network::new(&common::tiny(), &Device::flex()).expect("possible");
    let scale = common::SCALE;
    let gaussian = GaussianMixture::gaussian(vec![scale.mean; 64], scale.sigma_data);
    for sampler in Sampler::ALL {
        let table = Settings { sampler, ..common::settings() }.step_table().expect("possible");
        for seed in [7, u64::MAX - 1] {
            let reference = host::run(&table, &gaussian, seed, 5);
            let found = ends(&network, &table, seed, 0..5);
            let difference = difference(&found, &reference);
            assert!(difference < 1e-3, "{sampler:?}, seed {seed}: {difference}");
        }
    }
}

/// Chains begin around the mean that the model's card gives, ½ without one, and go on from there as
/// on the host.
#[test]
fn chains_begin_around_the_mean_of_the_images() {
    let network = Network::new(&common::tiny(), &Device::flex()).expect("possible");
    let scale = common::SCALE;
    let gaussian = GaussianMixture::gaussian(vec![scale.mean; 64], scale.sigma_data);
    let mut card = common::model().card;
    for (mean, at) in [(Some(0.13), 0.13), (None, 0.5)] {
        card.mean = mean;
        for sampler in Sampler::ALL.into_iter().filter(|&s| s != Sampler::PlainLangevin) {
            let settings = Settings { sampler, ..common::settings() };
            let table = card.step_table(&settings, None).expect("possible");
            let start = StepTable { start: table.start, steps: Vec::new() };
            let begun = ends(&network, &start, 7, 0..40);
            // 2,560 pixels of N(at, 4²): five standard errors.
            let found = begun.iter().sum::<f32>() / begun.len() as f32;
            assert!((found - at).abs() < 0.4, "{sampler:?}: {found}");
            // The same noise around another mean.
            let gray = settings.step_table().expect("possible");
            let gray =
                ends(&network, &StepTable { start: gray.start, steps: Vec::new() }, 7, 0..40);
            let moved = begun.iter().zip(&gray).map(|(a, b)| a - b);
            assert!(moved.into_iter().all(|d| (d - (at - 0.5)).abs() < 1e-5), "{sampler:?}");
            let reference = host::run(&table, &gaussian, 7, 5);
            let difference = difference(&ends(&network, &table, 7, 0..5), &reference);
            assert!(difference < 1e-3, "{sampler:?}: {difference}");
            // The part of a program that a sketch runs begins at the sketch; without one, around
            // the same mean.
            let part = card.step_table(&settings, Some(0.5)).expect("possible");
            assert!(matches!(part.start, Start::Normal { mean, .. } if mean == at), "{part:?}");
        }
        let plain = Settings { sampler: Sampler::PlainLangevin, ..common::settings() };
        let start = card.step_table(&plain, None).expect("possible").start;
        assert_eq!(start, Start::Uniform { low: 0.0, high: 1.0 }, "as in the paper");
    }
}

/// Two silent networks are two Gaussians. A chain of one, guided away from the other, follows the
/// weighted sum of their scores in Karras et al.
#[test]
fn an_autoguided_chain_follows_the_difference_of_two_scores() {
    struct Guided([GaussianMixture; 2], GuidanceScale);
    impl Score for Guided {
        fn dimension(&self) -> usize {
            64
        }
        fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
            let Self([better, worse], GuidanceScale { weight, sigmas: [min, max] }) = self;
            let mut away = vec![0.0; out.len()];
            better.score(x, sigma, out);
            worse.score(x, sigma, &mut away);
            let guided = (*min..=*max).contains(&sigma);
            for (out, away) in out.iter_mut().zip(away).filter(|_| guided) {
                *out = weight * *out + (1.0 - weight) * away;
            }
        }
    }
    let Architecture::UNet(tiny) = common::tiny() else { panic!("the tiny model is a U-Net") };
    let scale = Preconditioning { mean: 0.3, sigma_data: 0.4 };
    let wide = Architecture::UNet(UNetDescription { preconditioning: scale, ..tiny });
    let device = Device::flex();
    let network = |architecture| Network::new(architecture, &device).expect("possible");
    let (better, worse) = (network(&common::tiny()), network(&wide));
    let gaussians = [common::SCALE, scale]
        .map(|scale| GaussianMixture::gaussian(vec![scale.mean; 64], scale.sigma_data));
    // Only some of the levels are guided.
    let guidance_scale = GuidanceScale { weight: 1.7, sigmas: [0.1, 2.0] };
    let guided = Guided(gaussians, guidance_scale);
    for sampler in Sampler::ALL {
        let table = Settings { sampler, ..common::settings() }.step_table().expect("possible");
        let reference = host::run(&table, &guided, 7, 5);
        let guide = Autoguide { worse: worse.clone(), guidance_scale };
        let model = BurnModel::new(better.clone(), wide.image_shape()).guided(Arc::new(guide));
        let found = finish(&mut BurnChains::new(&model, table, 7, 0..5).expect("it fits"));
        let difference = difference(&found, &reference);
        assert!(difference < 1e-3, "{sampler:?}: {difference}");
    }
}

/// The noise on tensors is that of [`Key`], for both kinds of start.
#[test]
fn noise_on_the_device_is_noise_on_the_host() {
    let network = Network::new(&common::tiny(), &Device::flex()).expect("possible");
    for start in [Start::Uniform { low: -1.0, high: 3.0 }, Start::Normal { mean: 0.5, sigma: 2.0 }]
    {
        let step = Step { sigma: 1.0, update: Update::affine(0.0, 1.5), level: 0 };
        let table = StepTable { start, steps: vec![step; 3] };
        let seed = 0x1234_5678_9abc_def0;
        let mut reference = host::start(&table, 64, seed, 4);
        for (stream, x) in (0..).zip(reference.chunks_exact_mut(64)) {
            for step in 0..3 {
                for (index, x) in (0..).zip(x.iter_mut()) {
                    *x += 1.5 * Key { seed, stream, step }.normal(index);
                }
            }
        }
        let difference = difference(&ends(&network, &table, seed, 0..4), &reference);
        assert!(difference < 1e-4, "{start:?}: {difference}");
    }
}

/// Steered chains on Burn are the host's, for every kind of conditioning: in color, with a silent
/// network as above.
#[test]
fn steering_on_the_device_is_steering_on_the_host() {
    let Architecture::UNet(mut color) = common::tiny() else { panic!("the tiny model is a U-Net") };
    color.image_shape.channels = 3;
    let (image_shape, d) = (color.image_shape, color.image_shape.dimension());
    let network = Network::new(&Architecture::UNet(color), &Device::flex()).expect("possible");
    let model = BurnModel::new(network, image_shape);
    let scale = common::SCALE;
    let gaussian = GaussianMixture::gaussian(vec![scale.mean; d], scale.sigma_data);
    let values = |stream, n| {
        let mut values = vec![0.0; n];
        Key { seed: 4, stream, step: 0 }.fill_uniform(&mut values);
        values
    };
    let known: Vec<bool> = values(0, 64).iter().map(|&u| u < 0.4).collect();
    let gray = Block { channels: image_shape.channels, height: 1, width: 1 };
    let observed =
        |observation| Conditioning { observation: Some(observation), ..Default::default() };
    let steerings = [
        observed(Observation::pixels(image_shape, &values(1, d), &known).expect("fits")),
        observed(Observation::means(image_shape, &values(2, d), gray).expect("fits")),
        observed(Observation::downsampled(image_shape, &values(3, d / 16), 4).expect("fits")),
        Conditioning { origin: Some(values(4, d)), ..Default::default() },
        Conditioning {
            path: Some(Path { frames: 5, to: End::Seed(1 << 40) }),
            ..Default::default()
        },
        Conditioning {
            origin: Some(values(5, d)),
            path: Some(Path { frames: 4, to: End::Image(values(6, d)) }),
            ..Default::default()
        },
    ];
    let churn = Some(Churn { s_churn: 3.0, ..Churn::NONE });
    for sampler in [
        Sampler::PlainLangevin,
        Sampler::PredictorCorrector,
        Sampler::Heun,
        Sampler::SdeDpmSolverPp,
        Sampler::UniPc,
    ] {
        let table =
            Settings { sampler, churn, ..common::settings() }.step_table().expect("possible");
        for conditioning in &steerings {
            let reference =
                host::run_conditioned(&table, conditioning, &gaussian, 7, 5).expect("it fits");
            let chains = BurnChains::conditioned(&model, table.clone(), conditioning, 7, 0..5);
            let found = finish(&mut chains.expect("it fits"));
            let difference = difference(&found, &reference);
            assert!(difference < 1e-3, "{sampler:?}, {conditioning:?}: {difference}");
        }
    }
    let conditioning = Conditioning { origin: Some(vec![0.5; 7]), ..Default::default() };
    let table = common::settings().step_table().expect("possible");
    let refused = BurnChains::conditioned(&model, table, &conditioning, 7, 0..5);
    assert!(refused.is_err_and(|error| error.to_string().contains("7 values")));
}

/// The page's model, given a 7 × 7 version of one of its own digits, keeps the means of the
/// squares, and its result is far nearer to that digit than another digit is.
#[test]
fn a_digit_is_recovered_from_a_small_image_of_it() {
    let model = ModelFile::read(&std::fs::read("www/models/mnist.safetensors").expect("committed"))
        .expect("a good model");
    let ModelFile { card, weights } = model;
    let model = BurnModel::with_weights(&card.architecture, weights, &Device::flex());
    let model = model.expect("a possible network");
    let image_shape = model.image_shape();
    let mut settings = card.sampler;
    settings.schedule.levels = 40;
    let table = settings.step_table().expect("possible");
    let run = |conditioning: &Conditioning, seed| -> Vec<f32> {
        let chains = model.chains(table.clone(), conditioning, seed, 0..1);
        finish(&mut *chains.expect("it fits"))
    };
    let small = |x: &[f32]| -> Vec<f32> {
        let square = |i: usize| {
            let pixels = (0..16).map(|o| x[(i / 7 * 4 + o / 4) * 28 + i % 7 * 4 + o % 4]);
            pixels.sum::<f32>() / 16.0
        };
        (0..49).map(square).collect()
    };
    let digit = run(&Conditioning::default(), 1);
    let observation = Observation::downsampled(image_shape, &small(&digit), 4).expect("fits");
    let conditioning = Conditioning { observation: Some(observation), ..Default::default() };
    let (found, other) = (run(&conditioning, 2), run(&Conditioning::default(), 2));
    assert!(difference(&small(&found), &small(&digit)) < 1e-5);
    let distance = |x: &[f32]| x.iter().zip(&digit).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let (found, other) = (distance(&found), distance(&other));
    assert!(found < 0.5 * other, "{found}, and {other} to another digit");
}

/// Chains on the host and on Burn with the same score, and everything that a state has to bring
/// back: steps that look back, noise, and an observation. `chains` are their numbers.
fn pair(sampler: Sampler, chains: std::ops::Range<usize>) -> [Box<dyn Chains>; 2] {
    let scale = common::SCALE;
    let gaussian = GaussianMixture::gaussian(vec![scale.mean; 64], scale.sigma_data);
    let network = Network::new(&common::tiny(), &Device::flex()).expect("possible");
    let image_shape = common::tiny().image_shape();
    let known: Vec<bool> = (0..64).map(|i| i < 20).collect();
    let observation = Observation::pixels(image_shape, &[0.25; 64], &known).expect("fits");
    let conditioning = Conditioning { observation: Some(observation), ..Default::default() };
    let churn = Some(Churn { s_churn: 3.0, s_tmin: 0.1, s_tmax: 1.0, s_noise: 1.0 });
    let settings = Settings { sampler, churn, ..common::settings() };
    let table = settings.step_table().expect("possible");
    let host = HostChains::conditioned(gaussian, table.clone(), &conditioning, 7, chains.clone())
        .expect("it fits");
    let model = BurnModel::new(network, image_shape);
    let burn = BurnChains::conditioned(&model, table, &conditioning, 7, chains);
    [Box::new(host), Box::new(burn.expect("it fits"))]
}

/// Chains saved anywhere and resumed are the same as those that were not, also on the other
/// backend.
#[test]
fn chains_carry_on_from_a_state_on_any_backend() {
    for sampler in [Sampler::Heun, Sampler::SdeDpmSolverPp, Sampler::UniPc] {
        let pair = || pair(sampler, 2..4);
        let whole = pair().map(|mut chains| finish(&mut *chains));
        let steps = pair()[0].step_table().nfe();
        for pause in 0..=steps {
            for from in [0, 1] {
                let first = &mut pair()[from];
                block_on(advance_to(&mut **first, pause, |_| ())).expect("the device works");
                let state = block_on(first.save()).expect("the device works");
                assert_eq!(state.done, pause);
                for to in [0, 1] {
                    let second = &mut pair()[to];
                    second.restore(&state).expect("a state of these chains");
                    let end = finish(&mut **second);
                    match from == to {
                        true => assert_eq!(end, whole[to], "{sampler:?} paused after {pause}"),
                        false => assert!(
                            difference(&end, &whole[to]) < 1e-3,
                            "{sampler:?}, {from}, {pause}"
                        ),
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_no_state_of_these_chains_is_refused() {
    for mut chains in pair(Sampler::UniPc, 0..2) {
        // The third step looks back at two denoised images.
        block_on(advance_to(&mut *chains, 2, |_| ())).expect("the device works");
        let state = block_on(chains.save()).expect("the device works");
        assert_eq!(state.denoised.len(), 2);
        let [first, _] = &state.denoised[..] else { unreachable!("it has two") };
        for denoised in [vec![], vec![first.clone()], vec![first.clone(), vec![0.0]]] {
            let refused = chains.restore(&State { denoised, ..state.clone() });
            assert!(matches!(refused, Err(BackendError::State { .. })), "{refused:?}");
        }
        chains.restore(&state).expect("its own state");
    }
    for mut chains in pair(Sampler::Heun, 0..2) {
        // The second step of Heun's method looks back.
        block_on(advance_to(&mut *chains, 1, |_| ())).expect("the device works");
        let state = block_on(chains.save()).expect("the device works");
        assert!(state.previous.is_some());
        let wrong = [
            State { done: 1000, ..state.clone() },
            State { x: vec![0.0; 64], ..state.clone() },
            State { previous: None, ..state.clone() },
            State { done: 0, ..state.clone() },
        ];
        for state in wrong {
            let refused = chains.restore(&state);
            assert!(matches!(refused, Err(BackendError::State { .. })), "{refused:?}");
        }
        chains.restore(&state).expect("its own state");
        assert_eq!(chains.done(), 1);
    }
}

/// A number is the u32 stream of a chain's noise: a larger one would be another chain.
#[test]
fn batches_without_chains_or_with_numbers_that_are_too_large_are_refused() {
    let gaussian = GaussianMixture::gaussian(vec![common::SCALE.mean; 64], 1.0);
    let network = Network::new(&common::tiny(), &Device::flex()).expect("possible");
    let model = BurnModel::new(network, common::tiny().image_shape());
    let table = common::settings().step_table().expect("possible");
    let end: usize = 1 << 32;
    for chains in [0..0, 3..3, end..end + 1, end - 1..end + 1] {
        let host = HostChains::new(gaussian.clone(), table.clone(), 7, chains.clone()).err();
        let burn = BurnChains::new(&model, table.clone(), 7, chains.clone()).err();
        for refused in [host, burn] {
            let Some(BackendError::Chains { first, count }) = refused else {
                panic!("{refused:?} for {chains:?}")
            };
            assert_eq!(first..first + count, chains);
        }
    }
    let last = end - 1..end;
    assert!(HostChains::new(gaussian, table.clone(), 7, last.clone()).is_ok());
    assert!(BurnChains::new(&model, table, 7, last).is_ok());
}

/// What a caller may rely on to show progress and to stop.
#[test]
fn chains_advance_as_far_as_they_are_asked_to() {
    for mut chains in pair(Sampler::Heun, 0..1) {
        let steps = chains.step_table().nfe();
        assert_eq!(block_on(chains.advance(0)).expect("nothing to do"), 0);
        let mut submitted = 0;
        block_on(advance_to(&mut *chains, 5, |steps| submitted += steps)).expect("it works");
        assert_eq!((submitted, chains.done()), (5, 5));
        let sigma = chains.next().expect("a step").sigma;
        let [noisy, denoised] = [View::Noisy, View::Denoised]
            .map(|view| block_on(chains.read(view)).expect("the device works"));
        let scale = common::SCALE;
        let variance = scale.sigma_data.powi(2);
        for (x, denoised) in noisy.iter().zip(denoised) {
            let expected = scale.mean + variance / (variance + sigma * sigma) * (x - scale.mean);
            assert!((denoised - expected).abs() < 1e-4, "{denoised} instead of {expected}");
        }
        block_on(advance_to(&mut *chains, usize::MAX, |steps| submitted += steps))
            .expect("it works");
        block_on(chains.wait()).expect("it works");
        assert_eq!((submitted, chains.done(), chains.next()), (steps, steps, None));
        assert_eq!(block_on(chains.advance(1)).expect("nothing to do"), 0);
        let ends = [View::Noisy, View::Denoised]
            .map(|view| block_on(chains.read(view)).expect("the device works"));
        assert_eq!(ends[0], ends[1], "a finished chain has no noise to remove");
    }
}

#[test]
fn a_chain_is_the_same_in_any_batch() {
    let network = network(&common::tiny(), common::weights(&common::tiny()));
    // With corrections, whose size is measured.
    let settings = Settings { sampler: Sampler::PredictorCorrector, ..common::settings() };
    let table = settings.step_table().expect("possible");
    let together = ends(&network, &table, 7, 0..5);
    let apart = [0..2, 2..3, 3..5].map(|chains| ends(&network, &table, 7, chains)).concat();
    let difference = difference(&together, &apart);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn one_sigma_for_all_is_that_sigma_for_each() {
    let network = network(&common::tiny(), common::weights(&common::tiny()));
    let mut x = vec![0.0; 3 * 64];
    Key { seed: 1, stream: 0, step: 0 }.fill_normal(&mut x);
    let x = Tensor::<4>::from_data(TensorData::new(x, [3, 1, 8, 8]), &Device::flex());
    let score = |sigmas: &[f32]| -> Vec<f32> {
        network.score(x.clone(), sigmas).into_data().iter::<f32>().collect()
    };
    assert!(difference(&score(&[0.7]), &score(&[0.7; 3])) < 1e-5);
    assert!(difference(&score(&[0.7]), &score(&[0.7, 0.7, 0.2])) > 1e-2, "σ must matter");
}

/// The numbers that every backend must give, also in the browser.
#[test]
fn the_shared_ends_are_what_flex_computes() {
    let network = network(&common::tiny(), common::weights(&common::tiny()));
    let table = common::settings().step_table().expect("possible");
    let found = common::every_21st(&ends(&network, &table, 7, 0..common::ENDS_OF));
    let difference = difference(&found, &common::ENDS);
    assert!(difference < 1e-3, "{difference}: {found:?}");
}

fn image_tensor(values: Vec<f32>) -> Tensor<4> {
    let count = values.len() / 64;
    Tensor::from_data(TensorData::new(values, [count, 1, 8, 8]), &Device::flex())
}

fn mean(losses: Tensor<1>) -> f32 {
    losses.mean().into_scalar()
}

/// D/2, at any σ.
#[test]
fn a_network_that_answers_zero_has_half_the_dimension_as_loss() {
    let n = 2_000;
    let mut z = vec![0.0; n * 64];
    Key { seed: 2, stream: 0, step: 0 }.fill_normal(&mut z);
    let zero = image_tensor(vec![0.0; n * 64]);
    let sigmas: Vec<f32> = (0..n).map(|i| 0.01 * 1.003f32.powi(i as i32)).collect();
    let loss = mean(dsm(zero, &sigmas, image_tensor(z)));
    // ½ ‖z‖² has standard deviation √(D/2).
    assert!((loss - 32.0).abs() < 5.0 * (32.0 / n as f32).sqrt(), "{loss}");
}

/// Of the fields `a · ∇ log q_σ`, denoising score matching must prefer a = 1, and give it the loss
/// of theory: `D/2 · τ²/(τ² + σ²)` for a Gaussian of deviation τ.
#[test]
fn denoising_score_matching_is_least_at_the_score_of_the_noisy_density() {
    let (n, tau, sigma) = (4_000, 0.5f32, 0.8f32);
    let gaussian = GaussianMixture::gaussian(vec![0.25; 64], tau);
    let (mut z, mut x) = (vec![0.0; n * 64], vec![0.0; n * 64]);
    Key { seed: 3, stream: 0, step: 0 }.fill_normal(&mut z);
    Key { seed: 3, stream: 1, step: 0 }.fill_normal(&mut x);
    let x: Vec<f32> = x.iter().zip(&z).map(|(x, z)| 0.25 + tau * x + sigma * z).collect();
    let mut score = vec![0.0; n * 64];
    gaussian.score(&x, sigma, &mut score);
    let loss = |a: f32| {
        let score = image_tensor(score.clone()).mul_scalar(a);
        mean(dsm(score, &vec![sigma; n], image_tensor(z.clone())))
    };
    let least = 32.0 * tau * tau / (tau * tau + sigma * sigma);
    assert!((loss(1.0) - least).abs() < 0.01 * least, "{} instead of {least}", loss(1.0));
    assert!(loss(0.95) > loss(1.0) && loss(1.05) > loss(1.0));
}

/// `vᵀ (∂s/∂x) v` of a network matches differences of its score.
#[test]
fn a_networks_divergence_along_a_vector_is_a_derivative_of_its_score() {
    let architecture = common::tiny();
    let weights = common::weights(&architecture);
    let network =
        NetworkDivergence::new(&architecture, weights, &Device::flex()).expect("possible");
    let n = 3;
    let (mut x, mut v) = (vec![0.0; n * 64], vec![0.0; n * 64]);
    Key { seed: 8, stream: 0, step: 0 }.fill_normal(&mut x);
    Key { seed: 8, stream: 1, step: 0 }.fill_normal(&mut v);
    let (sigma, h) = (0.7, 1.0 / 128.0);
    let mut score = vec![0.0; n * 64];
    let divergences = network.score_and_divergence(&x, sigma, &v, &mut score);
    let along = |t: f32| {
        let moved: Vec<f32> = x.iter().zip(&v).map(|(x, v)| x + t * v).collect();
        let mut score = vec![0.0; n * 64];
        network.score(&moved, sigma, &mut score);
        score
    };
    assert!(difference(&along(0.0), &score) < 1e-6);
    let (up, down) = (along(h), along(-h));
    for (i, found) in divergences.iter().enumerate() {
        let range = i * 64..(i + 1) * 64;
        let products = up[range.clone()].iter().zip(&down[range.clone()]).zip(&v[range]);
        let expected: f32 =
            products.map(|((up, down), v)| (up - down) * v).sum::<f32>() / (2.0 * h);
        assert!((found / expected - 1.0).abs() < 1e-2, "{found} instead of {expected}");
    }
}
