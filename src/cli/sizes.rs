//! What `--size` to suggest where images have one that a network cannot take.

use crate::net::{Architecture, ImageShape, Preconditioning};
use crate::noise::NoiseSchedule;
use crate::words::list;

/// The check whether a new network can take images of a shape, before their scale and the noise
/// levels are known: sizes do not depend on these.
pub fn fits(
    network: impl Fn(ImageShape, Preconditioning, NoiseSchedule) -> Architecture,
) -> impl Fn(ImageShape) -> Result<(), String> {
    move |shape| {
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.5 };
        let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 10 };
        network(shape, scale, schedule).check().map_err(|error| error.to_string())
    }
}

/// Checks a shape, and suggests a `--size` if it fails.
///
/// # Errors
/// What `check` says, if other sizes pass it. A problem of all sizes is not reported here.
pub fn check_or_suggest(
    shape: ImageShape,
    check: &dyn Fn(ImageShape) -> Result<(), String>,
) -> Result<(), String> {
    let Err(problem) = check(shape) else { return Ok(()) };
    let sizes: Vec<_> = around(shape, check).map(|side| format!("--size {side}")).collect();
    if sizes.is_empty() { Ok(()) } else { Err(format!("{problem}; {} works", list(&sizes, "or"))) }
}

/// The sides of the next smaller and the next larger square that pass the check.
pub fn around(
    shape: ImageShape,
    check: &dyn Fn(ImageShape) -> Result<(), String>,
) -> impl Iterator<Item = usize> {
    let works = |&side: &usize| check(ImageShape { height: side, width: side, ..shape }).is_ok();
    let side = shape.height.min(shape.width);
    [(1..=side).rev().find(works), (side + 1..=side + 64).find(works)].into_iter().flatten()
}
