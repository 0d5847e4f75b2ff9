//! Named files in a folder, or in an archive read as if it were one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::{DataError, archive, folder};

/// 2 GiB, for one file or for all pixels, is more than this trainer is meant for.
pub(super) const MAX_BYTES: u64 = 1 << 31;

/// Called with each file's name, and its bytes or why they cannot be read.
pub(super) type Visit<'a> = dyn FnMut(&str, Result<Vec<u8>, String>) + 'a;

/// Where the named files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a folder and its subfolders.
    Folder,
    /// In a tar archive, optionally gzipped.
    Tar,
    /// In a zip archive (NumPy's `.npz` is one).
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
    /// Their names, with `/` between folders; sorted, so that nothing depends on the order of a
    /// file system or an archive.
    pub names: Vec<String>,
    /// The entries that could not be listed, and why.
    pub unlisted: Vec<(String, String)>,
}

impl Files {
    /// Lists the files at a path.
    ///
    /// # Errors
    /// If there is nothing there, or an archive is damaged.
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
        // Skip files left behind by systems and tools, such as .DS_Store and __MACOSX/._a.png.
        if place != Place::Single {
            let hidden = |part: &str| (part.starts_with('.') && part != ".") || part == "__MACOSX";
            names.retain(|name| !name.split('/').any(hidden));
        }
        names.sort_unstable();
        Ok(Self { root: path.to_owned(), place, names, unlisted })
    }

    /// The path of a file, for people.
    pub fn path(&self, name: &str) -> PathBuf {
        match self.place {
            Place::Single => self.root.clone(),
            _ => self.root.join(name),
        }
    }

    /// Reads the files with the given sorted names, one after another, in the order in which they
    /// are stored. For a file that cannot be read, `visit` gets the reason.
    ///
    /// # Errors
    /// If the archive as a whole cannot be read.
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

    /// Reads the first `length` bytes of the files with the given sorted names, or fewer if they are
    /// shorter or cannot be read.
    ///
    /// # Errors
    /// If the archive as a whole cannot be read.
    pub fn heads(
        &self,
        names: &[String],
        length: usize,
        visit: &mut dyn FnMut(&str, &[u8]),
    ) -> Result<(), DataError> {
        match self.place {
            Place::Folder | Place::Single => {
                for name in names {
                    let mut head = Vec::new();
                    // Only the files that are wanted are reported.
                    let file = File::open(self.path(name));
                    let _ = file.and_then(|file| file.take(length as u64).read_to_end(&mut head));
                    visit(name, &head);
                }
                Ok(())
            }
            Place::Tar | Place::Zip if names.is_empty() => Ok(()),
            Place::Tar | Place::Zip => self.read_each(names, &mut |name, content| {
                let content = content.unwrap_or_default();
                visit(name, &content[..length.min(content.len())]);
            }),
        }
    }

    /// Reads one file, and decompresses it if its first bytes say that it is gzipped.
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

/// Reads everything, up to [`MAX_BYTES`].
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
