//! Fits an image of any size to the size trained on: crops it to the largest centered part of the
//! right proportions and resizes that.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Pixel, Rgb, RgbImage};

use super::images::Images;
use super::read_options::Size;
use crate::net::ImageShape;
use crate::pixel::luma_byte;

type Buffer<P> = ImageBuffer<P, Vec<<P as Pixel>::Subpixel>>;

/// Crops and resizes with a Catmull–Rom filter, widened when shrinking to avoid aliasing. An image
/// that already has the size is returned as it is.
pub fn fit<P: Pixel<Subpixel: 'static> + 'static>(image: Buffer<P>, size: Size) -> Buffer<P> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if (width, height) == (size.width, size.height) {
        return image;
    }
    // The crop has the proportions of `size` and shares one side with the image.
    let scaled = |side: usize, by: usize, of: usize| {
        ((side as f64 * by as f64 / of as f64).round() as usize).max(1)
    };
    let crop_width = width.min(scaled(height, size.width, size.height));
    let crop_height = height.min(scaled(width, size.height, size.width));
    let (x, y) = ((width - crop_width) / 2, (height - crop_height) / 2);
    let [x, y, crop_width, crop_height] = [x, y, crop_width, crop_height].map(|side| side as u32);
    let crop = imageops::crop_imm(&image, x, y, crop_width, crop_height);
    imageops::resize(&*crop, size.width as u32, size.height as u32, FilterType::CatmullRom)
}

/// Converts pixels to one plane of gray, or to planes of red, green and blue.
pub(super) fn planes(image: &RgbImage, gray: bool) -> Vec<u8> {
    if gray {
        return image.pixels().map(|&Rgb(color)| luma_byte(color)).collect();
    }
    (0..3).flat_map(|channel| image.pixels().map(move |pixel| pixel.0[channel])).collect()
}

/// Whether all three planes are the same.
pub(super) fn is_gray(planes: &[u8]) -> bool {
    let plane = planes.len() / 3;
    planes[..plane] == planes[plane..2 * plane] && planes[..plane] == planes[2 * plane..]
}

/// Converts images in memory to another size, or to gray.
pub(super) fn refit(images: Images, size: Option<Size>, gray: bool) -> Images {
    let ImageShape { channels, height, width } = images.shape;
    let size = size.unwrap_or(Size { width, height });
    let gray = gray || channels == 1;
    let shape =
        ImageShape { channels: if gray { 1 } else { 3 }, height: size.height, width: size.width };
    if shape == images.shape {
        return images;
    }
    let mut bytes = Vec::with_capacity(images.len() * shape.dimension());
    for image in images.iter() {
        let value = |channel: usize, x: u32, y: u32| {
            image[(channel.min(channels - 1) * height + y as usize) * width + x as usize]
        };
        let pixel = |x, y| Rgb([0, 1, 2].map(|channel| value(channel, x, y)));
        let image = RgbImage::from_fn(width as u32, height as u32, pixel);
        bytes.extend(planes(&fit(image, size), gray));
    }
    Images { labels: images.labels, ..Images::new(shape, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_center_is_kept_and_averaged() {
        // 6 × 2 pixels, red = column: the centered square is columns 2 and 3.
        let image = RgbImage::from_fn(6, 2, |x, _| Rgb([x as u8 * 10, 7, 0]));
        let square = fit(image.clone(), Size { width: 2, height: 2 });
        assert_eq!(planes(&square, false)[..8], [20, 30, 20, 30, 7, 7, 7, 7]);
        let one = fit(image, Size { width: 1, height: 1 });
        assert_eq!(planes(&one, false), [25, 7, 0]);
        let gray = RgbImage::from_fn(2, 1, |x, _| Rgb([[255, 0, 0], [9, 9, 9]][x as usize]));
        assert_eq!(planes(&gray, true), [76, 9]);
    }

    #[test]
    fn images_in_memory_are_refitted() {
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let gray = Images::new(shape, vec![10, 20, 30, 40, 1, 1, 1, 1]);
        assert_eq!(refit(gray.clone(), None, true), gray);
        let one = refit(gray, Some(Size { width: 1, height: 1 }), false);
        assert_eq!(one.bytes, [25, 1]);
    }
}
