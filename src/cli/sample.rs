//! `ncsn sample`: images from a model.

use std::path::PathBuf;

use anyhow::ensure;

use super::autoguidance::AutoguidanceArgs;
use super::conditioning::{Conditioned, ConditioningArgs};
use super::engine::{EngineArgs, SamplingJob};
use super::numbers::{BATCH, SAMPLES, ensure_within};
use super::settings::SettingArgs;
use super::{apart, classes, grid, model, numpy, output};
use crate::pixel;
use crate::words::count;

/// Generate images from a model.
#[derive(clap::Args)]
pub struct Sample {
    #[arg(long, help = model::HELP)]
    model: PathBuf,
    /// How many images.
    #[arg(short, long, default_value_t = 64)]
    n: usize,
    /// The seed; the same seed gives the same images on every device [default: 1].
    #[arg(long)]
    seed: Option<u64>,
    /// The file to write: .png for a grid; .gif for the way from noise to the grid (with
    /// --interpolate, for one image after another); .npy for an array of uint8, N×H×W(×C); .npz for
    /// that and the classes, as arr_0 and arr_1.
    #[arg(long, default_value = "grid.png")]
    out: PathBuf,
    /// How many images to compute at once.
    #[arg(long, default_value_t = 100)]
    batch: usize,
    #[command(flatten)]
    engine: EngineArgs,
    // Last: a heading applies to all flags that follow it.
    #[command(flatten, next_help_heading = "Sampler")]
    settings: SettingArgs,
    #[command(flatten, next_help_heading = "Guidance")]
    autoguidance: AutoguidanceArgs,
    #[command(flatten, next_help_heading = "Conditioning")]
    conditioning: ConditioningArgs,
}

/// Runs the command.
///
/// # Errors
/// Errors are one-line messages for the user.
pub(super) fn run(arguments: &Sample) -> anyhow::Result<()> {
    let Sample { n, batch, ref out, .. } = *arguments;
    ensure_within("-n", n, SAMPLES)?;
    ensure_within("--batch", batch, BATCH)?;
    let extension = output::extension("--out", out, &["png", "gif", "npy", "npz"])?;
    let Sample { model, autoguidance, conditioning: flags, .. } = arguments;
    let mut reads = flags.reads();
    reads.extend([("--model", Some(&**model)), ("--guiding-model", autoguidance.worse())]);
    apart::ensure_replaces_none(&reads, "--out", out)?;
    if let "png" | "gif" = extension {
        apart::ensure_beside_no_classes("--out", out)?;
    }
    output::ensure_writable(out)?;
    output::leave_stdout_to(out);

    let model = model::open(model)?;
    let image_shape = model.card.architecture.image_shape();
    let is_path = flags.is_path();
    let columns = is_path.then_some(n);
    match extension {
        "png" => {
            grid::ensure_shown(image_shape)?;
            grid::ensure_fits(n, image_shape, columns, grid::PNG_SIDE)?;
        }
        "gif" if !is_path => grid::ensure_fits(n, image_shape, None, grid::GIF_SIDE)?,
        _ => {}
    }
    let settings = arguments.settings.over(&model.card)?;
    let Conditioned { mut conditioning, strength, seed } =
        flags.read(&model.card.architecture, settings.schedule, n)?;
    let table = model.card.step_table(&settings, strength)?;
    ensure!(
        seed.is_none() || arguments.seed.is_none(),
        "--interpolate gives both seeds; leave out --seed"
    );
    let seed = seed.or(arguments.seed).unwrap_or(1);
    conditioning.classes = flags.class_conditioning(&model, seed, n)?;
    if let Some(asked) = &conditioning.classes {
        classes::ensure_trained(&model.card, &asked.classes)?;
    }
    let classes = model.card.class_names();
    let is_guided = flags.is_guided() || autoguidance.is_guided();
    let engine = arguments.engine.engine_of(model, is_guided)?;
    let (engine, guided_to) = flags.guide(engine)?;
    let engine = autoguidance.guide(engine, &classes)?;

    let job = SamplingJob { table: &table, conditioning: &conditioning, seed, n, batch };
    let frames = if extension == "gif" && !is_path { FRAMES } else { 1 };
    let stops = stops(table.nfe(), frames);
    let mut grids = vec![Vec::new(); stops.len()];
    engine.visit(&job, &stops, |stop, pixels| grids[stop].extend(pixel::bytes(&pixels)))?;
    let grids: Vec<&[u8]> = grids.iter().map(|grid| &grid[..]).collect();
    let last = grids[grids.len() - 1];

    match extension {
        "npy" => numpy::write_npy(out, last, image_shape)?,
        "npz" => {
            let classes = conditioning.classes.as_ref().map(|classes| {
                let class = |chain| classes.of(chain).map_or(-1, |class| class as i64);
                (0..n).map(class).collect::<Vec<_>>()
            });
            // A classifier guides all images to one class.
            let classes = classes.or_else(|| guided_to.map(|class| vec![class as i64; n]));
            numpy::write_npz(out, last, image_shape, classes.as_deref())?;
        }
        "png" => grid::write_png(out, last, image_shape, columns)?,
        _ if is_path => {
            let images: Vec<_> = last.chunks_exact(image_shape.dimension()).collect();
            grid::write_gif(out, &images, image_shape)?;
        }
        _ => grid::write_gif(out, &grids, image_shape)?,
    }
    println!("{} in {} ({})", count(n, "image"), out.display(), engine.name());
    Ok(())
}

/// The most frames in an animation. Noise does not compress, so each frame is large.
const FRAMES: usize = 30;

/// After how many of `steps` steps to show the images: evenly spaced, at most `most` times, the
/// last at the end.
fn stops(steps: usize, most: usize) -> Vec<usize> {
    let count = most.min(steps + 1);
    (1..=count).map(|frame| steps - steps * (count - frame) / (count - 1).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_animation_goes_from_the_start_to_the_end() {
        assert_eq!(stops(3, 30), [0, 1, 2, 3]);
        assert_eq!(stops(100, 3), [0, 50, 100]);
        assert_eq!(stops(100, 1), [100]);
        assert_eq!(stops(0, 30), [0]);
    }
}
