//! What a canvas holds, for telling a picture from a blank and two pictures apart.
//!
//! A screenshot would not do: the compositor scales the canvas, and not to the same colours every
//! time.

use anyhow::{Context, Result};
use serde_json::Value;

/// The pixels of a canvas.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pixels: Vec<[u8; 4]>,
}

impl Picture {
    /// The asynchronous script whose answer [`Self::from_json`] reads: what the page's own button
    /// saves, at one pixel for each pixel of a picture. The canvas itself cannot be asked: what
    /// WebGPU has drawn can be copied only until the browser shows it.
    pub const SCRIPT: &str = "
        const answer = arguments[arguments.length - 1];
        const { createObjectURL } = URL;
        const { click } = HTMLAnchorElement.prototype;
        HTMLAnchorElement.prototype.click = () => {};
        URL.createObjectURL = (blob) => {
            URL.createObjectURL = createObjectURL;
            createImageBitmap(blob).then((saved) => {
                HTMLAnchorElement.prototype.click = click;
                const grid = document.querySelector('#grid');
                const [width, height] = [grid.width, grid.height].map((s) => s + 2 * grid.dataset.gap);
                const copy = new OffscreenCanvas(width, height).getContext('2d');
                copy.imageSmoothingEnabled = false;
                copy.drawImage(saved, 0, 0, width, height);
                answer(Array.from(copy.getImageData(0, 0, width, height).data));
            });
            return createObjectURL.call(URL, blob);
        };
        document.querySelector('#save').click();";

    /// Reads the canvas' RGBA bytes.
    ///
    /// # Errors
    ///
    /// When `bytes` is anything else than an array of bytes, four for each pixel.
    pub fn from_json(bytes: Value) -> Result<Self> {
        let bytes: Vec<u8> = serde_json::from_value(bytes).context("not the bytes of a canvas")?;
        let (pixels, rest) = bytes.as_chunks();
        anyhow::ensure!(rest.is_empty(), "{} bytes are no RGBA", bytes.len());
        Ok(Self { pixels: pixels.to_vec() })
    }

    /// Whether all pixels have the same colour.
    pub fn is_blank(&self) -> bool {
        self.pixels.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The largest difference of any channel of any pixel; 255 if the sizes differ.
    pub fn largest_difference(&self, other: &Self) -> u8 {
        if self.pixels.len() != other.pixels.len() {
            return u8::MAX;
        }
        let channels = self.pixels.iter().flatten().zip(other.pixels.iter().flatten());
        channels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    }

    /// The part of the pixels, in [0, 1], that are not the same in `other`; 1 if the sizes differ.
    pub fn difference(&self, other: &Self) -> f64 {
        if self.pixels.len() != other.pixels.len() {
            return 1.0;
        }
        let different = self.pixels.iter().zip(&other.pixels).filter(|(a, b)| a != b).count();
        different as f64 / self.pixels.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_a_picture_from_a_blank_and_from_another() -> Result<()> {
        let blank = Picture::from_json(json!([1, 2, 3, 255, 1, 2, 3, 255]))?;
        let picture = Picture::from_json(json!([1, 2, 3, 255, 1, 2, 4, 255]))?;
        assert!(blank.is_blank() && !picture.is_blank());
        assert_eq!(picture.difference(&blank), 0.5);
        assert_eq!(picture.difference(&picture), 0.0);
        assert_eq!(
            (picture.largest_difference(&blank), picture.largest_difference(&picture)),
            (1, 0)
        );
        assert_eq!(picture.difference(&Picture::from_json(json!([1, 2, 3, 255]))?), 1.0);
        assert!(Picture::from_json(json!([1, 2, 3])).is_err());
        assert!(Picture::from_json(json!("data:")).is_err());
        Ok(())
    }
}
