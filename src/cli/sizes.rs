//! What `--size` to suggest where images have one that a network cannot take.

use crate::net::ImageShape;

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
    if sizes.is_empty() { Ok(()) } else { Err(format!("{problem}; {} works", sizes.join(" or "))) }
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
