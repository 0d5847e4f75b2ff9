//! Image files given by the user.

use std::path::Path;

use anyhow::{Context, anyhow};
use image::Rgba32FImage;

use crate::data::{Size, fit, upright};
use crate::net::ImageShape;
use crate::pixel::luma;

/// An image in \[0, 1\] with its opacity.
pub struct InputImage {
    /// The image's shape, with 1 or 3 channels.
    pub shape: ImageShape,
    /// C × H × W; black where the image is fully transparent.
    pub pixels: Vec<f32>,
    /// H × W; 1 where the image is opaque.
    pub opacity: Vec<f32>,
}

/// Reads an image file: PNG, JPEG, GIF, WebP or BMP.
///
/// # Errors
/// If the file is not such an image.
pub fn read(path: &Path) -> anyhow::Result<InputImage> {
    read_as(path, None)
}

/// Reads an image in a model's shape: cropped to the center and resized if its size differs, with
/// as many channels as the model has.
///
/// # Errors
/// If the file is not an image.
pub fn read_sized(path: &Path, shape: ImageShape) -> anyhow::Result<InputImage> {
    let ImageShape { channels, height, width } = shape;
    Ok(read_as(path, Some(Size { width, height }))?.channels(channels))
}

fn read_as(path: &Path, size: Option<Size>) -> anyhow::Result<InputImage> {
    let bytes = std::fs::read(path).map_err(anyhow::Error::from);
    // Four floats, and as many in planes if the image keeps its size.
    let kept = if size.is_some() { 16 } else { 32 };
    let image = bytes.and_then(|bytes| upright(&bytes, kept).map_err(|problem| anyhow!(problem)));
    let image = image.with_context(|| format!("cannot read the image {}", path.display()))?;
    let channels = if image.color().has_color() { 3 } else { 1 };
    let mut image = premultiplied(image.into_rgba32f());
    if let Some(size) = size {
        let (width, height) = image.dimensions();
        image = fit(image, size);
        if (width, height) != image.dimensions() {
            let Size { width: across, height: down } = size;
            let name = path.display();
            println!("{name}: {width} × {height}, cropped and resized to {across} × {down}");
        }
    }
    let (width, height) = (image.width() as usize, image.height() as usize);
    let opacity: Vec<f32> = image.pixels().map(|pixel| pixel[3]).collect();
    let plane = |channel: usize| {
        let color = |opacity: f32, over_black: f32| match opacity > 0.0 {
            true => (over_black / opacity).min(1.0),
            false => 0.0,
        };
        image.pixels().map(move |pixel| color(pixel[3], pixel[channel]))
    };
    let pixels = (0..channels).flat_map(plane).collect();
    Ok(InputImage { shape: ImageShape { channels, height, width }, pixels, opacity })
}

/// Multiplies colors by opacity, so that transparent pixels add no color to their neighbors when
/// the image is resized.
fn premultiplied(mut image: Rgba32FImage) -> Rgba32FImage {
    for pixel in image.pixels_mut() {
        let opacity = pixel[3];
        pixel.0[..3].iter_mut().for_each(|color| *color *= opacity);
    }
    image
}

impl InputImage {
    /// Converts the image to the given number of channels: repeats gray, or takes the luma of
    /// colors, as for training images.
    pub fn channels(mut self, channels: usize) -> Self {
        if self.shape.channels == 3 && channels == 1 {
            let plane = self.opacity.len();
            let color = |at| [0, 1, 2].map(|channel| self.pixels[channel * plane + at]);
            self.pixels = (0..plane).map(|at| luma(color(at))).collect();
        } else if self.shape.channels == 1 {
            self.pixels = self.pixels.repeat(channels);
        }
        self.shape.channels = channels;
        self
    }

    /// Puts the image on paper of a gray in \[0, 1\], which shows through transparent parts.
    pub fn on(mut self, paper: f32) -> Self {
        let opacities = self.opacity.iter().cycle();
        for (color, opacity) in self.pixels.iter_mut().zip(opacities) {
            *color = paper + opacity * (*color - paper);
        }
        self.opacity.fill(1.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str) -> InputImage {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
        read(&folder.join(name)).expect("an image")
    }

    #[test]
    fn images_have_their_channels_and_are_upright() {
        let shape = |name| open(name).shape;
        assert_eq!(shape("gray16.png"), ImageShape { channels: 1, height: 1, width: 2 });
        assert_eq!(shape("palette.png"), ImageShape { channels: 3, height: 2, width: 3 });
        assert_eq!(shape("sideways.jpg"), ImageShape { channels: 3, height: 16, width: 8 });
        read(Path::new("Cargo.toml")).map(|_| ()).expect_err("no image");
    }

    /// The image holds red, green, blue, white, black and a transparent pixel.
    #[test]
    fn transparent_pixels_are_known_as_such_and_show_the_paper() {
        for name in ["transparent.gif", "transparent.webp"] {
            let InputImage { pixels, opacity, .. } = open(name);
            assert_eq!(opacity, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0], "{name}");
            assert_eq!(pixels[..6], [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], "{name}");
            assert_eq!(pixels[6..12], [0.0, 1.0, 0.0, 1.0, 0.0, 0.0], "{name}");
            let InputImage { pixels, opacity, .. } = open(name).on(0.5);
            assert_eq!(opacity, [1.0; 6], "{name}");
            assert_eq!(pixels[..6], [1.0, 0.0, 0.0, 1.0, 0.0, 0.5], "{name}");
        }
    }

    /// Half the pixels behind the two right columns are transparent and must add no color.
    #[test]
    fn images_of_another_size_are_fitted_without_the_color_of_nothing() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/transparent.webp");
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let given = read_sized(&path, shape).expect("an image");
        assert_eq!((given.shape, given.pixels.len()), (shape, 1));

        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("half.png");
        let side = |x| [0.8, 0.0, 0.0, f32::from(x < 2u8)].map(|part| (part * 255.0) as u8);
        let image = image::RgbaImage::from_fn(4, 2, |x, _| image::Rgba(side(x as u8)));
        image.save(&path).expect("a file");
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let InputImage { pixels, opacity, .. } = read_sized(&path, shape).expect("an image");
        assert!(opacity[0] > 0.9 && opacity[1] < 0.1, "{opacity:?}");
        assert!(pixels[..2].iter().all(|red| (red - 0.8).abs() < 1e-3), "{pixels:?}");
        assert!(pixels[2..].iter().all(|&other| other == 0.0), "{pixels:?}");
    }
}
