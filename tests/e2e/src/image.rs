//! The contents of a canvas, to tell images from blanks and from each other.
//!
//! A screenshot would not do: the compositor scales the canvas, with slightly different colors
//! each time.

use anyhow::{Context, Result};
use serde_json::Value;

/// The pixels of a canvas.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    pixels: Vec<[u8; 4]>,
}

impl Image {
    /// The asynchronous script whose answer [`Self::from_json`] reads. It takes what a button of the
    /// page saves, at one pixel per pixel of an image. Its arguments are the selector of the button,
    /// and the width and height of the image, or null for those of the grid with its margin. The
    /// canvas itself cannot be read: what WebGPU has drawn can only be copied until the browser
    /// shows it.
    pub const SCRIPT: &str = "
        const [button, size, answer] = arguments;
        const { createObjectURL } = URL;
        const { click } = HTMLAnchorElement.prototype;
        HTMLAnchorElement.prototype.click = () => {};
        URL.createObjectURL = (blob) => {
            URL.createObjectURL = createObjectURL;
            createImageBitmap(blob).then((saved) => {
                HTMLAnchorElement.prototype.click = click;
                const grid = document.querySelector('#grid');
                const [width, height] =
                    size ?? [grid.width, grid.height].map((s) => s + 2 * grid.dataset.gap);
                const copy = new OffscreenCanvas(width, height).getContext('2d');
                copy.imageSmoothingEnabled = false;
                copy.drawImage(saved, 0, 0, width, height);
                answer(Array.from(copy.getImageData(0, 0, width, height).data));
            });
            return createObjectURL.call(URL, blob);
        };
        document.querySelector(button).click();";

    /// Reads the canvas's RGBA bytes.
    ///
    /// # Errors
    ///
    /// When `bytes` is not an array of bytes, four per pixel.
    pub fn from_json(bytes: Value) -> Result<Self> {
        let bytes: Vec<u8> = serde_json::from_value(bytes).context("not the bytes of a canvas")?;
        let (pixels, rest) = bytes.as_chunks();
        anyhow::ensure!(rest.is_empty(), "{} bytes are no RGBA", bytes.len());
        Ok(Self { pixels: pixels.to_vec() })
    }

    /// The pixels, row by row, as red, green, blue and alpha.
    pub fn pixels(&self) -> &[[u8; 4]] {
        &self.pixels
    }

    /// The pixel in a column and a row of a canvas of this width; transparent outside of it.
    pub fn pixel(&self, column: usize, row: usize, width: usize) -> [u8; 4] {
        self.pixels.get(row * width + column).copied().unwrap_or_default()
    }

    /// Whether all pixels have the same color.
    pub fn is_blank(&self) -> bool {
        self.pixels.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The largest difference in any channel of any pixel; 255 if the sizes differ.
    pub fn largest_difference(&self, other: &Self) -> u8 {
        if self.pixels.len() != other.pixels.len() {
            return u8::MAX;
        }
        let channels = self.pixels.iter().flatten().zip(other.pixels.iter().flatten());
        channels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
    }

    /// The fraction of pixels, in [0, 1], that differ from `other`; 1 if the sizes differ.
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
    fn tells_an_image_from_a_blank_and_from_another() -> Result<()> {
        let blank = Image::from_json(json!([1, 2, 3, 255, 1, 2, 3, 255]))?;
        let image = Image::from_json(json!([1, 2, 3, 255, 1, 2, 4, 255]))?;
        assert!(blank.is_blank() && !image.is_blank());
        assert_eq!(image.difference(&blank), 0.5);
        assert_eq!(image.difference(&image), 0.0);
        assert_eq!((image.largest_difference(&blank), image.largest_difference(&image)), (1, 0));
        assert_eq!(image.difference(&Image::from_json(json!([1, 2, 3, 255]))?), 1.0);
        assert!(Image::from_json(json!([1, 2, 3])).is_err());
        assert!(Image::from_json(json!("data:")).is_err());
        Ok(())
    }
}
