//! Tar archives in the formats of all times (v7, ustar, GNU, pax), compressed or not.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;

use ::tar::{Archive, EntryType, GnuHeader, Header, PaxExtensions};

use super::tree::{LONGEST_PATH, Tree};
use crate::data::decompress::decompressed;
use crate::data::entry::{Listing, slashed};
use crate::data::stored::{Bounded, Open, Stored};

/// The size of a header, in bytes.
pub(in crate::data) const BLOCK: usize = 512;

type Stream = Chain<Cursor<Vec<u8>>, Bounded<Box<dyn Read>>>;

/// Whether a file that begins like this is a tar archive. Before ustar there was no magic number,
/// only a checksum.
pub(in crate::data) fn is_header(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<BLOCK>() else { return false };
    &header[257..262] == b"ustar" || (header[0] != 0 && has_its_checksum(header))
}

fn has_its_checksum(header: &[u8; BLOCK]) -> bool {
    let value =
        |(at, &byte): (usize, &u8)| u32::from(if (148..156).contains(&at) { b' ' } else { byte });
    let sum: u32 = header.iter().enumerate().map(value).sum();
    Header::from_byte_slice(header).cksum().is_ok_and(|stored| stored == sum)
}

/// An archive, decompressed, behind the label that GNU tar may have given it (the size of a label is
/// empty, which the library takes for an error); and how many bytes the file has.
fn open(path: &Path) -> io::Result<(Stream, u64)> {
    let file = File::open(path)?;
    let packed = file.metadata()?.len();
    let mut stream = Bounded::archive(decompressed(file)?.0, packed);
    let mut first = Vec::new();
    stream.by_ref().take(BLOCK as u64).read_to_end(&mut first)?;
    if first.get(TYPE) == Some(&b'V') {
        first.clear();
    }
    Ok((Cursor::new(first).chain(stream), packed))
}

/// Where a header says what kind of entry it is of.
const TYPE: usize = 156;

fn is_file(kind: EntryType) -> bool {
    kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()
}

/// Lists the files, by the position of their content.
///
/// # Errors
/// If the archive is damaged.
pub(in crate::data) fn list(path: &Path) -> io::Result<Listing> {
    let (stream, packed) = open(path)?;
    let mut tree = Tree::of(packed);
    let mut headers = Headers { stream, position: 0, has_end: false };
    let mut told = Told::default();
    while let Some(header) = headers.next()? {
        let kind = header.entry_type();
        let position = headers.position;
        let size = header.entry_size()?;
        if told.extend(kind, size, &mut headers)? {
            headers.skip_content(position, size)?;
            continue;
        }
        let Told { name, target, size: told_size, is_sparse } = std::mem::take(&mut told);
        let mut more = kind.is_gnu_sparse() && header.as_gnu().is_some_and(GnuHeader::is_extended);
        while more {
            more = headers.block()?.is_some_and(|block| block[SPARSE_GOES_ON] == 1);
        }
        headers.skip_content(headers.position, told_size.unwrap_or(size))?;
        let name = name.map_or_else(|| header.path_bytes(), Cow::Owned);
        let target = target.map(Cow::Owned).or_else(|| header.link_name_bytes());
        tree.count(name.len() + target.as_ref().map_or(0, |target| target.len()))?;
        // In a v7 archive, folders are files whose names end in a slash.
        let is_folder = kind.is_dir() || name.ends_with(b"/");
        let name = slashed(&name);
        match target {
            _ if is_folder => {}
            _ if is_sparse => {
                tree.problem(&name, "sparse files in pax format are not read; unpack them".into());
            }
            _ if is_file(kind) => tree.file(&name, position),
            Some(target) if kind.is_symlink() => tree.link(&name, &slashed(&target)),
            Some(target) if kind.is_hard_link() => tree.hard_link(&name, &slashed(&target)),
            _ => {}
        }
    }
    if !headers.has_end {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        tree.problem(name, "it ends without its end marker; is the download complete?".into());
    }
    Ok(tree.list())
}

/// Where a further block of a GNU sparse file's map says whether another one follows.
const SPARSE_GOES_ON: usize = 504;

/// The headers of an archive, one after another. The library would read a name of any length; and
/// its raw entries know neither the sizes in pax headers nor the further blocks of sparse files.
struct Headers {
    stream: Stream,
    /// How many bytes of the archive were read.
    position: u64,
    /// Whether the zeros at the end were found.
    has_end: bool,
}

