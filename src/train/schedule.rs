//! The learning rate over a training.

use std::f64::consts::PI;

/// What share of the learning rate a step has: a linear rise over `warm_up` steps, then half a cosine
/// down to nothing at `steps`.
pub(super) fn at(step: u64, warm_up: u64, steps: u64) -> f64 {
    if step < warm_up {
        return (step + 1) as f64 / warm_up as f64;
    }
    let rest = steps.saturating_sub(warm_up).max(1) as f64;
    let progress = ((step - warm_up) as f64 / rest).min(1.0);
    0.5 * (1.0 + (PI * progress).cos())
}
