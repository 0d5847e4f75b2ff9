//! Training on the fused backend against Burn's: batches, gradients, and whole runs.
//!
//! These tests need an adapter; see `tests/fused.rs`.
#![cfg(not(target_family = "wasm"))]

mod common;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use common::random_networks::{self, Rolls};
use ncsn::backend::fused::{
    Compiler, DataSet, Example, FusedError, Gpu, KernelConfig, KernelPrecision, Strategy, Training,
    TrainingState, TrainingStep,
};
use ncsn::data::Images;
use ncsn::loss::dsm;
use ncsn::net::weights::{Weights, carry_over, flat};
use ncsn::net::{Architecture, ImageShape, Network, Preconditioning, UNetDescription};
use ncsn::random::Key;
use ncsn::recipe::Recipe;
use ncsn::train::{
    Augmentation, Checkpoints, Consistency, Options, Precision, Start, TrainError, Trainer,
};
use pollster::block_on;

fn gpu() -> Gpu {
    block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"))
}

const SEED: u64 = 5;

/// A step on images 0, 1, … of the data, each with its own σ, class and weight.
fn step(sizes: &UNetDescription, batch: usize, parts: usize) -> TrainingStep {
    let usual = options(&images()).recipe();
    let recipe = Recipe {
        seed: SEED,
        batch,
        grad_accum_steps: parts,
        flip: false,
        dequantize: false,
        ..usual
    };
    let example = |n: usize| Example {
        index: n,
        sigma: 10.0 * 0.4f32.powi((n % 7) as i32),
        class: Some(n % (sizes.classes + 1)).filter(|&class| class < sizes.classes),
    };
    let mut step = TrainingStep::new(&recipe, sizes, 3, (0..batch).map(example));
    // Weights that all differ show if one image has that of another.
    for (n, row) in step.examples.iter_mut().enumerate() {
        row.weight = (1.0 + n as f32) / batch as f32;
    }
    step
}

fn data(sizes: &UNetDescription, images: usize) -> Vec<u8> {
    let key = Key { seed: 9, stream: 0, step: 0 };
    let count = images * sizes.image_shape.dimension();
    (0..count as u32).map(|i| (256.0 * key.uniform(i)) as u8).collect()
}

/// The gradient with respect to every tensor, by name.
#[derive(Default)]
struct Gradients {
    path: Vec<String>,
    grads: Option<GradientsParams>,
    found: Vec<(String, Vec<f32>)>,
}

impl ModuleVisitor for Gradients {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(if container.starts_with("Enum:") { String::new() } else { name.into() });
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let parts: Vec<&str> =
            self.path.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let grad = self.grads.as_ref().and_then(|grads| grads.get::<D>(param.id));
        let values = match grad {
            Some(grad) => grad.into_data().iter::<f32>().collect(),
            None => vec![0.0; param.val().shape().num_elements()],
        };
        self.found.push((parts.join("."), values));
    }
}

/// The loss and its gradients, by Burn.
fn burn_gradients(
    sizes: &UNetDescription,
    weights: &Weights,
    [noisy, noise]: &[Vec<f32>; 2],
    step: &TrainingStep,
) -> (f32, Vec<(String, Vec<f32>)>) {
    let device = Device::flex().autodiff();
    let architecture = Architecture::UNet(sizes.clone());
    // Through a record, since otherwise autodiff would not track the weights.
    let plain = Network::with_weights(&architecture, weights.clone(), &Device::flex());
    let record = plain.expect("possible").into_record();
    let network = Network::new(&architecture, &device).expect("possible");
    let network = network.try_load_record(record).expect("the same network");
    let ImageShape { channels, height, width } = sizes.image_shape;
    let shape = [step.examples.len(), channels, height, width];
    let tensor = |x: &Vec<f32>| Tensor::<4>::from_data(TensorData::new(x.clone(), shape), &device);
    let sigmas: Vec<f32> = step.examples.iter().map(|example| example.sigma).collect();
    let classes: Vec<Option<usize>> = step
        .examples
        .iter()
        .map(|example| Some(example.class_row as usize).filter(|&class| class < sizes.classes))
        .collect();
    let factors: Vec<f32> = step.examples.iter().map(|example| example.weight).collect();
    let factors = Tensor::<1>::from_data(TensorData::new(factors, [sigmas.len()]), &device);
    let score = network.class_score(tensor(noisy), &sigmas, &classes);
    let loss = (dsm(score, &sigmas, tensor(noise)) * factors).sum();
    let grads = GradientsParams::from_grads(loss.backward(), &network);
    let mut found = Gradients { grads: Some(grads), ..Gradients::default() };
    network.visit(&mut found);
    (loss.into_scalar::<f32>(), found.found)
}

