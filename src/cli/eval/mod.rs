//! `ncsn eval`: how good a model's samples are.
//!
//! [`extractor`] finds or trains the classifier that judges samples, [`presets`] chooses the settings of
//! a sweep, [`report`] prints the results and [`plot`] draws them.

mod feature_extractor;
mod plot;
pub mod presets;
mod report;
mod sweep;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use burn::tensor::Device;

use self::report::{Measurements, Neighbors, Report, print};
use super::autoguidance::AutoguidanceArgs;
use super::data_set::{self, ImageArgs};
use super::engine::{Choice, Engine, SamplingJob};
use super::numbers::{BATCH, ensure_within};
use super::settings::SettingArgs;
use super::{apart, device, grid, ncsn, output};
use crate::data::DataSet;
use crate::eval::{FEWEST, FeatureExtractor, Nearest, NearestQuantiles, Reference, Task};
use crate::model_file::{ModelFile, Quality};
use crate::pixel;
use crate::sample::{Conditioning, Sampler, StepTable};
use crate::words::count;

/// The files written to the folder of results.
const RESULTS: [&str; 6] =
    ["report.json", "report.svg", "samples.png", "nearest.png", "sweep.json", "sweep.svg"];

/// The default number of samples, if there are as many training images.
const SAMPLES: usize = 10_000;

/// Measure how good a model's samples are.
///
/// Prints each measure beside its floor, which is what as many training images score. Writes the
/// results as JSON, with plots and images, to a folder beside the model, and adds a summary to
/// the model's card.
///
/// The distance is Fréchet's, in the features of a classifier that is trained once on this very
/// data and then cached. It is not the FID of Inception's features: compare it only with its floor
/// and with other models measured by the same classifier, which a checksum of its weights
/// identifies.
#[derive(clap::Args)]
pub struct Eval {
    /// The model: a .safetensors file written by `train`.
    #[arg(long)]
    model: PathBuf,
    /// How many samples, at most as many as there are training images [default: 10000, or all of
    /// them].
    #[arg(short, long)]
    n: Option<usize>,
    /// The seed; the same seed gives the same samples on every device. Below 2⁵³, so that
    /// JavaScript can read it from the card.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..1 << 53))]
    seed: u64,
    /// Try every sampler at several numbers of evaluations instead. Records the best settings in
    /// the model's card, and recommends those that did nearly as well with the fewest evaluations.
    #[arg(long, conflicts_with = "SettingArgs")]
    sweep: bool,
    /// The numbers of evaluations to try each sampler with.
    #[arg(long, value_delimiter = ',', default_values_t = presets::NFE, requires = "sweep")]
    nfe: Vec<usize>,
    /// The samplers to try [default: all but plain-langevin].
    #[arg(long, value_delimiter = ',', requires = "sweep")]
    samplers: Vec<Sampler>,
    /// The folder for the results [default: the model's path, ending in .eval].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Do not change the model's card.
    #[arg(long)]
    keep_card: bool,
    /// How many images to compute at once.
    #[arg(long, default_value_t = 250)]
    batch: usize,
    /// What computes the samples [default: fused on a GPU, unless --device or --guiding-model is given;
    /// otherwise burn].
    #[arg(long)]
    engine: Option<Choice>,
    /// Where Burn computes: cpu (the default), cuda[:N], vulkan, metal, libtorch or
    /// libtorch-cuda[:N].
    #[arg(long)]
    device: Option<String>,
    // Last: a heading applies to all flags that follow it.
    #[command(flatten, next_help_heading = "Images")]
    images: ImageArgs,
    #[command(flatten, next_help_heading = "Sampler")]
    settings: SettingArgs,
    #[command(flatten, next_help_heading = "Guidance")]
    autoguidance: AutoguidanceArgs,
}

/// Everything needed to measure a model.
struct Session<'a> {
    arguments: &'a Eval,
    path: &'a Path,
    model: ModelFile,
    data: DataSet,
    /// The number of samples.
    n: usize,
    looked: Measurements,
    extractor: FeatureExtractor,
    /// The device for features and distances.
    device: Device,
    out: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// Errors are one-line messages for the user.
