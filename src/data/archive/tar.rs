//! Tar archives in the formats of all times (v7, ustar, GNU, pax), compressed or not.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ::tar::{Archive, Entry, EntryType, Header, PaxExtensions};

use super::tree::Tree;
use crate::data::decompress::decompressed;
use crate::data::entry::{Listing, slashed};
use crate::data::stored::{Open, Stored};

/// The size of a header, in bytes.
pub(in crate::data) const BLOCK: usize = 512;

/// The longest name, in bytes: as long as the longest path in Linux.
const LONGEST: u64 = 4096;

type Stream = Box<dyn Read>;

/// Whether a file that begins like this is a tar archive. Before ustar there was no magic number,
/// only a checksum.
pub(in crate::data) fn is_header(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<BLOCK>() else { return false };
    if &header[257..262] == b"ustar" {
        return true;
    }
    let value =
        |(at, &byte): (usize, &u8)| u32::from(if (148..156).contains(&at) { b' ' } else { byte });
    let sum: u32 = header.iter().enumerate().map(value).sum();
    header[0] != 0 && Header::from_byte_slice(header).cksum().is_ok_and(|stored| stored == sum)
}

fn open(path: &Path) -> io::Result<Archive<Stream>> {
    Ok(Archive::new(decompressed(File::open(path)?)?.0))
}

fn is_file(kind: EntryType) -> bool {
    kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()
}

/// Lists the files, by the position of their content.
///
/// # Errors
/// If the archive is damaged.
pub(in crate::data) fn list(path: &Path) -> io::Result<Listing> {
    let mut tree = Tree::default();
    let mut long = Long::default();
    // Raw, as the library would take the length of a name from the archive and read it all.
    for entry in open(path)?.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if long.extend(kind, &mut entry)? {
            continue;
        }
        let Long { name, target } = std::mem::take(&mut long);
        let name = name.map_or_else(|| entry.header().path_bytes(), Cow::Owned);
        let target = target.map(Cow::Owned).or_else(|| entry.header().link_name_bytes());
        // In a v7 archive, folders are files whose names end in a slash.
        let is_folder = kind.is_dir() || name.ends_with(b"/");
        let name = slashed(&name);
        match target {
            _ if is_folder => {}
            _ if is_file(kind) => tree.file(&name, entry.raw_file_position()),
            Some(target) if kind.is_symlink() => tree.link(&name, &slashed(&target)),
            Some(target) if kind.is_hard_link() => tree.hard_link(&name, &slashed(&target)),
            _ => {}
        }
    }
    Ok(tree.list())
}

/// What is stored in front of an entry because its header has no room for it.
#[derive(Default)]
struct Long {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Long {
    /// Reads such an entry. Returns false if it is another one.
    fn extend(&mut self, kind: EntryType, entry: &mut Entry<'_, Stream>) -> io::Result<bool> {
        let is_long = kind.is_gnu_longname() || kind.is_gnu_longlink();
        if !is_long && !kind.is_pax_local_extensions() {
            return Ok(false);
        }
        // Pax has other properties besides: times, extended attributes.
        let most = if is_long { LONGEST } else { 1 << 20 };
        let size = entry.size();
        if size > most {
            let problem = format!("the name of an entry has {size} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if is_long {
            while bytes.pop_if(|&mut byte| byte == 0).is_some() {}
            let to = if kind.is_gnu_longname() { &mut self.name } else { &mut self.target };
            *to = Some(bytes);
            return Ok(true);
        }
        for property in PaxExtensions::new(&bytes).flatten() {
            let value = || Some(property.value_bytes().to_vec());
            match property.key_bytes() {
                b"path" => self.name = value(),
                b"linkpath" => self.target = value(),
                _ => {}
            }
        }
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
    let packed = std::fs::metadata(path)?.len();
    let mut files = files.to_vec();
    files.sort_unstable();
    let mut archive = open(path)?;
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
    Ok(())
}
