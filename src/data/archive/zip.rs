//! Zip archives, also those behind a program that unpacks them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::zip::read::ZipFile;
use ::zip::result::{ZipError, ZipResult};
use ::zip::{CompressionMethod, ZipArchive};
use flate2::Crc;

use super::tree::{LONGEST_PATH, TOO_MANY, Tree};
use crate::data::decompress::{decompressed, lzma};
use crate::data::entry::{Listing, slashed};
use crate::data::stored::{Open, Stored};
use crate::words;

type Stream = BufReader<Limited>;

/// Opens an archive.
///
/// # Errors
/// If it is none, or damaged, or has too many entries.
pub(in crate::data) fn open(path: &Path) -> ZipResult<ZipArchive<Stream>> {
    let file = File::open(path)?;
    // The library keeps a dozen times the bytes of the directory.
    let left = Arc::new(AtomicU64::new(DIRECTORY + file.metadata()?.len() / 4));
    let archive = ZipArchive::new(BufReader::new(Limited { file, left: left.clone() }))?;
    left.store(u64::MAX, Ordering::Relaxed);
    Ok(archive)
}

/// The most bytes of the directory of an archive, besides a quarter of the archive.
const DIRECTORY: u64 = 1 << 25;

/// A file of which only so many bytes can be read.
pub(in crate::data) struct Limited {
    file: File,
    left: Arc<AtomicU64>,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let left = self.left.load(Ordering::Relaxed).checked_sub(count as u64);
        let too_many = || io::Error::new(io::ErrorKind::FileTooLarge, TOO_MANY);
        self.left.store(left.ok_or_else(too_many)?, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Limited {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Why an archive cannot be read, once.
pub(in crate::data) fn failure(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => words::zip_error(error).into(),
    }
}

/// What the archive says of a file.
struct Entry {
    index: usize,
    name: Vec<u8>,
    is_link: bool,
    /// Where its packed bytes are.
    bytes: Range<u64>,
}

impl Entry {
    fn of(index: usize, file: &ZipFile<'_, Stream>) -> Self {
        let start = file.data_start().unwrap_or(file.header_start());
        let bytes = start..start.saturating_add(file.compressed_size());
        Self { index, name: name(file), is_link: file.is_symlink(), bytes }
    }
}

/// Lists the files by their numbers.
///
/// # Errors
/// If the archive is damaged.
pub(in crate::data) fn list(path: &Path) -> ZipResult<Listing> {
    let mut archive = open(path)?;
    let packed = std::fs::metadata(path)?.len();
    let mut tree = Tree::of(packed);
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        match archive.by_index_raw(index).map(|file| Entry::of(index, &file)) {
            Ok(entry) => {
                tree.count(entry.name.len())?;
                entries.push(entry);
            }
            Err(error) => {
                let name = archive.name_for_index(index).unwrap_or("an entry").to_owned();
                tree.problem(name.as_bytes(), error.to_string());
            }
        }
    }
    let problems = impossible(&entries, packed);
    for Entry { index, name, is_link, .. } in entries {
        if let Some(&problem) = problems.get(&index) {
            tree.problem(&name, problem.into());
            continue;
        }
        if name.ends_with(b"/") {
            continue;
        }
        if !is_link {
            tree.file(&name, index as u64);
            continue;
        }
        let mut target = Vec::new();
        let link = content(&mut archive, index);
        match link.map(|link| link.reader.take(LONGEST_PATH as u64 + 1).read_to_end(&mut target)) {
            Ok(Ok(_)) => tree.link(&name, &slashed(&target)),
            Ok(Err(error)) => tree.problem(&name, error.to_string()),
            Err(problem) => tree.problem(&name, problem),
        }
    }
    Ok(tree.list())
}

/// The numbers of the entries whose bytes cannot be where the archive says, and why. If files could
/// share their bytes, or claim some that are not there, a small archive would unpack to any size.
fn impossible(entries: &[Entry], length: u64) -> HashMap<usize, &'static str> {
    let mut entries: Vec<&Entry> = entries.iter().filter(|entry| !entry.bytes.is_empty()).collect();
    entries.sort_by_key(|entry| entry.bytes.start);
    let mut problems = HashMap::new();
    let mut end = 0;
    for Entry { index, bytes, .. } in entries {
        if bytes.start < end {
            let problem = "its bytes are also those of another file; the archive is damaged, or \
                           made to fill the memory";
            problems.insert(*index, problem);
        } else if bytes.end > length {
            problems.insert(*index, "its bytes end beyond the archive");
        } else {
            end = bytes.end;
        }
    }
    problems
}

