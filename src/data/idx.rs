//! The IDX format of MNIST and its relatives: a magic number, big-endian sizes, then bytes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{DataError, Pictures};
use crate::net::Picture;

/// Unsigned bytes in three dimensions: pictures × rows × columns.
const MAGIC_IMAGES: u32 = 0x0803;
/// Unsigned bytes in one dimension: labels.
const MAGIC_LABELS: u32 = 0x0801;
/// 2 GiB of pixels is more than this trainer is for.
const MAX_BYTES: u64 = 1 << 31;

/// Reads grey pictures from an IDX file, gzipped or not (told by its first bytes, not its name).
///
/// # Errors
/// [`DataError`] for a file that cannot be read, is truncated or too long, holds something else
/// than pictures, or claims impossible sizes.
pub fn read(path: &Path) -> Result<Pictures, DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let fail = |problem: String| DataError::Format { path: path.to_owned(), problem };

    let mut gzip = [0; 2];
    let count = File::open(path).and_then(|mut f| f.read(&mut gzip)).map_err(io)?;
    let file = BufReader::new(File::open(path).map_err(io)?);
    let mut file: Box<dyn Read> = match (count, gzip) {
        (2, [0x1f, 0x8b]) => Box::new(MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };

    let mut header = [0; 16];
    let magic_only = file.read_exact(&mut header[..4]);
    magic_only.map_err(|_| fail("too short to be an IDX file".to_owned()))?;
    let word =
        |i: usize| u32::from_be_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
    match word(0) {
        MAGIC_IMAGES => {}
        MAGIC_LABELS => return Err(fail("holds labels (magic number 2049), not pictures".into())),
        magic => {
            return Err(fail(format!(
                "not an IDX file of pictures: its magic number is {magic}, not {MAGIC_IMAGES}"
            )));
        }
    }
    let mut sizes = [0; 12];
    file.read_exact(&mut sizes).map_err(|_| fail("truncated inside its header".to_owned()))?;
    let size = |i: usize| u32::from_be_bytes([sizes[i], sizes[i + 1], sizes[i + 2], sizes[i + 3]]);
    let (count, height, width) = (size(0), size(4), size(8));
    let total = u64::from(count).checked_mul(u64::from(height) * u64::from(width));
    let total = total.filter(|&total| (1..=MAX_BYTES).contains(&total)).ok_or_else(|| {
        fail(format!("claims {count} pictures of {height} × {width}, which is impossible"))
    })?;

    // Read no more than the header promises, and one byte to see that nothing follows. The buffer
    // grows with what is really there, so a false promise costs nothing.
    let mut bytes = Vec::new();
    file.take(total + 1).read_to_end(&mut bytes).map_err(|source| {
        fail(format!("cannot be decompressed ({source}); is the download complete?"))
    })?;
    let found = bytes.len() as u64;
    if found < total {
        return Err(fail(format!(
            "truncated: {count} pictures of {height} × {width} need {total} bytes, found {found}"
        )));
    }
    if found > total {
        return Err(fail(format!("longer than its header says ({total} bytes of pixels)")));
    }
    let shape = Picture { channels: 1, height: height as usize, width: width as usize };
    Ok(Pictures { shape, bytes })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn idx(magic: u32, sizes: [u32; 3], pixels: &[u8]) -> Vec<u8> {
        let words = [magic, sizes[0], sizes[1], sizes[2]];
        words.iter().flat_map(|w| w.to_be_bytes()).chain(pixels.iter().copied()).collect()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Pictures, DataError> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(bytes).expect("written");
        read(file.path())
    }

    #[test]
    fn plain_and_gzipped_files_hold_the_same_pictures() {
        let plain = idx(MAGIC_IMAGES, [2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain).expect("in memory");
        let gzip = gzip.finish().expect("in memory");
        let pictures = read_bytes(&plain).expect("a good file");
        assert_eq!(pictures, read_bytes(&gzip).expect("a good file"));
        assert_eq!((pictures.len(), pictures.picture(1)), (2, &[4, 5, 6][..]));
        // A gzip stream that breaks off.
        let error = read_bytes(&gzip[..gzip.len() - 12]).expect_err("broken").to_string();
        assert!(error.contains("decompressed") || error.contains("truncated"), "{error}");
    }

    #[test]
    fn bad_files_are_refused_with_what_is_wrong() {
        let message = |bytes: &[u8]| read_bytes(bytes).expect_err("must be refused").to_string();
        assert!(message(&[0, 0]).contains("too short"));
        assert!(message(&idx(MAGIC_LABELS, [2, 1, 3], &[])).contains("labels"));
        assert!(message(&idx(7, [2, 1, 3], &[])).contains("magic number is 7"));
        assert!(message(&idx(MAGIC_IMAGES, [2, 1, 3], &[1])[..9]).contains("header"));
        assert!(message(&idx(MAGIC_IMAGES, [2, 1, 3], &[1, 2])).contains("need 6 bytes, found 2"));
        assert!(message(&idx(MAGIC_IMAGES, [1, 1, 1], &[1, 2])).contains("longer"));
        assert!(message(&idx(MAGIC_IMAGES, [u32::MAX; 3], &[])).contains("impossible"));
        assert!(message(&idx(MAGIC_IMAGES, [0, 28, 28], &[])).contains("impossible"));
    }
}
