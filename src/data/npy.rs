//! NumPy's `.npy`: N × H × W, N × H × W × C or N × C × H × W, as bytes or as floats in \[0, 1\].

use std::io::Read;

use npyz::{DType, NpyHeader, Order};

use super::records::Records;
use super::stored::MAX_BYTES;
use crate::net::ImageShape;

/// The first bytes of a file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// What a file says about its array.
struct Header {
    sizes: Vec<u64>,
    /// As in NumPy: `|u1`, `<f4`, …
    kind: String,
}

/// Reads a number from its bytes, big-endian or not.
type Value = fn(&[u8], bool) -> f64;

/// Reads the header of an array of images.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn records(file: &mut dyn Read) -> Result<Records, String> {
    let Header { sizes, kind } = header(file).map_err(|problem| match problem {
        Problem::Records => format!("an array of records; {EXPECTED}"),
        Problem::Other(problem) => problem,
    })?;
    let all = sizes.iter().try_fold(1, |count: u64, &size| count.checked_mul(size));
    all.ok_or_else(|| format!("of the impossible shape {sizes:?}"))?;
    if let Some(problem) = one_image(&sizes) {
        return Err(problem);
    }
    let (shape, channels_last) = layout(&sizes)
        .ok_or_else(|| format!("an array of shape {sizes:?}; {EXPECTED}, and no size 0"))?;
    if shape.dimension() as u64 > MAX_BYTES {
        return Err(format!("of the impossible shape {sizes:?}"));
    }
    let is_big = kind.starts_with('>');
    let (bytes, value): (usize, Option<Value>) = match &kind[1..] {
        "u1" => (1, None),
        "f4" => (4, Some(f4)),
        "f8" => (8, Some(f8)),
        _ => return Err(format!("of type {kind}; {EXPECTED}")),
    };
    Ok(Records {
        shape,
        count: Some(sizes[0]),
        size: shape.dimension() * bytes,
        ends: false,
        decode: Box::new(move |record, decoded| {
            let start = decoded.pixels.len();
            match value {
                None => decoded.pixels.extend_from_slice(record),
                Some(value) => {
                    for bytes in record.chunks_exact(bytes) {
                        let value = value(bytes, is_big);
                        decoded.pixels.push(quantized(value)?);
                        decoded.clamped += usize::from(!(0.0..=1.0).contains(&value));
                    }
                }
            }
            if channels_last && shape.channels > 1 {
                let pixels = decoded.pixels.split_off(start);
                let plane = |channel| pixels.iter().skip(channel).step_by(shape.channels);
                decoded.pixels.extend((0..shape.channels).flat_map(plane));
            }
            Ok(())
        }),
    })
}

fn f4(bytes: &[u8], is_big: bool) -> f64 {
    let bytes = bytes.try_into().unwrap_or_default();
    f64::from(if is_big { f32::from_be_bytes(bytes) } else { f32::from_le_bytes(bytes) })
}

fn f8(bytes: &[u8], is_big: bool) -> f64 {
    let bytes = bytes.try_into().unwrap_or_default();
    if is_big { f64::from_be_bytes(bytes) } else { f64::from_le_bytes(bytes) }
}

/// Reads the labels of `count` images: N or N × 1 whole numbers.
///
/// # Errors
/// Says what is wrong with them.
pub(super) fn labels(file: &mut dyn Read, count: usize) -> Result<Vec<u8>, String> {
    let expected = format!("expected {count} whole numbers from 0 to 255");
    let Header { sizes, kind } = header(file).map_err(|problem| match problem {
        Problem::Records => expected.clone(),
        Problem::Other(problem) => problem,
    })?;
    if !matches!(sizes[..], [n] | [n, 1] if n == count as u64) {
        return Err(format!("an array of shape {sizes:?}; {expected}"));
    }
    let bytes = match &kind[1..] {
        "u1" | "i1" | "b1" => 1,
        "u2" | "i2" => 2,
        "u4" | "i4" => 4,
        "u8" | "i8" => 8,
        _ => return Err(format!("of type {kind}; {expected}")),
    };
    let mut stored = Vec::new();
    file.take((count * bytes) as u64).read_to_end(&mut stored).map_err(|e| e.to_string())?;
    if stored.len() < count * bytes {
        return Err("truncated".into());
    }
    let label = |number: &[u8]| {
        let mut number = number.to_vec();
        if kind.starts_with('>') {
            number.reverse();
        }
        let (&low, high) = number.split_first()?;
        // The upper bytes of a negative number are not 0 either.
        let is_negative = &kind[1..] == "i1" && low > 127;
        (high.iter().all(|&byte| byte == 0) && !is_negative).then_some(low)
    };
    let labels: Option<Vec<u8>> = stored.chunks_exact(bytes).map(label).collect();
    labels.ok_or(expected)
}