/// The name of a file. Some programs write UTF-8 without saying so.
fn name(file: &ZipFile<'_, Stream>) -> Vec<u8> {
    match str::from_utf8(file.name_raw()) {
        Ok(name) => slashed(name.as_bytes()).into_owned(),
        Err(_) if file.name_raw().contains(&b'/') => file.name().into(),
        Err(_) => file.name().replace('\\', "/").into(),
    }
}

/// Opens the files with these numbers, one after another.
///
/// # Errors
/// If the archive is damaged.
pub(in crate::data) fn open_each(
    path: &Path,
    files: &[(u64, &str)],
    visit: &mut Open<'_>,
) -> ZipResult<()> {
    let mut archive = open(path)?;
    for &(index, name) in files {
        match content(&mut archive, index as usize) {
            Ok(Content { mut reader, size, packed }) => {
                visit(name, Ok(Stored { reader: &mut reader, size, packed }));
            }
            Err(problem) => visit(name, Err(problem)),
        }
    }
    Ok(())
}

/// What is in a file.
struct Content<'a> {
    reader: Box<dyn Read + 'a>,
    /// The number of its bytes, if the archive says the truth.
    size: u64,
    packed: u64,
}

/// Opens a file. The library unpacks the usual compression; what some programs use besides is what
/// compressed tar archives have.
///
/// # Errors
/// Says what is wrong with it.
fn content(archive: &mut ZipArchive<Stream>, index: usize) -> Result<Content<'_>, String> {
    let file = archive.by_index_raw(index).map_err(|e| e.to_string())?;
    let (method, is_encrypted) = (file.compression(), file.encrypted());
    let (size, packed, expected) = (file.size(), file.compressed_size(), file.crc32());
    drop(file);
    let is_usual = [CompressionMethod::STORE, CompressionMethod::DEFLATE].contains(&method);
    if is_encrypted || is_usual {
        let file = archive.by_index(index).map_err(|e| e.to_string())?;
        return Ok(Content { reader: Box::new(file), size, packed });
    }
    if let Some(name) = unread(method) {
        return Err(format!("compressed by {name}, which is not read; pack it with deflate"));
    }
    let file = archive.by_index_raw(index).map_err(|e| e.to_string())?;
    let reader: Box<dyn Read + '_> = match method {
        CompressionMethod::LZMA => Box::new(lzma(file, size).map_err(|e| e.to_string())?),
        _ => decompressed(file).map_err(|e| e.to_string())?.0,
    };
    Ok(Content { reader: Box::new(Checked { reader, found: Crc::new(), expected }), size, packed })
}

/// The name of a method of compression that is not read.
fn unread(method: CompressionMethod) -> Option<&'static str> {
    match method {
        CompressionMethod::BZIP2 | CompressionMethod::LZMA => None,
        CompressionMethod::XZ | CompressionMethod::ZSTD => None,
        CompressionMethod::DEFLATE64 => Some("Deflate64"),
        CompressionMethod::PPMD => Some("PPMd"),
        _ => Some("a rare method"),
    }
}

/// Fails at the end of a file if its checksum is not that in the archive.
struct Checked<R> {
    reader: R,
    found: Crc,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.found.update(&buffer[..count]);
        if count == 0 && !buffer.is_empty() && self.found.sum() != self.expected {
            let problem = "wrong checksum; the archive is damaged";
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(count)
    }
}
