//! A visitor's drawing as a steering.

use wasm_bindgen::JsError;

use crate::net::Picture;
use crate::pixel::{luma, value};
use crate::sample::{Observation, Steering};

/// Chains begin at a drawing (RGBA, H × W × 4) under noise, if `is_covered`, or else end with it:
/// its opaque pixels are kept, and the rest is filled in.
///
/// # Errors
/// If the drawing has another size than the model's pictures.
pub(super) fn steering(
    picture: Picture,
    rgba: &[u8],
    is_covered: bool,
) -> Result<Steering, JsError> {
    let expected = 4 * picture.height * picture.width;
    if rgba.len() != expected {
        let found = rgba.len();
        return Err(JsError::new(&format!("the drawing has {found} bytes instead of {expected}")));
    }
    let pixels = pixels(picture, rgba);
    if is_covered {
        return Ok(Steering { origin: Some(pixels), ..Steering::default() });
    }
    let known: Vec<bool> = rgba.chunks_exact(4).map(|pixel| pixel[3] >= 128).collect();
    let observation = Some(Observation::pixels(picture, &pixels, &known)?);
    Ok(Steering { observation, ..Steering::default() })
}

/// C × H × W in \[0, 1\]; their luma if the picture has no colours.
fn pixels(picture: Picture, rgba: &[u8]) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(picture.dimension());
    for channel in 0..picture.channels {
        for pixel in rgba.chunks_exact(4) {
            let colour = [0, 1, 2].map(|c| value(pixel[c]));
            pixels.push(if picture.channels < 3 { luma(colour) } else { colour[channel.min(2)] });
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_planes_or_grey() {
        let rgba = [255, 0, 51, 255, 0, 255, 0, 0];
        let picture = |channels| Picture { channels, height: 1, width: 2 };
        assert_eq!(pixels(picture(3), &rgba), [1.0, 0.0, 0.0, 1.0, 0.2, 0.0]);
        let grey = pixels(picture(1), &rgba);
        assert!((grey[0] - 0.3218).abs() < 1e-6 && (grey[1] - 0.587).abs() < 1e-6, "{grey:?}");
    }

    #[test]
    fn what_is_transparent_is_made_up() {
        let picture = Picture { channels: 1, height: 1, width: 2 };
        let steering = |covered| steering(picture, &[255, 255, 255, 255, 9, 9, 9, 0], covered);
        let Ok(Steering { observation: Some(seen), origin: None, .. }) = steering(false) else {
            panic!("an observation")
        };
        assert_eq!((seen.target(), seen.mask()), (&[1.0, 0.0][..], &[1.0, 0.0][..]));
        assert!(steering(true).is_ok_and(|s| s.observation.is_none() && s.origin.is_some()));
    }
}