impl Headers {
    /// The next header; `None` at the end, which are zeros, or nothing at all.
    fn next(&mut self) -> io::Result<Option<Header>> {
        let Some(block) = self.block()? else { return Ok(None) };
        if block == [0; BLOCK] {
            self.has_end = true;
            return Ok(None);
        }
        if !has_its_checksum(&block) {
            let problem = "the checksum of a header is wrong";
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(Some(Header::from_byte_slice(&block).clone()))
    }

    /// The next block; `None` at the end of the stream.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut bytes = Vec::with_capacity(BLOCK);
        self.stream.by_ref().take(BLOCK as u64).read_to_end(&mut bytes)?;
        self.position += bytes.len() as u64;
        match bytes.first_chunk() {
            Some(block) => Ok(Some(*block)),
            None if bytes.is_empty() => Ok(None),
            None => Err(ends_early()),
        }
    }

    /// Goes on behind content of this size that begins at this position, of which some may have
    /// been read.
    fn skip_content(&mut self, position: u64, size: u64) -> io::Result<()> {
        let end = size.checked_next_multiple_of(BLOCK as u64);
        let end = end.and_then(|size| position.checked_add(size)).ok_or_else(ends_early)?;
        let left = end - self.position;
        let skipped = io::copy(&mut self.stream.by_ref().take(left), &mut io::sink())?;
        self.position += skipped;
        if skipped < left { Err(ends_early()) } else { Ok(()) }
    }
}

fn ends_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends within a file; is the download complete?")
}

/// What is stored in front of an entry because its header has no room for it.
#[derive(Default)]
struct Told {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    /// Whether its content begins with a map of a sparse file, which the library does not know.
    is_sparse: bool,
}

impl Told {
    /// Reads such an entry. Returns false if it is another one.
    fn extend(&mut self, kind: EntryType, size: u64, headers: &mut Headers) -> io::Result<bool> {
        let is_long = kind.is_gnu_longname() || kind.is_gnu_longlink();
        if !is_long && !kind.is_pax_local_extensions() {
            return Ok(false);
        }
        // Pax has other properties besides: times, extended attributes.
        let most = if is_long { LONGEST_PATH as u64 } else { 1 << 20 };
        if size > most {
            let problem = format!("the name of an entry has {size} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let mut bytes = Vec::new();
        headers.stream.by_ref().take(size).read_to_end(&mut bytes)?;
        headers.position += bytes.len() as u64;
        if is_long {
            while bytes.pop_if(|&mut byte| byte == 0).is_some() {}
            let to = if kind.is_gnu_longname() { &mut self.name } else { &mut self.target };
            *to = Some(bytes);
            return Ok(true);
        }
        let mut sparse_name = None;
        for property in PaxExtensions::new(&bytes).flatten() {
            let value = || Some(property.value_bytes().to_vec());
            match property.key_bytes() {
                b"path" => self.name = value(),
                b"linkpath" => self.target = value(),
                b"size" => self.size = property.value().ok().and_then(|size| size.parse().ok()),
                b"GNU.sparse.name" => sparse_name = value(),
                key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        self.name = sparse_name.or_else(|| self.name.take());
        Ok(true)
    }
}

/// Opens the files at these positions, in the order in which they are stored. Several names may
/// have one position.
///
/// # Errors
/// If the archive is damaged.
pub(in crate::data) fn open_each(
    path: &Path,
    files: &[(u64, &str)],
    visit: &mut Open<'_>,
) -> io::Result<()> {
    let mut files = files.to_vec();
    files.sort_unstable();
    let (stream, packed) = open(path)?;
    let mut archive = Archive::new(stream);
    let mut entries = archive.entries()?;
    let mut rest = &files[..];
    while let Some(&(position, _)) = rest.first() {
        let Some(mut entry) = entries.next().transpose()? else { break };
        if entry.raw_file_position() != position {
            continue;
        }
        let (names, others) = rest.split_at(rest.partition_point(|&(at, _)| at == position));
        rest = others;
        let size = entry.size();
        if let [(_, name)] = names {
            visit(name, Ok(Stored { reader: &mut entry, size, packed }));
            continue;
        }
        // Links to one file: each of them reads its bytes.
        let bytes = Stored { reader: &mut entry, size, packed }.bytes();
        for (_, name) in names {
            match &bytes {
                Ok(bytes) => visit(name, Ok(Stored { reader: &mut &bytes[..], size, packed })),
                Err(problem) => visit(name, Err(problem.clone())),
            }
        }
    }
    // They were listed, so none may be missing without a word.
    for &(_, name) in rest {
        visit(name, Err("it is no longer there; did the archive change while it was read?".into()));
    }
    Ok(())
}
