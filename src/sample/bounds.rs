//! Bounds of intervals of noise levels in JSON, which has no infinity. It is written as the largest
//! number, which is no limit either.

use serde::{Serialize, Serializer};

/// One bound, or several.
pub trait Bounds: Copy + Serialize {
    /// The same, without infinities.
    fn finite(self) -> Self;
}

impl Bounds for f32 {
    fn finite(self) -> Self {
        self.clamp(Self::MIN, Self::MAX)
    }
}

impl Bounds for [f32; 2] {
    fn finite(self) -> Self {
        self.map(f32::finite)
    }
}

impl<T: Bounds> Bounds for Option<T> {
    fn finite(self) -> Self {
        self.map(T::finite)
    }
}

/// For `#[serde(serialize_with)]`.
///
/// # Errors
/// If the serializer fails.
pub fn serialize<T: Bounds, S: Serializer>(bounds: &T, serializer: S) -> Result<S::Ok, S::Error> {
    bounds.finite().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::sample::GuidanceScale;
    use crate::sample::edm::Churn;

    const ENDLESS: [f32; 2] = [f32::NEG_INFINITY, f32::INFINITY];

    fn through_json<T: Serialize + for<'de> Deserialize<'de>>(value: &T) -> T {
        let json = serde_json::to_string(value).expect("plain data");
        serde_json::from_str(&json).expect("its own output")
    }

    #[test]
    fn an_interval_without_an_end_survives_json() {
        let [s_tmin, s_tmax] = ENDLESS;
        let churn = through_json(&Churn { s_tmin, s_tmax, ..Churn::NONE });
        assert_eq!(churn, Churn { s_tmin: f32::MIN, s_tmax: f32::MAX, ..Churn::NONE });
        let scale = through_json(&GuidanceScale { weight: 2.0, sigmas: ENDLESS });
        assert_eq!(scale, GuidanceScale { weight: 2.0, sigmas: [f32::MIN, f32::MAX] });
        let limited = GuidanceScale { weight: 2.0, sigmas: [0.3, 5.0] };
        assert_eq!(through_json(&limited), limited);
    }
}