/// A network with drawn weights, of which size a batch is, and how it is computed.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    sizes: UNetDescription,
    batch: usize,
    parts: usize,
    strategy: Strategy,
}

impl Case {
    fn of(seed: u32) -> Self {
        let mut rolls = Rolls::new(seed);
        let sizes = random_networks::unet(&mut rolls);
        let strategy = rolls.one_of(&[Strategy::Direct, Strategy::Staged]);
        let batch = 1 + rolls.below(5);
        let parts = 1 + rolls.below(batch);
        Self { sizes, batch, parts, strategy }
    }

    fn smaller(&self) -> Vec<Self> {
        let networks = random_networks::smaller(&Architecture::UNet(self.sizes.clone()));
        let sizes = networks.into_iter().filter_map(|network| match network {
            Architecture::UNet(sizes) => Some(sizes),
            Architecture::RefineNet(_) => None,
        });
        let mut found: Vec<_> = sizes.map(|sizes| Self { sizes, ..self.clone() }).collect();
        if self.parts > 1 {
            found.push(Self { parts: 1, ..self.clone() });
        }
        if self.batch > self.parts {
            found.push(Self { batch: self.batch - 1, ..self.clone() });
        }
        found
    }

    /// Holds the gradients to Burn's, tensor by tensor.
    fn check(&self, gpu: &Gpu) -> Result<(), String> {
        let Self { ref sizes, batch, parts, strategy } = *self;
        let failed = |error: FusedError| error.to_string();
        let architecture = Architecture::UNet(sizes.clone());
        let weights = common::weights(&architecture);
        let config = KernelConfig::new(strategy, KernelPrecision::F32);
        let compiler = Compiler::new(gpu, config).map_err(failed)?;
        let bytes = data(sizes, batch);
        let data = DataSet {
            bytes: &bytes,
            labels: &[],
            images: batch,
            stable_from: None,
            mirrored: false,
        };
        let mut training = Training::new(&compiler, sizes, &data, batch, parts).map_err(failed)?;
        let values = flat(&architecture, &weights);
        let moments = vec![[0.0; 2]; values.len()];
        let state = TrainingState { weights: values.clone(), average: values, moments };
        training.write(&state).map_err(failed)?;
        let step = step(sizes, batch, parts);
        training.submit(std::slice::from_ref(&step)).map_err(failed)?;
        let found = block_on(training.gradients()).map_err(failed)?;
        let report = block_on(training.report()).map_err(failed)?;

        // With several parts, only the batch of the last is still there.
        let mut whole = Training::new(&compiler, sizes, &data, batch, 1).map_err(failed)?;
        whole.submit(&[self::step(sizes, batch, 1)]).map_err(failed)?;
        let pixels = batch * sizes.image_shape.dimension();
        let images = block_on(whole.batch(pixels)).map_err(failed)?;
        let (loss, expected) = burn_gradients(sizes, &weights, &images, &step);
        // What holds is tested, since a NaN neither exceeds a bound nor keeps it.
        let ensure = |holds: bool, failure: String| if holds { Ok(()) } else { Err(failure) };
        let off = (report.loss / loss - 1.0).abs();
        ensure(off < 1e-4, format!("a loss of {} for {loss}", report.loss))?;
        let all = expected.iter().map(|(_, values)| largest(values)).fold(0.0, f32::max);
        let mut first = 0;
        for (name, shape) in architecture.tensors() {
            let count: usize = shape.iter().product();
            let found = &found[first..first + count];
            first += count;
            let (_, expected) =
                expected.iter().find(|(other, _)| *other == name).expect("the same tensors");
            let most = largest(expected);
            ensure(most > 0.0, format!("{name} has no gradient"))?;
            let apart = common::difference(found, expected);
            // A bias before a normalization has no gradient but rounding.
            let bound = 1e-3 * most.max(1e-4 * all);
            ensure(apart <= bound, format!("the gradient of {name} is {apart} of {most} off"))?;
        }
        Ok(())
    }
}

