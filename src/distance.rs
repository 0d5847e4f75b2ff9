//! Euclidean distances between images of bytes, as of pixels in \[0, 1\]: for the statistics of a
//! data set natively, and on the page for those of a visitor's images.

use crate::random::fixed_sample;

/// Squares that are added up in 32 bits, which is the fastest: up to 33,000 of them fit.
const PART: usize = 1024;

/// The squared distance between two images in gray levels, if it is below `most`.
pub fn square_below(one: &[u8], other: &[u8], most: u64) -> Option<u64> {
    let mut sum = 0;
    for (one, other) in one.chunks(PART).zip(other.chunks(PART)) {
        let square = |(&a, &b): (&u8, &u8)| {
            let difference = i16::from(a) - i16::from(b);
            i32::from(difference) * i32::from(difference)
        };
        sum += one.iter().zip(other).map(square).sum::<i32>() as u64;
        if sum >= most {
            return None;
        }
    }
    Some(sum)
}

/// The distance between two images.
pub fn between(one: &[u8], other: &[u8]) -> f64 {
    // No image is as far away as that.
    of_square(square_below(one, other, u64::MAX).unwrap_or(u64::MAX))
}

/// The distance between images whose squared distance in gray levels is this.
pub fn of_square(square: u64) -> f64 {
    (square as f64).sqrt() / 255.0
}

/// Those of `len` images for which the nearest other is looked for, to know what is usual: half a second for 60,000 of
/// 28 × 28.
pub fn sample(len: usize) -> impl Iterator<Item = usize> {
    fixed_sample(len, 64)
}

/// The distance from an image to the nearest one that differs from it; `None` if all are the same.
pub fn to_nearest_other<'a>(one: &[u8], images: impl Iterator<Item = &'a [u8]>) -> Option<f64> {
    let mut least = u64::MAX;
    for other in images {
        least = square_below(one, other, least).filter(|&square| square > 0).unwrap_or(least);
    }
    (least < u64::MAX).then(|| of_square(least))
}

/// The median of some distances, if there are any.
pub fn median(mut distances: Vec<f64>) -> Option<f64> {
    distances.sort_unstable_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_exact_however_large_images_are() {
        let (dark, bright) = (vec![0; 3 * PART + 5], vec![255; 3 * PART + 5]);
        let square = dark.len() as u64 * 255 * 255;
        assert_eq!(square_below(&dark, &bright, u64::MAX), Some(square));
        assert_eq!(square_below(&bright, &dark, square + 1), Some(square));
        assert_eq!(square_below(&bright, &dark, square), None, "it is not below itself");
        assert_eq!(of_square(255 * 255), 1.0);
    }

    #[test]
    fn the_nearest_other_image_is_not_a_copy() {
        let images: [&[u8]; 4] = [&[0, 0], &[0, 0], &[0, 255], &[255, 255]];
        let nearest = |one: &[u8]| to_nearest_other(one, images.into_iter());
        assert_eq!(images.map(nearest), [Some(1.0); 4]);
        assert_eq!(to_nearest_other(&[7], [&[7][..]; 2].into_iter()), None);
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(Vec::new())), (Some(2.0), None));
    }
}
