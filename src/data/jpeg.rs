//! JPEG files, decoded by `jpeg-decoder`; `docs/adr/jpeg-decoder.md` says why by that one.
//!
//! Like libjpeg, it fills what is missing with gray or with coarse pixels and says nothing. So the
//! markers of a file are read first, and the decoder only gets what it decodes completely and as
//! libjpeg does.

use image::{ColorType, DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use super::decode_error::{ENDS_EARLY, one_line};

/// What the markers of a JPEG file say (ITU-T T.81, annex B).
#[derive(Debug)]
pub(super) struct Jpeg<'a> {
    bytes: &'a [u8],
    frame: Frame,
    jfif: bool,
    /// The transform in Adobe's marker.
    adobe: Option<u8>,
    /// The EXIF data, from its TIFF header on.
    pub exif: Option<&'a [u8]>,
    /// Where the entropy-coded data of each scan ends.
    ends: Vec<usize>,
}

#[derive(Debug)]
struct Frame {
    progressive: bool,
    width: u16,
    height: u16,
    components: Vec<Component>,
}

/// The most scans of a file: programs write a dozen or so. A scan of a few hundred bytes can take a
/// pass over all pixels, so a file of very many would take hours to decode.
const MOST_SCANS: usize = 500;

#[derive(Debug)]
struct Component {
    id: u8,
    /// The horizontal and the vertical sampling factor.
    sampling: [u8; 2],
    /// A bit for each of the 64 coefficients that a scan brought to full precision.
    complete: u64,
}

impl<'a> Jpeg<'a> {
    /// Reads the markers of a file, up to the one that ends the image.
    ///
    /// # Errors
    /// If the file ends early, lacks parts of the image, or is of a kind that the decoder does
    /// not decode as libjpeg does.
    pub fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut frame: Option<Frame> = None;
        let (mut jfif, mut adobe, mut exif, mut ends) = (false, None, None, Vec::new());
        let mut at = 2;
        loop {
            let (start, marker) = next_marker(bytes, at).ok_or(ENDS_EARLY)?;
            at = start + 2;
            match marker {
                0xd9 => break,
                // Restart markers between scans, and one that old encoders used as a filler.
                0x01 | 0xd0..=0xd8 => continue,
                _ => {}
            }
            let length = bytes.get(at..at + 2).ok_or(ENDS_EARLY)?;
            let end = at + usize::from(u16::from_be_bytes([length[0], length[1]]));
            let segment = bytes.get(at + 2..end.max(at + 2)).ok_or(ENDS_EARLY)?;
            at += 2 + segment.len();
            match (marker, segment) {
                (0xc0..=0xc2, _) if frame.is_none() => frame = Some(Frame::read(marker, segment)?),
                // Tables.
                (0xc4, _) => {}
                (0xc0..=0xcf, _) => return Err(kind(marker).into()),
                (0xda, _) => {
                    let frame = frame.as_mut().ok_or("the scan comes before the frame's header")?;
                    frame.scan(segment)?;
                    at = end_of_scan(bytes, at).ok_or(ENDS_EARLY)?;
                    ends.push(at);
                    if ends.len() > MOST_SCANS {
                        return Err(format!(
                            "it has more than {MOST_SCANS} scans, which no program writes; save it \
                             as baseline JPEG"
                        ));
                    }
                }
                (0xe0, [b'J', b'F', b'I', b'F', 0, ..]) => jfif = true,
                (0xe1, [b'E', b'x', b'i', b'f', 0, _, rest @ ..]) => exif = exif.or(Some(rest)),
                // A version and two flags are before the transform.
                (0xee, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                    adobe = Some(*transform);
                }
                _ => {}
            }
        }
        let frame = frame.filter(|_| !ends.is_empty()).ok_or("it holds no image")?;
        if frame.components.iter().any(|component| component.complete != u64::MAX) {
            return Err("some of the image's scans are missing; is the copy complete?".into());
        }
        Ok(Self { bytes, frame, jfif, adobe, exif, ends })
    }

    /// The width and height in the file.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.frame.width.into(), self.frame.height.into())
    }

    /// The color type of the decoded pixels.
    pub fn color(&self) -> ColorType {
        if self.frame.components.len() == 1 { ColorType::L8 } else { ColorType::Rgb8 }
    }

    /// The bytes of memory that [`Self::decode`] needs besides the file and the decoded pixels.
    pub fn working_memory(&self) -> u64 {
        let Frame { progressive, width, height, components } = &self.frame;
        let pixels = u64::from(*width) * u64::from(*height);
        let area =
            |component: &Component| component.sampling.map(u64::from).iter().product::<u64>();
        let [h, v] = self.frame.max_sampling().map(u64::from);
        let samples = pixels * components.iter().map(area).sum::<u64>() / (h * v);
        // A plane of samples for each component, besides coefficients of two bytes.
        let planes = if *progressive { 3 * samples } else { samples };
        let inks = if components.len() == 4 { 4 * pixels } else { 0 };
        planes + inks + self.bytes.len() as u64
    }

    /// Decodes the pixels, in gray or in red, green and blue.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn decode(&self) -> Result<DynamicImage, String> {
        // No Huffman code consists of ones (T.81, C.2). So a scan that runs into these after its
        // own data is an error, where the decoder would go on with zeros without a word. After a
        // complete scan it skips them.
        const ONES: [u8; 16] =
            [0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0];
        let mut bytes = Vec::with_capacity(self.bytes.len() + self.ends.len() * ONES.len());
        let mut from = 0;
        for &end in &self.ends {
            bytes.extend_from_slice(&self.bytes[from..end]);
            bytes.extend(ONES);
            from = end;
        }
        bytes.extend_from_slice(&self.bytes[from..]);

        let mut decoder = Decoder::new(&bytes[..]);
        decoder.set_color_transform(self.transform());
        let pixels = decoder.decode().map_err(|error| match error {
            // Its message shows internal values.
            jpeg_decoder::Error::Unsupported(_) => format!(
                "its {} components, or their sampling factors, are not supported; save it as \
                 baseline JPEG",
                self.frame.components.len()
            ),
            error => one_line(&error.to_string()),
        })?;
        let (width, height) = self.dimensions();
        let image = match decoder.info().map(|info| info.pixel_format) {
            Some(PixelFormat::L8) => {
                GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
            }
            Some(PixelFormat::RGB24) => {
                RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
            }
            Some(PixelFormat::CMYK32) => {
                RgbImage::from_raw(width, height, rgb(pixels)).map(DynamicImage::ImageRgb8)
            }
            _ => None,
        };
        image.ok_or_else(|| "the decoder returned other pixels than the header announces".into())
    }

    /// The colors of the components, by libjpeg's rules (`default_decompress_parms`).
    fn transform(&self) -> ColorTransform {
        let ids: Vec<u8> = self.frame.components.iter().map(|component| component.id).collect();
        match (&ids[..], self.adobe) {
            ([_], _) => ColorTransform::Grayscale,
            ([_, _, _], _) if self.jfif => ColorTransform::YCbCr,
            ([_, _, _], Some(0)) | (b"RGB", None) => ColorTransform::RGB,
            ([_, _, _], _) => ColorTransform::YCbCr,
            (_, Some(0) | None) => ColorTransform::CMYK,
            _ => ColorTransform::YCCK,
        }
    }
}

