//! NumPy's `.npy`: N × H × W, N × H × W × C or N × C × H × W, as whole numbers from 0 to 255, as
//! floats in \[0, 1\], or as what NumPy has besides for the same.

use std::io::Read;

use super::decode::over;
pub(super) use super::npy_header::MAGIC;
use super::npy_header::{Header, Problem, header, impossible};
use super::npy_values::{Class, ValueType};
use super::records::{Records, WHITE_IS_1};
use super::stored::MAX_BYTES;
use crate::net::ImageShape;

/// Opens an array of images; transparent ones are put on a background of red, green and blue. Also
/// returns all its values if they are stored in another order than they are read in.
///
/// # Errors
/// Says what is wrong with it, and how to save it.
pub(super) fn open(
    file: &mut dyn Read,
    background: [u8; 3],
) -> Result<(Records, Option<Vec<u8>>), String> {
    let (header, stored, values) = check(file)?;
    let content = header.reordered(file, values.bytes)?;
    Ok((records(&header, stored, values, background), content))
}

/// Whether this is the beginning of an array of images.
///
/// # Errors
/// Says why not.
pub(super) fn check(file: &mut dyn Read) -> Result<(Header, Stored, ValueType), String> {
    let header = header(file).map_err(|problem| match problem {
        Problem::Records => {
            format!("an array of records or objects; {EXPECTED}; np.stack makes one")
        }
        Problem::Other(problem) => problem,
    })?;
    let sizes = &header.sizes[..];
    if let Some(problem) = one_image(sizes) {
        return Err(problem);
    }
    let stored = Stored::of(sizes).ok_or_else(|| match reshaped(sizes) {
        Some(reshaped) => format!("an array of shape {sizes:?}; save {reshaped}"),
        None => format!("an array of shape {sizes:?}; {EXPECTED}, and no size 0"),
    })?;
    if stored.shape.dimension() as u64 > MAX_BYTES {
        return Err(impossible(sizes));
    }
    let values = ValueType::of(&header.kind)
        .ok_or_else(|| format!("of type {}; {EXPECTED}", header.kind))?;
    Ok((header, stored, values))
}

fn records(header: &Header, stored: Stored, values: ValueType, background: [u8; 3]) -> Records {
    let Stored { shape, channels, last } = stored;
    let area = shape.height * shape.width;
    let is_planar = !last || channels == 1;
    Records {
        shape,
        count: Some(header.sizes[0]),
        size: area * channels * values.bytes,
        ends: false,
        if_black: match values {
            ValueType { class: Class::Unsigned, bytes: 2, .. } => {
                "uint16 is read as 0 to 65535, so if its white is 255, save x.astype(np.uint8)"
            }
            _ => WHITE_IS_1,
        },
        decode: Box::new(move |record, decoded| {
            let start = decoded.pixels.len();
            if values.bytes == 1 && values.class == Class::Unsigned {
                decoded.pixels.extend_from_slice(record);
            } else {
                for bytes in record.chunks_exact(values.bytes) {
                    let value = values.value(bytes);
                    decoded.pixels.push(level(value, values)?);
                    let is_float = values.class == Class::Float;
                    decoded.clamped += usize::from(is_float && !(0.0..=1.0).contains(&value));
                }
            }
            if is_planar && channels == shape.channels {
                return Ok(());
            }
            let levels = decoded.pixels.split_off(start);
            let of = |channel: usize, at: usize| {
                levels[if last { at * channels + channel } else { channel * area + at }]
            };
            for (channel, &behind) in background.iter().enumerate() {
                decoded.pixels.extend((0..area).map(|at| match channels {
                    4 => over(of(channel, at), of(3, at), behind),
                    _ => of(channel, at),
                }));
            }
            Ok(())
        }),
    }
}

const EXPECTED: &str = "expected N×H×W, N×H×W×C or N×C×H×W with 1, 3 or 4 channels, of whole \
                        numbers from 0 to 255 (x.astype(np.uint8)) or floats from 0 to 1";

