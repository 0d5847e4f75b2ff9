//! Images on disk: a grid as PNG, a sequence of grids as an animated GIF, or a NumPy array.

use std::path::Path;

use anyhow::ensure;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, Rgba, RgbaImage};

use super::output;
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

/// Encodes N images (C × H × W bytes each, 1 or 3 channels) as a PNG: a grid with the given
/// number of columns (by default as square as possible) and a border of one pixel around each
/// image, enlarged `zoom` times.
///
/// # Errors
/// If the grid is larger than a PNG may be.
pub fn encode_png(
    bytes: &[u8],
    shape: ImageShape,
    columns: Option<usize>,
    zoom: usize,
) -> anyhow::Result<Vec<u8>> {
    let grid = Grid::new(bytes, shape, columns, zoom);
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, grid.width as u32, grid.height as u32);
    let gray = shape.channels == 1;
    encoder.set_color(if gray { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&grid.pixels)?;
    writer.finish()?;
    Ok(png)
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
        let image = Grid::new(bytes, shape, None, zoom).into_rgba(shape.channels);
        let delay = Delay::from_numer_denom_ms(lasts, 1);
        encoder.encode_frame(Frame::from_parts(image, 0, 0, delay))?;
    }
    drop(encoder);
    Ok(gif)
}

/// The width and height of a grid of `count` images with a border around each, enlarged.
fn sides(count: usize, shape: ImageShape, columns: Option<usize>, zoom: usize) -> [usize; 2] {
    let columns = columns.unwrap_or_else(|| square(count)).max(1);
    let rows = count.div_ceil(columns).max(1);
    [columns * (shape.width + 1) + 1, rows * (shape.height + 1) + 1].map(|side| side * zoom)
}

/// The number of columns that makes a grid of `count` images as square as possible.
fn square(count: usize) -> usize {
    ((count as f64).sqrt().ceil() as usize).max(1)
}

/// Images arranged in rows and columns.
struct Grid {
    width: usize,
    height: usize,
    /// H × W × C.
    pixels: Vec<u8>,
}

impl Grid {
    fn new(bytes: &[u8], shape: ImageShape, columns: Option<usize>, zoom: usize) -> Self {
        const BORDER: u8 = 64;
        let ImageShape { channels, height, width } = shape;
        let dimension = shape.dimension();
        let count = bytes.len() / dimension;
        let [w, h] = sides(count, shape, columns, zoom);
        let (cell_w, cell_h) = (width + 1, height + 1);
        let columns = (w / zoom - 1) / cell_w;

        let mut pixels = vec![BORDER; w * h * channels];
        for (index, image) in bytes.chunks_exact(dimension).enumerate() {
            let (left, top) = (index % columns * cell_w + 1, index / columns * cell_h + 1);
            for y in 0..height * zoom {
                for x in 0..width * zoom {
                    let at = ((top * zoom + y) * w + left * zoom + x) * channels;
                    for c in 0..channels {
                        pixels[at + c] = image[(c * height + y / zoom) * width + x / zoom];
                    }
                }
            }
        }
        Self { width: w, height: h, pixels }
    }

    /// The grid as an opaque image.
    fn into_rgba(self, channels: usize) -> RgbaImage {
        let Self { width, height, pixels } = self;
        RgbaImage::from_fn(width as u32, height as u32, |x, y| {
            let pixel = &pixels[(y as usize * width + x as usize) * channels..][..channels];
            Rgba([pixel[0], pixel[channels / 2], pixel[channels - 1], 255])
        })
    }
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

    #[test]
    fn a_grid_shows_images_in_their_colors() {
        let png = encode_png(&images(), SHAPE, Some(2), 3).expect("in memory");
        let grid = image::load_from_memory(&png).expect("a PNG").into_rgb8();
        assert_eq!(grid.dimensions(), (3 * (2 * 5 + 1), 3 * (3 + 1)));
        // The last pixel of the second image; around it there is a border.
        let [x, y] = [3 * 9, 3 * 2];
        assert_eq!(grid.get_pixel(x + 2, y + 2).0, [24 + 7, 24 + 15, 24 + 23]);
        assert_eq!(grid.get_pixel(x + 3, y).0, grid.get_pixel(0, 0).0);
    }
}
