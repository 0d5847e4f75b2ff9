//! `ncsn eval --sweep`: quality against the number of evaluations, for every sampler.

use serde::Serialize;

use super::arguments::SWEEP;
use super::judge::Judge;
use super::plot;
use super::report::{Point, distance};
use super::session::Session;
use crate::cli::trials::{Trial, settings_for_nfe};
use crate::model_file::Card;
use crate::sample::{Sampler, Settings};
use crate::words::count;

/// The contents of `sweep.json`.
#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    data: &'a str,
    #[serde(flatten)]
    judge: Judge,
    /// The number of samples per point.
    n: usize,
    seed: u64,
    /// The distance of as many training images.
    #[serde(rename = "floor")]
    real: f64,
    points: &'a [Point],
    best: &'a Point,
    fast: &'a Point,
}

/// The fast settings may be worse than the best by this factor, or by the best's standard error if
/// that is more.
const NEARLY: f64 = 1.1;

pub fn run(session: &Session<'_>) -> anyhow::Result<()> {
    let arguments = session.arguments;
    let card = &session.model.card;
    let recommended = Settings { schedule: card.schedule(), ..card.sampler };
    // A network with noise levels of its own keeps their whole range: no short noise schedule.
    let has_levels = card.architecture.schedule().is_some();
    let samplers: Vec<Sampler> = match &arguments.samplers[..] {
        [] => Sampler::ALL.into_iter().filter(|&sampler| is_tried(sampler, card)).collect(),
        chosen => chosen.to_vec(),
    };
    let reference = session.reference()?;
    let n = session.n;
    let real = reference.real(n)?.frechet;
    println!("{} each; {real:.3} is the distance of as many training images", count(n, "sample"));
    println!(
        "{:<22}{:>6}{:>17}{:>9}{:>11}{:>8}",
        "", "NFE", "distance", "× real", "precision", "recall"
    );

    let engine = session.engine()?;
    let mut points: Vec<Point> = Vec::new();
    // The cheap ones first, so that there is soon something to see.
    for &nfe in &arguments.nfe {
        for &sampler in &samplers {
            for &trial in Trial::of(sampler) {
                if trial.short && has_levels {
                    continue;
                }
                let Some(settings) = settings_for_nfe(sampler, trial, nfe, recommended) else {
                    continue;
                };
                let table = session.model.card.step_table(&settings, None)?;
                let nfe = table.nfe();
                let [images] = session.draw(&engine, &table, [nfe])?;
                let measured = reference.measure(&images, None)?;
                let name = trial.name(sampler);
                println!(
                    "{name:<22}{nfe:>6}{:>17}{:>9.1}{:>11.3}{:>8.3}",
                    distance(&measured),
                    measured.frechet / real,
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
    let Some([best, fast]) = best_and_fast(&points) else {
        anyhow::bail!("no sampler works with so few evaluations; see --nfe");
    };
    println!("best: {} with {}", best.name, count(best.nfe, "evaluation"));
    println!("fast: {} with {}", fast.name, count(fast.nfe, "evaluation"));
    let report = Report {
        model: &session.model.card.name,
        data: &session.data.name,
        judge: session.judge.clone(),
        n,
        seed: arguments.seed,
        real,
        points: &points,
        best,
        fast,
    };
    let recommend = |card: &mut Card| {
        card.sampler = fast.settings;
        card.best = Some(best.settings);
        None
    };
    session.finish(recommend, || {
        session.write(SWEEP, &serde_json::to_vec_pretty(&report)?)?;
        session.write("sweep.svg", plot::sweep(&points, real)?.as_bytes())
    })
}

/// Whether a sampler is tried unless samplers are named: plain Langevin never finds its way, and
/// consistency sampling is for consistency models.
fn is_tried(sampler: Sampler, card: &Card) -> bool {
    match sampler {
        Sampler::PlainLangevin => false,
        Sampler::Consistency => card.is_few_step(),
        _ => true,
    }
}

/// The point with the least distance, and among those close to it the one with the fewest
/// evaluations; ties go to the lesser distance.
fn best_and_fast(points: &[Point]) -> Option<[&Point; 2]> {
    let by_distance = |a: &&Point, b: &&Point| a.frechet.total_cmp(&b.frechet);
    let best = points.iter().min_by(by_distance)?;
    let nearly = (NEARLY * best.frechet).max(best.frechet + best.frechet_error);
    let nearly = points.iter().filter(|point| point.frechet <= nearly);
    let fast = nearly.min_by(|a, b| a.nfe.cmp(&b.nfe).then(by_distance(a, b)))?;
    Some([best, fast])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Mmd;

    #[test]
    fn the_fast_one_is_the_better_of_those_that_are_as_fast() {
        let point = |name: &str, nfe, frechet| Point {
            name: name.into(),
            settings: Settings::recommended(20.0, 0.01),
            nfe,
            frechet,
            frechet_error: 0.05,
            mmd: Mmd { value: 0.0, error: None },
            precision: 1.0,
            recall: 1.0,
        };
        let points = [
            point("far", 10, 1.2),
            point("near", 20, 1.09),
            point("nearer", 20, 1.05),
            point("best", 50, 1.0),
        ];
        let names = best_and_fast(&points).map(|both| both.map(|point| &point.name[..]));
        assert_eq!(names, Some(["best", "nearer"]));
        assert!(best_and_fast(&[]).is_none());
        // Differences within the error do not count.
        let uncertain = points.map(|point| Point { frechet_error: 0.3, ..point });
        let names = best_and_fast(&uncertain).map(|both| both.map(|point| &point.name[..]));
        assert_eq!(names, Some(["best", "far"]));
    }
}
