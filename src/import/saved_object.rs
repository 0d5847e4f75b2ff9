//! The saved object in a file of PyTorch's: the names of its tensors in their order, and a copy of
//! the file in which it is within a dictionary.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::checkpoint_error::CheckpointError;
use super::networks::ROOT;
use super::tensor_names::tensor_names;
use crate::pickle::opcode;

/// The names of all tensors, in their order in the saved object, if that can be found out.
pub(super) fn names(path: &Path) -> Result<Option<Vec<String>>, CheckpointError> {
    let mut file = File::open(path)?;
    if is_archive(&mut file)? {
        let mut archive = ZipArchive::new(file)?;
        let pickles = archive.file_names().filter(|name| is_pickle(name)).map(str::to_owned);
        let [name] = &pickles.collect::<Vec<_>>()[..] else { return Ok(None) };
        let mut pickle = Vec::new();
        archive.by_name(name)?.take(pytorch_reader::MAX_PICKLE_SIZE).read_to_end(&mut pickle)?;
        return Ok(tensor_names(&pickle));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(object(&bytes).and_then(|range| tensor_names(&bytes[range])))
}

/// Whether a file is a ZIP archive, as PyTorch has written them since 1.6.
fn is_archive(file: &mut File) -> std::io::Result<bool> {
    let mut start = [0; 2];
    file.read_exact(&mut start)?;
    file.rewind()?;
    Ok(&start == b"PK")
}

/// Whether an archive's entry of this name is the saved object.
fn is_pickle(name: &str) -> bool {
    name == "data.pkl" || name.ends_with("/data.pkl")
}

/// Where the saved object is in the stream of pickles that PyTorch wrote before 1.6: a magic
/// number, a version, facts about the system, the object, and then the storages.
fn object(bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for _ in 0..3 {
        start += opcode::length(&bytes[start..])?;
    }
    Some(start..start + opcode::length(&bytes[start..])?)
}

/// A copy of a checkpoint in which the saved object is the value of a dictionary's key [`ROOT`].
pub(super) fn with_dictionary(path: &Path) -> Result<NamedTempFile, CheckpointError> {
    let mut file = File::open(path)?;
    let mut copy = NamedTempFile::new()?;
    let keyed = |pickle: &[u8]| keyed(pickle, ROOT).ok_or_else(damaged);
    if is_archive(&mut file)? {
        // Entries that share their bytes could fill any disk.
        let mut left = file.metadata()?.len();
        let mut archive = ZipArchive::new(file)?;
        let mut writer = ZipWriter::new(&mut copy);
        for index in 0..archive.len() {
            let name = archive.name_for_index(index).unwrap_or_default().to_owned();
            if is_pickle(&name) {
                let mut pickle = Vec::new();
                let limit = pytorch_reader::MAX_PICKLE_SIZE;
                archive.by_index(index)?.take(limit).read_to_end(&mut pickle)?;
                let stored =
                    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                writer.start_file(name, stored)?;
                writer.write_all(&keyed(&pickle)?)?;
            } else {
                let entry = archive.by_index_raw(index)?;
                left = left.checked_sub(entry.compressed_size()).ok_or_else(damaged)?;
                writer.raw_copy_file(entry)?;
            }
        }
        writer.finish()?;
    } else {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let object = object(&bytes).ok_or_else(damaged)?;
        copy.write_all(&bytes[..object.start])?;
        copy.write_all(&keyed(&bytes[object.clone()])?)?;
        copy.write_all(&bytes[object.end..])?;
    }
    copy.flush()?;
    Ok(copy)
}

/// The pickle of `{key: object}` from that of an object: push an empty dictionary and the key, do
/// as before, set the item.
fn keyed(pickle: &[u8], key: &str) -> Option<Vec<u8>> {
    use opcode::{BINUNICODE, EMPTY_DICT, PROTO, SETITEM, STOP};
    let (&stop, object) = pickle.split_last()?;
    let &[PROTO, protocol, ref object @ ..] = object else { return None };
    if stop != STOP {
        return None;
    }
    let mut keyed = vec![PROTO, protocol, EMPTY_DICT, BINUNICODE];
    keyed.extend((key.len() as u32).to_le_bytes());
    keyed.extend(key.as_bytes());
    keyed.extend(object);
    keyed.extend([SETITEM, STOP]);
    Some(keyed)
}

fn damaged() -> CheckpointError {
    CheckpointError::Format("the file is damaged, or of an unknown layout".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_no_more_storages_than_the_file_has_bytes_for() {
        let copied = |shared: usize| {
            let mut file = NamedTempFile::new().expect("a temporary file");
            let mut writer = ZipWriter::new(&mut file);
            let stored =
                SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            for (name, bytes) in [("a/data.pkl", &b"\x80\x02N."[..]), ("a/data/0", &[7; 1000][..])]
            {
                writer.start_file(name, stored).expect("written");
                writer.write_all(bytes).expect("written");
            }
            for number in 1..=shared {
                let name = format!("a/data/{number}");
                writer.shallow_copy_file("a/data/0", &name).expect("written");
            }
            writer.finish().expect("written");
            with_dictionary(file.path())
        };
        copied(0).expect("a checkpoint");
        let error = copied(9).expect_err("nine times the same bytes").to_string();
        assert!(error.contains("damaged"), "{error}");
    }
}
