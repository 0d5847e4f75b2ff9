//! Class-conditional networks: on every backend, in training and on the command line.
#![cfg(not(target_family = "wasm"))]

mod cli;
mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use cli::{fail, ncsn, read, succeed, train};
use common::{difference, relative};
use ncsn::backend::fused::{
    self, Compiler, FusedChains, Gpu, KernelConfig, KernelPrecision, Strategy,
};
use ncsn::backend::{BurnChains, BurnModel, Chains, View, advance_to, host};
use ncsn::net::weights::Weights;
use ncsn::net::{Architecture, Network};
use ncsn::random::Key;
use ncsn::sample::conditioning::{End, Path as Way};
use ncsn::sample::edm::Churn;
use ncsn::sample::guidance::Autoguide;
use ncsn::sample::{
    ClassConditioning, Conditioning, GuidanceScale, Observation, Sampler, Settings, StepTable,
    Update,
};
use ncsn::score::Score;
use pollster::block_on;

const CLASSES: usize = 3;

/// The tiny network with classes, and drawn weights.
fn conditional() -> (Architecture, Weights) {
    let architecture = common::tiny().with_classes(CLASSES);
    let weights = common::weights(&architecture);
    (architecture, weights)
}

fn on_flex(architecture: &Architecture, weights: Weights) -> Network {
    Network::with_weights(architecture, weights, &Device::flex()).expect("possible")
}

fn model_on_flex(architecture: &Architecture, weights: Weights) -> BurnModel {
    BurnModel::with_weights(architecture, weights, &Device::flex()).expect("possible")
}

/// The network that a conditional one is once its class is settled: the class's row, or the last
/// for no class, becomes a part of the bias that it is added to.
fn settled(class: Option<usize>) -> Network {
    settled_beyond(class, 1.0)
}

/// The same for a network that takes a scale w of guidance: `r + w (r_c − r)` becomes a part of it.
fn settled_beyond(class: Option<usize>, w: f32) -> Network {
    let (_, mut weights) = conditional();
    let rows = weights.remove("embedding.classes").expect("a tensor of the network");
    let size = rows.shape[1];
    let [row, none] = [class.unwrap_or(CLASSES), CLASSES].map(|row| &rows.values[row * size..]);
    let bias = weights.get_mut("embedding.second.bias").expect("a tensor of the network");
    for ((bias, row), none) in bias.values.iter_mut().zip(row).zip(none) {
        *bias += none + w * (row - none);
    }
    on_flex(&common::tiny(), weights)
}

fn tensor(x: &[f32]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(x.to_vec(), [x.len() / 64, 1, 8, 8]), &Device::flex())
}

fn host_values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn finish(chains: &mut dyn Chains) -> Vec<f32> {
    block_on(advance_to(chains, usize::MAX, |_| ())).expect("the device works");
    block_on(chains.read(View::Noisy)).expect("the device works")
}

fn on_burn(
    table: &StepTable,
    conditioning: &Conditioning,
    chains: std::ops::Range<usize>,
) -> BurnChains {
    let (architecture, weights) = conditional();
    let model = model_on_flex(&architecture, weights);
    BurnChains::conditioned(&model, table.clone(), conditioning, 7, chains).expect("it fits")
}

fn asking(classes: &[usize], weight: f32, sigmas: [f32; 2]) -> Conditioning {
    let guidance_scale = GuidanceScale { weight, sigmas };
    let classes = Some(ClassConditioning { classes: classes.to_vec(), first: 0, guidance_scale });
    Conditioning { classes, ..Conditioning::default() }
}

const ALWAYS: [f32; 2] = GuidanceScale::NONE.sigmas;

fn table(sampler: Sampler) -> StepTable {
    let churn = Some(Churn { s_churn: 3.0, s_tmin: 0.1, s_tmax: 1.0, s_noise: 1.0 });
    Settings { sampler, churn, ..common::settings() }.step_table().expect("possible")
}

