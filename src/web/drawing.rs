//! A visitor's drawing as a conditioning.

use wasm_bindgen::JsError;

use super::chain_options::Keep;
use crate::net::ImageShape;
use crate::pixel::{luma, value};
use crate::sample::observation::Block;
use crate::sample::{Conditioning, Observation};

/// The sides of squares whose means are kept: the first that divides the images.
const SIDES: [usize; 4] = [4, 3, 2, 5];

/// Chains begin at a drawing (RGBA, H × W × 4) under noise, if `is_covered`, or else end with what
/// is to be kept of it.
///
/// # Errors
/// If the drawing has another size than the model's images, or they have no colors or squares.
pub(super) fn conditioning(
    image_shape: ImageShape,
    rgba: &[u8],
    is_covered: bool,
    keep: Keep,
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
    let observation = match keep {
        Keep::Pixels => {
            let known: Vec<bool> = rgba.chunks_exact(4).map(|pixel| pixel[3] >= 128).collect();
            Observation::pixels(image_shape, &pixels, &known)?
        }
        Keep::Gray if image_shape.channels > 1 => {
            let block = Block { channels: image_shape.channels, height: 1, width: 1 };
            Observation::means(image_shape, &pixels, block)?
        }
        Keep::Gray => return Err(JsError::new("this model's images have no colors")),
        Keep::Blocks => {
            let ImageShape { height, width, .. } = image_shape;
            let divides = |&side: &usize| height % side == 0 && width % side == 0;
            let side = SIDES.into_iter().find(divides);
            let side = side.ok_or_else(|| JsError::new("this model's images have no squares"))?;
            let block = Block { channels: 1, height: side, width: side };
            Observation::means(image_shape, &pixels, block)?
        }
    };
    Ok(Conditioning { observation: Some(observation), ..Conditioning::default() })
}

/// C × H × W in \[0, 1\]; their luma if the image has no colors.
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
        let conditioning = |covered| {
            let rgba = [255, 255, 255, 255, 9, 9, 9, 0];
            conditioning(image_shape, &rgba, covered, Keep::Pixels)
        };
        let Ok(Conditioning { observation: Some(seen), origin: None, .. }) = conditioning(false)
        else {
            panic!("an observation")
        };
        assert_eq!((seen.target(), seen.mask()), (&[1.0, 0.0][..], &[1.0, 0.0][..]));
        assert!(conditioning(true).is_ok_and(|s| s.observation.is_none() && s.origin.is_some()));
    }

    #[test]
    fn grays_or_squares_of_a_drawing_are_kept() {
        let kept = |keep| {
            let image_shape = ImageShape { channels: 3, height: 4, width: 4 };
            let observed = conditioning(image_shape, &[255; 64], false, keep).ok()?.observation?;
            let block = observed.block();
            Some((block.channels, block.height, block.width))
        };
        assert_eq!(kept(Keep::Gray), Some((3, 1, 1)));
        assert_eq!(kept(Keep::Blocks), Some((1, 4, 4)));
    }
}