/// Holds the gradients of a network with drawn weights to Burn's.
///
/// # Panics
/// If they differ.
fn holds_to_burn(
    gpu: &Gpu,
    sizes: &UNetDescription,
    batch: usize,
    parts: usize,
    strategy: Strategy,
) {
    let case = Case { sizes: sizes.clone(), batch, parts, strategy };
    case.check(gpu).unwrap_or_else(|failure| panic!("{failure} with {case:?}"));
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

#[test]
fn gradients_are_those_of_autodiff() {
    let gpu = gpu();
    for strategy in [Strategy::Direct, Strategy::Staged] {
        holds_to_burn(&gpu, &common::unet((1, 8, 8), &[8, 16]), 3, 1, strategy);
    }
}

/// Channels that are no multiple of four are padded, heads of five channels are not divided into
/// quads, and a network of one resolution neither halves nor doubles.
#[test]
fn gradients_of_padded_channels_are_those_of_autodiff() {
    let gpu = gpu();
    let odd = UNetDescription { groups: 2, ..common::unet((3, 12, 8), &[6, 10]) };
    let one = UNetDescription { attention: vec![true], patch: 1, ..common::unet((2, 6, 6), &[12]) };
    for strategy in [Strategy::Direct, Strategy::Staged] {
        holds_to_burn(&gpu, &odd, 2, 1, strategy);
        holds_to_burn(&gpu, &one, 2, 1, strategy);
    }
}

#[test]
fn gradients_of_classes_parts_and_more_resolutions_are_those_of_autodiff() {
    let gpu = gpu();
    let classes = UNetDescription { classes: 3, ..common::unet((1, 8, 8), &[8, 16]) };
    let deep = UNetDescription { blocks: 2, ..common::unet((4, 16, 16), &[8, 8, 16]) };
    for strategy in [Strategy::Direct, Strategy::Staged] {
        holds_to_burn(&gpu, &classes, 7, 3, strategy);
        holds_to_burn(&gpu, &deep, 2, 2, strategy);
    }
}

/// Random networks, sizes and batches. `NCSN_NETWORKS=1000 cargo test --release --test
/// fused_training random` tries more than the usual number; a failure names the seed, and the
/// smallest network that shows it.
#[test]
fn gradients_of_random_networks_are_those_of_autodiff() {
    let gpu = gpu();
    for seed in 0..common::amount("NCSN_NETWORKS", 12) {
        let case = Case::of(seed);
        if let Err(failure) = case.check(&gpu) {
            let (least, how) =
                random_networks::shrink(case, failure, Case::smaller, |case| case.check(&gpu));
            panic!("seed {seed}: {how} with {least:?}");
        }
    }
}

/// What [`Case::smaller`] gives can be trained, and ends.
#[test]
fn a_failure_of_gradients_shrinks_to_what_it_needs() {
    let fails = |case: &Case| match case.sizes.attention.contains(&true) && case.batch > 1 {
        true => Err("attention among several images".to_owned()),
        false => Ok(()),
    };
    let sizes = UNetDescription { blocks: 2, ..common::unet((3, 16, 16), &[8, 16]) };
    let case = Case { sizes, batch: 5, parts: 3, strategy: Strategy::Staged };
    let (least, _) = random_networks::shrink(case, "at first".into(), Case::smaller, fails);
    assert_eq!((least.batch, least.parts), (2, 1));
    assert_eq!((least.sizes.blocks, least.sizes.image_shape.channels), (1, 1));
}

/// The sizes of real data sets, with the default network.
#[test]
fn gradients_of_whole_networks_are_those_of_autodiff() {
    let gpu = gpu();
    let shape = |channels, side| ImageShape { channels, height: side, width: side };
    for (shape, batch) in [(shape(1, 28), 3), (shape(3, 32), 2), (shape(4, 48), 1)] {
        let whole = UNetDescription::new(shape, common::SCALE);
        holds_to_burn(&gpu, &whole, batch, 1, Strategy::Direct);
    }
    let tiny = common::unet((1, 8, 8), &[8, 16]);
    holds_to_burn(&gpu, &tiny, 64, 1, Strategy::Staged);
}

/// Images of 8 × 8, dark or bright, with some texture, each with a class.
fn images() -> Images {
    let shape = ImageShape { channels: 1, height: 8, width: 8 };
    let byte = |index: u32| {
        let value = if (index / 64).is_multiple_of(2) { 0.2 } else { 0.7 };
        let texture = 0.1 * Key { seed: 1, stream: 0, step: 0 }.normal(index);
        (255.0 * (value + texture)).clamp(0.0, 255.0) as u8
    };
    let labels = Some((0..40).map(|image| image % 2).collect());
    Images { labels, ..Images::new(shape, (0..40 * 64).map(byte).collect()) }
}

fn options(images: &Images) -> Options {
    let Architecture::UNet(tiny) = common::tiny() else { panic!("the tiny model is a U-Net") };
    let preconditioning = Preconditioning { mean: 0.45, sigma_data: 0.3 };
    Options {
        architecture: Architecture::UNet(UNetDescription { preconditioning, ..tiny }),
        steps: 300,
        batch: 12,
        warmup_steps: 20,
        learning_rate: 5e-4,
        ..Options::for_images(images).expect("images that differ")
    }
}

/// The losses of a run, ten steps at a time.
fn losses(trainer: &mut Trainer, images: &Images, steps: u64) -> Vec<f32> {
    let mut losses = Vec::new();
    while trainer.done() < steps {
        for _ in 0..10 {
            trainer.step(images);
        }
        losses.push(trainer.take_loss().expect("sound").expect("steps were made"));
    }
    losses
}

/// The distance of two models' weights, over their length.
fn apart(one: &Weights, other: &Weights) -> f32 {
    let pairs = || one.iter().flat_map(|(name, one)| one.values.iter().zip(&other[name].values));
    let sum = |square: fn((&f32, &f32)) -> f32| pairs().map(square).sum::<f32>().sqrt();
    sum(|(a, b)| (a - b).powi(2)) / sum(|(_, b)| b.powi(2))
}

fn ema(trainer: &Trainer) -> Weights {
    trainer.ema_weights().expect("read")
}

/// The whole step, 300 times: what is drawn, gradients, clipping, Adam and the average. After that
/// the weights were 2 · 10⁻⁷ of their length apart. (With four times the learning rate training
/// amplifies rounding: losses were the same for 60 steps, and some thousandths apart after 150.)
#[test]
fn a_run_is_the_same_as_on_the_cpu() {
    let (gpu, images) = (gpu(), images());
    let all = Options {
        architecture: options(&images).architecture.with_classes(2),
        augmentation: Augmentation { flip: true, dequantize: true },
        label_dropout: 0.3,
        stable_targets: Some(0.4),
        grad_accum_steps: 2,
        ..options(&images)
    };
    let plain = Options { stable_targets: None, ..options(&images) };
    for options in [plain, all] {
        let mut cpu = Trainer::new(options.clone(), Start::Random, &images, &[Device::flex()])
            .expect("possible");
        let mut fused = Trainer::on_gpu(options, Start::Random, &images, &gpu).expect("possible");
        assert_eq!(ema(&cpu), ema(&fused), "both start with the same weights");
        let expected = losses(&mut cpu, &images, 300);
        let found = losses(&mut fused, &images, 300);
        assert!(expected[29] < 0.9 * expected[0], "it learns: {expected:?}");
        for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let off = (found / expected - 1.0).abs();
            assert!(off < 1e-5, "{found} for {expected} in the {step}th ten steps");
        }
        let off = apart(&ema(&fused), &ema(&cpu));
        assert!(off < 1e-5, "the averages are {off} apart");

        let held_out = |trainer: &Trainer| trainer.held_out(&images).expect("sound");
        for ((_, found), (sigma, expected)) in held_out(&fused).into_iter().zip(held_out(&cpu)) {
            assert!((found / expected - 1.0).abs() < 1e-4, "{found} for {expected} at {sigma}");
        }
    }
}

