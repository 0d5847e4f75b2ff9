//! `ncsn eval --sweep`: quality against the number of evaluations, for every sampler.

use serde::Serialize;

use super::presets::{Variant, preset};
use super::{Looked, Session, distance, plot};
use crate::data::DataSet;
use crate::eval::{Mmd, Reference};
use crate::sample::{Sampler, Settings};

/// What is written as `sweep.json`.
#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    data: &'a str,
    classifier: Looked,
    /// The number of samples of each.
    n: usize,
    seed: u64,
    /// The distance of as many training pictures.
    floor: f64,
    points: &'a [Point],
    best: &'a Point,
    fast: &'a Point,
}

/// A sampler with a number of evaluations, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The line that it is on.
    pub name: String,
    pub settings: Settings,
    pub nfe: usize,
    pub frechet: f64,
    pub frechet_error: f64,
    pub mmd: Mmd,
    pub precision: f64,
    pub recall: f64,
}

/// "Fast" is at most so much worse than the best.
const NEARLY: f64 = 1.1;

pub fn run(mut session: Session<'_>) -> anyhow::Result<()> {
    let arguments = session.arguments;
    let card = &session.model.card;
    let recommended = Settings { ladder: card.ladder(), ..card.sampler };
    // Such a network is asked at the very levels that it knows.
    let has_levels = card.architecture.ladder().is_some();
    let samplers: Vec<Sampler> = match &arguments.samplers[..] {
        [] => Sampler::ALL.into_iter().filter(|&s| s != Sampler::PlainLangevin).collect(),
        chosen => chosen.to_vec(),
    };
    let DataSet { train, held_out, .. } = &session.data;
    let reference = Reference::new(&session.eye, train, held_out, &session.device);
    let floor = reference.floor(arguments.n).frechet;
    println!(
        "{} samples each; {floor:.3} is the distance of as many training pictures",
        arguments.n
    );
    println!(
        "{:<22}{:>6}{:>17}{:>9}{:>11}{:>8}",
        "", "NFE", "distance", "floors", "precision", "recall"
    );

    let engine = session.engine()?;
    let mut points: Vec<Point> = Vec::new();
    // The cheap ones first: there is something to see soon.
    for &nfe in &arguments.nfe {
        for &sampler in &samplers {
            for &variant in Variant::of(sampler) {
                if variant.short && has_levels {
                    continue;
                }
                let Some(settings) = preset(sampler, variant, nfe, recommended) else { continue };
                let program = settings.program()?;
                let nfe = program.nfe();
                let [pictures] = session.draw(&engine, &program, [nfe])?;
                let measured = reference.measure(&pictures);
                let name = variant.name(sampler);
                println!(
                    "{name:<22}{nfe:>6}{:>17}{:>9.1}{:>11.3}{:>8.3}",
                    distance(&measured),
                    measured.frechet / floor,
                    measured.precision,
                    measured.recall
                );
                points.push(Point {
                    name,
                    settings,
                    nfe,
                    frechet: measured.frechet,
                    frechet_error: measured.frechet_error,
                    mmd: measured.mmd,
                    precision: measured.precision,
                    recall: measured.recall,
                });
            }
        }
    }
    drop(reference);
    let by_distance = |a: &&Point, b: &&Point| a.frechet.total_cmp(&b.frechet);
    let Some(best) = points.iter().min_by(by_distance) else {
        anyhow::bail!("no sampler can do with so few evaluations");
    };
    let nearly = points.iter().filter(|point| point.frechet <= NEARLY * best.frechet);
    let fast = nearly.min_by_key(|point| point.nfe).unwrap_or(best);
    println!("best: {} with {} evaluations", best.name, best.nfe);
    println!("fast: {} with {} evaluations", fast.name, fast.nfe);
    let report = Report {
        model: &session.model.card.name,
        data: &session.data.name,
        classifier: session.looked.clone(),
        n: arguments.n,
        seed: arguments.seed,
        floor,
        points: &points,
        best,
        fast,
    };
    session.write("sweep.json", &serde_json::to_vec_pretty(&report)?)?;
    session.write("sweep.svg", plot::sweep(&points, floor)?.as_bytes())?;
    session.model.card.sampler = fast.settings;
    session.model.card.best = Some(best.settings);
    session.finish()
}
