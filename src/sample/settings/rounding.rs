//! Numbers of few digits: people read and type settings.

/// Rounds a positive number to three significant digits.
pub(crate) fn three_digits(value: f32) -> f32 {
    let scale = scale_of(f64::from(value));
    ((f64::from(value) * scale).round() / scale) as f32
}

/// As [`three_digits`], but not below the value.
#[cfg(any(feature = "cli", all(feature = "training", target_family = "wasm")))]
pub(crate) fn three_digits_up(value: f64) -> f32 {
    let scale = scale_of(value);
    ((value * scale).ceil() / scale) as f32
}

/// The power of ten that leaves a positive number three digits before the point. Of 0, to which an
/// impossible noise level leads, it is infinite: the step size becomes NaN, and is never used,
/// because validation refuses the noise level.
fn scale_of(value: f64) -> f64 {
    // By the logarithm that noise schedules use, too: another would add to the page. Of a power of
    // ten it may be a digit off, which leaves that number as it is.
    let digits = value.ln() / std::f64::consts::LN_10;
    10f64.powi(2i32.saturating_sub(digits.floor() as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_left() {
        for (value, rounded) in [(0.012_345, 0.0123), (9.996, 10.0), (12_360.0, 12_400.0)] {
            assert_eq!(three_digits(value), rounded);
        }
        for power in [1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e6] {
            assert_eq!(three_digits(power), power);
        }
    }

    #[cfg(any(feature = "cli", all(feature = "training", target_family = "wasm")))]
    #[test]
    fn rounded_up_it_is_not_below() {
        for (value, rounded) in [(1.001, 1.01), (4.0, 4.0), (123.4, 124.0)] {
            assert_eq!(three_digits_up(value), rounded);
        }
    }
}
