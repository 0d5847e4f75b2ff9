//! Images for people: a grid as PNG, or a sequence of grids as an animated GIF.

use std::path::Path;

use anyhow::ensure;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, Rgba, RgbaImage};

use super::output;
use crate::grid::{Grid, ZOOM, encode_png, sides, square};
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
) -> anyhow::Result<()> {
    let png = encode_png(bytes, shape, columns)?;
    output::write(path, &png)
}

/// The longest side of a PNG and of a GIF.
pub const PNG_SIDE: usize = i32::MAX as usize;
/// See [`PNG_SIDE`].
pub const GIF_SIDE: usize = u16::MAX as usize;

/// Checks, before images are drawn, that a grid of them, enlarged as in a PNG, can be written as a
/// file whose sides are at most `side` pixels.
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
    let [width, height] = sides(count, shape, columns, ZOOM);
    ensure!(
        width.max(height) <= side && width.saturating_mul(height) <= MOST_PIXELS,
        "{count} images would make a grid of {width} × {height} pixels, which is too large; draw \
         fewer, or choose an --out that ends in .npy or .npz"
    );
    Ok(())
}

/// Checks, before images are drawn, that a PNG can show them.
///
/// # Errors
/// If they have other than 1 or 3 channels.
pub fn ensure_shown(shape: ImageShape) -> anyhow::Result<()> {
    ensure!(
        matches!(shape.channels, 1 | 3),
        "a PNG shows images of 1 or 3 channels, these have {}; `ncsn sample --out NAME.npy` writes \
         an array",
        shape.channels
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
    let zoom = zoom.clamp(ZOOM, 8);
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
