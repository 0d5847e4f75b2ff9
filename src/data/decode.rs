//! Decodes an image file: PNG, JPEG, GIF, WebP or BMP, told apart by its first bytes.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage, Rgba};

/// Reads the width and height of an upright image from the file's header.
///
/// # Errors
/// Says what is wrong with the file.
pub(super) fn size(bytes: &[u8]) -> Result<(usize, usize), String> {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    let mut decoder = decoder(bytes)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    Ok(match decoder.orientation().map_err(|e| e.to_string())? {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (height, width),
        _ => (width, height),
    })
}

/// Decodes an image (the first frame of an animation), turns it upright and puts it on a
/// background.
///
/// # Errors
/// Says what is wrong with the file; also if it needs more memory than any camera's image.
pub(super) fn decode(bytes: &[u8], background: [u8; 3]) -> Result<RgbImage, String> {
    let image = upright(bytes)?;
    if !image.color().has_alpha() {
        return Ok(image.into_rgb8());
    }
    let image = image.into_rgba8();
    let over = |x, y| {
        let Rgba([red, green, blue, alpha]) = image[(x, y)];
        let (alpha, clear) = (u32::from(alpha), u32::from(255 - alpha));
        let mix = |colour: u8, behind: u8| {
            ((u32::from(colour) * alpha + u32::from(behind) * clear + 127) / 255) as u8
        };
        let [r, g, b] = background;
        Rgb([mix(red, r), mix(green, g), mix(blue, b)])
    };
    Ok(RgbImage::from_fn(image.width(), image.height(), over))
}

/// Decodes an image (the first frame of an animation) and turns it upright, keeping its colour
/// type.
///
/// # Errors
/// As [`decode`].
pub fn upright(bytes: &[u8]) -> Result<DynamicImage, String> {
    let text = |e: image::ImageError| e.to_string();
    let mut decoder = decoder(bytes)?;
    Limits::default().reserve(decoder.total_bytes()).map_err(text)?;
    let orientation = decoder.orientation().map_err(text)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(text)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder, String> {
    let reader = ImageReader::new(Cursor::new(bytes));
    let reader = reader.with_guessed_format().map_err(|e| e.to_string())?;
    reader.into_decoder().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colours(image: &RgbImage) -> Vec<[u8; 3]> {
        image.pixels().map(|&Rgb(colour)| colour).collect()
    }

    /// Files written by Pillow, with the pixels that Pillow reads: 3 × 2 unless stated otherwise.
    #[test]
    fn every_format_has_the_pixels_that_another_program_wrote() {
        const COLOURS: [[u8; 3]; 6] =
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128]];
        let pixels = |bytes: &[u8]| {
            let image = decode(bytes, [7, 8, 9]).expect("a good file");
            assert_eq!(image.dimensions(), (3, 2));
            colours(&image)
        };
        assert_eq!(pixels(include_bytes!("../../tests/images/colours.bmp")), COLOURS);
        assert_eq!(pixels(include_bytes!("../../tests/images/colours.webp")), COLOURS);
        assert_eq!(pixels(include_bytes!("../../tests/images/palette.png")), COLOURS);
        let mut transparent = COLOURS;
        transparent[5] = [7, 8, 9];
        assert_eq!(pixels(include_bytes!("../../tests/images/transparent.webp")), transparent);
        assert_eq!(pixels(include_bytes!("../../tests/images/transparent.gif")), transparent);

        let grey = decode(include_bytes!("../../tests/images/grey16.png"), [0; 3]);
        let grey = grey.expect("a good file");
        assert_eq!(colours(&grey), [[0; 3], [255; 3]]);
    }

    /// Taken with the camera held sideways: 16 × 8 in the file, red then blue, to be turned right.
    #[test]
    fn photographs_are_upright() {
        let bytes = include_bytes!("../../tests/images/sideways.jpg");
        let image = decode(bytes, [0; 3]).expect("a good file");
        assert_eq!(image.dimensions(), (8, 16));
        assert_eq!(size(bytes), Ok((8, 16)));
        let (Rgb(top), Rgb(bottom)) = (image[(3, 0)], image[(3, 12)]);
        let is_red_above_blue = top[0] > 190 && top[2] < 10 && bottom[2] > 190 && bottom[0] < 10;
        assert!(is_red_above_blue, "{top:?} {bottom:?}");
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
        assert_eq!(colours(&image), [[255, 0, 0], [204, 255, 204]]);
        let image = decode(&bytes, [0, 0, 0]).expect("a good file");
        assert_eq!(colours(&image), [[255, 0, 0], [0, 51, 0]]);
        assert!(decode(&bytes[..bytes.len() - 20], [0; 3]).is_err());
        assert!(decode(b"text", [0; 3]).is_err());
    }
}
