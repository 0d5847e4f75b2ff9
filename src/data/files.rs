//! Named files in a folder, or in one or several archives read as if they were one.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::archive::{self, tar, zip};
use super::entry::{Listing, Place, Source, shown};
use super::error::DataError;
use super::load_report::LoadReport;
use super::spelling::{is_hidden, is_image_name, sample};
use super::stored::{Open, Stored, Unpacked};
use super::{folder, layout};
use crate::files::folder_of;

/// Called with each file's name, and its bytes or why they cannot be read.
pub(super) type Visit<'a> = dyn FnMut(&str, Result<Vec<u8>, String>) + 'a;

/// The files at a path.
#[derive(Debug)]
pub(super) struct Files {
    /// The folder, archive or file.
    pub root: PathBuf,
    pub place: Place,
    /// Their names, with `/` between folders; sorted, so that nothing depends on the order of a
    /// file system or an archive. No two are the same.
    pub names: Vec<String>,
    /// In which of the archives each of them is, if there are any, and where.
    sources: Vec<(usize, Source)>,
    archives: Vec<Archive>,
    /// The entries that could not be listed, and why.
    pub unlisted: Vec<(String, String)>,
}

/// A file that holds others.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    place: Place,
}

impl Archive {
    fn list(&self) -> Result<Listing, DataError> {
        let io = |source| DataError::Io { path: self.path.clone(), source };
        match self.place {
            Place::Zip => zip::list(&self.path).map_err(|e| io(zip::failure(e))),
            _ => tar::list(&self.path).map_err(io),
        }
    }

