//! `ncsn plan`: measures images before training and chooses the noise levels.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::data_set::{self, ImageArgs};
use super::noise_levels::{distances, schedule_over};
use super::numbers::ensure_within;
use super::print::ensure_delivered;
use super::shell::quoted;
use super::{apart, grid, output, sizes};
use crate::data::distances::Distances;
use crate::data::{DataSet, Images};
use crate::net::{Architecture, ImageShape, Preconditioning, UNetDescription};
use crate::noise::{NoiseSchedule, rules};
use crate::recipe::Recipe;
use crate::words::{count, form};

/// Measure images and choose noise levels for them by NCSNv2's rules.
#[derive(clap::Args)]
pub struct Plan {
    /// σ_L, the smallest noise level, for pixels from 0 to 1: too faint to see.
    #[arg(long, default_value_t = Recipe::SIGMA_MIN)]
    sigma_min: f32,
    /// C, the overlap of neighboring noise levels, above 0 and below 0.99.
    #[arg(long, default_value_t = rules::OVERLAP)]
    overlap: f64,
    /// T, Langevin steps at each level.
    #[arg(long, default_value_t = 5)]
    steps_each: usize,
    /// Also draw a hundred of the images, as training would see them, into this .png.
    #[arg(long)]
    preview: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    // Last: a heading applies to all flags that follow it.
    #[command(flatten, next_help_heading = "Images")]
    images: ImageArgs,
}

/// The result of `plan`.
#[derive(Serialize)]
struct Report {
    data: String,
    #[serde(rename = "pictures")]
    images: usize,
    held_out: usize,
    shape: ImageShape,
    scale: Preconditioning,
    distances: Measured,
    #[serde(rename = "ladder")]
    schedule: NoiseSchedule,
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
    ensure_within("--steps-each", arguments.steps_each, 1..=1_000_000)?;
    if let Some(preview) = &arguments.preview {
        let data = &arguments.images.data;
        apart::ensure_replaces_none(&[("--data", Some(data))], "--preview", preview)?;
        apart::ensure_outside_data(data, "--preview", preview)?;
        apart::ensure_beside_no_classes("--preview", preview)?;
        output::extension("--preview", preview, &["png"])?;
        output::ensure_writable(preview)?;
        output::leave_stdout_to(preview);
    }
    let data = arguments.images.load(&|_| Ok(()))?;
    if !arguments.json {
        data_set::say(&data);
    }
    if let Some(path) = &arguments.preview {
        preview(path, &data.train)?;
        if !arguments.json {
            println!("  some of them in {}", path.display());
        }
    }
    let report = report(arguments, &data)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        say(&report);
    }
    Ok(ensure_delivered()?)
}

fn report(arguments: &Plan, data: &DataSet) -> anyhow::Result<Report> {
    let Plan { sigma_min, overlap, steps_each, .. } = *arguments;
    let distances = distances(&data.train)?;
    let schedule = schedule_over(&data.train, &distances, sigma_min, overlap)?;
    let ratio = schedule.ratio();
    let step = rules::step(steps_each, ratio);
    let smallest = f64::from(sigma_min).powi(2);
    let Distances { median, median_between, pairs, largest, bound } = distances;
    Ok(Report {
        data: data.name.clone(),
        images: data.train.len(),
        held_out: data.held_out.len(),
        shape: data.train.shape,
        scale: data.train.statistics(),
        distances: Measured { median, median_between, pairs, largest, largest_at_most: bound },
        schedule,
        ratio,
        overlap: rules::overlap(data.train.shape.dimension(), ratio),
        langevin: Langevin {
            steps_each,
            step_lr: step * smallest,
            step_lr_below: rules::MAX_STEP * smallest,
            variance: rules::variance(step, steps_each, ratio),
            nfe: schedule.levels * steps_each + 1,
        },
        train: train_command(arguments, data, schedule),
    })
}

fn say(report: &Report) {
    let Report { scale, distances, schedule, langevin, .. } = report;
    let NoiseSchedule { sigma_max, sigma_min, levels } = *schedule;
    let Preconditioning { mean, sigma_data } = scale;
    let (low, high) = distances.median_between;
    let error = (high - low) / 2.0;
    println!("\nThe images, with pixels from 0 to 1");
    println!("  mean {mean:.3}, standard deviation {sigma_data:.3}");
    println!(
        "  two images are {:.2} ± {error:.2} apart (median; {}, 95 % confidence)",
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
        "  σ₁  = {sigma_max:<9} as large as the largest distance: from any image, noise reaches any other"
    );
    println!(
        "  σ_L = {sigma_min:<9} {:.1} of 255 gray levels: what is left at the end",
        sigma_min * 255.0
    );
    println!(
        "  L   = {levels:<9} {}, each {:.4} times the next: neighbors overlap by C = {:.2}",
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
fn train_command(arguments: &Plan, data_set: &DataSet, schedule: NoiseSchedule) -> String {
    let shape = data_set.train.shape;
    let ImageArgs { ref data, size, grayscale, background, strict, ref scratch } = arguments.images;
    let mut words = vec!["ncsn train --data".to_owned(), quoted(&data.display().to_string())];
    let check =
        sizes::fits(|image, scale, _| Architecture::UNet(UNetDescription::new(image, scale)));
    if check(shape).is_err() {
        words.extend(sizes::around(shape, &check).next().map(|s| format!("--size {s}")));
    } else {
        words.extend(size.map(|size| format!("--size {}x{}", size.width, size.height)));
    }
    if grayscale {
        words.push("--grayscale".into());
    }
    if background != [255; 3] {
        let [red, green, blue] = background;
        words.push(format!("--background '#{red:02x}{green:02x}{blue:02x}'"));
    }
    if strict {
        words.push("--strict".into());
    }
    if let Some(folder) = scratch {
        words.push(format!("--scratch {}", quoted(&folder.display().to_string())));
    }
    if arguments.overlap != rules::OVERLAP {
        words.push(format!("--sigma-max {} --levels {}", schedule.sigma_max, schedule.levels));
    }
    if arguments.sigma_min != Recipe::SIGMA_MIN {
        words.push(format!("--sigma-min {}", arguments.sigma_min));
    }
    words.push(format!("--out {}.safetensors", quoted(&data_set.name)));
    words.join(" ")
}

/// Draws a hundred images taken evenly from the whole set.
fn preview(path: &Path, images: &Images) -> anyhow::Result<()> {
    const SHOWN: usize = 100;
    let shown = images.len().min(SHOWN);
    let indices = (0..shown).map(|index| index * images.len() / shown);
    let bytes: Vec<u8> = indices.flat_map(|index| images.image(index)).copied().collect();
    grid::write_png(path, &bytes, images.shape, None)
}
