//! `ncsn thumbnails`: training images at half their resolution, for the page.

use std::path::PathBuf;

use anyhow::ensure;

use super::data_set::{self, ImageArgs};
use super::{apart, output};
use crate::data::Images;
use crate::grid::square;
use crate::net::ImageShape;

/// Write the training images at half their resolution into one .png, for the page's answer to "Why
/// doesn't it copy?".
///
/// A visitor chooses the file on the page, or it is published and named by `data-training` of the
/// model's link. Gray images have 16 shades.
#[derive(clap::Args)]
pub struct Thumbnails {
    /// The file to write.
    #[arg(long, default_value = "training.png")]
    out: PathBuf,
    #[command(flatten, next_help_heading = "Images")]
    images: ImageArgs,
}

/// Runs the command.
///
/// # Errors
/// If the images have an odd side, or a file cannot be read or written.
pub(super) fn run(arguments: &Thumbnails) -> anyhow::Result<()> {
    let Thumbnails { out, images } = arguments;
    apart::ensure_replaces_none(&[("--data", Some(&images.data))], "--out", out)?;
    apart::ensure_outside_data(&images.data, "--out", out)?;
    apart::ensure_beside_no_classes("--out", out)?;
    output::extension("--out", out, &["png"])?;
    output::ensure_writable(out)?;
    output::leave_stdout_to(out);
    let data = images.load(&|_| Ok(()))?;
    data_set::say(&data);
    let ImageShape { height, width, .. } = data.train.shape;
    ensure!(
        height % 2 == 0 && width % 2 == 0,
        "images of {width} × {height} pixels have no half; see --size"
    );
    let png = encode(&data.train)?;
    output::write(out, &png)?;
    println!("{} bytes in {}", png.len(), out.display());
    Ok(())
}

/// The means of squares of 2 × 2 pixels: C × H/2 × W/2.
fn halved(image: &[u8], ImageShape { channels, height, width }: ImageShape) -> Vec<f32> {
    let mut means = Vec::with_capacity(image.len() / 4);
    for plane in image.chunks_exact(height * width).take(channels) {
        for rows in plane.chunks_exact(2 * width) {
            let (above, below) = rows.split_at(width);
            for (a, b) in above.chunks_exact(2).zip(below.chunks_exact(2)) {
                let sum: u16 = a.iter().chain(b).map(|&value| u16::from(value)).sum();
                means.push(f32::from(sum) / 4.0);
            }
        }
    }
    means
}

/// The images in rows, as square as possible and without gaps: gray in 4 bits, or RGB in 8 each.
fn encode(images: &Images) -> anyhow::Result<Vec<u8>> {
    let ImageShape { channels, height, width } = images.shape;
    let (height, width) = (height / 2, width / 2);
    let columns = square(images.len());
    let rows = images.len().div_ceil(columns).max(1);
    let across = columns * width;
    let mut pixels = vec![0.0; rows * height * across * channels];
    for (index, image) in images.iter().enumerate() {
        let (left, top) = (index % columns * width, index / columns * height);
        for (at, value) in halved(image, images.shape).into_iter().enumerate() {
            let (channel, y, x) = (at / (height * width), at / width % height, at % width);
            pixels[((top + y) * across + left + x) * channels + channel] = value;
        }
    }
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, across as u32, (rows * height) as u32);
    encoder.set_compression(png::Compression::High);
    let bytes: Vec<u8> = if channels == 1 {
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Four);
        // Differences of bytes that hold two pixels compress worse than the pixels.
        encoder.set_filter(png::Filter::NoFilter);
        // A row ends with a whole byte.
        let nibble = |value: &f32| (value / 17.0).round() as u8;
        let byte = |pair: &[f32]| (nibble(&pair[0]) << 4) | pair.get(1).map_or(0, nibble);
        pixels.chunks_exact(across).flat_map(|row| row.chunks(2).map(byte)).collect()
    } else {
        encoder.set_color(png::ColorType::Rgb);
        pixels.iter().map(|value| value.round() as u8).collect()
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_become_their_means_and_images_stand_in_rows() -> anyhow::Result<()> {
        let shape = ImageShape { channels: 1, height: 2, width: 4 };
        assert_eq!(halved(&[0, 4, 255, 255, 8, 8, 255, 255], shape), [5.0, 255.0]);
        // Three images of 2 × 1 pixels, in two rows.
        let bytes = [[0; 8], [255; 8], [17; 8]].concat();
        let png = encode(&Images::new(shape, bytes))?;
        let decoder = png::Decoder::new(std::io::Cursor::new(png));
        let mut reader = decoder.read_info()?;
        let mut pixels = vec![0; 4];
        let info = reader.next_frame(&mut pixels)?;
        assert_eq!((info.width, info.height, info.line_size), (4, 2, 2));
        assert_eq!(pixels, [0x00, 0xff, 0x11, 0x00]);
        Ok(())
    }

    #[test]
    fn colors_stay_apart() -> anyhow::Result<()> {
        let shape = ImageShape { channels: 3, height: 2, width: 2 };
        let png = encode(&Images::new(shape, [[9; 4], [20; 4], [30; 4]].concat()))?;
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info()?;
        let mut pixels = vec![0; 3];
        reader.next_frame(&mut pixels)?;
        assert_eq!(pixels, [9, 20, 30]);
        Ok(())
    }
}
