//! Grids of images, as PNG.

use crate::net::ImageShape;

/// How many times the images of a PNG are enlarged: they are small.
pub(crate) const ZOOM: usize = 2;

/// Encodes N images (C × H × W bytes each, 1 or 3 channels) as a PNG: a grid with the given
/// number of columns (by default as square as possible) and a border of one pixel around each
/// image, all of it enlarged twice.
///
/// # Errors
/// If the grid is larger than a PNG may be.
pub fn encode_png(
    bytes: &[u8],
    shape: ImageShape,
    columns: Option<usize>,
) -> Result<Vec<u8>, png::EncodingError> {
    let grid = Grid::new(bytes, shape, columns, ZOOM);
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, grid.width as u32, grid.height as u32);
    let gray = shape.channels == 1;
    encoder.set_color(if gray { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&grid.pixels)?;
    writer.finish()?;
    Ok(png)
}

/// The width and height of a grid of `count` images with a border around each, enlarged.
pub(crate) fn sides(
    count: usize,
    shape: ImageShape,
    columns: Option<usize>,
    zoom: usize,
) -> [usize; 2] {
    let columns = columns.unwrap_or_else(|| square(count)).max(1);
    let rows = count.div_ceil(columns).max(1);
    [columns * (shape.width + 1) + 1, rows * (shape.height + 1) + 1].map(|side| side * zoom)
}

/// The number of columns that makes a grid of `count` images as square as possible.
pub(crate) fn square(count: usize) -> usize {
    ((count as f64).sqrt().ceil() as usize).max(1)
}

/// Images arranged in rows and columns.
pub(crate) struct Grid {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// H × W × C.
    pub pixels: Vec<u8>,
}

impl Grid {
    /// See [`encode_png`]; enlarged `zoom` ≥ 1 times.
    pub fn new(bytes: &[u8], shape: ImageShape, columns: Option<usize>, zoom: usize) -> Self {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_shows_images_in_their_colors() {
        // Two images, each byte another.
        const SHAPE: ImageShape = ImageShape { channels: 3, height: 2, width: 4 };
        let images: Vec<u8> = (0..2 * SHAPE.dimension() as u8).collect();
        let png = encode_png(&images, SHAPE, Some(2)).expect("in memory");
        let grid = image::load_from_memory(&png).expect("a PNG").into_rgb8();
        assert_eq!(grid.dimensions(), (2 * (2 * 5 + 1), 2 * (3 + 1)));
        // The last pixel of the second image; around it there is a border.
        let [x, y] = [2 * 9, 2 * 2];
        assert_eq!(grid.get_pixel(x + 1, y + 1).0, [24 + 7, 24 + 15, 24 + 23]);
        assert_eq!(grid.get_pixel(x + 2, y).0, grid.get_pixel(0, 0).0);
    }
}
