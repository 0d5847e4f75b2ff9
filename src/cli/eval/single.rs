//! One measurement of a model, with its recommended settings or those of the flags.

use super::arguments::REPORT;
use super::plot;
use super::report::{Neighbors, Report, print};
use super::session::Session;
use crate::cli::grid;
use crate::eval::{Nearest, NearestQuantiles, Reference};
use crate::model_file::{Card, Quality};
use crate::pixel;

/// Draws samples, measures them and writes the results.
///
/// # Errors
/// Errors are one-line messages for the user.
pub fn run(session: &Session<'_>) -> anyhow::Result<()> {
    let settings = session.arguments.settings.over(&session.model.card)?;
    let table = session.model.card.step_table(&settings, None)?;
    let nfe = table.nfe();
    let engine = session.engine()?;
    let [raw, images] = session.draw(&engine, &table, [nfe - 1, nfe])?;
    let engine = engine.name();

    let reference = session.reference()?;
    let asked = session.asked()?;
    let measure = |pixels: &[f32]| reference.measure(pixels, asked.as_deref());
    let (raw, denoised) = (measure(&raw)?, measure(&images)?);
    let real = reference.real(session.n)?;
    let Compared { nearest, distances, pairs } = compare(session, &reference, &images);
    let classes = reference.classes();
    let report = Report {
        model: &session.model.card.name,
        data: &session.data.name,
        held_out: session.data.held_out.len(),
        judge: session.judge.clone(),
        sampler: settings,
        nfe,
        autoguidance: Some(&session.arguments.autoguidance).filter(|guide| guide.is_guided()),
        class_guidance: Some(&session.arguments.class_guidance).filter(|guide| guide.is_guided()),
        seed: session.arguments.seed,
        ema_decay: session.model.card.training.as_ref().map(|training| training.ema_decay),
        engine,
        raw: &raw,
        denoised: &denoised,
        real: &real,
        classes: &classes,
        nearest: &nearest,
    };
    print(&report);

    let quality = Quality {
        n: denoised.n,
        nfe,
        sampler: settings,
        seed: session.arguments.seed,
        frechet: denoised.frechet,
        frechet_error: Some(denoised.frechet_error),
        real: real.frechet,
        precision: denoised.precision,
        recall: denoised.recall,
        classifier_accuracy: session.judge.classifier.as_ref().map(|it| it.accuracy),
        features: Some(session.judge.features.source.clone()),
    };
    session.finish(add(quality), || {
        session.write(REPORT, &serde_json::to_vec_pretty(&report)?)?;
        let plot = plot::report(session.judge.classes(), &denoised.classes, &classes, &distances)?;
        session.write("report.svg", plot.as_bytes())?;
        let shape = session.model.card.architecture.image_shape();
        let dimension = shape.dimension();
        let bytes = pixel::bytes(&images[..100.min(denoised.n) * dimension]);
        grid::write_png(&session.out.join("samples.png"), &bytes, shape, None)?;
        let columns = (pairs.len() / 2 / dimension).max(1);
        grid::write_png(&session.out.join("nearest.png"), &pairs, shape, Some(columns))
    })
}

/// Adds the quality to a card, unless that has the quality of more samples; then it returns their
/// number.
fn add(quality: Quality) -> impl FnOnce(&mut Card) -> Option<usize> {
    move |card: &mut Card| {
        let before = card.quality.as_ref().map(|before| before.n);
        let more = before.filter(|&before| before > quality.n);
        if more.is_none() {
            card.quality = Some(quality);
        }
        more
    }
}

/// Samples and held-out images, compared with the training images nearest to them.
struct Compared {
    nearest: Neighbors,
    /// The distances of samples, and of as many held-out images.
    distances: [Vec<f32>; 2],
    /// The samples with the nearest ones, and the first samples; then their neighbors.
    pairs: Vec<u8>,
}

fn compare(session: &Session<'_>, reference: &Reference<'_>, pixels: &[f32]) -> Compared {
    const COMPARED: usize = 1000;
    const SHOWN: usize = 10;
    let dimension = session.model.card.architecture.image_shape().dimension();
    let held_out = &session.data.held_out;
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
    let neighbor = |&k: &usize| session.data.train.image(of_samples[k].index);
    let pairs = order.iter().map(sample).chain(order.iter().map(neighbor));
    let pairs = pairs.flatten().copied().collect();

    let distances = |near: &[Nearest]| near.iter().map(|near| near.distance).collect();
    let distances = [distances(of_samples), distances(of_test)];
    let [samples, held_out] = [of_samples, of_test].map(NearestQuantiles::of);
    Compared { nearest: Neighbors { samples, held_out }, distances, pairs }
}
