//! `ncsn plan`: measures pictures before training and chooses the noise levels.

use std::path::PathBuf;

use anyhow::ensure;
use serde::Serialize;

use super::pictures::{self, PictureArgs};
use super::print::ensure_delivered;
use super::{apart, grid, out};
use crate::data::distances::Distances;
use crate::data::{DataSet, Pictures};
use crate::net::{Architecture, Picture, Preconditioning, UNetDescription};
use crate::noise::{Ladder, rules};
use crate::sample::settings::three_digits_up;
use crate::words::{count, form};

/// Measure pictures and choose noise levels for them by NCSNv2's rules.
#[derive(clap::Args)]
pub struct Plan {
    /// σ_L, the smallest noise level: too faint to see.
    #[arg(long, default_value_t = 0.01)]
    sigma_min: f32,
    /// C, the overlap of neighbouring noise levels.
    #[arg(long, default_value_t = rules::OVERLAP)]
    overlap: f64,
    /// T, Langevin steps at each level.
    #[arg(long, default_value_t = 5)]
    steps_each: usize,
    /// Also draw a hundred of the pictures, as training would see them, into this .png.
    #[arg(long)]
    preview: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    // Last: a heading applies to all flags that follow it.
    #[command(flatten, next_help_heading = "Pictures")]
    pictures: PictureArgs,
}

/// The result of `plan`.
#[derive(Serialize)]
struct Report {
    data: String,
    pictures: usize,
    held_out: usize,
    shape: Picture,
    scale: Preconditioning,
    distances: Measured,
    ladder: Ladder,
    ratio: f64,
    overlap: f64,
    langevin: Langevin,
    train: String,
}

#[derive(Serialize)]
struct Measured {
    median: f64,
    median_between: (f64, f64),
    pairs: usize,
    largest: f64,
    largest_at_most: f64,
}

/// Langevin's settings, by technique 4.
#[derive(Serialize)]
struct Langevin {
    steps_each: usize,
    step_lr: f64,
    step_lr_below: f64,
    variance: f64,
    nfe: usize,
}

/// Runs the command.
///
/// # Errors
/// Errors are one-line messages for the user.
pub(super) fn run(arguments: &Plan) -> anyhow::Result<()> {
    ensure!(
        (1..=1_000_000).contains(&arguments.steps_each),
        "--steps-each must be from 1 to 1000000"
    );
    if let Some(preview) = &arguments.preview {
        let data = &arguments.pictures.data;
        apart::ensure_replaces_none(&[("--data", Some(data))], "--preview", preview)?;
        apart::ensure_outside_data(data, "--preview", preview)?;
        out::ensure_writable(preview)?;
    }
    let data = arguments.pictures.load(&|_| Ok(()))?;
    if let Some(path) = &arguments.preview {
        preview(path, &data.train)?;
    }
    let report = report(arguments, &data)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(ensure_delivered()?);
    }
    pictures::say(&data);
    if let Some(path) = &arguments.preview {
        println!("  some of them in {}", path.display());
    }
    say(&report);
    Ok(ensure_delivered()?)
}

/// The ladder for these pictures, by techniques 1 and 2.
///
/// # Errors
/// If all pictures are the same, or `sigma_min` is impossible.
pub(super) fn ladder(pictures: &Pictures, sigma_min: f32) -> anyhow::Result<Ladder> {
    ladder_over(pictures, &measure(pictures)?, sigma_min, rules::OVERLAP)
}

fn measure(pictures: &Pictures) -> anyhow::Result<Distances> {
    ensure!(
        pictures.len() > 1,
        "there is only one picture to train on, so there are no distances to measure"
    );
    let distances = Distances::measure(pictures);
    ensure!(distances.largest > 0.0, "all pictures are the same");
    Ok(distances)
}

fn ladder_over(
    pictures: &Pictures,
    distances: &Distances,
    sigma_min: f32,
    overlap: f64,
) -> anyhow::Result<Ladder> {
    let sigma_max = three_digits_up(distances.largest);
    Ladder { sigma_max, sigma_min, levels: 2 }.check()?;
    let ladder = rules::ladder(pictures.shape.dimension(), sigma_max, sigma_min, overlap)?;
    ladder.check()?;
    Ok(ladder)
}