/// A run repeats bit for bit, and moves between the CPU and the GPU through its checkpoints.
#[test]
fn a_checkpoint_of_the_gpu_is_one_of_the_cpu() {
    let (gpu, images) = (gpu(), images());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let through_a_file = |trainer: &Trainer| {
        let checkpoints = Checkpoints::beside(&folder.path().join("m.safetensors"));
        checkpoints.save(&trainer.checkpoint().expect("read")).expect("written");
        checkpoints.load().expect("it is there").checkpoint
    };
    let start =
        || Trainer::on_gpu(options(&images), Start::Random, &images, &gpu).expect("possible");
    let [mut whole, mut first] = [start(), start()];
    losses(&mut whole, &images, 60);
    losses(&mut first, &images, 30);
    let checkpoint = through_a_file(&first);
    let again = Trainer::resume_on_gpu(checkpoint.clone(), &images, &gpu);
    let mut again = again.expect("it fits");
    losses(&mut again, &images, 60);
    assert_eq!(again.done(), 60);
    assert_eq!(ema(&again), ema(&whole), "the very same weights");

    let mut moved = Trainer::resume(checkpoint, &images, &[Device::flex()]).expect("it fits");
    losses(&mut moved, &images, 60);
    assert!(apart(&ema(&moved), &ema(&whole)) < 1e-4);
    let back = through_a_file(&moved);
    let back = Trainer::resume_on_gpu(back, &images, &gpu).expect("it fits");
    assert_eq!(ema(&back), ema(&moved));
}

