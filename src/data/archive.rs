//! Archives read as if they were folders: tar, optionally gzipped, and zip.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::Archive;
use zip::ZipArchive;
use zip::result::ZipResult;

use super::files::{GZIP, Place, Visit, bounded};

/// Tells from its first bytes whether a file is an archive.
pub(super) fn place(path: &Path) -> io::Result<Place> {
    let mut head = Vec::new();
    // A damaged gzip stream is reported by whoever reads it.
    let _ = unzipped(path)?.take(512).read_to_end(&mut head);
    Ok(match &head[..] {
        head if head.starts_with(b"PK\x03\x04") => Place::Zip,
        head if head.get(257..262) == Some(b"ustar") => Place::Tar,
        _ => Place::Single,
    })
}

fn unzipped(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut head = [0; 2];
    let count = File::open(path)?.read(&mut head)?;
    let file = BufReader::new(File::open(path)?);
    Ok(if count == 2 && head == GZIP {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

pub(super) fn tar_names(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Archive::new(unzipped(path)?).entries()? {
        let entry = entry?;
        if entry.header().entry_type().is_file() {
            names.push(entry.path()?.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

pub(super) fn read_tar(path: &Path, names: &[String], visit: &mut Visit<'_>) -> io::Result<()> {
    for entry in Archive::new(unzipped(path)?).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if entry.header().entry_type().is_file() && names.binary_search(&name).is_ok() {
            visit(&name, bounded(&mut entry));
        }
    }
    Ok(())
}

fn zip(path: &Path) -> ZipResult<ZipArchive<BufReader<File>>> {
    ZipArchive::new(BufReader::new(File::open(path)?))
}

pub(super) fn zip_names(path: &Path) -> ZipResult<Vec<String>> {
    let archive = zip(path)?;
    Ok(archive.file_names().filter(|name| !name.ends_with('/')).map(str::to_owned).collect())
}

pub(super) fn read_zip(path: &Path, names: &[String], visit: &mut Visit<'_>) -> ZipResult<()> {
    let mut archive = zip(path)?;
    for name in names {
        let bytes = match archive.by_name(name) {
            Ok(mut file) => bounded(&mut file),
            Err(error) => Err(error.to_string()),
        };
        visit(name, bytes);
    }
    Ok(())
}
