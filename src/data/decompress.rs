//! Decompresses gzip, xz, bzip2 and Zstandard, told apart by their first bytes, and what zip archives
//! call LZMA.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The memory that the header of an xz or LZMA stream may ask for, in KiB: twice what `xz -9` needs. The
/// decoder of Zstandard has the same limit.
const WINDOW_KIB: u32 = 128 << 10;

/// Decompresses a stream if its first bytes say that it is compressed; also says whether it is.
///
/// # Errors
/// If its first bytes cannot be read.
pub(super) fn decompressed<'a>(
    mut stream: impl Read + 'a,
) -> io::Result<(Box<dyn Read + 'a>, bool)> {
    let mut head = Vec::new();
    stream.by_ref().take(10).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(BufReader::with_capacity(1 << 16, stream));
    Ok(match head[..] {
        [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(whole)), true),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            (Box::new(XzReader::new_mem_limit(whole, true, WINDOW_KIB)), true)
        }
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59] => {
            (Box::new(MultiBzDecoder::new(whole)), true)
        }
        // The second begins a frame that decoders skip: pzstd's files begin so.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            (Box::new(Zstd { stream: whole, decoder: FrameDecoder::new(), inside: false }), true)
        }
        _ => (Box::new(whole), false),
    })
}

/// Decompresses a file of a zip archive of so many bytes that is compressed by LZMA: the version of a
/// program, the size of the properties, these, and then the stream (APPNOTE.TXT, section 5.8.8).
///
/// # Errors
/// If it does not begin so, or the properties ask for too much memory.
pub(super) fn lzma<'a>(mut stream: impl Read + 'a, size: u64) -> io::Result<impl Read + 'a> {
    let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem);
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let [_, _, 5, 0, properties, dictionary @ ..] = head else {
        return Err(invalid("damaged LZMA stream"));
    };
    let dictionary = u32::from_le_bytes(dictionary);
    // The decoder allocates no more than the file has bytes.
    if u64::from(dictionary).min(size) > u64::from(WINDOW_KIB) << 10 {
        return Err(invalid("decompressing it needs too much memory"));
    }
    LzmaReader::new_with_props(stream, size, properties, dictionary, None)
}

/// Most of the library's messages show its internal values.
fn damaged(error: &FrameDecoderError) -> io::Error {
    let problem = match error {
        FrameDecoderError::WindowSizeTooBig { .. } => error.to_string(),
        _ => "incomplete or damaged Zstandard stream".into(),
    };
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Zstandard: frames, one after another. The library decodes one.
struct Zstd<R> {
    stream: R,
    decoder: FrameDecoder,
    /// Whether a frame has begun and not ended.
    inside: bool,
}

impl<R: BufRead> Zstd<R> {
    /// Begins the next frame. Returns false if there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.stream.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.stream) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut frame = self.stream.by_ref().take(length.into());
                    io::copy(&mut frame, &mut io::sink())?;
                }
                Err(error) => return Err(damaged(&error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() && (self.inside || self.begin()?) {
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.stream, one).map_err(|e| damaged(&e))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let stored = self.decoder.get_checksum_from_data();
            if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "wrong checksum"));
            }
            self.inside = false;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        decompressed(bytes)?.0.read_to_end(&mut all).map(|_| all)
    }

    /// Files written by xz, bzip2 and zstd; the last has several frames.
    #[test]
    fn damaged_streams_are_errors_in_plain_words() {
        let whole: [&[u8]; 3] = [
            include_bytes!("../../tests/archives/set.tar.xz"),
            include_bytes!("../../tests/archives/set.tar.bz2"),
            include_bytes!("../../tests/archives/set.tar.zst"),
        ];
        let unpacked = whole.map(|bytes| read(bytes).expect("a good stream"));
        assert!(unpacked[0].len() > 8 << 10 && unpacked.iter().all(|other| *other == unpacked[0]));
        for bytes in whole {
            let error = read(&bytes[..bytes.len() - 20]).expect_err("it ends early").to_string();
            assert!(!error.contains('{'), "{error}");
            let mut wrong = bytes.to_vec();
            wrong[bytes.len() / 2] ^= 0x55;
            read(&wrong).expect_err("damaged");
        }
        assert_eq!(read(b"plain").expect("as it is"), b"plain");
    }
}