/// The kind of a frame that is not decoded, by its marker.
fn kind(marker: u8) -> &'static str {
    match marker {
        0xc0..=0xc2 => "it holds a second frame, which is not supported",
        0xc3 | 0xcb => "lossless JPEG is not supported; save it as PNG",
        0xc9..=0xca | 0xcc => "arithmetic coding is not supported; save it with Huffman coding",
        _ => "hierarchical JPEG is not supported; save it as baseline JPEG",
    }
}

/// Finds a marker at or after a place: where it is, and its second byte. As in libjpeg, other bytes
/// before it are skipped.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(usize, u8)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        match bytes.get(at + 1)? {
            // A byte of data, or a filler.
            0 => at += 2,
            0xff => at += 1,
            &marker => return Some((at, marker)),
        }
    }
}

/// Where the entropy-coded data that starts at a place ends: at the first marker that does not
/// restart it.
fn end_of_scan(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let (start, marker) = next_marker(bytes, at)?;
        if !(0xd0..=0xd7).contains(&marker) {
            let fillers = bytes[at..start].iter().rev().take_while(|&&byte| byte == 0xff);
            return Some(start - fillers.count());
        }
        at = start + 2;
    }
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Result<Self, String> {
        let &[bits, height_high, height, width_high, width, _, ref components @ ..] = segment
        else {
            return Err("its header is too short".into());
        };
        if bits != 8 {
            return Err(format!("{bits} bits per sample are not supported; save it with 8"));
        }
        let components = components.chunks_exact(3).map(|component| Component {
            id: component[0],
            sampling: [component[1] >> 4, component[1] & 15],
            complete: 0,
        });
        let frame = Self {
            progressive: marker == 0xc2,
            width: u16::from_be_bytes([width_high, width]),
            height: u16::from_be_bytes([height_high, height]),
            components: components.collect(),
        };
        let mut factors = frame.components.iter().flat_map(|component| component.sampling);
        if frame.width == 0 || frame.height == 0 || factors.any(|factor| !(1..=4).contains(&factor))
        {
            return Err("its header claims an impossible size or sampling".into());
        }
        Ok(frame)
    }

    /// The largest horizontal and vertical sampling factors.
    fn max_sampling(&self) -> [u8; 2] {
        let max = |axis: usize| self.components.iter().map(|c| c.sampling[axis]).max();
        [0, 1].map(|axis| max(axis).unwrap_or(1))
    }

    /// Notes what a scan brings.
    fn scan(&mut self, segment: &[u8]) -> Result<(), String> {
        let too_short = "a scan's header is too short";
        let (&count, rest) = segment.split_first().ok_or(too_short)?;
        let (components, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(too_short)?;
        let &[from, to, precision, ..] = rest else { return Err(too_short.into()) };
        let sides = [self.width, self.height];
        let alone = count == 1;
        let max = self.max_sampling();
        for id in components.iter().step_by(2) {
            let known = self.components.iter_mut().find(|component| component.id == *id);
            let component = known.ok_or("a scan is of an unknown component")?;
            let blocks = |axis: usize| {
                let [side, factor, max] =
                    [sides[axis], component.sampling[axis].into(), max[axis].into()].map(u32::from);
                // What the standard says (T.81, A.2.2), and what the decoder expects.
                let needed = (side * factor).div_ceil(max).div_ceil(8);
                let expected = (side.div_ceil(8 * max) * factor).min(side.div_ceil(8));
                needed == expected
            };
            if alone && !(blocks(0) && blocks(1)) {
                return Err("its sampling factors are not supported with one scan per component; \
                            save it as baseline JPEG"
                    .into());
            }
            component.complete |= match (self.progressive, precision & 15) {
                (false, _) => u64::MAX,
                (true, 0) if from <= to && to < 64 => (u64::MAX >> (63 - (to - from))) << from,
                _ => 0,
            };
        }
        Ok(())
    }
}

