//! Decodes an image file: PNG, JPEG, GIF, WebP or BMP, told apart by its first bytes.
//!
//! A file gives all of its pixels, or none and the reason: never what is left of a file that ends
//! early.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, Rgba};

use super::decode_error::{ENDS_EARLY, words};
use super::jpeg::Jpeg;

/// The bytes of memory for all images that are decoded at the same time, and so for one.
pub(super) const MEMORY: u64 = 1 << 30;
/// How many bytes of a file's beginning [`is_image`] needs.
pub(super) const HEAD: usize = 18;
/// The largest color profile in a PNG, which is never used. Some printers' take a few megabytes.
const PROFILE: u64 = 1 << 24;

/// Whether a file begins as an image does, whatever its name.
pub(super) fn is_image(head: &[u8]) -> bool {
    /// The sizes of the headers that BMP has had; "BM" alone also begins texts.
    const BMP: [u8; 7] = [12, 40, 52, 56, 64, 108, 124];
    match format(head) {
        Some(ImageFormat::Bmp) => {
            matches!(head.get(14..18), Some(&[size, 0, 0, 0]) if BMP.contains(&size))
        }
        format => format.is_some(),
    }
}

fn format(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    let format = image::guess_format(bytes).ok()?;
    [Bmp, Gif, Jpeg, Png, WebP].contains(&format).then_some(format)
}

/// Whether a WebP says in its extended header that it is an animation.
fn is_animated(webp: &[u8]) -> bool {
    webp.get(12..16) == Some(b"VP8X") && webp.get(20).is_some_and(|flags| flags & 2 != 0)
}

/// An image file whose header has been read.
pub(super) struct Encoded<'a> {
    decoder: Decoder<'a>,
    orientation: Orientation,
}

enum Decoder<'a> {
    Jpeg(Jpeg<'a>),
    Other {
        format: ImageFormat,
        /// The bytes of memory for each pixel that decoding needs besides the pixels.
        working: u64,
        decoder: Box<dyn ImageDecoder + 'a>,
    },
}

impl<'a> Encoded<'a> {
    /// Reads a file's header.
    ///
    /// # Errors
    /// Says what is wrong with the file; also if it is a JPEG or WebP that ends early.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("the file is empty".into());
        }
        let format = format(bytes).ok_or("its content is no PNG, JPEG, GIF, WebP or BMP image")?;
        if format == ImageFormat::Jpeg {
            let jpeg = Jpeg::read(bytes)?;
            let orientation = jpeg.exif.and_then(Orientation::from_exif_chunk);
            let orientation = orientation.unwrap_or(Orientation::NoTransforms);
            return Ok(Self { decoder: Decoder::Jpeg(jpeg), orientation });
        }
        // The container says how long it is; what is inside is decoded as far as it goes.
        if let (ImageFormat::WebP, Some(&[a, b, c, d])) = (format, bytes.get(4..8))
            && (bytes.len() as u64) < 8 + u64::from(u32::from_le_bytes([a, b, c, d]))
        {
            return Err(ENDS_EARLY.into());
        }
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(PROFILE);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(words)?;
        let orientation = decoder.orientation().map_err(words)?;
        let working = match format {
            // A frame, whose size may differ.
            ImageFormat::Gif => 4,
            // The canvas and a frame.
            ImageFormat::WebP if is_animated(bytes) => 8,
            // Planes, or red, green, blue and alpha.
            ImageFormat::WebP => 4,
            _ => 0,
        };
        Ok(Self {
            decoder: Decoder::Other { format, working, decoder: Box::new(decoder) },
            orientation,
        })
    }

    /// The width and height of the upright image.
    pub fn size(&self) -> (usize, usize) {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        let (width, height) = self.dimensions();
        let (width, height) = (width as usize, height as usize);
        match self.orientation {
            Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (height, width),
            _ => (width, height),
        }
    }

    /// The width and height in the file.
    fn dimensions(&self) -> (u32, u32) {
        match &self.decoder {
            Decoder::Jpeg(jpeg) => jpeg.dimensions(),
            Decoder::Other { decoder, .. } => decoder.dimensions(),
        }
    }

    /// The bytes of memory that decoding needs, besides the file, about: as many as all its steps
    /// hold at the same time. `kept` is how many bytes are made of each pixel in the end.
    ///
    /// # Errors
    /// If these are more than [`MEMORY`].
    pub fn memory(&self, kept: u64) -> Result<u64, String> {
        let (width, height) = self.dimensions();
        let pixels = u64::from(width).saturating_mul(height.into());
        let (decoded, working) = match &self.decoder {
            Decoder::Jpeg(jpeg) => (jpeg.color().bytes_per_pixel(), jpeg.working_memory()),
            Decoder::Other { working, decoder, .. } => {
                (decoder.color_type().bytes_per_pixel(), pixels.saturating_mul(*working))
            }
        };
        let decoded = pixels.saturating_mul(decoded.into());
        // Decoding, turning upright, and converting follow each other.
        let largest = working.max(decoded).max(pixels.saturating_mul(kept));
        let memory = decoded.saturating_add(largest);
        if memory > MEMORY {
            return Err(format!(
                "its {width} × {height} pixels need more than {} GiB of memory; save it smaller",
                MEMORY >> 30
            ));
        }
        Ok(memory)
    }

    /// Decodes the image (the first frame of an animation) and turns it upright, keeping its
    /// color type.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn upright(self) -> Result<DynamicImage, String> {
        let (width, height) = self.dimensions();
        let mut image = match self.decoder {
            Decoder::Jpeg(jpeg) => jpeg.decode()?,
            Decoder::Other { format, mut decoder, .. } => {
                let mut limits = Limits::default();
                // For a frame of a GIF that is larger than the image.
                limits.max_alloc = Some((4 * u64::from(width) * u64::from(height)).max(PROFILE));
                decoder.set_limits(limits).map_err(words)?;
                let mut image = DynamicImage::from_decoder(decoder).map_err(words)?;
                if format == ImageFormat::Bmp {
                    fill_unused_alpha(&mut image);
                }
                image
            }
        };
        image.apply_orientation(self.orientation);
        Ok(image)
    }

    /// Decodes the image as [`Self::upright`] does and puts it on a background.
    ///
    /// # Errors
    /// As there.
    pub fn on(self, background: [u8; 3]) -> Result<RgbImage, String> {
        let image = self.upright()?;
        if !image.color().has_alpha() {
            return Ok(image.into_rgb8());
        }
        let image = image.into_rgba8();
        let opaque = |x, y| {
            let Rgba([red, green, blue, alpha]) = image[(x, y)];
            let [r, g, b] = background;
            Rgb([over(red, alpha, r), over(green, alpha, g), over(blue, alpha, b)])
        };
        Ok(RgbImage::from_fn(image.width(), image.height(), opaque))
    }
}