#[test]
fn a_class_is_a_part_of_the_embeddings_bias() {
    let (architecture, weights) = conditional();
    let network = on_flex(&architecture, weights);
    assert_eq!(network.classes(), CLASSES);
    let mut x = vec![0.0; 4 * 64];
    Key { seed: 3, stream: 0, step: 0 }.fill_normal(&mut x);
    let (sigmas, classes) = ([0.1, 0.5, 2.0, 9.0], [Some(2), None, Some(0), Some(2)]);
    let together = host_values(network.class_score(tensor(&x), &sigmas, &classes));
    for (n, (sigma, class)) in sigmas.into_iter().zip(classes).enumerate() {
        let one = tensor(&x[n * 64..][..64]);
        let alone = host_values(settled(class).score(one, &[sigma]));
        assert!(difference(&together[n * 64..][..64], &alone) < 1e-4 / sigma, "image {n}");
    }
    let shared = host_values(network.class_score(tensor(&x), &[0.5], &[Some(1)]));
    assert!(difference(&shared, &host_values(settled(Some(1)).score(tensor(&x), &[0.5]))) < 1e-4);
    let unconditional = host_values(network.score(tensor(&x), &[0.5]));
    assert!(difference(&shared, &unconditional) > 1e-2, "classes make a difference");
}

/// Equation 6 of Ho & Salimans with two networks, on the host.
struct Guided {
    of_class: Network,
    of_none: Network,
    scale: GuidanceScale,
}

impl Score for Guided {
    fn dimension(&self) -> usize {
        64
    }

    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        let of = |network: &Network| host_values(network.score(tensor(x), &[sigma]));
        let [min, max] = self.scale.sigmas;
        let w = if (min..=max).contains(&sigma) { self.scale.weight } else { 1.0 };
        for ((out, s), none) in out.iter_mut().zip(of(&self.of_class)).zip(of(&self.of_none)) {
            *out = w * s + (1.0 - w) * none;
        }
    }
}

#[test]
fn guided_chains_follow_the_weighted_scores() {
    let scale = GuidanceScale { weight: 2.5, sigmas: [0.1, 2.0] };
    for sampler in Sampler::ALL {
        let (table, conditioning) = (table(sampler), asking(&[2, 0], 2.5, scale.sigmas));
        let found = finish(&mut on_burn(&table, &conditioning, 0..2));
        for (chain, class) in [(0, 2), (1, 0)] {
            let (of_class, of_none) = (settled(Some(class)), settled(None));
            let reference = host::run(&table, &Guided { of_class, of_none, scale }, 7, 2);
            let range = chain * 64..(chain + 1) * 64;
            let difference = difference(&found[range.clone()], &reference[range]);
            assert!(difference < 1e-3, "{sampler:?}, class {class}: {difference}");
        }
    }
}

/// Two kinds of guidance add to the score of the class, and do not multiply, whether or not the scale of
/// the one is an input of the network.
#[test]
fn guidance_by_class_and_autoguidance_add_up() {
    /// `guided + (w − 1) (own − worse)`.
    struct Both {
        guided: Guided,
        own: Network,
        worse: Network,
        weight: f32,
    }
    impl Score for Both {
        fn dimension(&self) -> usize {
            64
        }
        fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
            self.guided.score(x, sigma, out);
            let of = |network: &Network| host_values(network.score(tensor(x), &[sigma]));
            for ((out, own), worse) in out.iter_mut().zip(of(&self.own)).zip(of(&self.worse)) {
                *out += (self.weight - 1.0) * (own - worse);
            }
        }
    }
    let (by_class, weight) = (2.5, 1.7);
    let (table, conditioning) = (table(Sampler::Heun), asking(&[2, 2], by_class, ALWAYS));
    let (architecture, weights) = conditional();
    let worse = on_flex(&common::tiny(), common::weights(&common::tiny()));
    let scale = |weight| GuidanceScale { weight, sigmas: ALWAYS };
    let twice =
        Guided { of_class: settled(Some(2)), of_none: settled(None), scale: scale(by_class) };
    let as_input = settled_beyond(Some(2), by_class);
    let once = Guided { of_class: as_input.clone(), of_none: as_input, scale: scale(1.0) };
    for (guidance_max, guided) in [(0.0, twice), (4.0, once)] {
        let architecture = architecture.clone().with_guidance_max(guidance_max);
        let guide = Autoguide { worse: worse.clone(), guidance_scale: scale(weight) };
        let model = model_on_flex(&architecture, weights.clone()).guided(Arc::new(guide));
        let chains = BurnChains::conditioned(&model, table.clone(), &conditioning, 7, 0..2);
        let found = finish(&mut chains.expect("it fits"));
        let both = Both { guided, own: settled(Some(2)), worse: worse.clone(), weight };
        let difference = difference(&found, &host::run(&table, &both, 7, 2));
        assert!(difference < 1e-3, "scales up to {guidance_max} as an input: {difference}");
    }
}