/// A GPU that is lost ends a run with an error, and the CPU can go on from the checkpoint before.
#[test]
fn what_a_lost_gpu_has_learned_goes_on_on_the_cpu() {
    let images = images();
    let start = |gpu: &Gpu| {
        Trainer::on_gpu(options(&images), Start::Random, &images, gpu).expect("possible")
    };
    let lost = gpu();
    let mut trainer = start(&lost);
    losses(&mut trainer, &images, 10);
    let checkpoint = trainer.checkpoint().expect("read");
    lost.device().destroy();
    trainer.step(&images);
    let error = trainer.take_loss().expect_err("there is no device");
    assert!(matches!(error, TrainError::Gpu(FusedError::Lost(_))), "{error}");

    let mut whole = start(&gpu());
    losses(&mut whole, &images, 60);
    let moved = Trainer::resume(checkpoint, &images, &[Device::flex()]);
    let mut moved = moved.expect("it fits");
    losses(&mut moved, &images, 60);
    assert!(apart(&ema(&moved), &ema(&whole)) < 1e-4);
}

/// What `--init-from` does with a model that has no classes and images that do: the rows of classes
/// begin at zero, so the first loss is that of the model, on the CPU and on the GPU.
#[test]
fn a_run_with_classes_begins_as_the_model_without_them() {
    let (gpu, images) = (gpu(), images());
    let plain = Options { stable_targets: None, ..options(&images) };
    let architecture = plain.architecture.clone().with_classes(2);
    let conditional = Options { architecture, label_dropout: 0.3, ..plain.clone() };
    let weights = common::weights(&plain.architecture);
    let names = ["dark", "bright"].map(String::from);
    let carried = carry_over(weights.clone(), &[], &names);
    let first_loss = |made: Result<Trainer, TrainError>| {
        let mut trainer = made.expect("the weights fit");
        trainer.step(&images);
        trainer.take_loss().expect("finite").expect("a step was made")
    };
    let cpu = [Device::flex()];
    let [start, carried] = [weights, carried].map(Start::From);
    let expected = first_loss(Trainer::new(plain, start, &images, &cpu));
    let on_burn = first_loss(Trainer::new(conditional.clone(), carried.clone(), &images, &cpu));
    let on_gpu = first_loss(Trainer::on_gpu(conditional, carried, &images, &gpu));
    for found in [on_burn, on_gpu] {
        assert!((found / expected - 1.0).abs() < 1e-4, "{found} for {expected}");
    }
}

