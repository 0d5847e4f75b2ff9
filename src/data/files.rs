//! Named files in a folder, or in an archive read as if it were one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::archive::{self, tar, zip};
use super::decompress::decompressed;
use super::{DataError, folder};

/// 2 GiB, for one image file or for all pixels, is more than this trainer is meant for.
pub(super) const MAX_BYTES: u64 = 1 << 31;

/// How many bytes a file may unpack to: this many, or [`MOST_TIMES`] as many as it has packed. The
/// bytes of images become a hundredth at best; files made to fill the memory, a thousandth.
const UNPACKED: u64 = 1 << 26;
const MOST_TIMES: u64 = 128;

/// Called with each file's name, and its bytes or why they cannot be read.
pub(super) type Visit<'a> = dyn FnMut(&str, Result<Vec<u8>, String>) + 'a;

/// Called with each file's name, and the file or why it cannot be opened.
pub(super) type Open<'a> = dyn FnMut(&str, Result<Stored<'_>, String>) + 'a;

/// Where the named files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a folder and its subfolders.
    Folder,
    /// In a tar archive, compressed or not.
    Tar,
    /// In a zip archive (NumPy's `.npz` is one).
    Zip,
    /// The path itself is the only file.
    Single,
}

/// Where a file's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// In a file of its own.
    Path(PathBuf),
    /// In the archive: a position (tar) or a number (zip).
    Entry(u64),
}

/// What a folder or an archive holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files by their names, which need not be text, with `/` between folders.
    pub files: Vec<(Vec<u8>, Source)>,
    /// What cannot be listed, and why.
    pub problems: Vec<(String, String)>,
}