/// A network that takes scales up to 4 as an input does so within the interval of guidance; beyond
/// them it is evaluated twice. On every backend.
#[test]
fn a_scale_that_is_an_input_takes_one_evaluation() {
    let (architecture, weights) = conditional();
    let architecture = architecture.with_guidance_max(4.0);
    let model = model_on_flex(&architecture, weights.clone());
    let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
    let compiler = Compiler::new(&gpu, KernelConfig::new(Strategy::Staged, KernelPrecision::F32));
    let compiler = compiler.expect("every GPU has f32");
    let fused = block_on(fused::Network::new(&compiler, &architecture, &weights));
    let (fused, interval) = (fused.expect("it fits"), [0.1, 2.0]);
    for (sampler, weight) in [
        (Sampler::Ancestral, 2.5),
        (Sampler::Heun, 4.0),
        (Sampler::Ancestral, 1.0),
        (Sampler::Heun, 4.5),
    ] {
        let (table, conditioning) = (table(sampler), asking(&[2, 0], weight, interval));
        let burn = BurnChains::conditioned(&model, table.clone(), &conditioning, 7, 0..2);
        let burn = finish(&mut burn.expect("it fits"));
        let chains = FusedChains::conditioned(&fused, table.clone(), &conditioning, 7, 0..2);
        let found = finish(&mut chains.expect("it fits"));
        assert!(difference(&found, &burn) < 1e-3, "{sampler:?}, {weight}");
        for (chain, class) in [(0, Some(2)), (1, Some(0))] {
            let (of_class, of_none) = (settled(class), settled(None));
            let scale = GuidanceScale { weight, sigmas: interval };
            let beyond = settled_beyond(class, weight);
            let reference = match weight > 4.0 {
                true => host::run(&table, &Guided { of_class, of_none, scale }, 7, 2),
                false => {
                    let scores = Beyond { inside: beyond, outside: of_class, interval };
                    host::run(&table, &scores, 7, 2)
                }
            };
            let range = chain * 64..(chain + 1) * 64;
            let difference = difference(&burn[range.clone()], &reference[range]);
            assert!(difference < 1e-3, "{sampler:?}, {weight}, class {class:?}: {difference}");
        }
    }
}

/// One network within an interval of noise levels, and another outside it.
struct Beyond {
    inside: Network,
    outside: Network,
    interval: [f32; 2],
}

impl Score for Beyond {
    fn dimension(&self) -> usize {
        64
    }

    fn score(&self, x: &[f32], sigma: f32, out: &mut [f32]) {
        let [min, max] = self.interval;
        let inside = (min..=max).contains(&sigma);
        let network = if inside { &self.inside } else { &self.outside };
        out.copy_from_slice(&host_values(network.score(tensor(x), &[sigma])));
    }
}

/// The conditional network on the fused backend, in one of two ways to generate kernels.
fn on_gpu(strategy: Strategy) -> fused::Network {
    let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
    let config = KernelConfig::new(strategy, KernelPrecision::F32);
    let compiler = Compiler::new(&gpu, config).expect("every GPU has f32");
    let (architecture, weights) = conditional();
    block_on(fused::Network::new(&compiler, &architecture, &weights)).expect("it fits")
}