enum Problem {
    Records,
    Other(String),
}

/// Reads a header, which has a few hundred bytes; the library would take its length from the file.
fn header(file: &mut dyn Read) -> Result<Header, Problem> {
    const LONGEST: usize = 1 << 14;
    let unreadable =
        |e: &dyn ToString| Problem::Other(format!("not a readable .npy array: {}", e.to_string()));
    let mut bytes = Vec::new();
    let mut read = |bytes: &mut Vec<u8>, count: usize| {
        file.take(count as u64).read_to_end(bytes).map_err(|e| unreadable(&e))
    };
    read(&mut bytes, 10)?;
    if !bytes.starts_with(MAGIC) || bytes.len() < 10 {
        return Err(unreadable(&"its first bytes are others"));
    }
    let length = if bytes[6] == 1 {
        u16::from_le_bytes([bytes[8], bytes[9]]).into()
    } else {
        read(&mut bytes, 2)?;
        let length = bytes.last_chunk().map_or(0, |&length| u32::from_le_bytes(length));
        length as usize
    };
    if length > LONGEST {
        return Err(unreadable(&format!("its header claims to have {length} bytes")));
    }
    read(&mut bytes, length)?;
    // The library's parser calls itself at each of them.
    let brackets = bytes.iter().filter(|byte| b"([{".contains(byte)).count();
    if brackets > 64 {
        return Err(Problem::Records);
    }
    let header = NpyHeader::from_reader(&bytes[..]).map_err(|e| unreadable(&e))?;
    if header.order() == Order::Fortran && header.shape().iter().filter(|&&n| n > 1).count() > 1 {
        let problem = "in Fortran's order; save np.ascontiguousarray(x)";
        return Err(Problem::Other(problem.into()));
    }
    let DType::Plain(kind) = header.dtype() else { return Err(Problem::Records) };
    Ok(Header { sizes: header.shape().to_vec(), kind: kind.to_string() })
}

const EXPECTED: &str = "expected N×H×W, N×H×W×C or N×C×H×W with 1 or 3 channels, of uint8 (0 to \
                        255) or float32 or float64 (0 to 1)";

/// Says why an array of three dimensions is one image with channels, not several without.
fn one_image(sizes: &[u64]) -> Option<String> {
    // No image is this narrow.
    const NARROW: u64 = 4;
    let (layout, several) = match *sizes {
        [_, width, 1 | 3 | 4] if width > NARROW => ("H×W×C", "x[..., None]"),
        [3, height, width] if height > NARROW && width > NARROW => ("C×H×W", "x[:, None]"),
        _ => return None,
    };
    Some(format!(
        "an array of shape {sizes:?}, which looks like one image, {layout}; save many as N×{layout}, \
         or gray ones as {several}"
    ))
}

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