/// Says why an array is one image, not several.
fn one_image(sizes: &[u64]) -> Option<String> {
    // No image is this narrow.
    const NARROW: u64 = 4;
    if let [height, width] = *sizes
        && height == width
        && width > NARROW
    {
        return Some(format!(
            "an array of shape {sizes:?}, one image; np.stack makes one array of many, and \
             x.reshape(-1, H, W) images of rows of pixels"
        ));
    }
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

/// How to make images of rows of their pixels, if these are squares.
fn reshaped(sizes: &[u64]) -> Option<String> {
    let &[_, pixels] = sizes else { return None };
    let side = |area: u64| Some(area.isqrt()).filter(|side| *side > 1 && side * side == area);
    let gray = side(pixels).map(|side| format!("x.reshape(-1, {side}, {side})"));
    gray.or_else(|| {
        let side = side(pixels / 3).filter(|_| pixels.is_multiple_of(3))?;
        Some(format!("x.reshape(-1, {side}, {side}, 3), or x.reshape(-1, 3, {side}, {side})"))
    })
}

/// How images are stored.
#[derive(Clone, Copy)]
pub(super) struct Stored {
    /// The shape that they are read as.
    shape: ImageShape,
    /// The number of channels in the file: 1, 3, or 4 of which the last is opacity.
    channels: usize,
    /// Whether the channels are the last axis.
    last: bool,
}

impl Stored {
    /// How images are stored in an array of these sizes. An axis of size 1 or 3, or else one of size 4,
    /// is taken as the channels, preferably the last one.
    fn of(sizes: &[u64]) -> Option<Self> {
        let (channels, height, width, last) = match *sizes {
            [_, h, w] => (1, h, w, true),
            [_, h, w, c @ (1 | 3)] => (c, h, w, true),
            [_, c @ (1 | 3), h, w] => (c, h, w, false),
            [_, h, w, c @ 4] => (c, h, w, true),
            [_, c @ 4, h, w] => (c, h, w, false),
            _ => return None,
        };
        let size = |size: u64| usize::try_from(size).ok().filter(|&size| size > 0);
        size(sizes[0])?;
        let channels = size(channels)?;
        let (height, width) = (size(height)?, size(width)?);
        let shape = ImageShape { channels: channels.min(3), height, width };
        Some(Self { shape, channels, last })
    }
}

/// The gray level, from 0 to 255, that is nearest to a value. Of floats, whose white is 1, those less
/// than half a gray level outside are taken, too: rounding errors are there.
fn level(value: f64, ValueType { class, bytes, .. }: ValueType) -> Result<u8, String> {
    let (white, bounds) = match (class, bytes) {
        (Class::Float, _) => (1.0, "floats must be in [0, 1]"),
        (Class::Bool, _) => (1.0, "booleans must be 0 or 1"),
        (Class::Unsigned, 2) => (65535.0, ""),
        _ => (255.0, "whole numbers must be from 0 to 255"),
    };
    let level = value / white * 255.0;
    if level > -0.5 && level < 255.5 {
        return Ok(level.round() as u8);
    }
    let advice = match class {
        Class::Float if value.is_nan() => "np.nan_to_num(x)",
        Class::Float if (-1.0..0.0).contains(&value) => "(x + 1) / 2, if their black is -1",
        Class::Float if (0.0..=255.0).contains(&value) => "x / 255, if their white is 255",
        Class::Bool => "x.view(np.uint8), if its white is 255",
        _ => "(x - x.min()) / (x.max() - x.min())",
    };
    Err(format!("holds {value}, but {bounds}: save {advice}"))
}

#[cfg(test)]
pub(super) mod tests {
    use half::f16;
    use npyz::WriterBuilder;

    use super::*;
    use crate::data::Images;
    use crate::data::records::tests::read;

    /// Reads images, on a gray background if they are transparent.
    fn parse(mut bytes: &[u8]) -> Result<Images, String> {
        let (records, content) = open(&mut bytes, [100; 3])?;
        read(content.as_deref().unwrap_or(bytes), |_| Ok(records))
    }

    pub fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes);
        let mut writer = options.begin_nd().expect("in memory");
        writer.extend(values).expect("in memory");
        writer.finish().expect("in memory");
        bytes
    }

    pub fn with_header(header: &str) -> Vec<u8> {
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

        let of = |kind: &str, is_fortran: &str, values: Vec<u8>| {
            let shape = "'shape': (1, 3, 2, 2)";
            let header = format!("{{'descr': '{kind}', 'fortran_order': {is_fortran}, {shape}}}\n");
            parse(&[with_header(&header), values].concat()).expect("another type")
        };
        let whole = |bytes: fn(u16) -> Vec<u8>| planes.iter().flat_map(move |&b| bytes(b.into()));
        let wide = |b: u16| i64::from(b).to_be_bytes().to_vec();
        assert_eq!(first, of(">i8", "False", whole(wide).collect()));
        let fine = |b: u16| (257 * b).to_le_bytes().to_vec();
        assert_eq!(first, of("<u2", "False", whole(fine).collect()));
        let half = |b: u16| f16::from_f32(f32::from(b) / 255.0).to_le_bytes().to_vec();
        assert_eq!(first, of("<f2", "False", whole(half).collect()));
        // The channels change fastest, then the rows.
        let fortran = [0, 2, 1, 3].map(|at| [planes[at], planes[4 + at], planes[8 + at]]).concat();
        assert_eq!(first, of("|u1", "True", fortran));
        let truth = vec![0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1];
        let masks: Vec<u8> = truth.iter().map(|&bit| 255 * bit).collect();
        assert_eq!(of("|b1", "False", truth).bytes, masks);
    }

    #[test]
    fn transparent_pixels_are_put_on_the_background() {
        let pixels = vec![255u8, 0, 50, 255, 255, 0, 50, 0, 255, 0, 100, 51, 9, 8, 7, 255];
        let expected = [255, 100, 131, 9, 0, 100, 80, 8, 50, 100, 100, 7];
        let image = parse(&npy(&[1, 2, 2, 4], pixels.clone())).expect("red, green, blue, opacity");
        assert_eq!(image.shape, ImageShape { channels: 3, height: 2, width: 2 });
        assert_eq!(image.bytes, expected);
        let planes: Vec<u8> =
            (0..4).flat_map(|c| pixels.iter().skip(c).step_by(4).copied()).collect();
        assert_eq!(parse(&npy(&[1, 4, 2, 2], planes)).expect("planes"), image);
        let floats: Vec<f32> = pixels.iter().map(|&value| f32::from(value) / 255.0).collect();
        assert_eq!(parse(&npy(&[1, 2, 2, 4], floats)).expect("floats"), image);
        // Three channels in front and a width of 4 are no transparency.
        let narrow = parse(&npy(&[1, 3, 2, 4], vec![7u8; 24])).expect("colors");
        assert_eq!(narrow.shape, ImageShape { channels: 3, height: 2, width: 4 });
    }

    #[test]
    fn bad_arrays_are_refused_with_what_is_wrong() {
        let refused = |bytes: &[u8]| parse(bytes).expect_err("must be refused");
        assert!(refused(b"PK").contains("not a readable"));
        assert!(refused(&npy(&[2, 2], vec![0u8; 4])).contains("[2, 2]"));
        assert!(refused(&npy(&[1, 2, 2, 5], vec![0u8; 20])).contains("1, 3 or 4 channels"));
        assert!(refused(&npy(&[0, 2, 2], Vec::<u8>::new())).contains("no size 0"));
        assert!(refused(&npy(&[1, 1, 2], vec![0.5f32, 1.5])).contains("1.5"));
        assert!(refused(&npy(&[1, 1, 1], vec![f64::NAN])).contains("NaN"));
        // Each with how to save it.
        let of = |kind: &str| {
            let order = "'fortran_order': False";
            with_header(&format!("{{'descr': '{kind}', {order}, 'shape': (1, 1, 1)}}\n"))
        };
        assert!(refused(&of("<c8")).contains("<c8") && refused(&of("<c8")).contains("astype"));
        assert!(refused(&of("|O")).contains("np.stack"));
        assert!(refused(&npy(&[2, 784], vec![0u8; 1568])).contains("x.reshape(-1, 28, 28)"));
        assert!(refused(&npy(&[1, 12], vec![0u8; 12])).contains("x.reshape(-1, 3, 2, 2)"));
        for (values, advice) in [
            ([0.5f32, f32::NAN], "nan_to_num"),
            ([0.5, -0.5], "(x + 1) / 2"),
            ([0.5, 255.0], "x / 255"),
            ([0.5, -3.0], "x.max()"),
        ] {
            let problem = refused(&npy(&[1, 1, 2], values.to_vec()));
            assert!(problem.contains(advice), "{problem}");
        }
        for odd in [npy(&[1, 1, 1], vec![-1i64]), npy(&[1, 1, 1], vec![256u32])] {
            let problem = refused(&odd);
            assert!(problem.contains("from 0 to 255") && problem.contains("x.min()"), "{problem}");
        }
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
        let (mut records, _) = open(&mut rest, [255; 3]).expect("a header");
        (records.decode)(rest, &mut decoded).expect("close enough");
        assert_eq!((&decoded.pixels[..], decoded.clamped), (&[0, 0, 255, 255][..], 2));
        for far in [-0.01f32, 1.01] {
            let problem = parse(&npy(&[1, 1, 1], vec![far])).expect_err("too far");
            assert!(problem.contains("must be in [0, 1]"), "{problem}");
        }
    }
}