#[test]
fn the_fused_backend_has_the_same_scores_of_classes() {
    let (architecture, weights) = conditional();
    let burn = on_flex(&architecture, weights);
    let mut x = vec![0.0; 5 * 64];
    Key { seed: 4, stream: 0, step: 0 }.fill_normal(&mut x);
    for network in [Strategy::Direct, Strategy::Staged].map(on_gpu) {
        for (sigmas, classes) in [
            (&[0.1, 0.5, 2.0, 9.0, 0.5][..], &[Some(2), None, Some(0), Some(2), Some(1)][..]),
            (&[0.5], &[Some(1), Some(1), None, Some(0), Some(2)]),
            (&[0.1, 0.5, 2.0, 9.0, 0.5], &[Some(2)]),
            (&[0.5], &[Some(0)]),
        ] {
            let expected = host_values(burn.class_score(tensor(&x), sigmas, classes));
            let found = block_on(network.class_score(&x, sigmas, classes)).expect("a score");
            let difference = relative(&found, &expected);
            assert!(difference < 1e-4, "{sigmas:?}, {classes:?}: {difference}");
        }
        block_on(network.class_score(&x, &[0.5], &[None; 4])).expect_err("5 images, 4 classes");
    }
}

/// Classes in turns and out of turn, guidance at all and at some noise levels, also together with
/// an observation, a path of seeds, and samplers that look back or measure their steps.
#[test]
fn the_fused_backend_runs_the_same_chains_of_classes() {
    let network = on_gpu(Strategy::Staged);
    let known = [[true, false]; 32].concat();
    let shape = common::tiny().image_shape();
    let observation = Observation::pixels(shape, &[0.25; 64], &known).expect("it fits");
    let observed =
        Conditioning { observation: Some(observation), ..asking(&[1, 2], 2.0, [0.1, 2.0]) };
    let path = Some(Way { frames: 4, to: End::Seed(9) });
    let on_a_path = Conditioning { path, ..asking(&[0], 2.0, ALWAYS) };
    for sampler in
        [Sampler::Ancestral, Sampler::Heun, Sampler::PredictorCorrector, Sampler::Langevin]
    {
        let mut table = table(sampler);
        if sampler == Sampler::Heun {
            // So that a step looks back at a noisy one, too.
            for step in table.steps.iter_mut().skip(4) {
                if let Update::Affine { noise, .. } = &mut step.update {
                    *noise = 0.1;
                }
            }
        }
        for conditioning in [
            asking(&[1], 1.0, ALWAYS),
            asking(&[2, 0, 1], 1.0, ALWAYS),
            asking(&[2, 0, 1, 1, 0, 2, 2], 2.5, ALWAYS),
            asking(&[0, 1], 2.5, [0.1, 2.0]),
            observed.clone(),
            on_a_path.clone(),
            Conditioning::default(),
        ] {
            let expected = finish(&mut on_burn(&table, &conditioning, 2..7));
            let chains = FusedChains::conditioned(&network, table.clone(), &conditioning, 7, 2..7);
            let found = finish(&mut chains.expect("it fits"));
            let difference = difference(&found, &expected);
            assert!(difference < 1e-3, "{sampler:?}, {conditioning:?}: {difference}");
        }
    }
}

/// Some of them at once need more rows than the tables of noise levels have for small batches.
#[test]
fn all_chains_of_a_large_batch_may_show_classes_of_their_own() {
    let network = on_gpu(Strategy::Direct);
    let mut table = table(Sampler::Ancestral);
    table.steps.truncate(3);
    let chains = 0..600;
    let classes: Vec<usize> = chains.clone().map(|chain| chain * chain / 7 % CLASSES).collect();
    for weight in [1.0, 2.5] {
        let conditioning = asking(&classes, weight, ALWAYS);
        let all =
            FusedChains::conditioned(&network, table.clone(), &conditioning, 7, chains.clone());
        let found = finish(&mut all.expect("it fits"));
        let expected = finish(&mut on_burn(&table, &conditioning, 590..600));
        let difference = difference(&found[590 * 64..], &expected);
        assert!(difference < 1e-3, "{weight}: {difference}");
    }
}

