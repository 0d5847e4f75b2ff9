//! Decompresses gzip, xz, bzip2 and Zstandard, told apart by their first bytes, and what zip archives
//! call LZMA.

use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
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
    let decoder: Box<dyn Read + 'a> = match head[..] {
        [0x1f, 0x8b, ..] => Box::new(Gzip { member: Some(GzDecoder::new(whole)) }),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            Box::new(XzReader::new_mem_limit(whole, true, WINDOW_KIB))
        }
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59] => {
            Box::new(MultiBzDecoder::new(whole))
        }
        // The second begins a frame that decoders skip: pzstd's files begin so.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            Box::new(Zstd { stream: whole, decoder: FrameDecoder::new(), inside: false })
        }
        _ => return Ok((Box::new(whole), false)),
    };
    Ok((Box::new(Worded { decoder }), true))
}

/// Says in plain words what is wrong with a compressed stream.
struct Worded<'a> {
    decoder: Box<dyn Read + 'a>,
}

impl Read for Worded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(buffer).map_err(|error| {
            let problem = match error.kind() {
                ErrorKind::Interrupted | ErrorKind::FileTooLarge => return error,
                ErrorKind::UnexpectedEof => {
                    "its compressed data end early; is the download complete?".into()
                }
                ErrorKind::OutOfMemory => format!(
                    "decompressing it takes more than {} MiB of memory; compress it again with a \
                     smaller window, as `xz -9` and `zstd -19` do",
                    WINDOW_KIB >> 10
                ),
                _ => format!("cannot be decompressed ({error})"),
            };
            io::Error::new(error.kind(), problem)
        })
    }
}

/// Gzip: members, one after another. What follows the last is ignored, as by `gunzip`.
struct Gzip<R> {
    /// `None` after the last.
    member: Option<GzDecoder<Chain<Cursor<Vec<u8>>, R>>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = self.member.as_mut().filter(|_| !buffer.is_empty()) {
            let count = member.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) else { break };
            let mut head = Vec::new();
            rest.by_ref().take(2).read_to_end(&mut head)?;
            if head == [0x1f, 0x8b] {
                // What was read of the head before is used up.
                let (_, stream) = rest.into_inner();
                self.member = Some(GzDecoder::new(Cursor::new(head).chain(stream)));
            }
        }
        Ok(0)
    }
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
fn damaged(error: &FrameDecoderError, stream: &mut impl BufRead) -> io::Error {
    let at_end = stream.fill_buf().is_ok_and(|rest| rest.is_empty());
    let kind = match error {
        FrameDecoderError::WindowSizeTooBig { .. } => ErrorKind::OutOfMemory,
        _ if at_end => ErrorKind::UnexpectedEof,
        _ => ErrorKind::InvalidData,
    };
    io::Error::new(kind, "damaged Zstandard stream")
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
                Err(error) => return Err(damaged(&error, &mut self.stream)),
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
                let decoded = self.decoder.decode_blocks(&mut self.stream, one);
                decoded.map_err(|e| damaged(&e, &mut self.stream))?;
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
    use std::io::Write;

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
            assert!(error.contains("download"), "{error}");
            let mut wrong = bytes.to_vec();
            wrong[bytes.len() / 2] ^= 0x55;
            let error = read(&wrong).expect_err("damaged").to_string();
            assert!(error.contains("cannot be decompressed"), "{error}");
        }
        assert_eq!(read(b"plain").expect("as it is"), b"plain");
    }

    #[test]
    fn what_follows_the_last_member_of_gzip_is_ignored() {
        let member = |bytes: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("in memory")
        };
        let two = [member(b"one "), member(b""), member(b"two")].concat();
        for more in [&b""[..], b"\0", b"\x1f", b"text behind it"] {
            assert_eq!(read(&[&two, more].concat()).expect("two members"), b"one two");
        }
        let error = read(&two[..two.len() - 1]).expect_err("it ends early").to_string();
        assert!(error.contains("download"), "{error}");
    }
}