fn report(arguments: &Plan, data: &DataSet) -> anyhow::Result<Report> {
    let Plan { sigma_min, overlap, steps_each, .. } = *arguments;
    let distances = measure(&data.train)?;
    let ladder = ladder_over(&data.train, &distances, sigma_min, overlap)?;
    let ratio = ladder.ratio();
    let step = rules::step(steps_each, ratio);
    let smallest = f64::from(sigma_min).powi(2);
    let Distances { median, median_between, pairs, largest, bound } = distances;
    Ok(Report {
        data: data.name.clone(),
        pictures: data.train.len(),
        held_out: data.held_out.len(),
        shape: data.train.shape,
        scale: data.train.statistics(),
        distances: Measured { median, median_between, pairs, largest, largest_at_most: bound },
        ladder,
        ratio,
        overlap: rules::overlap(data.train.shape.dimension(), ratio),
        langevin: Langevin {
            steps_each,
            step_lr: step * smallest,
            step_lr_below: rules::MAX_STEP * smallest,
            variance: rules::variance(step, steps_each, ratio),
            nfe: ladder.levels * steps_each + 1,
        },
        train: train_command(arguments, data, ladder),
    })
}

fn say(report: &Report) {
    let Report { scale, distances, ladder, langevin, .. } = report;
    let Ladder { sigma_max, sigma_min, levels } = *ladder;
    let Preconditioning { mean, deviation } = scale;
    let (low, high) = distances.median_between;
    let error = (high - low) / 2.0;
    println!("\nThe pictures, with pixels from 0 to 1");
    println!("  mean {mean:.3}, standard deviation {deviation:.3}");
    println!(
        "  two pictures are {:.2} ± {error:.2} apart (median; {}, 95 % confidence)",
        distances.median,
        count(distances.pairs, "random pair")
    );
    if distances.largest_at_most <= distances.largest {
        println!("  the two that are furthest apart: {:.2} (exact)", distances.largest);
    } else {
        println!(
            "  the two that are furthest apart: at least {:.2}, at most {:.2} (the search was cut short)",
            distances.largest, distances.largest_at_most
        );
    }
    println!("\nNoise levels, by NCSNv2's rules (Song & Ermon 2020)");
    println!(
        "  σ₁  = {sigma_max:<9} as large as the largest distance: from any picture, noise reaches any other"
    );
    println!(
        "  σ_L = {sigma_min:<9} {:.1} of 255 grey levels: what is left at the end",
        sigma_min * 255.0
    );
    println!(
        "  L   = {levels:<9} {}, each {:.4} times the next: neighbours overlap by C = {:.2}",
        form(&levels, "level"),
        report.ratio,
        report.overlap
    );
    println!("\nAnnealed Langevin dynamics on them");
    println!(
        "  T   = {:<9} {} at each level, {} of the network in all",
        langevin.steps_each,
        form(&langevin.steps_each, "step"),
        count(langevin.nfe, "evaluation")
    );
    println!(
        "  ε   = {:<9} brings the noise closest to what it should be: {:.3} times its variance at the end of a level",
        format!("{:.2e}", langevin.step_lr),
        langevin.variance
    );
    println!("                  (from {:.1e} on, chains explode)", langevin.step_lr_below);
    println!("\nNext\n  {}", report.train);
}

/// The command to type next.
fn train_command(arguments: &Plan, data_set: &DataSet, ladder: Ladder) -> String {
    let shape = data_set.train.shape;
    let PictureArgs { ref data, size, grey, background, strict } = arguments.pictures;
    let mut words = vec![
        "cargo run --release --bin train -- --data".to_owned(),
        quoted(&data.display().to_string()),
    ];
    let scale = Preconditioning { mean: 0.5, deviation: 0.5 };
    let check = |picture| {
        Architecture::UNet(UNetDescription::new(picture, scale)).check().map_err(|e| e.to_string())
    };
    if check(shape).is_err() {
        words.extend(pictures::sizes_around(shape, &check).next().map(|s| format!("--size {s}")));
    } else {
        words.extend(size.map(|size| format!("--size {}x{}", size.width, size.height)));
    }
    if grey {
        words.push("--grey".into());
    }
    if background != [255; 3] {
        let [red, green, blue] = background;
        words.push(format!("--background '#{red:02x}{green:02x}{blue:02x}'"));
    }
    if strict {
        words.push("--strict".into());
    }
    if arguments.overlap != rules::OVERLAP {
        words.push(format!("--sigma-max {} --levels {}", ladder.sigma_max, ladder.levels));
    }
    if arguments.sigma_min != 0.01 {
        words.push(format!("--sigma-min {}", arguments.sigma_min));
    }
    words.push(format!("--out {}.safetensors", quoted(&data_set.name)));
    words.join(" ")
}

/// Quotes a word for a command line if necessary.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-~+:\\".contains(c);
    if word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Draws a hundred pictures taken evenly from the whole set.
fn preview(path: &std::path::Path, pictures: &Pictures) -> anyhow::Result<()> {
    const SHOWN: usize = 100;
    let shown = pictures.len().min(SHOWN);
    let indices = (0..shown).map(|index| index * pictures.len() / shown);
    let bytes: Vec<u8> = indices.flat_map(|index| pictures.picture(index)).copied().collect();
    grid::write_png(path, &bytes, pictures.shape, None, 2)
}