/// Chains that were saved at any step, on either backend, go on as they would have; and what they
/// are believed to end at is the same on both.
#[test]
fn guided_chains_are_inspected_saved_and_restored() {
    let network = on_gpu(Strategy::Direct);
    let conditioning = asking(&[2, 0], 2.5, [0.1, 2.0]);
    for sampler in [Sampler::Heun, Sampler::Ancestral] {
        let table = table(sampler);
        let pair = || -> [Box<dyn Chains>; 2] {
            let fused = FusedChains::conditioned(&network, table.clone(), &conditioning, 7, 1..4);
            [Box::new(fused.expect("it fits")), Box::new(on_burn(&table, &conditioning, 1..4))]
        };
        let whole = pair().map(|mut chains| finish(&mut *chains));
        for pause in 0..table.nfe() {
            for [from, to] in [[0, 0], [0, 1], [1, 0]] {
                let first = &mut pair()[from];
                block_on(advance_to(&mut **first, pause, |_| ())).expect("the device works");
                let believed = block_on(first.read(View::Denoised)).expect("the device works");
                let state = block_on(first.save()).expect("the device works");
                let second = &mut pair()[to];
                block_on(advance_to(&mut **second, 3, |_| ())).expect("the device works");
                second.restore(&state).expect("a state of these chains");
                let again = block_on(second.read(View::Denoised)).expect("the device works");
                let place = format!("{sampler:?}, {from} to {to} after {pause} steps");
                assert!(difference(&believed, &again) < 1e-3, "{place}, denoised");
                assert!(difference(&finish(&mut **second), &whole[to]) < 1e-3, "{place}");
            }
        }
    }
}

#[test]
fn classes_that_a_model_lacks_are_refused() {
    let (network, table) = (on_gpu(Strategy::Direct), table(Sampler::Ancestral));
    let refused = |classes: &[usize], weight| {
        let conditioning = asking(classes, weight, ALWAYS);
        let chains = FusedChains::conditioned(&network, table.clone(), &conditioning, 7, 0..2);
        chains.expect_err("refused").to_string()
    };
    assert!(refused(&[3], 1.0).contains("no class number 3"));
    assert!(refused(&[], 1.0).contains("at least one"));
    assert!(refused(&[0], f32::NAN).contains("must be a number"));
    let unconditional = model_on_flex(&common::tiny(), common::weights(&common::tiny()));
    let asked = asking(&[0], 1.0, ALWAYS);
    let chains = BurnChains::conditioned(&unconditional, table, &asked, 7, 0..1);
    assert!(chains.expect_err("refused").to_string().contains("not class-conditional"));
}

/// Two folders of 8 × 8 images: light bars in one, dark ones in the other.
fn write_bars_of_two_kinds(folder: &Path) {
    for (name, value) in [("dark", 90), ("light", 250)] {
        fs::create_dir_all(folder.join(name)).expect("a folder");
        for image in 0..30 {
            let at = (Key { seed: 1, stream: 0, step: 0 }.uniform(image) * 8.0) as usize;
            // Each is different, since only one of several equal ones would be kept.
            let value = value - image as u8;
            let pixels: Vec<u8> =
                (0..64).map(|pixel| if pixel % 8 == at { 0 } else { value }).collect();
            let path = folder.join(name).join(format!("{image}.png"));
            let file = fs::File::create(path).expect("a file");
            let mut png = png::Encoder::new(file, 8, 8);
            png.set_color(png::ColorType::Grayscale);
            png.write_header().and_then(|mut png| png.write_image_data(&pixels)).expect("written");
        }
    }
}