/// The files at a path.
#[derive(Debug)]
pub(super) struct Files {
    /// The folder, archive or file.
    pub root: PathBuf,
    pub place: Place,
    /// Their names, with `/` between folders; sorted, so that nothing depends on the order of a
    /// file system or an archive. No two are the same.
    pub names: Vec<String>,
    /// Where each of them is.
    sources: Vec<Source>,
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
        let metadata = std::fs::metadata(path).map_err(io)?;
        let place = if metadata.is_dir() {
            Place::Folder
        } else if metadata.is_file() {
            archive::place(path).map_err(io)?
        } else {
            return Err(io(io::Error::other("neither a file nor a folder")));
        };
        let listing = match place {
            Place::Folder => folder::list(path, usize::MAX),
            Place::Tar => tar::list(path).map_err(io)?,
            Place::Zip => zip::list(path).map_err(|e| io(e.into()))?,
            Place::Single => {
                let name = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
                Listing { files: vec![(name, Source::Path(path.into()))], problems: vec![] }
            }
        };
        Ok(Self::new(path, place, listing))
    }

    /// The files beside a single one.
    pub fn beside(&self) -> Self {
        let folder = self.root.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        Self::new(folder, Place::Folder, folder::list(folder, 1))
    }

    pub(super) fn new(root: &Path, place: Place, listing: Listing) -> Self {
        let Listing { files, mut problems } = listing;
        let mut files: Vec<_> =
            files.into_iter().map(|(name, source)| (shown(&name), source)).collect();
        // Skip files left behind by systems and tools, such as .DS_Store and __MACOSX/._a.png.
        if place != Place::Single {
            files.retain(|(name, _)| !is_hidden(name));
            problems.retain(|(name, _)| !is_hidden(name));
        }
        files.sort_unstable();
        // `a\b` and `a/b` may both be there.
        let mut count: HashMap<String, usize> = HashMap::new();
        for (name, _) in &mut files {
            let count = count.entry(name.clone()).or_default();
            *count += 1;
            if *count > 1 {
                let (folder, base) = name.rsplit_once('/').unwrap_or((".", name));
                *name = format!("{folder}/({count}) {base}");
            }
        }
        files.sort_unstable();
        let (names, sources) = files.into_iter().unzip();
        Self { root: root.to_owned(), place, names, sources, unlisted: problems }
    }

    /// The path of a file, for people.
    pub fn path(&self, name: &str) -> PathBuf {
        match self.place {
            Place::Single => self.root.clone(),
            _ => self.root.join(name),
        }
    }

    /// Opens the files with the given names, one after another: those of a tar archive in the order
    /// in which they are stored. For a file that cannot be opened, `visit` gets the reason.
    ///
    /// # Errors
    /// If the archive as a whole cannot be read.
    pub fn open_each(&self, names: &[String], visit: &mut Open<'_>) -> Result<(), DataError> {
        let io = |source| DataError::Io { path: self.root.clone(), source };
        let mut entries = Vec::new();
        for name in names {
            let index = self.names.binary_search(name);
            match index.ok().map(|index| &self.sources[index]) {
                Some(&Source::Entry(entry)) => entries.push((entry, &name[..])),
                Some(Source::Path(path)) => match opened(path) {
                    Ok((mut file, size)) => {
                        visit(name, Ok(Stored { reader: &mut file, size, packed: size }));
                    }
                    Err(error) => visit(name, Err(error.to_string())),
                },
                None => visit(name, Err("there is no such file".into())),
            }
        }
        match self.place {
            Place::Folder | Place::Single => Ok(()),
            Place::Tar => tar::open_each(&self.root, &entries, visit).map_err(io),
            Place::Zip => zip::open_each(&self.root, &entries, visit).map_err(|e| io(e.into())),
        }
    }

    /// Reads the files with the given names, as [`Self::open_each`] does.
    ///
    /// # Errors
    /// If the archive as a whole cannot be read.
    pub fn read_each(&self, names: &[String], visit: &mut Visit<'_>) -> Result<(), DataError> {
        self.open_each(names, &mut |name, file| visit(name, file.and_then(Stored::bytes)))
    }

    /// Reads one file, decompressed if its first bytes say that it is compressed. `read` may stop
    /// before its end.
    ///
    /// # Errors
    /// [`DataError::Format`] names the file; also what `read` fails with.
    pub fn with<T>(
        &self,
        name: &str,
        mut read: impl FnMut(&mut Unpacked<'_>) -> Result<T, DataError>,
    ) -> Result<T, DataError> {
        let fail = |problem| DataError::Format { path: self.path(name), problem };
        let mut result = Err(fail("it is no longer there".into()));
        self.open_each(&[name.to_owned()], &mut |_, file| {
            result =
                file.and_then(Stored::unpacked).map_err(fail).and_then(|mut file| read(&mut file));
        })?;
        result
    }

    /// Reads the first `length` bytes of the files with the given names, or fewer if they are shorter
    /// or cannot be read.
    ///
    /// # Errors
    /// If the archive as a whole cannot be read.
    pub fn heads(
        &self,
        names: &[String],
        length: usize,
        visit: &mut dyn FnMut(&str, &[u8]),
    ) -> Result<(), DataError> {
        if names.is_empty() {
            return Ok(());
        }
        self.open_each(names, &mut |name, file| {
            let mut head = Vec::new();
            if let Ok(file) = file {
                // Only the files that are wanted are reported as unreadable.
                let _ = file.reader.take(length as u64).read_to_end(&mut head);
            }
            visit(name, &head);
        })
    }

    /// The first bytes of a file, decompressed: 512 if it has as many.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn head(&self, name: &str) -> Result<Vec<u8>, DataError> {
        let fail =
            |e: io::Error| DataError::Format { path: self.path(name), problem: e.to_string() };
        self.with(name, |file| {
            let mut head = Vec::new();
            file.take(512).read_to_end(&mut head).map_err(fail)?;
            Ok(head)
        })
    }
}

