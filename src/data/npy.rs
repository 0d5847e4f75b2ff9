//! NumPy's `.npy`: N × H × W, N × H × W × C or N × C × H × W, as bytes or as floats in \[0, 1\].

use npyz::{DType, NpyFile, Order};

use super::Images;
use super::files::MAX_BYTES;
use crate::net::ImageShape;

/// Reads the images of an array.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Images, String> {
    let file = NpyFile::new(bytes).map_err(|e| format!("not a readable .npy array: {e}"))?;
    let sizes = file.shape().to_vec();
    let (shape, channels_last) = layout(&sizes)
        .ok_or_else(|| format!("an array of shape {sizes:?}; {EXPECTED}, and no size 0"))?;
    let count = sizes.iter().try_fold(1, |count: u64, &size| count.checked_mul(size));
    let count = count.filter(|&count| count <= MAX_BYTES);
    let count = count.ok_or_else(|| format!("of the impossible shape {sizes:?}"))?;
    if file.order() == Order::Fortran {
        return Err("in Fortran's order; save np.ascontiguousarray(x)".into());
    }
    let DType::Plain(kind) = file.dtype() else {
        return Err(format!("an array of records; {EXPECTED}"));
    };
    let kind = kind.to_string();
    let mut pixels = match &kind[1..] {
        "u1" => file.into_vec().map_err(|e| e.to_string()),
        "f4" => file.into_vec::<f32>().map_err(|e| e.to_string()).and_then(|v| quantised(&v)),
        "f8" => file.into_vec::<f64>().map_err(|e| e.to_string()).and_then(|v| quantised(&v)),
        _ => Err(format!("of type {kind}; {EXPECTED}")),
    }?;
    if pixels.len() as u64 != count {
        return Err("truncated".into());
    }
    if channels_last && shape.channels > 1 {
        let dimension = shape.dimension();
        let mut planes = vec![0; dimension];
        for image in pixels.chunks_exact_mut(dimension) {
            for (at, pixel) in image.chunks_exact(shape.channels).enumerate() {
                for (channel, &value) in pixel.iter().enumerate() {
                    planes[channel * shape.height * shape.width + at] = value;
                }
            }
            image.copy_from_slice(&planes);
        }
    }
    Ok(Images::new(shape, pixels))
}

const EXPECTED: &str = "expected N×H×W, N×H×W×C or N×C×H×W with 1 or 3 channels, of uint8 (0 to \
                        255) or float32 or float64 (0 to 1)";

/// The shape of each image, and whether its channels come last. An axis of size 1 or 3 is taken
/// as the channels, preferably the last one.
fn layout(sizes: &[u64]) -> Option<(ImageShape, bool)> {
    let is_channels = |size: u64| size == 1 || size == 3;
    let (channels, height, width, last) = match *sizes {
        [_, h, w] => (1, h, w, true),
        [_, h, w, c] if is_channels(c) => (c, h, w, true),
        [_, c, h, w] if is_channels(c) => (c, h, w, false),
        _ => return None,
    };
    let size = |size: u64| usize::try_from(size).ok().filter(|&size| size > 0);
    size(sizes[0])?;
    let shape =
        ImageShape { channels: size(channels)?, height: size(height)?, width: size(width)? };
    Some((shape, last))
}

fn quantised<T: Copy + Into<f64>>(values: &[T]) -> Result<Vec<u8>, String> {
    let byte = |value: T| {
        let value: f64 = value.into();
        let inside = (0.0..=1.0).contains(&value);
        inside.then(|| (value * 255.0).round() as u8).ok_or_else(|| {
            format!("holds {value}, but floats must be in [0, 1]: scale them, or save uint8")
        })
    };
    values.iter().map(|&value| byte(value)).collect()
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder;

    use super::*;

    fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes);
        let mut writer = options.begin_nd().expect("in memory");
        writer.extend(values).expect("in memory");
        writer.finish().expect("in memory");
        bytes
    }

    #[test]
    fn all_layouts_and_types_hold_the_same_images() {
        let planes: Vec<u8> = vec![1, 2, 3, 4, 10, 20, 30, 40, 100, 110, 120, 255];
        let pixels: Vec<u8> = vec![1, 10, 100, 2, 20, 110, 3, 30, 120, 4, 40, 255];
        let first = parse(&npy(&[1, 3, 2, 2], planes.clone())).expect("channels first");
        assert_eq!(first.shape, ImageShape { channels: 3, height: 2, width: 2 });
        assert_eq!(first.bytes, planes);
        assert_eq!(first, parse(&npy(&[1, 2, 2, 3], pixels.clone())).expect("channels last"));
        let f32s: Vec<f32> = pixels.iter().map(|&b| f32::from(b) / 255.0).collect();
        let f64s: Vec<f64> = planes.iter().map(|&b| f64::from(b) / 255.0).collect();
        assert_eq!(first, parse(&npy(&[1, 2, 2, 3], f32s)).expect("float32"));
        assert_eq!(first, parse(&npy(&[1, 3, 2, 2], f64s)).expect("float64"));
        let grey = parse(&npy(&[3, 2, 2], planes.clone())).expect("grey");
        assert_eq!((grey.len(), grey.bytes), (3, planes));
    }

    #[test]
    fn bad_arrays_are_refused_with_what_is_wrong() {
        let refused = |bytes: &[u8]| parse(bytes).expect_err("must be refused");
        assert!(refused(b"PK").contains("not a readable"));
        assert!(refused(&npy(&[2, 2], vec![0u8; 4])).contains("[2, 2]"));
        assert!(refused(&npy(&[1, 2, 2, 4], vec![0u8; 16])).contains("1 or 3 channels"));
        assert!(refused(&npy(&[0, 2, 2], Vec::<u8>::new())).contains("no size 0"));
        assert!(refused(&npy(&[1, 1, 2], vec![0.5f32, 1.5])).contains("1.5"));
        assert!(refused(&npy(&[1, 1, 1], vec![f64::NAN])).contains("NaN"));
        assert!(refused(&npy(&[1, 1, 1], vec![1i32])).contains("i4"));
        let whole = npy(&[1, 2, 2], vec![0u8; 4]);
        parse(&whole[..whole.len() - 1]).expect_err("truncated");
        // Shapes whose pixel count would wrap around to 0.
        for shape in ["4294967296, 4294967296, 1", "1, 4294967296, 4294967296"] {
            let header =
                format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape})}}\n");
            let length = u16::try_from(header.len()).expect("it is short").to_le_bytes();
            let bytes = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat();
            assert!(refused(&bytes).contains("impossible"), "{shape}");
        }
    }
}
