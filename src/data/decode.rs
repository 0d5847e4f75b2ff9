//! One image file in memory to pixels: PNG, JPEG, GIF, WebP or BMP, told by its first bytes.

use std::io::Cursor;

use resize::px::RGB;
use zune_core::bytestream::ZCursor;

/// An opaque picture, row by row.
pub(super) struct Image {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<RGB<u8>>,
}

/// Larger pictures than any camera's are refused before memory is allocated for them.
const MAX_PIXELS: usize = 1 << 28;

/// Width and height, from the header alone.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn size(bytes: &[u8]) -> Result<(usize, usize), String> {
    let size = imagesize::blob_size(bytes).map_err(|e| e.to_string())?;
    if size.width == 0 || size.height == 0 || size.width > MAX_PIXELS / size.height {
        return Err(format!("claims {} × {} pixels", size.width, size.height));
    }
    Ok((size.width, size.height))
}

/// Decodes a picture (of an animation, the first one) the right way up, over a background where it
/// is transparent.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn decode(bytes: &[u8], background: [u8; 3]) -> Result<Image, String> {
    size(bytes)?;
    let raw = match bytes {
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [0xff, 0xd8, ..] => jpeg(bytes),
        [b'G', b'I', b'F', ..] => gif(bytes),
        [b'R', b'I', b'F', b'F', ..] => webp(bytes),
        [b'B', b'M', ..] => bmp(bytes),
        _ => Err("not a PNG, JPEG, GIF, WebP or BMP image".into()),
    }?;
    let pixels = raw.opaque(background)?;
    let image = Image { width: raw.width, height: raw.height, pixels };
    Ok(upright(image, raw.orientation))
}

/// What a decoder gives.
struct Raw {
    width: usize,
    height: usize,
    samples: Vec<u8>,
    /// EXIF's: how a camera was held, from 1 (upright) to 8.
    orientation: u32,
}

impl Raw {
    fn new(width: impl TryInto<usize>, height: impl TryInto<usize>, samples: Vec<u8>) -> Self {
        let size = |size: Result<usize, _>| size.unwrap_or(0);
        let (width, height) =
            (size(width.try_into().or(Err(()))), size(height.try_into().or(Err(()))));
        Self { width, height, samples, orientation: 1 }
    }

    /// From 1 (grey) to 4 (colour and alpha) samples a pixel, as pixels.
    fn opaque(&self, background: [u8; 3]) -> Result<Vec<RGB<u8>>, String> {
        let samples = &self.samples;
        let over = |colour: [u8; 3], alpha: u8| {
            let (alpha, clear) = (u32::from(alpha), u32::from(255 - alpha));
            let mix = |c: usize| {
                let sum = u32::from(colour[c]) * alpha + u32::from(background[c]) * clear;
                ((sum + 127) / 255) as u8
            };
            RGB::new(mix(0), mix(1), mix(2))
        };
        let pixels = self.width * self.height;
        match samples.len().checked_div(pixels) {
            _ if !samples.len().is_multiple_of(pixels.max(1)) => Err("truncated".into()),
            Some(1) => Ok(samples.iter().map(|&g| RGB::new(g, g, g)).collect()),
            Some(2) => Ok(samples.as_chunks().0.iter().map(|&[g, a]| over([g, g, g], a)).collect()),
            Some(3) => {
                Ok(samples.as_chunks().0.iter().map(|&[r, g, b]| RGB::new(r, g, b)).collect())
            }
            Some(4) => {
                Ok(samples.as_chunks().0.iter().map(|&[r, g, b, a]| over([r, g, b], a)).collect())
            }
            _ => Err("neither grey nor colour".into()),
        }
    }
}

fn png(bytes: &[u8]) -> Result<Raw, String> {
    let text = |e: png::DecodingError| e.to_string();
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(text)?;
    let size = reader.output_buffer_size().ok_or("too large")?;
    let mut samples = vec![0; size];
    let info = reader.next_frame(&mut samples).map_err(text)?;
    Ok(Raw::new(info.width, info.height, samples))
}

fn jpeg(bytes: &[u8]) -> Result<Raw, String> {
    let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(bytes));
    let samples = decoder.decode().map_err(|e| e.to_string())?;
    let info = decoder.info().ok_or("it has no header")?;
    let orientation = decoder.exif().and_then(|exif| orientation(exif)).unwrap_or(1);
    Ok(Raw { orientation, ..Raw::new(info.width, info.height, samples) })
}

fn orientation(exif: &[u8]) -> Option<u32> {
    let exif = exif::Reader::new().read_raw(exif.to_vec()).ok()?;
    exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0)
}

fn gif(bytes: &[u8]) -> Result<Raw, String> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(bytes).map_err(|e| e.to_string())?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let frame = decoder.read_next_frame().map_err(|e| e.to_string())?;
    let frame = frame.ok_or("it has no picture")?;
    // A frame may cover a part of the canvas only; the rest is transparent.
    let mut canvas = vec![0; width * height * 4];
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    for (y, row) in frame.buffer.chunks_exact(usize::from(frame.width).max(1) * 4).enumerate() {
        let visible = row.len().min(width.saturating_sub(left) * 4);
        if top + y < height {
            canvas[((top + y) * width + left) * 4..][..visible].copy_from_slice(&row[..visible]);
        }
    }
    Ok(Raw::new(width, height, canvas))
}

fn webp(bytes: &[u8]) -> Result<Raw, String> {
    let text = |e: image_webp::DecodingError| e.to_string();
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(text)?;
    let mut samples = vec![0; decoder.output_buffer_size().ok_or("too large")?];
    decoder.read_image(&mut samples).map_err(text)?;
    let (width, height) = decoder.dimensions();
    Ok(Raw::new(width, height, samples))
}