/// The byte nearest to a value in \[0, 1\], or less than half a gray level outside, where rounding
/// errors are.
fn quantized(value: f64) -> Result<u8, String> {
    let level = value * 255.0;
    if level > -0.5 && level < 255.5 {
        return Ok(level.round() as u8);
    }
    Err(format!("holds {value}, but floats must be in [0, 1]: scale them, or save uint8"))
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder;

    use super::*;
    use crate::data::Images;
    use crate::data::records::tests::read;

    fn parse(bytes: &[u8]) -> Result<Images, String> {
        read(bytes, |file| records(file))
    }

    fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes);
        let mut writer = options.begin_nd().expect("in memory");
        writer.extend(values).expect("in memory");
        writer.finish().expect("in memory");
        bytes
    }

    fn with_header(header: &str) -> Vec<u8> {
        let length = u16::try_from(header.len()).expect("it is short").to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes()].concat()
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
        assert_eq!(first, parse(&npy(&[1, 3, 2, 2], f64s.clone())).expect("float64"));
        let big: Vec<u8> = f64s.iter().flat_map(|value| value.to_be_bytes()).collect();
        let header = "{'descr': '>f8', 'fortran_order': False, 'shape': (1, 3, 2, 2)}\n";
        assert_eq!(first, parse(&[with_header(header), big].concat()).expect("big-endian"));
        let gray = parse(&npy(&[3, 2, 2], planes.clone())).expect("gray");
        assert_eq!(gray.len(), 3);
        assert_eq!(gray.bytes, planes);
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
        assert!(refused(&whole[..whole.len() - 1]).contains("need 4 bytes, found 3"));
    }

    /// Sizes whose product wraps around to 0, and headers that claim more than there is.
    #[test]
    fn headers_that_lie_are_refused() {
        let refused = |bytes: &[u8]| parse(bytes).expect_err("must be refused");
        let of = |kind: &str, shape: &str| {
            let order = "'fortran_order': False";
            with_header(&format!("{{'descr': '{kind}', {order}, 'shape': ({shape})}}\n"))
        };
        for shape in ["4294967296, 4294967296, 1", "1, 4294967296, 4294967296", "1, 65536, 65536"] {
            assert!(refused(&of("|u1", shape)).contains("impossible"), "{shape}");
        }
        assert!(refused(&of("<f8", "2000000, 32, 32")).contains("found 0"));
        let long = [b"\x93NUMPY\x02\x00", &u32::MAX.to_le_bytes()[..], b"{"].concat();
        assert!(refused(&long).contains("4294967295 bytes"));
        assert!(refused(&with_header(&"(".repeat(16000))).contains("records"));
    }

    #[test]
    fn one_photograph_is_not_taken_for_many_images() {
        for shape in [[15, 16, 3], [15, 16, 1], [15, 16, 4], [3, 15, 16]] {
            let length = shape.iter().product::<u64>() as usize;
            let problem = parse(&npy(&shape, vec![0u8; length])).expect_err("one image");
            assert!(problem.contains("one image") && problem.contains("None"), "{problem}");
        }
        for shape in [&[15, 16, 5][..], &[15, 16, 3, 1], &[3, 1, 15, 16], &[9, 3, 3], &[3, 4, 4]] {
            let length = shape.iter().product::<u64>() as usize;
            let images = parse(&npy(shape, vec![0u8; length])).expect("several images");
            assert_eq!(images.len() as u64, shape[0]);
        }
    }

    #[test]
    fn rounding_errors_are_clamped_and_counted() {
        let values = vec![-1e-6f32, 0.0, 1.0, 1.000_001];
        let mut decoded = crate::data::records::Decoded::default();
        let file = npy(&[1, 2, 2], values);
        let mut rest = &file[..];
        let mut records = records(&mut rest).expect("a header");
        (records.decode)(rest, &mut decoded).expect("close enough");
        assert_eq!((&decoded.pixels[..], decoded.clamped), (&[0, 0, 255, 255][..], 2));
        for far in [-0.01f32, 1.01] {
            let problem = parse(&npy(&[1, 1, 1], vec![far])).expect_err("too far");
            assert!(problem.contains("must be in [0, 1]"), "{problem}");
        }
    }

    #[test]
    fn labels_are_whole_numbers_of_any_size() {
        let read = |bytes: &[u8]| labels(&mut &bytes[..], 3);
        assert_eq!(read(&npy(&[3], vec![0u8, 7, 255])), Ok(vec![0, 7, 255]));
        assert_eq!(read(&npy(&[3, 1], vec![1i64, 2, 3])), Ok(vec![1, 2, 3]));
        assert_eq!(read(&npy(&[3], vec![1i16, 2, 3])), Ok(vec![1, 2, 3]));
        for odd in [
            npy(&[3], vec![1i64, 2, -3]),
            npy(&[3], vec![1i8, 2, -3]),
            npy(&[3], vec![1i32, 2, 256]),
            npy(&[3], vec![1.0f32, 2.0, 3.0]),
            npy(&[3, 2], vec![0u8; 6]),
            npy(&[4], vec![0u8; 4]),
            npy(&[3], vec![0u8; 3])[..130].to_vec(),
        ] {
            read(&odd).expect_err("not three labels");
        }
    }
}