    fn open_each(&self, entries: &[(u64, &str)], visit: &mut Open<'_>) -> Result<(), DataError> {
        let io = |source| DataError::Io { path: self.path.clone(), source };
        match self.place {
            Place::Zip => {
                zip::open_each(&self.path, entries, visit).map_err(|e| io(zip::failure(e)))
            }
            _ => tar::open_each(&self.path, entries, visit).map_err(io),
        }
    }
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
            Place::Tar | Place::Zip => {
                let archive = Archive { path: path.to_owned(), place };
                let listing = archive.list()?;
                return Ok(Self::new(path, place, vec![listing], vec![archive]));
            }
            Place::Single => {
                let name = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
                Listing { files: vec![(name, Source::Path(path.into()))], problems: vec![] }
            }
        };
        Ok(Self::new(path, place, vec![listing], vec![]))
    }

    /// The files in the archives of a folder, together; `None` if there are no archives in it. If
    /// there are archives named for training and for testing, the names of their files begin with
    /// such a folder, and those of other images with the name of their archive.
    ///
    /// # Errors
    /// If an archive is damaged.
    pub fn in_archives(&self) -> Result<Option<Self>, DataError> {
        const ENDS: [&str; 11] = [
            ".tar",
            ".zip",
            ".tgz",
            ".txz",
            ".tbz2",
            ".tzst",
            ".tar.gz",
            ".tar.xz",
            ".tar.bz2",
            ".tar.zst",
            ".tar.zstd",
        ];
        let is_named = |name: &&String| ENDS.iter().any(|end| name.to_lowercase().ends_with(end));
        let (mut archives, mut folders) = (Vec::new(), Vec::new());
        for (name, (_, source)) in self.names.iter().zip(&self.sources) {
            let Source::Path(path) = source else { continue };
            let io = |source| DataError::Io { path: path.clone(), source };
            if is_named(&name)
                && let place @ (Place::Tar | Place::Zip) = archive::place(path).map_err(io)?
            {
                archives.push(Archive { path: path.clone(), place });
                folders.push(layout::folder_of(name));
            }
        }
        if archives.is_empty() {
            return Ok(None);
        }
        let split = [Some("train"), Some("test")].iter().all(|folder| folders.contains(folder));
        let mut listings = Vec::new();
        for (archive, folder) in archives.iter().zip(&folders) {
            let mut listing = archive.list()?;
            // Other images are then beside the folders, which is reported.
            let other = || archive.path.file_name().filter(|_| has_images(&listing));
            let folder = folder.map(OsStr::new).or_else(other).filter(|_| split);
            if let Some(folder) = folder {
                for (name, _) in &mut listing.files {
                    *name = [folder.as_encoded_bytes(), b"/", name].concat();
                }
            }
            listings.push(listing);
        }
        Ok(Some(Self::new(&self.root, Place::Folder, listings, archives)))
    }

    /// The files beside a single one.
    pub fn beside(&self) -> Self {
        let folder = folder_of(&self.root);
        Self::new(folder, Place::Folder, vec![folder::list(folder, 1)], vec![])
    }

    pub(super) fn new(
        root: &Path,
        place: Place,
        listings: Vec<Listing>,
        archives: Vec<Archive>,
    ) -> Self {
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for (archive, listing) in listings.into_iter().enumerate() {
            let all = listing.files.into_iter();
            files.extend(all.map(|(name, source)| (shown(&name), (archive, source))));
            problems.extend(listing.problems);
        }
        // Skip files left behind by systems and tools, such as .DS_Store and __MACOSX/._a.png.
        if place != Place::Single {
            files.retain(|(name, _)| !is_hidden(name));
            problems.retain(|(name, _)| !is_hidden(name));
        }
        files.sort_unstable();
        number_samples(&mut files);
        // `a\b` and `a/b` may both be there.
        number_repeated(&mut files);
        files.sort_unstable();
        let (names, sources) = files.into_iter().unzip();
        Self { root: root.to_owned(), place, names, sources, archives, unlisted: problems }
    }

    /// Says which entries could not be listed, and why; `None` if all could.
    pub fn cannot_list(&self) -> Option<String> {
        LoadReport { unreadable: self.unlisted.clone(), ..LoadReport::default() }.left_out()
    }

    /// Whether there is a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }

    /// The path of a file, for people.
    pub fn path(&self, name: &str) -> PathBuf {
        if self.place == Place::Single {
            return self.root.clone();
        }
        let archive = self.archive(name).and_then(|number| self.archives.get(number));
        archive.map_or(&self.root, |archive| &archive.path).join(name)
    }

    /// The number of the archive that a file is in; 0 if there are no archives, or only one.
    pub fn archive(&self, name: &str) -> Option<usize> {
        let index = self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()?;
        Some(self.sources[index].0)
    }

    /// Opens the files with the given names, one after another: those of a tar archive in the order
    /// in which they are stored. For a file that cannot be opened, `visit` gets the reason.
    ///
    /// # Errors
    /// If the archive as a whole cannot be read.
    pub fn open_each(&self, names: &[String], visit: &mut Open<'_>) -> Result<(), DataError> {
        let mut entries = vec![Vec::new(); self.archives.len()];
        for name in names {
            let index = self.names.binary_search(name);
            match index.ok().map(|index| &self.sources[index]) {
                Some(&(archive, Source::Entry(entry))) => {
                    if let Some(entries) = entries.get_mut(archive) {
                        entries.push((entry, &name[..]));
                    }
                }
                Some((_, Source::Path(path))) => match opened(path) {
                    Ok((mut file, size)) => {
                        visit(name, Ok(Stored { reader: &mut file, size, packed: size }));
                    }
                    Err(error) => visit(name, Err(error.to_string())),
                },
                None => visit(name, Err("there is no such file".into())),
            }
        }
        for (archive, entries) in self.archives.iter().zip(&entries) {
            if !entries.is_empty() {
                archive.open_each(entries, visit)?;
            }
        }
        Ok(())
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

    /// Reads the first `length` bytes of the files with the given names, or fewer if they are
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

/// Numbers the files of samples that several archives have, since names may begin anew in each: all
/// of one archive get the same number, so that `1.jpg` and `1.cls` stay together. Files are sorted,
/// and a sample is left as it is if no two archives have a file of the same name.
fn number_samples(files: &mut [(String, (usize, Source))]) {
    let mut samples: HashMap<String, Vec<usize>> = HashMap::new();
    for pair in files.windows(2) {
        let [(name, (archive, _)), (next, (other, _))] = pair else { continue };
        if name == next && archive != other {
            samples.entry(sample(name).to_owned()).or_default();
        }
    }
    if samples.is_empty() {
        return;
    }
    for (name, (archive, _)) in files.iter() {
        if let Some(archives) = samples.get_mut(sample(name)) {
            archives.push(*archive);
        }
    }
    for archives in samples.values_mut() {
        archives.sort_unstable();
        archives.dedup();
    }
    let known: HashSet<String> = files.iter().map(|(name, _)| sample(name).to_owned()).collect();
    for (name, (archive, _)) in files {
        let archives = samples.get(sample(name));
        let before = archives.and_then(|archives| archives.binary_search(archive).ok());
        if let Some(before @ 1..) = before {
            // There may be a sample that has the number in its own name.
            let is_free = |&number: &usize| !known.contains(&numbered(sample(name), number));
            let number = (2..).filter(is_free).nth(before - 1).unwrap_or(before + 1);
            *name = numbered(name, number);
        }
    }
}

/// Numbers the files whose name another one before them has, so that no two names are the same.
fn number_repeated(files: &mut [(String, (usize, Source))]) {
    // The last number that was given to each name.
    let mut numbers: HashMap<String, usize> =
        files.iter().map(|(name, _)| (name.clone(), 0)).collect();
    for (name, _) in files {
        let mut number = numbers.get(name.as_str()).map_or(1, |last| last + 1);
        if number > 1 {
            // A file may have the number in its own name.
            while numbers.contains_key(&numbered(name, number)) {
                number += 1;
            }
        }
        numbers.insert(name.clone(), number);
        if number > 1 {
            *name = numbered(name, number);
            numbers.insert(name.clone(), 1);
        }
    }
}

fn numbered(name: &str, number: usize) -> String {
    let (folder, base) = name.rsplit_once('/').unwrap_or((".", name));
    format!("{folder}/({number}) {base}")
}

/// Whether there are files that should be images.
fn has_images(listing: &Listing) -> bool {
    let mut names = listing.files.iter().map(|(name, _)| shown(name));
    names.any(|name| is_image_name(&name) && !is_hidden(&name))
}

fn opened(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_are_all_kept() {
        let files = [1, 2, 3].map(|entry| (b"a/b.png".to_vec(), Source::Entry(entry))).to_vec();
        let listings = vec![Listing { files, problems: vec![] }];
        let files = Files::new(Path::new("x"), Place::Zip, listings, vec![]);
        assert_eq!(files.names, ["a/(2) b.png", "a/(3) b.png", "a/b.png"]);
        let entries = [2, 3, 1].map(|entry| (0, Source::Entry(entry)));
        assert_eq!(files.sources, entries);

        // The numbers go on where a file is called like that.
        let names = ["a/(2) b.png", "a/b.png", "a/b.png", "a/b.png"];
        let files = names.map(|name| (name.as_bytes().to_vec(), Source::Entry(0))).to_vec();
        let listings = vec![Listing { files, problems: vec![] }];
        let files = Files::new(Path::new("x"), Place::Zip, listings, vec![]);
        assert_eq!(files.names, ["a/(2) b.png", "a/(3) b.png", "a/(4) b.png", "a/b.png"]);
    }

    #[test]
    fn files_of_a_sample_are_numbered_together() {
        let listing = |names: &[&str]| {
            let files = (0..).zip(names).map(|(at, name)| (name.as_bytes().to_vec(), at));
            let files = files.map(|(name, at)| (name, Source::Entry(at))).collect();
            Listing { files, problems: vec![] }
        };
        let of = |shards: &[&[&str]]| {
            let listings = shards.iter().map(|names| listing(names)).collect();
            Files::new(Path::new("x"), Place::Folder, listings, vec![]).names
        };
        let apart = of(&[&["1.png", "1.cls", "2.png"], &["1.jpg", "1.cls", "2.jpg"]]);
        let second = ["./(2) 1.cls", "./(2) 1.jpg"];
        assert_eq!(apart, [&second[..], &["1.cls", "1.png", "2.jpg", "2.png"]].concat());
        // The numbers count the archives that have the sample.
        let third = of(&[&["a/1.png", "a/1.cls"], &["a/2.png"], &["a/1.png", "a/1.cls"]]);
        assert_eq!(third, ["a/(2) 1.cls", "a/(2) 1.png", "a/1.cls", "a/1.png", "a/2.png"]);
        // They go on where a sample is called like that.
        let taken = of(&[&["a/1.png", "a/1.cls", "a/(2) 1.png"], &["a/1.png", "a/1.cls"]]);
        assert_eq!(taken, ["a/(2) 1.png", "a/(3) 1.cls", "a/(3) 1.png", "a/1.cls", "a/1.png"]);
    }
}
