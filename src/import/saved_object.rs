//! The saved object in a file of PyTorch's: whether it can be read, the names of its tensors in
//! their order, and copies of the file that its reader can read.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use pytorch_reader::MAX_PICKLE_SIZE;
use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::checkpoint_error::CheckpointError;
use super::footprint::footprint;
use super::networks::ROOT;
use super::tensor_names::tensor_names;
use crate::pickle::opcode;

/// The bytes of memory that the pickles of a file may take, beside twice its size: as many as a
/// model file. Ten thousand losses beside the weights, as tensors or numbers of NumPy's, count as a
/// hundred MiB.
const MEMORY: u64 = 256 << 20;

/// Checks that a file is one of PyTorch's, and that its pickles can be read in a memory that fits
/// its size.
pub(super) fn check(path: &Path) -> Result<(), CheckpointError> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut memory = size.saturating_mul(2).saturating_add(MEMORY);
    let mut take = |pickle: &[u8]| {
        memory = memory.checked_sub(footprint(pickle, memory)).ok_or(CheckpointError::Memory)?;
        Ok::<_, CheckpointError>(())
    };
    if is_archive(&mut file)? {
        let mut archive = ZipArchive::new(file)?;
        // Entries that share their bytes would be read for any time.
        let mut left = size;
        for index in pickles(&archive) {
            let pickle = pickle(&mut archive, index)?;
            left = left.checked_sub(pickle.len() as u64).ok_or_else(damaged)?;
            take(&pickle)?;
        }
        return Ok(());
    }
    let bytes = head(&mut file)?;
    // Before 0.1.10, PyTorch wrote tar archives, and no NCSN.
    let is_tar = bytes.get(257..262) == Some(&b"ustar"[..]);
    let pickles = stream(&bytes).filter(|_| !is_tar).ok_or_else(|| {
        let problem = "no ZIP archive, and no whole stream of pickles, as PyTorch wrote before 1.6";
        CheckpointError::Format(problem.into())
    })?;
    pickles.into_iter().try_for_each(|pickle| take(&bytes[pickle]))
}

/// The names of all tensors, in their order in the saved object, if that can be found out.
pub(super) fn names(path: &Path) -> Result<Option<Vec<String>>, CheckpointError> {
    let mut file = File::open(path)?;
    if is_archive(&mut file)? {
        let mut archive = ZipArchive::new(file)?;
        let [index] = pickles(&archive)[..] else { return Ok(None) };
        return Ok(tensor_names(&pickle(&mut archive, index)?));
    }
    let bytes = head(&mut file)?;
    Ok(stream(&bytes).and_then(|[.., object, _]| tensor_names(&bytes[object])))
}

/// Whether a file is a ZIP archive, as PyTorch has written them since 1.6.
fn is_archive(file: &mut File) -> io::Result<bool> {
    let mut start = Vec::new();
    (&*file).take(2).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start == b"PK")
}

/// The numbers of an archive's entries that are saved objects: there is one.
fn pickles(archive: &ZipArchive<File>) -> Vec<usize> {
    let is_pickle = |name: &str| name == "data.pkl" || name.ends_with("/data.pkl");
    let all = 0..archive.len();
    all.filter(|&index| archive.name_for_index(index).is_some_and(is_pickle)).collect()
}

/// The saved object with this number.
fn pickle(archive: &mut ZipArchive<File>, index: usize) -> Result<Vec<u8>, CheckpointError> {
    let entry = archive.by_index_raw(index)?;
    let is_stored = entry.compression() == CompressionMethod::Stored;
    if !is_stored || entry.size() != entry.compressed_size() {
        return Err(CheckpointError::Compressed);
    }
    let mut pickle = Vec::new();
    entry.take(MAX_PICKLE_SIZE).read_to_end(&mut pickle)?;
    Ok(pickle)
}

/// The beginning of a stream of pickles: the tensors' bytes are behind them.
fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    (&*file).take(MAX_PICKLE_SIZE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the pickles are in the stream that PyTorch wrote before 1.6: a magic number, a version,
/// facts about the system, the saved object, and the keys of the storages, which follow.
fn stream(bytes: &[u8]) -> Option<[Range<usize>; 5]> {
    let mut end = 0;
    let mut next = || {
        let start = end;
        end += opcode::length(&bytes[start..])?;
        Some(start..end)
    };
    Some([next()?, next()?, next()?, next()?, next()?])
}

/// A copy of a checkpoint in which the saved object is the value of a dictionary's key [`ROOT`].
pub(super) fn with_dictionary(path: &Path) -> Result<NamedTempFile, CheckpointError> {
    copied(path, &|pickle| keyed(pickle, ROOT).ok_or_else(damaged))
}

/// A copy of a checkpoint that differs in the layout of its archive only.
pub(super) fn rewritten(path: &Path) -> Result<NamedTempFile, CheckpointError> {
    copied(path, &|pickle| Ok(pickle.to_vec()))
}

/// Makes another saved object of the one in a checkpoint.
type Change<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, CheckpointError> + 'a;

fn copied(path: &Path, change: &Change<'_>) -> Result<NamedTempFile, CheckpointError> {
    let file = File::open(path)?;
    let mut copy =
        Target { file: NamedTempFile::new().map_err(CheckpointError::Copy)?, failure: None };
    let result = copy_changed(file, &mut copy, change);
    match copy.failure {
        Some(failure) => Err(CheckpointError::Copy(failure)),
        None => result.map(|()| copy.file),
    }
}

fn copy_changed(
    mut file: File,
    copy: &mut Target,
    change: &Change<'_>,
) -> Result<(), CheckpointError> {
    if is_archive(&mut file)? {
        // Entries that share their bytes could fill any disk.
        let mut left = file.metadata()?.len();
        let mut archive = ZipArchive::new(file)?;
        let mut writer = ZipWriter::new(copy);
        let pickles = pickles(&archive);
        for index in 0..archive.len() {
            if pickles.contains(&index) {
                let name = archive.name_for_index(index).unwrap_or_default().to_owned();
                let stored =
                    SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
                writer.start_file(name, stored)?;
                writer.write_all(&change(&pickle(&mut archive, index)?)?)?;
            } else {
                let entry = archive.by_index_raw(index)?;
                left = left.checked_sub(entry.compressed_size()).ok_or_else(damaged)?;
                writer.raw_copy_file(entry)?;
            }
        }
        writer.finish()?;
    } else {
        let bytes = head(&mut file)?;
        let [.., object, _] = stream(&bytes).ok_or_else(damaged)?;
        copy.write_all(&bytes[..object.start])?;
        copy.write_all(&change(&bytes[object.clone()])?)?;
        copy.write_all(&bytes[object.end..])?;
        io::copy(&mut file, copy)?;
    }
    Ok(())
}

/// A file that is written to, and why that failed, if it did: `ZipWriter` does not tell it from what
/// is wrong with the entries that it copies.
struct Target {
    file: NamedTempFile,
    failure: Option<io::Error>,
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // After a failure everything is taken: `ZipWriter` prints what fails when it is dropped.
        if self.failure.is_some() {
            return Ok(bytes.len());
        }
        let result = self.file.as_file_mut().write(bytes);
        result.map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            kind => {
                self.failure = Some(error);
                kind.into()
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        // A file has no buffer.
        Ok(())
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.as_file_mut().seek(to)
    }
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
            let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
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