/// The pixels of `n` images drawn with these arguments.
fn pixels(folder: &Path, n: usize, arguments: &[&str]) -> Vec<f32> {
    let sample = ["sample", "--out", "out.npy", "-n", &n.to_string()];
    succeed(ncsn(folder, &sample).args(arguments));
    let bytes = fs::read(folder.join("out.npy")).expect("written");
    // The header comes first.
    bytes[bytes.len() - n * 64..].iter().map(|&value| f32::from(value)).collect()
}

/// The mean of the pixels of each of `n` images drawn with these arguments.
fn means(folder: &Path, n: usize, arguments: &[&str]) -> Vec<f32> {
    let pixels = pixels(folder, n, arguments);
    pixels.chunks_exact(64).map(|image| image.iter().sum::<f32>() / 64.0).collect()
}

/// A network that has learned the scale of guidance draws alone, to a good part, what its teacher
/// draws with two evaluations; resumed in between, it is the same network.
fn guidance_is_distilled(at: &Path) {
    let run = ["--init-from", "two.safetensors", "--distill-guidance", "4", "--lr", "3e-3"];
    let run = [&run[..], &["--warmup-steps", "10", "--steps", "200"]].concat();
    succeed(&mut train(at, &[&run[..], &["--out", "one.safetensors"]].concat()));
    let one = read(&at.join("one.safetensors"));
    assert_eq!(one.card.architecture.guidance_max(), 4.0);

    let apart = |a: &[f32], b: &[f32]| -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
    };
    let drawn = |model, guidance| {
        pixels(at, 10, &["--model", model, "--class", "light", "--guidance", guidance])
    };
    let teacher = drawn("two.safetensors", "3.5");
    let [student, unguided] = ["3.5", "1"].map(|guidance| drawn("one.safetensors", guidance));
    let (left, whole) = (apart(&student, &teacher), apart(&unguided, &teacher));
    assert!(left < 0.5 * whole, "{left} of {whole}");

    let cut = [&run[..], &["--out", "cut.safetensors"]].concat();
    let mut interrupted = train(at, &cut);
    interrupted.args(["--checkpoint-every-seconds", "0"]);
    let mut child = interrupted.spawn().expect("it starts");
    while !at.join("cut.checkpoint").exists() && child.try_wait().expect("it runs").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(child.kill());
    child.wait().expect("it ends");
    succeed(&mut train(at, &["--out", "cut.safetensors", "--resume"]));
    assert_eq!(read(&at.join("cut.safetensors")).weights, one.weights);

    // Trained further without the flag, it is a network without that input again.
    let plain = ["--init-from", "one.safetensors", "--steps", "1", "--out", "plain.safetensors"];
    succeed(&mut train(at, &plain));
    assert_eq!(read(&at.join("plain.safetensors")).card.architecture.guidance_max(), 0.0);
    let refused = |more: &[&str]| {
        fail(&mut train(at, &[&plain[..4], &["--out", "no.safetensors"], more].concat()))
    };
    assert!(refused(&["--distill-guidance", "1"]).contains("above 1"));
    assert!(refused(&["--distill-guidance", "4", "--labels", "off"]).contains("classes"));
}

/// A network that is told the class of every image does not learn the score of all of them, and
/// what takes that score is refused.
fn only_the_scores_of_classes_are_learned(at: &Path) {
    let run = ["--out", "told.safetensors", "--steps", "3", "--warmup-steps", "1"];
    succeed(&mut train(at, &[&run[..], &["--label-dropout", "0"]].concat()));
    let model = ["--model", "told.safetensors"];
    assert_eq!(pixels(at, 2, &[&model[..], &["--classes", "all"]].concat()).len(), 2 * 64);
    for arguments in [
        &["sample", "--class", "dark", "--guidance", "2"][..],
        &["sample", "--guidance", "0.5"],
        &["sample", "--class", "dark", "--classifier", "c.safetensors"],
        &["likelihood", "--data", "bars"],
    ] {
        let said = fail(ncsn(at, arguments).args(model));
        assert!(said.contains("train it further with --label-dropout 0.1"), "{said}");
    }
}