#[test]
fn a_run_that_diverges_goes_back_to_where_it_was_sound() {
    let (gpu, images) = (gpu(), images());
    let options = Options { learning_rate: 1e30, warmup_steps: 40, ..options(&images) };
    // Steps of 10²⁸ times the weights.
    let mut trainer = Trainer::on_gpu(options, Start::Random, &images, &gpu).expect("possible");
    let before = ema(&trainer);
    let mut result = Ok(None);
    while result.is_ok() && trainer.done() < 100 {
        trainer.step(&images);
        result = trainer.take_loss();
    }
    assert!(matches!(result, Err(TrainError::Diverged { .. })), "{result:?}");
    let finite = |weights: &Weights| {
        weights.values().all(|array| array.values.iter().all(|value| value.is_finite()))
    };
    assert!(finite(&ema(&trainer)) && finite(&before));
    assert!(trainer.done() < 100);
}

#[test]
fn what_only_burn_can_train_is_refused_with_its_name() {
    let (gpu, images) = (gpu(), images());
    let refused = |changed: Options, start| {
        let error = Trainer::on_gpu(changed, start, &images, &gpu).err().expect("refused");
        assert!(matches!(error, TrainError::Unsupported(_)), "{error}");
        error.to_string()
    };
    let bf16 = Options { precision: Precision::Bf16, ..options(&images) };
    assert!(refused(bf16, Start::Random).contains("bf16"));
    let architecture = options(&images).architecture.with_classes(2).with_guidance_max(4.0);
    let distilled = Options { architecture, stable_targets: None, ..options(&images) };
    let start = Start::Distilled(Weights::default());
    assert!(refused(distilled, start).contains("distilling guidance"));
    let consistency = Some(Consistency { first_gap: 0.1, last_gap: 0.05, distillation: false });
    let error = refused(Options { consistency, ..options(&images) }, Start::Random);
    assert!(error.contains("consistency tuning") && error.contains("Burn's"), "{error}");
}

/// Kernels do not check their indices, so steps and data sets are checked before they use them.
#[test]
fn a_step_that_is_not_of_the_run_is_refused() {
    let gpu = gpu();
    let sizes = UNetDescription { classes: 2, ..common::unet((1, 8, 8), &[8]) };
    let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
    let compiler = Compiler::new(&gpu, config).expect("f32");
    let bytes = data(&sizes, 4);
    let data =
        DataSet { bytes: &bytes, labels: &[], images: 4, stable_from: None, mirrored: false };
    let mut training = Training::new(&compiler, &sizes, &data, 4, 2).expect("it fits");
    let good = step(&sizes, 4, 2);
    training.submit(std::slice::from_ref(&good)).expect("a step of this run");
    let mut refused = |steps: &[TrainingStep]| {
        let error = training.submit(steps).expect_err("refused");
        assert!(matches!(error, FusedError::Step { .. }), "{error}");
    };
    let changes: [fn(&mut TrainingStep); 9] = [
        |step| step.examples[1].image = 4,
        |step| step.examples[0].class_row = 3,
        |step| step.examples.truncate(3),
        |step| step.examples.extend_from_within(..),
        |step| step.parts[1].images = 3,
        |step| step.parts[1].first = u32::MAX,
        |step| step.parts[1].example = u32::MAX,
        |step| step.parts[0].batch = 5,
        |step| step.parts.clear(),
    ];
    for change in changes {
        let mut step = good.clone();
        change(&mut step);
        refused(&[step]);
    }
    refused(&vec![good; 1000]);
    block_on(gpu.idle()).expect("none of it reached the GPU");

    let refused = |data: DataSet<'_>| {
        let error = Training::new(&compiler, &sizes, &data, 4, 2).expect_err("refused");
        assert!(matches!(error, FusedError::Count { images, .. } if images == data.images));
    };
    refused(DataSet { images: 5, ..data });
    refused(DataSet { stable_from: Some(0.5), ..data });
}

