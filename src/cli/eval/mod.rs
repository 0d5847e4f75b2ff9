//! `ncsn eval`: how good a model's samples are.
//!
//! [`judge`] makes what judges samples: a [`classifier`] of the data, found in the cache or trained,
//! or a network from elsewhere. [`single`] measures one sampler, [`sweep`] several, with the settings
//! that [`trials`](super::trials) chooses; [`report`] prints the results and [`plot`] draws them.

mod arguments;
mod classifier;
mod judge;
mod plot;
mod report;
mod session;
mod single;
mod sweep;

use anyhow::ensure;

pub use self::arguments::Eval;
use self::session::Session;
use super::numbers::{BATCH, ensure_within};
use super::{data_set, device, model};
use crate::eval::MIN_SAMPLES;

/// The default number of samples, if there are as many training images.
const SAMPLES: usize = 10_000;

/// Runs the command.
///
/// # Errors
/// Errors are one-line messages for the user.
pub(super) fn run(arguments: &Eval) -> anyhow::Result<()> {
    let path = &arguments.model;
    ensure!(arguments.n.is_none_or(|n| n >= MIN_SAMPLES), "-n must be at least {MIN_SAMPLES}");
    for &nfe in &arguments.nfe {
        ensure_within("--nfe", nfe, 1..=100_000)?;
    }
    ensure_within("--batch", arguments.batch, BATCH)?;
    let out = match &arguments.out {
        Some(out) => out.clone(),
        None => model::namesake(path)?.with_extension("eval"),
    };
    arguments.ensure_results(&out)?;
    let network = arguments.features.open()?;
    let model = model::open(path)?;
    let data = arguments.images.load_shaped(model.card.architecture.image_shape())?;
    data_set::say(&data);
    if model.card.training.as_ref().is_some_and(|training| training.flip) {
        println!(
            "  the model was trained on mirrored images, too; they are not used to measure it"
        );
    }
    let images = data.train.len();
    ensure!(
        images.min(data.held_out.len()) >= MIN_SAMPLES,
        "samples and training images are compared with held-out images: there must be at \
         least {MIN_SAMPLES} of each"
    );
    let n = arguments.n.unwrap_or(SAMPLES.min(images));
    ensure!(
        n <= images,
        "-n {n}: distances fall with the number of samples, and there are only {images} training \
         images to compare with; -n {images} is the most"
    );
    arguments.make_folder(&out, &model.card, n)?;
    let device = device::parse(arguments.engine.device().unwrap_or("cpu"))?;

    let (judge, extractor) = judge::judge(network, &data, &device)?;
    println!("{judge}");
    let session = Session { arguments, path, model, data, n, judge, extractor, device, out };
    if arguments.sweep { sweep::run(&session) } else { single::run(&session) }
}
