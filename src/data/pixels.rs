//! The pixels of a data set, in memory or, if there are many, in a file that is mapped into it.
//!
//! Training reads images in a random order, all of them in each epoch. A mapped file serves any
//! order, and the system keeps as much of it in memory as there is room for.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::{Deref, DerefMut};
use std::path::Path;

use memmap2::MmapMut;

/// Bytes of pixels.
pub struct Pixels(Store);

enum Store {
    Memory(Vec<u8>),
    /// A file without a name, of which the first so many bytes count.
    File(MmapMut, usize),
}

impl Pixels {
    /// Forgets all bytes but the first `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        match &mut self.0 {
            Store::Memory(bytes) => {
                bytes.truncate(len);
                bytes.shrink_to_fit();
            }
            Store::File(_, count) => *count = len.min(*count),
        }
    }

    /// Whether they are in a file.
    pub fn is_in_file(&self) -> bool {
        matches!(self.0, Store::File(..))
    }
}

impl From<Vec<u8>> for Pixels {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Store::Memory(bytes))
    }
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Store::Memory(bytes) => bytes,
            Store::File(map, count) => &map[..*count],
        }
    }
}

impl DerefMut for Pixels {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Store::Memory(bytes) => bytes,
            Store::File(map, count) => &mut map[..*count],
        }
    }
}

impl Clone for Pixels {
    /// A copy in memory.
    fn clone(&self) -> Self {
        self.to_vec().into()
    }
}

impl AsRef<[u8]> for Pixels {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Pixels {
    fn eq(&self, other: &T) -> bool {
        self[..] == *other.as_ref()
    }
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Where pixels go as they are read.
pub(super) struct Writer<'a> {
    /// The most bytes in memory, if there is a folder for a file of more.
    most: u64,
    scratch: Option<&'a Path>,
    to: Target,
    len: u64,
}

enum Target {
    Memory(Vec<u8>),
    File(File),
}

impl<'a> Writer<'a> {
    /// Keeps `most` bytes in memory, and all in a file in the folder if there are more. Without a
    /// folder, all are in memory.
    pub fn new(most: u64, scratch: Option<&'a Path>) -> Self {
        Self { most, scratch, to: Target::Memory(Vec::new()), len: 0 }
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_at(self.len, bytes)
    }

    /// Writes bytes at a position. Those between the end and it become 0.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let end = self.len.max(position + bytes.len() as u64);
        if end > self.most
            && let (Target::Memory(before), Some(scratch)) = (&self.to, self.scratch)
        {
            let mut file = tempfile::tempfile_in(scratch)?;
            file.write_all(before)?;
            self.to = Target::File(file);
        }
        match &mut self.to {
            Target::Memory(all) => {
                let (position, end) = (position as usize, end as usize);
                all.resize(end, 0);
                all[position..][..bytes.len()].copy_from_slice(bytes);
            }
            Target::File(file) => {
                // Written, not only skipped: there may be no room for what is mapped but was never
                // written, and the system then ends the process.
                file.seek(SeekFrom::Start(self.len.min(position)))?;
                io::copy(
                    &mut io::Read::take(io::repeat(0), position.saturating_sub(self.len)),
                    file,
                )?;
                file.write_all(bytes)?;
            }
        }
        self.len = end;
        Ok(())
    }

    /// All of them.
    ///
    /// # Errors
    /// If the file cannot be mapped.
    pub fn finish(self) -> io::Result<Pixels> {
        Ok(Pixels(match self.to {
            Target::Memory(bytes) => Store::Memory(bytes),
            Target::File(file) => {
                // SAFETY: the file has no name, so no other process can open and change it.
                let map = unsafe { MmapMut::map_mut(&file)? };
                let len = map.len();
                Store::File(map, len)
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_pixels_are_in_a_file_and_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pixels = |most: u64| {
            let mut writer = Writer::new(most, Some(folder.path()));
            writer.push(&[1, 2, 3]).expect("written");
            writer.write_at(7, &[8, 9]).expect("written");
            writer.write_at(1, &[5]).expect("written");
            writer.push(&[10]).expect("written");
            assert_eq!(writer.len(), 10);
            writer.finish().expect("mapped")
        };
        let (mut memory, mut file) = (pixels(10), pixels(4));
        assert_eq!((memory.is_in_file(), file.is_in_file()), (false, true));
        assert_eq!(memory[..], [1, 5, 3, 0, 0, 0, 0, 8, 9, 10]);
        assert_eq!(memory, file);
        for pixels in [&mut memory, &mut file] {
            pixels.copy_within(7..9, 3);
            pixels.truncate(5);
            assert_eq!(pixels[..], [1, 5, 3, 8, 9]);
        }
        assert_eq!(folder.path().read_dir().expect("there").count(), 0, "the file has no name");
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error() {
        let mut writer = Writer::new(2, Some(Path::new("/nowhere/at/all")));
        writer.push(&[1, 2]).expect("in memory");
        writer.push(&[3]).expect_err("there is no such folder");
    }
}
