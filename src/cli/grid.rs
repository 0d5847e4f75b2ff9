//! Pictures on disk: a grid as PNG, or all of them as an array for NumPy.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::Context;

use crate::net::Picture;

/// Floats in \[0, 1\], clamped, as bytes.
pub fn to_bytes(pixels: &[f32]) -> Vec<u8> {
    pixels.iter().map(|&v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
}

/// Writes the grid of [`encode_png`].
///
/// # Errors
/// Where the file cannot be written.
pub fn write_png(
    path: &Path,
    bytes: &[u8],
    shape: Picture,
    columns: Option<usize>,
    zoom: usize,
) -> anyhow::Result<()> {
    let png = encode_png(bytes, shape, columns, zoom)?;
    std::fs::write(path, png).with_context(|| format!("cannot write {}", path.display()))
}

/// N pictures (C × H × W bytes each, 1 or 3 channels) as one PNG, in a grid of so many columns (or
/// as square as can be), with a border of one pixel around each, enlarged `zoom` times.
///
/// # Errors
/// Where the grid is larger than a PNG may be.
pub fn encode_png(
    bytes: &[u8],
    shape: Picture,
    columns: Option<usize>,
    zoom: usize,
) -> anyhow::Result<Vec<u8>> {
    const BORDER: u8 = 64;
    let Picture { channels, height, width } = shape;
    let dimension = shape.dimension();
    let count = bytes.len() / dimension;
    let columns = columns.unwrap_or_else(|| (count as f64).sqrt().ceil() as usize).max(1);
    let rows = count.div_ceil(columns).max(1);
    let (cell_w, cell_h) = (width + 1, height + 1);
    let (w, h) = ((columns * cell_w + 1) * zoom, (rows * cell_h + 1) * zoom);

    let mut image = vec![BORDER; w * h * channels];
    for (index, picture) in bytes.chunks_exact(dimension).enumerate() {
        let (left, top) = (index % columns * cell_w + 1, index / columns * cell_h + 1);
        for y in 0..height * zoom {
            for x in 0..width * zoom {
                let at = ((top * zoom + y) * w + left * zoom + x) * channels;
                for c in 0..channels {
                    image[at + c] = picture[(c * height + y / zoom) * width + x / zoom];
                }
            }
        }
    }
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, w as u32, h as u32);
    let grey = channels == 1;
    encoder.set_color(if grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&image)?;
    writer.finish()?;
    Ok(png)
}

/// Writes N pictures as a NumPy array of uint8: N × H × W, or N × H × W × C for more channels.
///
/// # Errors
/// Where the file cannot be written.
pub fn write_npy(path: &Path, bytes: &[u8], shape: Picture) -> anyhow::Result<()> {
    use npyz::WriterBuilder;
    let Picture { channels, height, width } = shape;
    let count = bytes.len() / shape.dimension();
    let mut axes = vec![count as u64, height as u64, width as u64];
    if channels > 1 {
        axes.push(channels as u64);
    }
    let write = || -> std::io::Result<()> {
        let file = BufWriter::new(File::create(path)?);
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(&axes).writer(file).begin_nd()?;
        for picture in bytes.chunks_exact(shape.dimension()) {
            let plane = height * width;
            for pixel in 0..plane {
                for c in 0..channels {
                    writer.push(&picture[c * plane + pixel])?;
                }
            }
        }
        writer.finish()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
