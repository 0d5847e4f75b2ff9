//! Numbers given by the user, checked before anything is allocated for them.

use std::fmt::Display;
use std::ops::RangeInclusive;

use anyhow::ensure;

/// How many images to compute at once.
pub const BATCH: RangeInclusive<usize> = 1..=65_536;

/// How many samples to draw: each needs a stream of random numbers, and memory.
pub const SAMPLES: RangeInclusive<usize> = 1..=10_000_000;

/// Checks that the number given with a flag is above 0, and not infinite.
///
/// # Errors
/// Names the flag.
pub fn ensure_positive(flag: &str, number: f64) -> anyhow::Result<()> {
    ensure!(number.is_finite() && number > 0.0, "{flag} must be a number above 0, but is {number}");
    Ok(())
}

/// Checks that the number given with a flag is in a range.
///
/// # Errors
/// Names the flag and the range.
pub fn ensure_within<N: Display + PartialOrd>(
    flag: &str,
    number: N,
    range: RangeInclusive<N>,
) -> anyhow::Result<()> {
    let (least, most) = range.into_inner();
    ensure!(
        (&least..=&most).contains(&&number),
        "{flag} must be from {least} to {most}, but is {number}"
    );
    Ok(())
}
