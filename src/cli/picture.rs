//! Pictures that a user gives, as PNG files.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, ensure};
use png::Transformations;

use crate::net::Picture;

/// A picture in \[0, 1\] with its opacity.
pub struct Given {
    /// Its shape: 1 or 3 channels.
    pub shape: Picture,
    /// C × H × W, over black where it is transparent.
    pub pixels: Vec<f32>,
    /// H × W; 1 where the picture is opaque.
    pub opacity: Vec<f32>,
}

/// Reads a PNG file.
///
/// # Errors
/// Where there is none.
pub fn read(path: &Path) -> anyhow::Result<Given> {
    decode(path).with_context(|| format!("cannot read the picture {}", path.display()))
}

fn decode(path: &Path) -> anyhow::Result<Given> {
    let mut decoder = png::Decoder::new(BufReader::new(File::open(path)?));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let size = reader.output_buffer_size().context("it is too large")?;
    let mut bytes = vec![0; size];
    let info = reader.next_frame(&mut bytes)?;
    let (height, width) = (info.height as usize, info.width as usize);
    let samples = info.color_type.samples();
    let channels = if samples < 3 { 1 } else { 3 };
    let value = |byte: u8| f32::from(byte) / 255.0;

    let plane = height * width;
    let (mut pixels, mut opacity) = (vec![0.0; channels * plane], vec![1.0; plane]);
    for (at, pixel) in bytes[..info.buffer_size()].chunks_exact(samples).enumerate() {
        if samples > channels {
            opacity[at] = value(pixel[channels]);
        }
        for (channel, &byte) in pixel[..channels].iter().enumerate() {
            pixels[channel * plane + at] = opacity[at] * value(byte);
        }
    }
    Ok(Given { shape: Picture { channels, height, width }, pixels, opacity })
}

impl Given {
    /// With as many channels as asked for: grey repeated, or colours' mean.
    pub fn channels(mut self, channels: usize) -> Self {
        if self.shape.channels != channels {
            let grey = self.grey();
            self.pixels = grey.repeat(channels);
            self.shape.channels = channels;
        }
        self
    }

    /// The mean of the channels: H × W.
    pub fn grey(&self) -> Vec<f32> {
        let Picture { channels, height, width } = self.shape;
        let plane = height * width;
        let mean = |at: usize| (0..channels).map(|c| self.pixels[c * plane + at]).sum::<f32>();
        (0..plane).map(|at| mean(at) / channels as f32).collect()
    }
}

/// Reads a picture that must have the size of a model's; its channels are made the model's.
///
/// # Errors
/// Where there is none, or it is of another size.
pub fn read_sized(path: &Path, shape: Picture) -> anyhow::Result<Given> {
    let given = read(path)?;
    let Picture { height, width, .. } = given.shape;
    ensure!(
        (height, width) == (shape.height, shape.width),
        "{} is {width} × {height}, but the model's pictures are {} × {}",
        path.display(),
        shape.width,
        shape.height
    );
    Ok(given.channels(shape.channels))
}