#[test]
fn a_model_learns_the_classes_of_its_folders_and_is_asked_for_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    write_bars_of_two_kinds(&at.join("bars"));
    let run =
        ["--out", "two.safetensors", "--steps", "600", "--lr", "5e-3", "--warmup-steps", "20"];
    succeed(&mut train(at, &run));
    let card = read(&at.join("two.safetensors")).card;
    let names: Vec<_> = card.classes.iter().map(|class| &class.name[..]).collect();
    assert_eq!((names, card.architecture.classes()), (vec!["dark", "light"], 2));
    assert_eq!(card.classes.iter().map(|class| class.images).sum::<u32>(), 57);

    let model = ["--model", "two.safetensors"];
    let of = |n, more: &[&str]| means(at, n, &[&model[..], more].concat());
    // Bars cover an eighth: about 65 and 205.
    assert!(of(6, &["--class", "dark"]).iter().all(|&mean| mean < 130.0));
    let light = of(6, &["--class", "1", "--guidance", "1.5"]);
    assert!(light.iter().all(|&mean| mean > 160.0), "{light:?}");
    let turns = of(6, &["--classes", "light,dark"]);
    assert!(turns.chunks(2).all(|pair| pair[0] > pair[1] + 50.0), "{turns:?}");
    assert_eq!(turns, of(6, &["--classes", "1,0", "--batch", "4"]));
    let drawn = of(20, &[]);
    let dark = drawn.iter().filter(|&&mean| mean < 145.0).count();
    assert!((4..=16).contains(&dark), "{dark} of 20 are dark");

    let refused =
        |more: &[&str]| fail(ncsn(at, &["sample", "--model", "two.safetensors"]).args(more));
    assert!(refused(&["--class", "grey"]).contains("dark, light"));
    assert!(refused(&["--classes", "0-2"]).contains("dark, light"));
    let interval = ["--guidance", "2", "--guidance-interval", "3,1"];
    assert!(refused(&interval).contains("the smaller first, but has 3 and 1"));

    guidance_is_distilled(at);
    only_the_scores_of_classes_are_learned(at);

    // Resumed it is the same run; from its weights, other classes can be learned, or none.
    let resumed = |more: &[&str]| train(at, &[&run[..2], &["--resume"], more].concat());
    succeed(&mut resumed(&["--steps", "602"]));
    assert!(fail(&mut resumed(&["--labels", "off"])).contains("2 classes"));
    assert!(fail(&mut resumed(&["--label-dropout", "0.3"])).contains("--label-dropout"));
    let from = ["--init-from", "two.safetensors", "--steps", "1", "--lr", "1e-9"];
    let none = [&from[..], &["--labels", "off", "--out", "none.safetensors"]].concat();
    succeed(&mut train(at, &none));
    let none = read(&at.join("none.safetensors"));
    assert_eq!((none.card.architecture.classes(), none.card.classes.len()), (0, 0));
    let refused = ["sample", "--model", "none.safetensors", "--class", "dark"];
    assert!(fail(&mut ncsn(at, &refused)).contains("not class-conditional"));
    fs::rename(at.join("bars/dark"), at.join("bars/a")).expect("renamed");
    succeed(&mut train(at, &[&from[..], &["--out", "other.safetensors"]].concat()));
    let rows = |file: &str| read(&at.join(file)).weights["embedding.classes"].values.clone();
    let (before, after) = (rows("two.safetensors"), rows("other.safetensors"));
    let size = before.len() / 3;
    let [of_a, of_light, of_none] = [0, 1, 2].map(|row| &after[row * size..][..size]);
    // The row of no class for the new one, within what one step of training moves.
    assert!(difference(of_a, of_none) < 1e-3);
    assert!(difference(of_light, &before[size..2 * size]) < 1e-3);
}
