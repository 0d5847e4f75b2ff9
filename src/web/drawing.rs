//! A visitor's drawing as a conditioning.

use wasm_bindgen::JsError;

use crate::net::ImageShape;
use crate::pixel::{luma, value};
use crate::sample::{Conditioning, Observation};

/// Chains begin at a drawing (RGBA, H × W × 4) under noise, if `is_covered`, or else end with it:
/// its opaque pixels are kept, and the rest is filled in.
///
/// # Errors
/// If the drawing has another size than the model's images.
pub(super) fn conditioning(
    image_shape: ImageShape,
    rgba: &[u8],
    is_covered: bool,
) -> Result<Conditioning, JsError> {
    let expected = 4 * image_shape.height * image_shape.width;
    if rgba.len() != expected {
        let found = rgba.len();
        return Err(JsError::new(&format!("the drawing has {found} bytes instead of {expected}")));
    }
    let pixels = pixels(image_shape, rgba);
    if is_covered {
        return Ok(Conditioning { origin: Some(pixels), ..Conditioning::default() });
    }
    let known: Vec<bool> = rgba.chunks_exact(4).map(|pixel| pixel[3] >= 128).collect();
    let observation = Some(Observation::pixels(image_shape, &pixels, &known)?);
    Ok(Conditioning { observation, ..Conditioning::default() })
}

/// C × H × W in \[0, 1\]; their luma if the image has no colours.
fn pixels(image_shape: ImageShape, rgba: &[u8]) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(image_shape.dimension());
    for channel in 0..image_shape.channels {
        for pixel in rgba.chunks_exact(4) {
            let color = [0, 1, 2].map(|c| value(pixel[c]));
            pixels.push(if image_shape.channels < 3 { luma(color) } else { color[channel.min(2)] });
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_become_planes_or_gray() {
        let rgba = [255, 0, 51, 255, 0, 255, 0, 0];
        let image_shape = |channels| ImageShape { channels, height: 1, width: 2 };
        assert_eq!(pixels(image_shape(3), &rgba), [1.0, 0.0, 0.0, 1.0, 0.2, 0.0]);
        let gray = pixels(image_shape(1), &rgba);
        assert!((gray[0] - 0.3218).abs() < 1e-6 && (gray[1] - 0.587).abs() < 1e-6, "{gray:?}");
    }

    #[test]
    fn what_is_transparent_is_made_up() {
        let image_shape = ImageShape { channels: 1, height: 1, width: 2 };
        let conditioning =
            |covered| conditioning(image_shape, &[255, 255, 255, 255, 9, 9, 9, 0], covered);
        let Ok(Conditioning { observation: Some(seen), origin: None, .. }) = conditioning(false)
        else {
            panic!("an observation")
        };
        assert_eq!((seen.target(), seen.mask()), (&[1.0, 0.0][..], &[1.0, 0.0][..]));
        assert!(conditioning(true).is_ok_and(|s| s.observation.is_none() && s.origin.is_some()));
    }
}
