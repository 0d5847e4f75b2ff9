//! Pixels: conversion between bytes and values in \[0, 1\], and from colors to gray.

/// Converts a byte to a value in \[0, 1\]; 255 is 1.
pub fn value(byte: u8) -> f32 {
    f32::from(byte) / 255.0
}

/// Converts a value to the nearest byte; values outside \[0, 1\] are clamped.
pub fn byte(value: f32) -> u8 {
    // The cast rounds down and saturates.
    (value * 255.0 + 0.5) as u8
}

/// Converts bytes to values.
pub fn values(bytes: &[u8]) -> Vec<f32> {
    bytes.iter().map(|&each| value(each)).collect()
}

/// Converts values to bytes.
pub fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|&each| byte(each)).collect()
}

/// Undoes the quantization of a value to a byte: the value at `place`, from 0 to 1, within the
/// byte's share of \[0, 1\].
pub fn dequantized(byte: u8, place: f32) -> f32 {
    (f32::from(byte) + place) / 256.0
}

/// The luma of ITU-R BT.601, as in Pillow and torchvision. Gray keeps its value exactly.
pub fn luma([red, green, blue]: [f32; 3]) -> f32 {
    green + 0.299 * (red - green) + 0.114 * (blue - green)
}

/// [`luma`] of bytes, rounded.
pub fn luma_byte([red, green, blue]: [u8; 3]) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    ((red * 299 + green * 587 + blue * 114 + 500) / 1000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_being_values_and_values_end_at_both_ends() {
        for each in 0..=u8::MAX {
            assert_eq!(byte(value(each)), each);
            assert_eq!(luma_byte([each; 3]), each);
            assert_eq!(luma([value(each); 3]), value(each));
            assert_eq!((256.0 * dequantized(each, 0.5)) as u8, each);
        }
        assert_eq!([-1.0, 2.0, f32::NAN].map(byte), [0, 255, 0]);
    }

    #[test]
    fn both_lumas_are_the_same() {
        for color in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 200, 90], [1, 2, 3]] {
            assert!((255.0 * luma(color.map(value)) - f32::from(luma_byte(color))).abs() <= 0.501);
        }
    }
}
