//! Images on disk: a grid as PNG, a sequence of grids as an animated GIF, or a NumPy array.

use std::path::Path;

use anyhow::ensure;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, Rgba, RgbaImage};

use super::output;
use crate::grid::{Grid, encode_png, sides, square};
use crate::net::ImageShape;

/// Writes the grid of [`encode_png`] to a file.
///
/// # Errors
/// If the file cannot be written.
pub fn write_png(
    path: &Path,
    bytes: &[u8],
    shape: ImageShape,
    columns: Option<usize>,
    zoom: usize,
) -> anyhow::Result<()> {
    let png = encode_png(bytes, shape, columns, zoom)?;
    output::write(path, &png)
}

/// The longest side of a PNG and of a GIF.
pub const PNG_SIDE: usize = i32::MAX as usize;
/// See [`PNG_SIDE`].
pub const GIF_SIDE: usize = u16::MAX as usize;

/// Checks, before images are drawn, that a grid of them, enlarged twice, can be written as a file
/// whose sides are at most `side` pixels.
///
/// # Errors
/// Says how large the grid would be.
pub fn ensure_fits(
    count: usize,
    shape: ImageShape,
    columns: Option<usize>,
    side: usize,
) -> anyhow::Result<()> {
    const MOST_PIXELS: usize = 1 << 30;
    let [width, height] = sides(count, shape, columns, 2);
    ensure!(
        width.max(height) <= side && width.saturating_mul(height) <= MOST_PIXELS,
        "{count} images would make a grid of {width} × {height} pixels, which is too large; draw \
         fewer, or choose an --out that ends in .npy"
    );
    Ok(())
}

/// Writes a sequence of grids as an animated GIF that lasts a few seconds, pauses at its end and
/// repeats. All grids must have the same number of images.
///
/// # Errors
/// If the file cannot be written, or a grid is larger than a GIF may be.
pub fn write_gif(path: &Path, frames: &[&[u8]], shape: ImageShape) -> anyhow::Result<()> {
    let gif = encode_gif(frames, shape)?;
    output::write(path, &gif)
}

fn encode_gif(frames: &[&[u8]], shape: ImageShape) -> anyhow::Result<Vec<u8>> {
    /// How long all frames but the last take together, in milliseconds, and how long the last one
    /// stays.
    const LONG: u32 = 4000;
    const REST: u32 = 2000;
    /// The width in pixels to enlarge the grid to, roughly: animations are rarely viewed enlarged.
    const WIDE: usize = 256;
    let Some((last, before)) = frames.split_last() else { return Ok(Vec::new()) };
    let zoom = WIDE / (square(last.len() / shape.dimension()) * shape.width).max(1);
    let zoom = zoom.clamp(2, 8);
    let each = (LONG / frames.len() as u32).clamp(40, 200);

    let mut gif = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut gif, 10);
    encoder.set_repeat(Repeat::Infinite)?;
    let timed = before.iter().map(|frame| (frame, each)).chain([(last, REST)]);
    for (bytes, lasts) in timed {
        let image = into_rgba(Grid::new(bytes, shape, None, zoom), shape.channels);
        let delay = Delay::from_numer_denom_ms(lasts, 1);
        encoder.encode_frame(Frame::from_parts(image, 0, 0, delay))?;
    }
    drop(encoder);
    Ok(gif)
}

/// The grid as an opaque image.
fn into_rgba(grid: Grid, channels: usize) -> RgbaImage {
    let Grid { width, height, pixels } = grid;
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        let pixel = &pixels[(y as usize * width + x as usize) * channels..][..channels];
        Rgba([pixel[0], pixel[channels / 2], pixel[channels - 1], 255])
    })
}

/// Writes N images as a NumPy array of uint8, N × H × W, or N × H × W × C if there are several
/// channels.
///
/// # Errors
/// If the file cannot be written.
pub fn write_npy(path: &Path, bytes: &[u8], shape: ImageShape) -> anyhow::Result<()> {
    output::write(path, &encode_npy(bytes, shape)?)
}

fn encode_npy(bytes: &[u8], shape: ImageShape) -> anyhow::Result<Vec<u8>> {
    use npyz::WriterBuilder;
    let ImageShape { channels, height, width } = shape;
    let count = bytes.len() / shape.dimension();
    let mut axes = vec![count as u64, height as u64, width as u64];
    if channels > 1 {
        axes.push(channels as u64);
    }
    let mut npy = Vec::new();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&axes).writer(&mut npy).begin_nd()?;
    for image in bytes.chunks_exact(shape.dimension()) {
        let plane = height * width;
        for pixel in 0..plane {
            for c in 0..channels {
                writer.push(&image[c * plane + pixel])?;
            }
        }
    }
    writer.finish()?;
    Ok(npy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of 3 × 2 × 4, each byte another.
    const SHAPE: ImageShape = ImageShape { channels: 3, height: 2, width: 4 };

    fn images() -> Vec<u8> {
        (0..2 * SHAPE.dimension() as u8).collect()
    }

    #[test]
    fn an_array_is_read_as_it_was_written() {
        let npy = encode_npy(&images(), SHAPE).expect("in memory");
        let file = npyz::NpyFile::new(&npy[..]).expect("an array");
        assert_eq!(file.shape(), [2, 2, 4, 3]);
        let read: Vec<u8> = file.into_vec().expect("bytes");
        for (at, pixel) in read.chunks_exact(3).enumerate() {
            let first = (at / 8 * 24 + at % 8) as u8;
            assert_eq!(pixel, [first, first + 8, first + 16]);
        }
    }
}