/// Converts cyan, magenta, yellow and black to red, green and blue, as libjpeg's `djpeg` does.
fn rgb(cmyk: Vec<u8>) -> Vec<u8> {
    let (pixels, _) = cmyk.as_chunks::<4>();
    let paper = |ink: u8| u32::from(255 - ink);
    let color =
        |&[c, m, y, k]: &[u8; 4]| [c, m, y].map(|ink| ((paper(ink) * paper(k) + 127) / 255) as u8);
    pixels.iter().flat_map(color).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// The files that `tests/images/jpeg/make.py` makes.
    fn files(decoded: bool) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/jpeg");
        let entries = fs::read_dir(folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let wanted = |path: &PathBuf| {
            let is_refused = path.to_string_lossy().contains("refused-");
            path.extension().is_some_and(|end| end == "jpg") && is_refused != decoded
        };
        let read = |path: PathBuf| {
            let bytes = fs::read(&path).expect("a file");
            (path, bytes)
        };
        let files: Vec<_> = paths.filter(wanted).map(read).collect();
        assert!(files.len() > 3);
        files
    }

    fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
        Jpeg::read(bytes)?.decode()
    }

    /// The largest difference of a byte.
    fn difference(one: &DynamicImage, other: &DynamicImage) -> u8 {
        assert_eq!((one.width(), one.height()), (other.width(), other.height()));
        let (one, other) = (one.to_rgb8(), other.to_rgb8());
        let pairs = one.as_raw().iter().zip(other.as_raw());
        pairs.map(|(a, b)| a.abs_diff(*b)).max().expect("it has pixels")
    }

    #[test]
    fn pixels_are_those_of_libjpeg() {
        for (path, bytes) in files(true) {
            let expected = image::open(path.with_extension("png")).expect("an image");
            let image = decode(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let difference = difference(&image, &expected);
            assert!(difference <= 4, "{}: {difference}", path.display());
            assert_eq!(image.color().has_color(), expected.color().has_color());
        }
    }

    #[test]
    fn what_would_be_decoded_to_something_else_is_refused() {
        let expected = [
            ("refused-arithmetic", "arithmetic coding"),
            ("refused-coarse", "scans are missing"),
            ("refused-sampling", "sampling factors"),
            ("refused-twelve-bits", "12 bits per sample"),
        ];
        let files = files(false);
        assert_eq!(files.len(), expected.len());
        for (name, words) in expected {
            let file = files.iter().find(|(path, _)| path.to_string_lossy().contains(name));
            let (_, bytes) = file.expect("it is there");
            let error = decode(bytes).expect_err(name);
            assert!(error.contains(words), "{name}: {error}");
        }
    }

    /// Files are cut at every place, as they are and with the marker that ends an image, which some
    /// programs append to an incomplete download.
    #[test]
    fn a_file_that_ends_early_is_refused() {
        for (path, bytes) in files(true) {
            let whole = decode(&bytes).expect("a good file");
            let end = Jpeg::read(&bytes).expect("a good file").ends.pop().expect("a scan");
            for at in 0..=end {
                let mut cut = bytes[..at].to_vec();
                decode(&cut).expect_err("it ends early");
                cut.extend([0xff, 0xd9]);
                // Without the last bytes of a scan, the pixels may be complete.
                if let Ok(image) = decode(&cut) {
                    let difference = difference(&image, &whole);
                    assert!(difference <= 16, "{} at {at}: {difference}", path.display());
                }
            }
        }
    }

    #[test]
    fn a_file_of_very_many_scans_is_refused() {
        let of_scans = |count: usize| -> Vec<u8> {
            let frame = [0xff_u8, 0xd8, 0xff, 0xc2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0];
            let scan = [0xff_u8, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0xaa];
            [&frame[..], &scan.repeat(count)[..], &[0xff, 0xd9][..]].concat()
        };
        Jpeg::read(&of_scans(MOST_SCANS)).expect("as many as there may be");
        let error = Jpeg::read(&of_scans(MOST_SCANS + 1)).expect_err("one more");
        assert!(error.contains("500 scans"), "{error}");
    }

    #[test]
    fn the_colors_are_told_as_libjpeg_tells_them() {
        use ColorTransform::{CMYK, Grayscale, RGB, YCCK, YCbCr};
        let transform = |ids: &[u8], jfif, adobe| {
            let component = |&id: &u8| Component { id, sampling: [1, 1], complete: 0 };
            let components = ids.iter().map(component).collect();
            let frame = Frame { progressive: false, width: 1, height: 1, components };
            let (bytes, exif, ends) = (&[][..], None, vec![]);
            Jpeg { bytes, frame, jfif, adobe, exif, ends }.transform()
        };
        assert_eq!(transform(&[7], true, Some(2)), Grayscale);
        assert_eq!(transform(&[1, 2, 3], false, None), YCbCr);
        assert_eq!(transform(&[0, 1, 2], false, None), YCbCr);
        assert_eq!(transform(&[1, 34, 35], false, None), YCbCr);
        assert_eq!(transform(b"RGB", false, None), RGB);
        assert_eq!(transform(b"RGB", true, None), YCbCr);
        assert_eq!(transform(&[1, 2, 3], false, Some(0)), RGB);
        assert_eq!(transform(&[1, 2, 3], true, Some(0)), YCbCr);
        assert_eq!(transform(b"RGB", false, Some(1)), YCbCr);
        assert_eq!(transform(&[1, 2, 3, 4], true, None), CMYK);
        assert_eq!(transform(&[1, 2, 3, 4], false, Some(0)), CMYK);
        assert_eq!(transform(&[1, 2, 3, 4], false, Some(2)), YCCK);
    }

    /// Baseline images that cameras take fit where a progressive one of their size does not.
    #[test]
    fn memory_is_that_of_planes_coefficients_and_pixels() {
        let memory = |progressive, factors: &[[u8; 2]]| {
            let component = |&sampling| Component { id: 0, sampling, complete: 0 };
            let components = factors.iter().map(component).collect();
            let frame = Frame { progressive, width: 40, height: 30, components };
            let (bytes, exif, ends) = (&[][..], None, vec![]);
            let (jfif, adobe) = (true, None);
            Jpeg { bytes, frame, jfif, adobe, exif, ends }.working_memory()
        };
        assert_eq!(memory(false, &[[1, 1]; 3]), 3 * 1200);
        assert_eq!(memory(false, &[[2, 2], [1, 1], [1, 1]]), 1800);
        assert_eq!(memory(true, &[[2, 2], [1, 1], [1, 1]]), 3 * 1800);
        assert_eq!(memory(false, &[[2, 2]]), 1200);
        assert_eq!(memory(false, &[[1, 1]; 4]), 8 * 1200);
    }
}
