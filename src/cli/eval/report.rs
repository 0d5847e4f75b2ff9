//! The report of `ncsn eval`.

use serde::Serialize;

use super::judge::Judge;
use crate::cli::autoguidance::AutoguidanceArgs;
use crate::cli::class_guidance::ClassGuidanceArgs;
use crate::eval::{Conditional, Measured, Mmd, NearestQuantiles};
use crate::sample::{Sampler, Settings};
use crate::words::count;

/// The contents of `report.json`.
#[derive(Serialize)]
pub struct Report<'a> {
    pub model: &'a str,
    pub data: &'a str,
    /// The number of held-out images to compare with.
    pub held_out: usize,
    #[serde(flatten)]
    pub judge: Judge,
    pub sampler: Settings,
    pub nfe: usize,
    #[serde(rename = "autoguide")]
    pub autoguidance: Option<&'a AutoguidanceArgs>,
    pub class_guidance: Option<&'a ClassGuidanceArgs>,
    pub seed: u64,
    /// The decay of the weights' moving average, if known.
    pub ema_decay: Option<f64>,
    pub engine: String,
    /// x̃ before the last step, which removes the remaining noise unless the sampler is
    /// told not to.
    pub raw: &'a Measured,
    pub denoised: &'a Measured,
    /// As many training images, measured in the same way.
    #[serde(rename = "floor")]
    pub real: &'a Measured,
    /// The share of each class among the held-out images.
    pub classes: &'a [f64],
    pub nearest: &'a Neighbors,
}

/// A sampler with a number of evaluations, and its results.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The name of the line it is on.
    pub name: String,
    pub settings: Settings,
    pub nfe: usize,
    pub frechet: f64,
    pub frechet_error: f64,
    pub mmd: Mmd,
    pub precision: f64,
    pub recall: f64,
}

/// Distances to the nearest training image.
#[derive(Serialize)]
pub struct Neighbors {
    pub samples: NearestQuantiles,
    pub held_out: NearestQuantiles,
}

/// A distance and its standard error over seeds; both tables give it 17 columns.
pub fn distance(measured: &Measured) -> String {
    format!("{:.3} ± {:.3}", measured.frechet, measured.frechet_error)
}

/// Prints the report.
pub fn print(report: &Report<'_>) {
    let name = report.sampler.sampler.name();
    let Report { nfe, seed, held_out, .. } = report;
    let ema = report.ema_decay.map_or("unknown".into(), |decay| decay.to_string());
    println!(
        "{} of {name}{}{}, {} each, seed {seed}, EMA {ema}, against {}",
        count(report.denoised.n, "sample"),
        report.autoguidance.map_or("", |_| ", autoguided"),
        report.class_guidance.map_or("", |_| ", guided to classes"),
        count(*nfe, "evaluation"),
        count(*held_out, "held-out image"),
    );
    println!(
        "{:<26}{:>17}{:>9}{:>20}{:>11}{:>8}{:>11}",
        "", "distance", "× real", "MMD²", "precision", "recall", "confident"
    );
    // Langevin may keep its noise, and a consistency model may be given nothing but noise.
    let nearly_done = report.sampler.denoises() && report.sampler.sampler != Sampler::Consistency;
    let [raw, denoised] = match nearly_done {
        true => ["raw", "denoised"],
        false => ["before the last step", "after it"],
    };
    let rows = [(raw, report.raw), (denoised, report.denoised), ("training images", report.real)];
    for (name, measured) in rows {
        println!(
            "{name:<26}{:>17}{:>9.1}{:>20}{:>11.3}{:>8.3}{:>11}",
            distance(measured),
            measured.frechet / report.real.frechet,
            match measured.mmd {
                Mmd { value, error: Some(error) } => format!("{value:.4} ± {error:.4}"),
                Mmd { value, error: None } => format!("{value:.4}"),
            },
            measured.precision,
            measured.recall,
            measured.confident.map_or("–".into(), |share| format!("{:.1}%", 100.0 * share))
        );
    }
    if let (Some(samples), Some(real)) = (&report.denoised.conditional, &report.real.conditional) {
        let within = |measured: &Conditional| {
            measured.frechet_within.map_or("–".into(), |distance| format!("{distance:.3}"))
        };
        println!(
            "of the class asked for: {:.1} % of samples, {:.1} % of training images",
            100.0 * samples.class_accuracy,
            100.0 * real.class_accuracy
        );
        println!(
            "distance within classes, mean: {} of samples, {} of training images",
            within(samples),
            within(real)
        );
    }
    let names = report.judge.classes();
    if !names.is_empty() {
        println!("classes, in %: samples / held out");
    }
    for ((name, samples), held_out) in
        names.iter().zip(&report.denoised.classes).zip(report.classes)
    {
        println!("  {name:<24}{:>6.1} /{:>5.1}", 100.0 * samples, 100.0 * held_out);
    }
    let quantiles = |name: &str, near: &NearestQuantiles| {
        let values: Vec<_> = near.quantiles.iter().map(|d| format!("{d:>7.2}")).collect();
        println!("  {name:<24}{}", values.concat());
    };
    let heads = NearestQuantiles::AT.map(|share| format!("{:>6.0}%", 100.0 * share));
    println!("distance to the nearest training image, quantiles of {}", report.nearest.samples.n);
    println!("  {:<24}{}", "", heads.concat());
    quantiles("samples", &report.nearest.samples);
    quantiles("held-out images", &report.nearest.held_out);
}
