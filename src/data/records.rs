//! Records of one size, one for each image: what the files of arrays consist of. They are read and
//! decoded about a megabyte at a time.

use std::io::{self, Read};

use super::error::DataError;
use crate::net::ImageShape;

/// How the images of a file follow one another.
pub(super) struct Records {
    /// The shape of each image.
    pub shape: ImageShape,
    /// The number of images; `None`: as many as there are.
    pub count: Option<u64>,
    /// The number of bytes of each, at least 1.
    pub size: usize,
    /// Whether nothing may follow the last.
    pub ends: bool,
    /// What may be done if all images turn out to be black.
    pub if_black: &'static str,
    /// Decodes one record.
    pub decode: Box<Decode>,
}

/// What may be done about black images: masks are often saved so.
pub(super) const WHITE_IS_1: &str = "if its white is 1, save 255 times its values";

/// Appends what a record holds.
type Decode = dyn FnMut(&[u8], &mut Decoded) -> Result<(), String>;

/// What is decoded of some records.
#[derive(Default)]
pub(super) struct Decoded {
    /// The pixels, C × H × W for each image.
    pub pixels: Vec<u8>,
    /// The labels, if the records have any.
    pub labels: Vec<u8>,
    /// The number of values that were a little outside of \[0, 1\].
    pub clamped: usize,
}

/// About as many bytes are read at a time.
const CHUNK: usize = 1 << 20;

/// Called with some images after the other.
type Each<'a> = dyn FnMut(Decoded) -> Result<(), DataError> + 'a;

impl Records {
    /// Reads and decodes all records. `each` is called with some images after the other.
    ///
    /// # Errors
    /// What `fail` makes of a file that ends early, is too long or cannot be read or decoded; also
    /// what `each` fails with.
    pub fn read(
        mut self,
        file: &mut dyn Read,
        fail: &dyn Fn(String) -> DataError,
        each: &mut Each<'_>,
    ) -> Result<(), DataError> {
        let io = |e: io::Error| fail(e.to_string());
        let size = self.size as u64;
        let mut stored = Vec::new();
        let mut done = 0;
        loop {
            let left = self.count.map_or(u64::MAX, |count| count - done);
            let wanted = size * left.min((CHUNK as u64 / size).max(1));
            stored.clear();
            file.take(wanted).read_to_end(&mut stored).map_err(io)?;
            let records = stored.chunks_exact(self.size);
            let rest = records.remainder().len() as u64;
            let mut decoded = Decoded::default();
            for record in records {
                (self.decode)(record, &mut decoded).map_err(fail)?;
                done += 1;
            }
            each(decoded)?;
            let is_end = (stored.len() as u64) < wanted;
            let found = done * size + rest;
            match self.count {
                Some(count) if is_end => {
                    let ImageShape { height, width, .. } = self.shape;
                    let total = u128::from(count) * u128::from(size);
                    return Err(fail(format!(
                        "truncated: {count} images of {height} × {width} need {total} bytes, \
                         found {found}"
                    )));
                }
                None if rest > 0 => {
                    return Err(fail(format!(
                        "{found} bytes are no multiple of its records' {size}: some are missing, \
                         or do not belong there"
                    )));
                }
                Some(count) if count > done => {}
                None if !is_end => {}
                _ => break,
            }
        }
        // The reader of an archive compares checksums at the end of a file.
        let more = file.take(1).read_to_end(&mut Vec::new()).map_err(io)?;
        if self.ends && more > 0 {
            let total = done * size;
            return Err(fail(format!("longer than its header says ({total} bytes of pixels)")));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::Images;

    /// Reads a file that is not part of a data set.
    pub fn read(
        mut file: &[u8],
        open: impl FnOnce(&mut dyn Read) -> Result<Records, String>,
    ) -> Result<Images, String> {
        let records = open(&mut file)?;
        let (shape, mut pixels, mut labels) = (records.shape, vec![], vec![]);
        let fail = |problem| DataError::Refused(problem);
        let read = records.read(&mut file, &fail, &mut |decoded| {
            pixels.extend(decoded.pixels);
            labels.extend(decoded.labels);
            Ok(())
        });
        read.map_err(|e| e.to_string())?;
        let labels = (!labels.is_empty()).then_some(labels);
        Ok(Images { labels, ..Images::new(shape, pixels) })
    }

    /// Records are decoded in parts, and no more are asked for than the header says.
    #[test]
    fn records_are_read_up_to_the_size_that_the_header_announces() {
        struct Endless(u64);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = buffer.len().min(1000);
                buffer[..count].fill(7);
                self.0 += count as u64;
                Ok(count)
            }
        }
        let shape = ImageShape { channels: 1, height: 100, width: 100 };
        let records = Records {
            shape,
            count: Some(250),
            size: 10_000,
            ends: true,
            if_black: WHITE_IS_1,
            decode: Box::new(|record, decoded| {
                decoded.pixels.extend_from_slice(record);
                Ok(())
            }),
        };
        let (mut file, mut parts) = (Endless(0), Vec::new());
        let error = records.read(&mut file, &DataError::Refused, &mut |decoded| {
            parts.push(decoded.pixels.len());
            Ok(())
        });
        assert!(error.expect_err("endless").to_string().contains("longer"));
        assert_eq!(parts, [1_040_000, 1_040_000, 420_000]);
        assert!(file.0 <= 2_500_000 + 1000, "{}", file.0);
    }
}