pub fn eval(arguments: &Eval) -> anyhow::Result<()> {
    let path = &arguments.model;
    ensure!(arguments.n.is_none_or(|n| n >= FEWEST), "-n must be at least {FEWEST}");
    ensure!(
        arguments.nfe.iter().all(|nfe| (1..=100_000).contains(nfe)),
        "--nfe must be from 1 to 100000"
    );
    ensure_within("--batch", arguments.batch, BATCH)?;
    let out = arguments.out.clone().unwrap_or_else(|| path.with_extension("eval"));
    ensure_results(arguments, &out)?;
    let model = ncsn::open(path)?;
    let data = arguments.images.load_shaped(model.card.architecture.image_shape())?;
    data_set::say(&data);
    if model.card.training.as_ref().is_some_and(|training| training.flip) {
        println!(
            "  the model was trained on mirrored images, too; they are not used to measure it"
        );
    }
    let images = data.train.len();
    ensure!(
        images.min(data.held_out.len()) >= FEWEST,
        "samples and training images are compared with held-out images: there must be at \
         least {FEWEST} of each"
    );
    let n = arguments.n.unwrap_or(SAMPLES.min(images));
    ensure!(
        n <= images,
        "-n {n}: distances fall with the number of samples, and there are only {images} training \
         images to compare with; -n {images} is the most"
    );
    fs::create_dir_all(&out).with_context(|| format!("cannot write to {}", out.display()))?;
    let device = device::parse(arguments.device.as_deref().unwrap_or("cpu"))?;

    let (file, task) = feature_extractor::find_or_train(&data, &device)?;
    let card = &file.card;
    let looked = Measurements {
        task,
        classes: card.classes.clone(),
        accuracy: card.accuracy,
        weights: format!("{:08x}", file.checksum()),
    };
    println!("{}", described(&looked));
    let extractor = FeatureExtractor::new(&file, &device)?;
    let session = Session { arguments, path, model, data, n, looked, extractor, device, out };
    if arguments.sweep { sweep::run(session) } else { session.report() }
}

/// Checks, before long work, that results in this folder replace nothing that is read, and are not
/// read as images.
fn ensure_results(arguments: &Eval, out: &Path) -> anyhow::Result<()> {
    ensure!(out.is_dir() || !out.exists(), "--out {}: it is no folder", out.display());
    let data = &arguments.images.data;
    let reads = [
        ("--model", Some(&*arguments.model)),
        ("--data", Some(&**data)),
        ("--guiding-model", arguments.autoguidance.worse()),
    ];
    for name in RESULTS {
        apart::ensure_replaces_none(&reads, "--out", &out.join(name))?;
    }
    apart::ensure_outside_data(data, "--out", out)
}

fn described(looked: &Measurements) -> String {
    let Measurements { task, classes, accuracy, weights } = looked;
    let what = match task {
        Task::Classes => count(classes.len(), "class"),
        Task::Turns => "which way up an image is, for want of classes".into(),
    };
    let right = 100.0 * accuracy;
    format!("features of a classifier ({what}; right about {right:.2} % held out; {weights})")
}

