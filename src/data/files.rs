//! Files under names: those of a folder, or of an archive, which is read as if it were a folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::{DataError, archive, folder};

/// 2 GiB, of a file or of all pixels together, is more than this trainer is for.
pub(super) const MAX_BYTES: u64 = 1 << 31;

/// What is called for each file that is read: its name, and its bytes or why there are none.
pub(super) type Visit<'a> = dyn FnMut(&str, Result<Vec<u8>, String>) + 'a;

/// Where named files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a folder and the folders in it.
    Folder,
    /// In a tar archive, gzipped or not.
    Tar,
    /// In a zip archive (a NumPy `.npz` is one).
    Zip,
    /// The path itself is the only file.
    Single,
}

/// The files at a path.
#[derive(Debug)]
pub(super) struct Files {
    /// The folder, archive or file.
    pub root: PathBuf,
    pub place: Place,
    /// Their names with `/` between folders, sorted, so that nothing depends on a file system's or
    /// an archive's order.
    pub names: Vec<String>,
    /// What could not be listed, and why.
    pub unlisted: Vec<(String, String)>,
}

impl Files {
    /// Lists what is at a path.
    ///
    /// # Errors
    /// Where there is nothing, or an archive is damaged.
    pub fn at(path: &Path) -> Result<Self, DataError> {
        let io = |source| DataError::Io { path: path.to_owned(), source };
        let place = if std::fs::metadata(path).map_err(io)?.is_dir() {
            Place::Folder
        } else {
            archive::place(path).map_err(io)?
        };
        let mut unlisted = Vec::new();
        let mut names = match place {
            Place::Folder => folder::names(path, &mut unlisted),
            Place::Tar => archive::tar_names(path).map_err(io)?,
            Place::Zip => archive::zip_names(path).map_err(|e| io(e.into()))?,
            Place::Single => {
                path.file_name().map(|n| n.to_string_lossy().into()).into_iter().collect()
            }
        };
        // Files that systems and tools leave behind, such as .DS_Store and __MACOSX/._a.png.
        if place != Place::Single {
            let hidden = |part: &str| (part.starts_with('.') && part != ".") || part == "__MACOSX";
            names.retain(|name| !name.split('/').any(hidden));
        }
        names.sort_unstable();
        Ok(Self { root: path.to_owned(), place, names, unlisted })
    }

    /// Where a file is, for people.
    pub fn path(&self, name: &str) -> PathBuf {
        match self.place {
            Place::Single => self.root.clone(),
            _ => self.root.join(name),
        }
    }

    /// Reads the files of the given sorted names one after the other, in the order in which they
    /// are stored; what cannot be read comes as the reason.
    ///
    /// # Errors
    /// Where the archive as a whole cannot be read.
    pub fn read_each(&self, names: &[String], visit: &mut Visit<'_>) -> Result<(), DataError> {
        let io = |source| DataError::Io { path: self.root.clone(), source };
        match self.place {
            Place::Folder | Place::Single => {
                for name in names {
                    let file = File::open(self.path(name)).map_err(|e| e.to_string());
                    visit(name, file.and_then(|mut file| bounded(&mut file)));
                }
                Ok(())
            }
            Place::Tar => archive::read_tar(&self.root, names, visit).map_err(io),
            Place::Zip => archive::read_zip(&self.root, names, visit).map_err(|e| io(e.into())),
        }
    }

    /// Reads one file, and unpacks it where it is gzipped (told by its first bytes).
    ///
    /// # Errors
    /// [`DataError::Format`] names the file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, DataError> {
        let mut content = Err("it is no longer there".to_owned());
        self.read_each(&[name.to_owned()], &mut |_, bytes| content = bytes)?;
        let fail = |problem| DataError::Format { path: self.path(name), problem };
        content.and_then(unpacked).map_err(fail)
    }
}

/// All that a reader has, unless that is absurdly much.
pub(super) fn bounded(reader: &mut dyn Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("larger than the {} GiB that fit in memory", MAX_BYTES >> 30));
    }
    Ok(bytes)
}

fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    bounded(&mut MultiGzDecoder::new(&bytes[..]))
        .map_err(|problem| format!("cannot be decompressed ({problem}); is the download complete?"))
}

/// The first bytes of a gzip stream.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];
