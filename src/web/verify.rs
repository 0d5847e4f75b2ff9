//! Whether finished images can be what a network makes.

use crate::sample::Conditioning;

/// What is wrong with the values of images of `dimension` values each, if anything: `"infinite"`
/// if one is not finite, as after steps that are too large; `"even"` if all values of an image are
/// the same, as after work that a GPU has lost or not done.
pub(super) fn fault(values: &[f32], dimension: usize, may_be_even: bool) -> Option<&'static str> {
    if !values.iter().all(|value| value.is_finite()) {
        return Some("infinite");
    }
    let is_even = |image_shape: &[f32]| image_shape.iter().all(|value| *value == image_shape[0]);
    let may_be_even = may_be_even || dimension == 1;
    (!may_be_even && values.chunks_exact(dimension).any(is_even)).then_some("even")
}

/// Whether images may end the same all over: where they begin at a drawing that is, or keep one.
pub(super) fn may_be_even(conditioning: &Conditioning) -> bool {
    let kept = conditioning.observation.as_ref().map(|observation| observation.target());
    conditioning.origin.as_deref().or(kept).is_some_and(|values| {
        values.first().is_some_and(|first| values.iter().all(|value| value == first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_network_can_make_is_right() {
        let noise = [0.1, -0.3, 0.2, 1.4];
        assert_eq!(fault(&noise, 2, false), None);
        for lost in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(fault(&[0.1, -0.3, lost, 1.4], 2, true), Some("infinite"), "{lost}");
        }
        assert_eq!(fault(&[0.0; 4], 2, false), Some("even"), "work that was not done");
        assert_eq!(fault(&[0.1, -0.3, 0.5, 0.5], 2, false), Some("even"), "one image of two");
        assert_eq!(fault(&[0.5; 4], 2, true), None, "a drawing in one colour");
        assert_eq!(fault(&[0.5; 4], 1, false), None, "images of one pixel");
    }

    #[test]
    fn a_drawing_in_one_color_may_stay_so() {
        let origin = |values: &[f32]| Conditioning {
            origin: Some(values.to_vec()),
            ..Conditioning::default()
        };
        assert!(may_be_even(&origin(&[1.0, 1.0])));
        assert!(!may_be_even(&origin(&[1.0, 0.0])));
        assert!(!may_be_even(&Conditioning::default()));
    }
}