fn bmp(bytes: &[u8]) -> Result<Raw, String> {
    let mut decoder = zune_bmp::BmpDecoder::new(ZCursor::new(bytes));
    let samples = decoder.decode().map_err(|e| format!("{e:?}"))?;
    let (width, height) = decoder.dimensions().ok_or("it has no header")?;
    Ok(Raw::new(width, height, samples))
}

/// Turns and mirrors a picture as EXIF's orientation says.
fn upright(image: Image, orientation: u32) -> Image {
    let (w, h) = (image.width, image.height);
    // Where the pixel at (x, y) of the upright picture comes from.
    let from: fn(usize, usize, usize, usize) -> (usize, usize) = match orientation {
        2 => |x, y, w, _| (w - 1 - x, y),
        3 => |x, y, w, h| (w - 1 - x, h - 1 - y),
        4 => |x, y, _, h| (x, h - 1 - y),
        5 => |x, y, _, _| (y, x),
        6 => |x, y, _, h| (y, h - 1 - x),
        7 => |x, y, w, h| (w - 1 - y, h - 1 - x),
        8 => |x, y, w, _| (w - 1 - y, x),
        _ => return image,
    };
    let (width, height) = if orientation >= 5 { (h, w) } else { (w, h) };
    let at = |index: usize| from(index % width, index / width, w, h);
    let pixels = (0..width * height).map(at).map(|(x, y)| image.pixels[y * w + x]).collect();
    Image { width, height, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Pillow wrote, and what it says is in it; 3 × 2 pixels where nothing else is said.
    #[test]
    fn every_format_has_the_pixels_that_another_program_wrote() {
        const COLOURS: [[u8; 3]; 6] =
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128]];
        let pixels = |bytes: &[u8]| -> Vec<[u8; 3]> {
            let image = decode(bytes, [7, 8, 9]).expect("a good file");
            assert_eq!((image.width, image.height), (3, 2));
            image.pixels.iter().map(|p| [p.r, p.g, p.b]).collect()
        };
        assert_eq!(pixels(include_bytes!("../../tests/pictures/colours.bmp")), COLOURS);
        assert_eq!(pixels(include_bytes!("../../tests/pictures/colours.webp")), COLOURS);
        assert_eq!(pixels(include_bytes!("../../tests/pictures/palette.png")), COLOURS);
        let mut transparent = COLOURS;
        transparent[5] = [7, 8, 9];
        assert_eq!(pixels(include_bytes!("../../tests/pictures/transparent.webp")), transparent);
        assert_eq!(pixels(include_bytes!("../../tests/pictures/transparent.gif")), transparent);

        let grey = decode(include_bytes!("../../tests/pictures/grey16.png"), [0; 3]);
        let grey = grey.expect("a good file");
        assert_eq!(grey.pixels, [RGB::new(0, 0, 0), RGB::new(255, 255, 255)]);
    }

    /// A camera held sideways: 16 × 8 in the file, red and then blue, to be turned to the right.
    #[test]
    fn photographs_are_upright() {
        let bytes = include_bytes!("../../tests/pictures/sideways.jpg");
        let image = decode(bytes, [0; 3]).expect("a good file");
        assert_eq!((image.width, image.height), (8, 16));
        let (top, bottom) = (image.pixels[3], image.pixels[12 * 8 + 3]);
        assert!(top.r > 190 && top.b < 10 && bottom.b > 190 && bottom.r < 10, "{top} {bottom}");
    }

    /// EXIF 2.32's eight orientations of the picture a b / c d: the first row and column of the file
    /// are these sides of the upright picture.
    #[test]
    fn all_orientations_come_upright() {
        let stored = |orientation| {
            let pixels = [1, 2, 3, 4, 5, 6].map(|v| RGB::new(v, v, v)).to_vec();
            let image = upright(Image { width: 3, height: 2, pixels }, orientation);
            (image.width, image.pixels.iter().map(|p| p.r).collect::<Vec<_>>())
        };
        for (orientation, expected) in [
            (1, (3, vec![1, 2, 3, 4, 5, 6])),
            (2, (3, vec![3, 2, 1, 6, 5, 4])),
            (3, (3, vec![6, 5, 4, 3, 2, 1])),
            (4, (3, vec![4, 5, 6, 1, 2, 3])),
            (5, (2, vec![1, 4, 2, 5, 3, 6])),
            (6, (2, vec![4, 1, 5, 2, 6, 3])),
            (7, (2, vec![6, 3, 5, 2, 4, 1])),
            (8, (2, vec![3, 6, 2, 5, 1, 4])),
        ] {
            assert_eq!(stored(orientation), expected, "orientation {orientation}");
        }
    }

    #[test]
    fn transparent_pixels_show_the_background() {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(png::ColorType::Rgba);
        let mut writer = encoder.write_header().expect("in memory");
        writer.write_image_data(&[255, 0, 0, 255, 0, 255, 0, 51]).expect("in memory");
        writer.finish().expect("in memory");
        let image = decode(&bytes, [255, 255, 255]).expect("a good file");
        // 51/255 is a fifth: 255 · 0.8 = 204 of white stays.
        assert_eq!(image.pixels, [RGB::new(255, 0, 0), RGB::new(204, 255, 204)]);
        let image = decode(&bytes, [0, 0, 0]).expect("a good file");
        assert_eq!(image.pixels, [RGB::new(255, 0, 0), RGB::new(0, 51, 0)]);
        assert!(decode(&bytes[..bytes.len() - 20], [0; 3]).is_err());
        assert!(decode(b"text", [0; 3]).is_err());
    }
}
