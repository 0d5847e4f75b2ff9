//! Noise levels for images, by NCSNv2's rules (Song & Ermon 2020): `ncsn plan` explains them, and
//! `train` takes them.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::data::Images;
use crate::data::distances::Distances;
use crate::noise::{NoiseSchedule, rules};
use crate::sample::settings::rounding::three_digits_up;
use crate::train::measure_distances;
use crate::words::count;

/// Measures the distances between images, which takes a while for tens of thousands of them.
///
/// # Errors
/// As [`measure_distances`].
pub fn distances(images: &Images) -> anyhow::Result<Distances> {
    let template = "{spinner} measuring how far apart {msg} are, {elapsed}";
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template(template)?);
    bar.set_message(count(images.len(), "image"));
    bar.enable_steady_tick(Duration::from_millis(200));
    let distances = measure_distances(images);
    bar.finish_and_clear();
    Ok(distances?)
}

/// The noise schedule for these images, by techniques 1 and 2.
///
/// # Errors
/// If all images are the same, or `sigma_min` is impossible.
pub fn schedule(images: &Images, sigma_min: f32) -> anyhow::Result<NoiseSchedule> {
    schedule_over(images, &distances(images)?, sigma_min, rules::OVERLAP)
}

/// As [`schedule`], for images of which the distances are measured, and with another overlap C of
/// neighboring levels.
///
/// # Errors
/// If `sigma_min` or the overlap is impossible.
pub fn schedule_over(
    images: &Images,
    distances: &Distances,
    sigma_min: f32,
    overlap: f64,
) -> anyhow::Result<NoiseSchedule> {
    let sigma_max = three_digits_up(distances.largest);
    NoiseSchedule { sigma_max, sigma_min, levels: 2 }.check()?;
    let schedule = rules::schedule(images.shape.dimension(), sigma_max, sigma_min, overlap)?;
    schedule.check()?;
    Ok(schedule)
}
