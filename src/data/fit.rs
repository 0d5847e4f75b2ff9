//! A picture of any size to the size that is trained on: the largest centred part of the right
//! proportions, resized.

use resize::px::RGB;

use super::decode::Image;
use super::{Pictures, Size};
use crate::net::Picture;

/// Crops and resizes with a Catmull–Rom filter, widened where it makes smaller, so that nothing
/// aliases. A picture that has the size already keeps its very pixels.
///
/// # Errors
/// Where memory is short.
pub(super) fn fit(image: &Image, size: Size) -> Result<Vec<RGB<u8>>, String> {
    let Image { width, height, ref pixels } = *image;
    if (width, height) == (size.width, size.height) {
        return Ok(pixels.clone());
    }
    // The crop has the proportions of `size` and one side of the picture.
    let scaled = |side: usize, by: usize, of: usize| {
        ((side as f64 * by as f64 / of as f64).round() as usize).max(1)
    };
    let crop_width = width.min(scaled(height, size.width, size.height));
    let crop_height = height.min(scaled(width, size.height, size.width));
    let first = (height - crop_height) / 2 * width + (width - crop_width) / 2;
    let mut resized = vec![RGB::new(0, 0, 0); size.width * size.height];
    let filter = resize::Type::Catrom;
    resize::new(crop_width, crop_height, size.width, size.height, resize::Pixel::RGB8, filter)
        .and_then(|mut resizer| resizer.resize_stride(&pixels[first..], width, &mut resized))
        .map_err(|e| e.to_string())?;
    Ok(resized)
}

/// Pixels as one plane of grey, or as planes of red, green and blue.
pub(super) fn planes(pixels: &[RGB<u8>], grey: bool) -> Vec<u8> {
    // The luma of ITU-R BT.601, as Pillow and torchvision have it.
    let luma = |p: &RGB<u8>| {
        ((u32::from(p.r) * 299 + u32::from(p.g) * 587 + u32::from(p.b) * 114 + 500) / 1000) as u8
    };
    if grey {
        return pixels.iter().map(luma).collect();
    }
    let channels: [fn(&RGB<u8>) -> u8; 3] = [|p| p.r, |p| p.g, |p| p.b];
    channels.iter().flat_map(|channel| pixels.iter().map(channel)).collect()
}

/// Whether three planes are all the same.
pub(super) fn is_grey(planes: &[u8]) -> bool {
    let plane = planes.len() / 3;
    planes[..plane] == planes[plane..2 * plane] && planes[..plane] == planes[2 * plane..]
}

/// Brings pictures that are in memory to another size, or to grey.
///
/// # Errors
/// Where memory is short.
pub(super) fn refit(
    pictures: Pictures,
    size: Option<Size>,
    grey: bool,
) -> Result<Pictures, String> {
    let Picture { channels, height, width } = pictures.shape;
    let size = size.unwrap_or(Size { width, height });
    let grey = grey || channels == 1;
    let shape =
        Picture { channels: if grey { 1 } else { 3 }, height: size.height, width: size.width };
    if shape == pictures.shape {
        return Ok(pictures);
    }
    let plane = height * width;
    let mut bytes = Vec::with_capacity(pictures.len() * shape.dimension());
    for picture in pictures.iter() {
        let channel = |c: usize, at: usize| picture[c.min(channels - 1) * plane + at];
        let pixel = |at| RGB::new(channel(0, at), channel(1, at), channel(2, at));
        let image = Image { width, height, pixels: (0..plane).map(pixel).collect() };
        bytes.extend(planes(&fit(&image, size)?, grey));
    }
    Ok(Pictures { shape, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_is_kept_and_averaged() {
        // 6 × 2 pixels, red = column: the centred square is columns 2 and 3.
        let pixels = (0..12).map(|i| RGB::new(i % 6 * 10, 7, 0)).collect();
        let image = Image { width: 6, height: 2, pixels };
        let square = fit(&image, Size { width: 2, height: 2 }).expect("small");
        assert_eq!(planes(&square, false)[..8], [20, 30, 20, 30, 7, 7, 7, 7]);
        let one = fit(&image, Size { width: 1, height: 1 }).expect("small");
        assert_eq!(planes(&one, false), [25, 7, 0]);
        assert_eq!(planes(&[RGB::new(255, 0, 0), RGB::new(9, 9, 9)], true), [76, 9]);
    }

    #[test]
    fn pictures_in_memory_are_refitted() {
        let shape = Picture { channels: 1, height: 2, width: 2 };
        let grey = Pictures { shape, bytes: vec![10, 20, 30, 40, 1, 1, 1, 1] };
        assert_eq!(refit(grey.clone(), None, true).expect("small"), grey);
        let one = refit(grey, Some(Size { width: 1, height: 1 }), false).expect("small");
        assert_eq!(one.bytes, [25, 1]);
    }
}
