//! Screenshots as pixels, for telling a picture from a blank and two pictures apart.

use std::io::Cursor;

use anyhow::{Context, Result};

/// What an element looked like on the screen.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Decodes the PNG that the driver sends.
    ///
    /// # Errors
    ///
    /// When `bytes` are no PNG.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().context("the screenshot is not a PNG")?;
        let size = reader.output_buffer_size().context("the screenshot is too large")?;
        let mut data = vec![0; size];
        let info = reader.next_frame(&mut data)?;
        data.truncate(info.buffer_size());
        let channels = info.color_type.samples();
        let pixels = data
            .chunks_exact(channels)
            .map(|pixel| if channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] })
            .collect();
        Ok(Self { pixels })
    }

    /// Whether all pixels have the same colour.
    pub fn is_blank(&self) -> bool {
        self.pixels.windows(2).all(|pair| pair[0] == pair[1])
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
    use super::*;

    fn encode(pixels: &[u8]) -> Result<Picture> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, pixels.len() as u32 / 3, 1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(pixels)?;
        Picture::decode(&bytes)
    }

    #[test]
    fn tells_a_picture_from_a_blank_and_from_another() -> Result<()> {
        let blank = encode(&[7, 7, 7, 7, 7, 7])?;
        let picture = encode(&[7, 7, 7, 7, 7, 8])?;
        assert!(blank.is_blank());
        assert!(!picture.is_blank());
        assert_eq!(picture.difference(&picture), 0.0);
        assert_eq!(picture.difference(&blank), 0.5);
        assert_eq!(picture.difference(&encode(&[7, 7, 7])?), 1.0);
        Ok(())
    }
}