/// The gradient of attention keeps two numbers for each position in the memory of a workgroup.
#[test]
fn attention_among_too_many_positions_is_refused_by_the_limit() {
    let gpu = gpu();
    let limit = gpu.device().limits().max_compute_workgroup_storage_size as usize;
    let width = limit / 8 / 256 + 1;
    let sizes = common::unet((1, 256, width), &[4]);
    let sizes = UNetDescription { attention: vec![true], patch: 1, ..sizes };
    let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
    let compiler = Compiler::new(&gpu, config).expect("f32");
    let bytes = data(&sizes, 1);
    let data =
        DataSet { bytes: &bytes, labels: &[], images: 1, stable_from: None, mirrored: false };
    let error = Training::new(&compiler, &sizes, &data, 1, 1).expect_err("refused");
    let FusedError::Limit { limit: name, needed, available, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(name, "maxComputeWorkgroupStorageSize");
    assert_eq!((needed, available), (8 * 256 * width as u64, limit as u64));
    block_on(gpu.idle()).expect("nothing was compiled");
}

/// Images of so many tiles that a launch of its own combines their moments.
#[test]
fn gradients_of_tall_images_are_those_of_autodiff() {
    let gpu = gpu();
    let tall = common::unet((1, 144, 8), &[8, 16]);
    for strategy in [Strategy::Direct, Strategy::Staged] {
        holds_to_burn(&gpu, &tall, 2, 1, strategy);
    }
}

/// The definition, applied image by image: among few images and among thousands, whose bytes fill
/// words or do not.
#[test]
fn stable_targets_are_means_over_any_number_of_images() {
    const FROM: f32 = 0.5;
    const BATCH: usize = 11;
    let gpu = gpu();
    let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
    let compiler = Compiler::new(&gpu, config).expect("f32");
    // Large images are too far apart for means over several, unless they are much alike.
    for (shape, patch, images) in [
        ((1, 4, 4), 1, 20),
        ((1, 4, 4), 1, 2100),
        ((3, 3, 5), 1, 20),
        ((3, 3, 5), 1, 2100),
        ((3, 256, 256), 8, 20),
    ] {
        let sizes = UNetDescription { patch, ..common::unet(shape, &[4]) };
        let (dimension, width) = (sizes.image_shape.dimension(), sizes.image_shape.width);
        let mut bytes = data(&sizes, images);
        if patch > 1 {
            let (first, others) = bytes.split_at_mut(dimension);
            for other in others.chunks_exact_mut(dimension) {
                other
                    .iter_mut()
                    .zip(&*first)
                    .for_each(|(byte, first)| *byte = first / 2 + *byte / 8);
            }
        }
        let stable_from = Some(FROM);
        let data = DataSet { bytes: &bytes, labels: &[], images, stable_from, mirrored: true };
        let mut training = Training::new(&compiler, &sizes, &data, BATCH, 1).expect("it fits");
        let step = step(&sizes, BATCH, 1);
        training.submit(std::slice::from_ref(&step)).expect("a step of this run");
        let [noisy, noise] = block_on(training.batch(BATCH * dimension)).expect("read");

        let pixels: Vec<f64> = bytes.iter().map(|&byte| f64::from(byte) / 255.0).collect();
        let mirrored = pixels.chunks(width).flat_map(|row| row.iter().rev().copied());
        let all: Vec<f64> = pixels.iter().copied().chain(mirrored).collect();
        for (n, example) in step.examples.iter().enumerate() {
            let [x, z] = [&noisy, &noise].map(|all| &all[n * dimension..][..dimension]);
            let sigma = f64::from(example.sigma);
            let logit = |(m, image): (usize, &[f64])| {
                if example.sigma < FROM {
                    return if m == n { 0.0 } else { f64::NEG_INFINITY };
                }
                let squares = image.iter().zip(x).map(|(a, &b)| (a - f64::from(b)).powi(2));
                -squares.sum::<f64>() / (2.0 * sigma * sigma)
            };
            let logits: Vec<f64> = all.chunks(dimension).enumerate().map(logit).collect();
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = logits.iter().map(|logit| (logit - highest).exp()).collect();
            let total: f64 = weights.iter().sum();
            let mut squares = 0.0;
            for (at, (&x, &z)) in x.iter().zip(z).enumerate() {
                let shares = all.chunks(dimension).zip(&weights);
                let mean = shares.map(|(image, weight)| weight * image[at]).sum::<f64>() / total;
                let apart = (f64::from(z) - (f64::from(x) - mean) / sigma).abs();
                assert!(apart < 1e-3, "{apart} at {sigma}, {images} images of {shape:?}");
                squares += apart * apart;
            }
            let apart = squares.sqrt();
            assert!(apart < 1e-2, "{apart} at {sigma}, {images} images of {shape:?}");
        }
    }
}
