//! The bytes of a file as they are stored, and decompressed; no more than images can have.

use std::io::{self, Read};

use super::decompress::decompressed;

/// 2 GiB, for all pixels, is more than this trainer is meant for.
pub(super) const MAX_BYTES: u64 = 1 << 31;

/// The most bytes of one encoded image. While they are read, they may take three times as many.
const ENCODED: u64 = 1 << 28;

/// How many bytes a file may unpack to: this many, or [`MOST_TIMES`] as many as it has packed. The
/// bytes of images become a hundredth at best; files made to fill the memory, a thousandth.
const UNPACKED: u64 = 1 << 26;
const MOST_TIMES: u64 = 128;

/// Called with each file's name, and the file or why it cannot be opened.
pub(super) type Open<'a> = dyn FnMut(&str, Result<Stored<'_>, String>) + 'a;

/// A file as it is stored.
pub(super) struct Stored<'a> {
    /// Its bytes.
    pub reader: &'a mut dyn Read,
    /// How many there are, if the archive says the truth.
    pub size: u64,
    /// How many bytes of the disk, at most, hold them.
    pub packed: u64,
}

impl<'a> Stored<'a> {
    /// Reads all bytes.
    ///
    /// # Errors
    /// If they cannot be read, or are too many.
    pub fn bytes(self) -> Result<Vec<u8>, String> {
        let Self { reader, size, packed } = self;
        let most = most(packed).min(ENCODED);
        if size > most {
            return Err(too_large(most, packed));
        }
        let mut bytes = Vec::new();
        Bounded::new(reader, most, packed).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    /// Decompresses the file if its first bytes say that it is compressed.
    ///
    /// # Errors
    /// If these cannot be read.
    pub fn unpacked(self) -> Result<Unpacked<'a>, String> {
        let Self { reader, packed, size } = self;
        let (reader, compressed) = decompressed(reader).map_err(|e| e.to_string())?;
        let reader = Bounded::new(reader, most(packed), packed);
        Ok(Unpacked { reader, size: (!compressed).then_some(size) })
    }
}

/// A file that is decompressed as it is read.
pub(super) struct Unpacked<'a> {
    reader: Bounded<Box<dyn Read + 'a>>,
    /// How many bytes there are; `None` if only decompression can tell.
    pub size: Option<u64>,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// Fails instead of reading more bytes than a file may unpack to.
pub(super) struct Bounded<R> {
    reader: R,
    left: u64,
    most: u64,
    packed: u64,
}

impl<R> Bounded<R> {
    fn new(reader: R, most: u64, packed: u64) -> Self {
        Self { reader, left: most, most, packed }
    }

    /// An archive that is unpacked from so many bytes. It may have a file that is too large, which is
    /// left out, but is not gone through without an end.
    pub fn archive(reader: R, packed: u64) -> Self {
        Self::new(reader, most(packed).max(MAX_BYTES), packed)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, too_large(self.most, self.packed))
        })?;
        Ok(count)
    }
}

fn most(packed: u64) -> u64 {
    packed.saturating_mul(MOST_TIMES).max(UNPACKED)
}

fn too_large(most: u64, packed: u64) -> String {
    if most < self::most(packed) {
        return format!("larger than the {} MiB that one image may have", most >> 20);
    }
    format!("its {packed} bytes unpack to more than {} MiB, which no images do", most >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No more bytes are agreed to than images unpack to, whatever an archive says.
    #[test]
    fn a_file_that_unpacks_to_too_much_is_refused_before_it_is_read() {
        struct Zeros(u64);
        impl Read for Zeros {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += buffer.len() as u64;
                buffer.fill(0);
                Ok(buffer.len())
            }
        }
        let refused = |size, packed| {
            let mut zeros = Zeros(0);
            let problem = Stored { reader: &mut zeros, size, packed }.bytes();
            (problem.expect_err("too large"), zeros.0)
        };
        let (problem, read) = refused(1 << 40, 1000);
        assert!(problem.contains("1000 bytes unpack to more than 64 MiB"), "{problem}");
        assert_eq!(read, 0);
        let (_, read) = refused(10, 1000);
        assert!(read <= 2 * UNPACKED, "{read}");
        let (problem, read) = refused(ENCODED + 1, ENCODED + 1);
        assert!(problem.contains("256 MiB") && read == 0, "{problem}");

        let mut zeros = Zeros(0);
        let file = Stored { reader: &mut zeros, size: 10, packed: 10 }.unpacked();
        let problem = io::copy(&mut file.expect("zeros"), &mut io::sink()).expect_err("endless");
        assert!(problem.to_string().contains("no images"), "{problem}");
        assert!(zeros.0 <= 2 * UNPACKED, "{}", zeros.0);
    }
}
