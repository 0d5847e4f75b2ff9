//! The learning rate over the course of training.

use std::f64::consts::PI;

/// The fraction of the full learning rate at a step: a linear rise over `warmup_steps` steps, then
/// half a cosine down to 0 at `steps`.
pub fn learning_rate_share(step: u64, warmup_steps: u64, steps: u64) -> f64 {
    if step < warmup_steps {
        return (step + 1) as f64 / warmup_steps as f64;
    }
    let rest = steps.saturating_sub(warmup_steps).max(1) as f64;
    let progress = ((step - warmup_steps) as f64 / rest).min(1.0);
    0.5 * (1.0 + (PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_in_a_line_and_falls_along_half_a_cosine() {
        let near = |step, share: f64| {
            assert!((learning_rate_share(step, 10, 110) - share).abs() < 1e-9, "{step}")
        };
        near(0, 0.1);
        near(9, 1.0);
        near(10, 1.0);
        near(10 + 100 / 3 + 1, 0.5 * (1.0 + (PI * 0.34).cos()));
        near(60, 0.5);
        near(110, 0.0);
        near(1000, 0.0);
        assert_eq!(learning_rate_share(0, 0, 100), 1.0);
    }
}