/// A color with some opacity before another one.
pub(super) fn over(color: u8, alpha: u8, behind: u8) -> u8 {
    let (alpha, clear) = (u32::from(alpha), u32::from(255 - alpha));
    ((u32::from(color) * alpha + u32::from(behind) * clear + 127) / 255) as u8
}

/// Decodes an image (the first frame of an animation) and turns it upright, keeping its color
/// type. `kept` is how many bytes the caller makes of each pixel.
///
/// # Errors
/// Says what is wrong with the file; also if it needs more memory than any camera's image.
pub fn upright(bytes: &[u8], kept: u64) -> Result<DynamicImage, String> {
    let encoded = Encoded::open(bytes)?;
    encoded.memory(kept)?;
    encoded.upright()
}

/// Makes a BMP opaque if it is transparent all over, as browsers do: many programs declare an alpha
/// channel there and leave it zero.
fn fill_unused_alpha(image: &mut DynamicImage) {
    if let DynamicImage::ImageRgba8(image) = image
        && image.pixels().all(|pixel| pixel[3] == 0)
    {
        image.pixels_mut().for_each(|pixel| pixel[3] = 255);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], background: [u8; 3]) -> Result<RgbImage, String> {
        Encoded::open(bytes)?.on(background)
    }

    fn colors(image: &RgbImage) -> Vec<[u8; 3]> {
        image.pixels().map(|&Rgb(color)| color).collect()
    }

    /// Files written by Pillow, with the pixels that Pillow reads: 3 × 2 unless stated otherwise.
    #[test]
    fn every_format_has_the_pixels_that_another_program_wrote() {
        const COLORS: [[u8; 3]; 6] =
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128]];
        let pixels = |bytes: &[u8]| {
            let image = decode(bytes, [7, 8, 9]).expect("a good file");
            assert_eq!(image.dimensions(), (3, 2));
            colors(&image)
        };
        assert_eq!(pixels(include_bytes!("../../tests/images/colors.bmp")), COLORS);
        assert_eq!(pixels(include_bytes!("../../tests/images/colors.webp")), COLORS);
        assert_eq!(pixels(include_bytes!("../../tests/images/palette.png")), COLORS);
        let mut transparent = COLORS;
        transparent[5] = [7, 8, 9];
        assert_eq!(pixels(include_bytes!("../../tests/images/transparent.webp")), transparent);
        assert_eq!(pixels(include_bytes!("../../tests/images/transparent.gif")), transparent);

        let gray = decode(include_bytes!("../../tests/images/gray16.png"), [0; 3]);
        let gray = gray.expect("a good file");
        assert_eq!(colors(&gray), [[0; 3], [255; 3]]);
    }

    /// Taken with the camera held sideways: 16 × 8 in the file, red then blue, to be turned right.
    #[test]
    fn photographs_are_upright() {
        let bytes = include_bytes!("../../tests/images/sideways.jpg");
        let image = decode(bytes, [0; 3]).expect("a good file");
        assert_eq!(image.dimensions(), (8, 16));
        assert_eq!(Encoded::open(bytes).map(|image| image.size()), Ok((8, 16)));
        let (Rgb(top), Rgb(bottom)) = (image[(3, 0)], image[(3, 12)]);
        let is_red_above_blue = top[0] > 190 && top[2] < 10 && bottom[2] > 190 && bottom[0] < 10;
        assert!(is_red_above_blue, "{top:?} {bottom:?}");
    }

    #[test]
    fn all_eight_orientations_are_turned_upright() {
        let mut bytes = include_bytes!("../../tests/images/sideways.jpg").to_vec();
        // The tag, its type and count, and the value, big-endian or little-endian.
        let tag = |window: &[u8]| matches!(window, [1, 0x12, 0, 3] | [0x12, 1, 3, 0]);
        let at = bytes.windows(4).position(tag).expect("an orientation");
        let value = at + if bytes[at] == 1 { 9 } else { 8 };
        for orientation in 1..=8 {
            bytes[value] = orientation;
            let image = decode(&bytes, [0; 3]).expect("a good file");
            let expected = if orientation < 5 { (16, 8) } else { (8, 16) };
            assert_eq!(image.dimensions(), expected, "{orientation}");
            let size = Encoded::open(&bytes).map(|image| image.size());
            assert_eq!(size, Ok((expected.0 as usize, expected.1 as usize)));
            // Red is left, right, right, left, and above, above, below, below.
            let is_red = |x, y| image[(x, y)].0[0] > 128;
            let first = [1, 4, 5, 6].contains(&orientation);
            assert_eq!((is_red(1, 1), is_red(expected.0 - 2, expected.1 - 2)), (first, !first));
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
        assert_eq!(colors(&image), [[255, 0, 0], [204, 255, 204]]);
        let image = decode(&bytes, [0, 0, 0]).expect("a good file");
        assert_eq!(colors(&image), [[255, 0, 0], [0, 51, 0]]);
        assert!(decode(&bytes[..bytes.len() - 20], [0; 3]).is_err());
        assert!(decode(b"text", [0; 3]).is_err());
    }

    /// A file is cut at every place; what is needless for the pixels may be missing.
    #[test]
    fn no_file_that_ends_early_is_half_an_image() {
        let files: [&[u8]; 8] = [
            include_bytes!("../../tests/images/colors.bmp"),
            include_bytes!("../../tests/images/colors.webp"),
            include_bytes!("../../tests/images/gray16.png"),
            include_bytes!("../../tests/images/lossy-alpha.webp"),
            include_bytes!("../../tests/images/palette.png"),
            include_bytes!("../../tests/images/sideways.jpg"),
            include_bytes!("../../tests/images/transparent.gif"),
            include_bytes!("../../tests/images/transparent.webp"),
        ];
        for file in files {
            let decode = |bytes| Encoded::open(bytes)?.upright();
            let whole = decode(file).expect("a good file");
            for at in 0..file.len() {
                match decode(&file[..at]) {
                    Ok(image) => assert!(image == whole, "{at} of {} bytes", file.len()),
                    Err(error) => assert!(!error.contains('\n') && error.len() > 9, "{error}"),
                }
            }
            let error = decode(&file[..file.len() / 2]).expect_err("half of it");
            assert_eq!(error, ENDS_EARLY);
        }
    }

    /// A BMP of 2 × 1 pixels with an alpha channel, whose header has `size` bytes (version 3, 4 or
    /// 5).
    fn bmp(size: u8, alphas: [u8; 2]) -> Vec<u8> {
        let offset = 14 + size;
        let mut file =
            [b"BM".as_slice(), &[offset + 8, 0, 0, 0], &[0; 4], &[offset, 0, 0, 0]].concat();
        // Its size, 2 × 1 pixels, 1 plane, 32 bits, colors by masks.
        file.extend([size, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 32, 0, 3, 0, 0, 0]);
        file.extend([0; 20]);
        file.extend([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255]);
        file.resize(offset.into(), 0);
        file.extend([30, 20, 10, alphas[0], 60, 50, 40, alphas[1]]);
        file
    }

    #[test]
    fn the_alpha_of_a_bmp_counts_unless_it_is_zero_all_over() {
        for size in [56, 108, 124] {
            let pixels =
                |alphas| colors(&decode(&bmp(size, alphas), [255; 3]).expect("a good file"));
            assert_eq!(pixels([0, 0]), [[10, 20, 30], [40, 50, 60]], "{size}");
            assert_eq!(pixels([255, 255]), [[10, 20, 30], [40, 50, 60]], "{size}");
            assert_eq!(pixels([0, 255]), [[255; 3], [40, 50, 60]], "{size}");
            let image = upright(&bmp(size, [0, 0]), 4).expect("a good file").into_rgba8();
            assert!(image.pixels().all(|pixel| pixel[3] == 255), "{size}");
        }
    }

    /// Files of less than 100 bytes whose headers announce `side` × `side` pixels.
    fn huge(side: u16) -> [Vec<u8>; 5] {
        let ([low, high], wide) = (side.to_le_bytes(), u32::from(side));
        let chunk = |body: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(body);
            let length = body.len() as u32 - 4;
            [&length.to_be_bytes()[..], body, &crc.sum().to_be_bytes()].concat()
        };
        let sides = [wide.to_be_bytes(), wide.to_be_bytes()].concat();
        let header = [b"IHDR", &sides[..], &[1, 0, 0, 0, 0]].concat();
        let png = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(&header), chunk(b"IDAT\x78")].concat();
        let jpeg = [
            &[0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0][..],
            &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0xaa, 0xff, 0xd9],
        ]
        .concat();
        let gif =
            [b"GIF89a", &[low, high, low, high, 0, 0, 0][..], b",\0\0\0\0\x01\0\x01\0\0"].concat();
        let sides = (wide - 1) & 0x3fff | ((wide - 1) & 0x3fff) << 14;
        let webp =
            [b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f", &sides.to_le_bytes()[..], b"\0"].concat();
        let mut bmp = bmp(56, [0, 0]);
        for side in [18, 22] {
            bmp[side..side + 2].copy_from_slice(&[low, high]);
        }
        [png, jpeg, gif, webp, bmp]
    }

    #[test]
    fn a_header_that_announces_too_much_is_refused_by_itself() {
        // The largest that WebP can say.
        for file in huge(16_383) {
            assert!(file.len() < 100);
            let error = upright(&file, 16).expect_err("too large");
            assert!(error.contains("16383 × 16383 pixels") && error.contains("memory"), "{error}");
        }
        for file in huge(22_016).iter().filter(|file| !file.starts_with(b"RIFF")) {
            upright(file, 3).expect_err("too large");
        }
        // As large as a good phone's images.
        for file in huge(10_400) {
            let memory = Encoded::open(&file).and_then(|image| image.memory(3)).expect("it fits");
            let pixels = 10_400 * 10_400;
            assert!((4 * pixels..10 * pixels).contains(&memory), "{memory}");
        }
    }

    /// A frame of 11,000 × 11,000 pixels in an image of one.
    #[test]
    fn a_frame_larger_than_its_image_is_refused() {
        let gif = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\xf8\x2a\xf8\x2a\x80\0\0\0\xff\xff\xff\x02\x02\x44\x01\0;";
        let error = upright(gif, 4).expect_err("too large");
        assert!(error.contains("memory"), "{error}");
    }

    #[test]
    fn images_are_told_by_their_content() {
        for (file, is_so) in [
            (&include_bytes!("../../tests/images/colors.bmp")[..], true),
            (include_bytes!("../../tests/images/colors.webp"), true),
            (include_bytes!("../../tests/images/palette.png"), true),
            (include_bytes!("../../tests/images/sideways.jpg"), true),
            (include_bytes!("../../tests/images/transparent.gif"), true),
            (b"BMW and other cars\0\0\0\0", false),
            (b"BM", false),
            (b"II*\0 a TIFF, which is not read", false),
            (b"", false),
        ] {
            assert_eq!(is_image(&file[..HEAD.min(file.len())]), is_so);
        }
    }

    #[test]
    fn what_is_wrong_is_said_once_and_in_one_line() {
        let mut broken = include_bytes!("../../tests/images/palette.png").to_vec();
        let at = broken.windows(4).position(|kind| kind == b"IDAT").expect("it has pixels");
        broken[at + 7] ^= 0x55;
        let error = decode(&broken, [0; 3]).expect_err("broken");
        assert!(!error.contains(['\n', '{']) && !error.contains("Format error"), "{error}");
        assert_eq!(decode(b"", [0; 3]).expect_err("nothing"), "the file is empty");
        for text in [&b"a text with the name of an image"[..], b"II*\0 a TIFF"] {
            let error = decode(text, [0; 3]).expect_err("no image");
            assert!(error.contains("no PNG, JPEG, GIF, WebP or BMP"), "{error}");
        }
    }
}