impl Session<'_> {
    fn engine(&self) -> anyhow::Result<Engine> {
        let Eval { engine, ref device, ref autoguidance, .. } = *self.arguments;
        let choice = engine.or(autoguidance.is_guided().then_some(Choice::Burn));
        autoguidance.guide(Engine::new(choice, device.as_deref(), self.model.clone())?)
    }

    /// Draws samples, as they are after each of the given numbers of steps of the program.
    fn draw<const N: usize>(
        &self,
        engine: &Engine,
        table: &StepTable,
        stops: [usize; N],
    ) -> anyhow::Result<[Vec<f32>; N]> {
        let Eval { batch, seed, .. } = *self.arguments;
        let job =
            SamplingJob { table, conditioning: &Conditioning::default(), seed, n: self.n, batch };
        // Rounded to bytes, as people see them.
        Ok(engine.draw(&job, stops)?.map(|pixels| pixel::values(&pixel::bytes(&pixels))))
    }

    fn report(mut self) -> anyhow::Result<()> {
        let settings = self.arguments.settings.over(&self.model.card)?;
        let table = self.model.card.step_table(&settings, None)?;
        let nfe = table.nfe();
        let engine = self.engine()?;
        let [raw, images] = self.draw(&engine, &table, [nfe - 1, nfe])?;
        let engine = engine.name();

        let DataSet { train, held_out, .. } = &self.data;
        let reference = Reference::new(&self.extractor, train, held_out, &self.device);
        let [raw, denoised] = [&raw, &images].map(|pixels| reference.measure(pixels));
        let floor = reference.floor(self.n);
        let (nearest, curves) = self.neighbors(&reference, &images)?;
        let report = Report {
            model: &self.model.card.name,
            data: &self.data.name,
            held_out: held_out.len(),
            classifier: self.looked.clone(),
            sampler: settings,
            nfe,
            autoguidance: Some(&self.arguments.autoguidance).filter(|guide| guide.is_guided()),
            seed: self.arguments.seed,
            ema_decay: self.model.card.training.as_ref().map(|training| training.ema_decay),
            engine,
            raw: &raw,
            denoised: &denoised,
            floor: &floor,
            classes: &reference.classes(),
            nearest: &nearest,
        };
        print(&report);
        self.write("report.json", &serde_json::to_vec_pretty(&report)?)?;
        let plot = plot::report(&self.looked.classes, &denoised.classes, report.classes, &curves)?;
        self.write("report.svg", plot.as_bytes())?;
        let shape = self.model.card.architecture.image_shape();
        let shown = 100.min(denoised.n) * shape.dimension();
        let bytes = pixel::bytes(&images[..shown]);
        grid::write_png(&self.out.join("samples.png"), &bytes, shape, None, 2)?;

        let quality = Quality {
            n: denoised.n,
            nfe,
            sampler: settings,
            seed: self.arguments.seed,
            frechet: denoised.frechet,
            frechet_error: Some(denoised.frechet_error),
            floor: floor.frechet,
            precision: denoised.precision,
            recall: denoised.recall,
            classifier_accuracy: self.looked.accuracy,
        };
        drop(reference);
        self.model.card.quality = Some(quality);
        self.finish()
    }

    /// Finds the training images nearest to samples and to held-out images. Draws the samples
    /// with the nearest ones, and the first samples, above their neighbours.
    fn neighbors(
        &self,
        reference: &Reference<'_>,
        pixels: &[f32],
    ) -> anyhow::Result<(Neighbors, [Vec<f32>; 2])> {
        const COMPARED: usize = 1000;
        const SHOWN: usize = 10;
        let shape = self.model.card.architecture.image_shape();
        let (dimension, held_out) = (shape.dimension(), &self.data.held_out);
        let count = COMPARED.min(pixels.len() / dimension).min(held_out.len());
        let pixels = &pixels[..count * dimension];
        // The first ones will do: held-out images are in random order.
        let test = pixel::values(&held_out.bytes[..count * dimension]);
        let nearest = reference.nearest(&[pixels, &test].concat());
        let (of_samples, of_test) = nearest.split_at(count);

        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| of_samples[a].distance.total_cmp(&of_samples[b].distance));
        order.truncate(SHOWN);
        order.extend(0..SHOWN.min(count));
        let bytes = pixel::bytes(pixels);
        let sample = |&k: &usize| &bytes[k * dimension..][..dimension];
        let neighbor = |&k: &usize| self.data.train.image(of_samples[k].index);
        let rows = order.iter().map(sample).chain(order.iter().map(neighbor));
        let rows: Vec<u8> = rows.flatten().copied().collect();
        let path = self.out.join("nearest.png");
        grid::write_png(&path, &rows, shape, Some(order.len().max(1)), 2)?;

        let distances = |near: &[Nearest]| near.iter().map(|near| near.distance).collect();
        let curves = [distances(of_samples), distances(of_test)];
        let [samples, held_out] = [of_samples, of_test].map(NearestQuantiles::of);
        Ok((Neighbors { samples, held_out }, curves))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        output::write(&self.out.join(name), bytes)
    }

    /// Writes the card and says where the results are.
    fn finish(self) -> anyhow::Result<()> {
        // With autoguidance, the results are not those of the model alone.
        if !(self.arguments.keep_card || self.arguments.autoguidance.is_guided()) {
            let bytes = fs::read(self.path)?;
            let bytes = ModelFile::with_card(&bytes, &self.model.card)?;
            output::write(self.path, &bytes)?;
            println!("results in the card of {}", self.path.display());
        }
        println!("results in {}", self.out.display());
        Ok(())
    }
}