fn opened(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

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
        let most = most(packed).min(MAX_BYTES);
        if size > most {
            return Err(too_large(most, packed));
        }
        let mut bytes = Vec::new();
        let mut reader = Bounded { reader, left: most, most, packed };
        reader.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    /// Decompresses the file if its first bytes say that it is compressed.
    ///
    /// # Errors
    /// If these cannot be read.
    pub fn unpacked(self) -> Result<Unpacked<'a>, String> {
        let Self { reader, packed, size } = self;
        let (reader, compressed) = decompressed(reader).map_err(|e| e.to_string())?;
        let most = most(packed);
        let reader = Bounded { reader, left: most, most, packed };
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
        let compressed = self.size.is_none();
        self.reader.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::FileTooLarge => error,
            kind if compressed => {
                let problem =
                    format!("cannot be decompressed ({error}); is the download complete?");
                io::Error::new(kind, problem)
            }
            _ => error,
        })
    }
}

/// Fails instead of reading more bytes than a file may unpack to.
struct Bounded<R> {
    reader: R,
    left: u64,
    most: u64,
    packed: u64,
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
    if most >= MAX_BYTES {
        return format!("larger than the {} GiB that fit in memory", MAX_BYTES >> 30);
    }
    format!("its {packed} bytes unpack to more than {} MiB, which no images do", most >> 20)
}

/// Whether a name is that of a file left behind by a system or tool.
fn is_hidden(name: &str) -> bool {
    let hidden = |part: &str| {
        (part.starts_with('.') && part != ".") || part.eq_ignore_ascii_case("__MACOSX")
    };
    name.split('/').any(hidden)
}

/// A name as text. Bytes that are no text are shown as numbers, so that names stay different.
pub(super) fn shown(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text += chunk.valid();
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A name with `/` between folders, where some archives from Windows, and what was unpacked from
/// them elsewhere, have `\`. In names that are no text, it may be the second half of a character.
pub(super) fn slashed(name: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(name).is_err() && name.contains(&b'/') {
        return Cow::Borrowed(name);
    }
    name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_text_stay_apart() {
        assert_eq!(shown(b"Fran\xe7ois.png"), "Fran\\xe7ois.png");
        assert_eq!(shown("Fran\u{e7}ois.png".as_bytes()), "Fran\u{e7}ois.png");
        assert_eq!(slashed(b"a\\b\\c.png").as_ref(), b"a/b/c.png");
        assert_eq!(slashed(b"Fran\xe7ois\\c.png").as_ref(), b"Fran\xe7ois/c.png");
        // Shift JIS: the second byte of this character is that of a backslash.
        assert_eq!(slashed(b"set/\x95\x5c.png").as_ref(), b"set/\x95\x5c.png");
    }

    #[test]
    fn files_left_behind_are_hidden_in_every_spelling() {
        for name in ["__MACOSX/._a.png", "x/__MacOSX/a.png", "__macosx/a.png", "x/._a.png", ".x"] {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["./a.png", "MACOSX/a.png", "a._b.png", "_a.png"] {
            assert!(!is_hidden(name), "{name}");
        }
    }

    #[test]
    fn files_of_one_name_are_all_kept() {
        let files = [1, 2, 3].map(|entry| (b"a/b.png".to_vec(), Source::Entry(entry))).to_vec();
        let files = Files::new(Path::new("x"), Place::Zip, Listing { files, problems: vec![] });
        assert_eq!(files.names, ["a/(2) b.png", "a/(3) b.png", "a/b.png"]);
        let entries = [2, 3, 1].map(Source::Entry);
        assert_eq!(files.sources, entries);
    }

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
        let (problem, read) = refused(MAX_BYTES + 1, MAX_BYTES + 1);
        assert!(problem.contains("2 GiB") && read == 0, "{problem}");

        let mut zeros = Zeros(0);
        let file = Stored { reader: &mut zeros, size: 10, packed: 10 }.unpacked();
        let problem = io::copy(&mut file.expect("zeros"), &mut io::sink()).expect_err("endless");
        assert!(problem.to_string().contains("no images"), "{problem}");
        assert!(zeros.0 <= 2 * UNPACKED, "{}", zeros.0);
    }
}
