//! A data set: the images to train on and those to hold out.

use std::path::Path;

use super::arrays;
use super::detect::{self, Kind};
use super::error::DataError;
use super::files::Files;
use super::format::Format;
use super::image_files;
use super::images::Images;
use super::load_report::LoadReport;
use super::npy_labels::Known;
use super::read_options::ReadOptions;

/// The images to train on and those to hold out.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// A name for people, taken from the folder or file.
    pub name: String,
    /// The images to train on.
    pub train: Images,
    /// The images that are never trained on.
    pub held_out: Images,
    /// The names of the classes, by label; empty if the images have none.
    pub classes: Vec<String>,
    /// What was found, dropped and ignored.
    pub found: LoadReport,
}

impl DataSet {
    /// Loads images from a folder or archive of image files, IDX files, CIFAR's batches or `.npy`
    /// arrays (`.npz`), or from an IDX file or an `.npy` array.
    ///
    /// Holds out what the data set itself sets apart (`t10k-images…`, `test_batch`, a folder `test`
    /// beside `train`), or else one image in twenty. Held-out images are in a random order that
    /// is always the same, training images in the order of the files.
    ///
    /// # Errors
    /// [`DataError`] names the file and what is wrong with it.
    pub fn load(path: &Path, options: &ReadOptions<'_>) -> Result<Self, DataError> {
        let (files, kind) = detect::recognize(Files::at(path)?)?;
        let mut found = LoadReport { unreadable: files.unlisted.clone(), ..LoadReport::default() };
        let (train, held_out, mut classes) = match kind {
            Kind::Arrays { format, train, held_out } => {
                let found = &mut found;
                let read = read_arrays(&files, format, &train, &held_out, options, found)?;
                if options.strict && !found.unreadable.is_empty() {
                    let problem = found.cannot_read();
                    return Err(DataError::Format { path: path.to_owned(), problem });
                }
                let Arrays { train, held_out, names, largest } = read;
                let numbered = || largest.map(|largest| format.classes(largest, &name(path)));
                (train, held_out, names.or_else(numbered).unwrap_or_default())
            }
            Kind::Images(names) => {
                found.kind = "image files".into();
                let others = files.names.iter().filter(|&name| names.binary_search(name).is_err());
                for name in others {
                    let name = name.rsplit('/').next().unwrap_or(name);
                    let end = name.rsplit_once('.').map_or(name, |(_, end)| end);
                    *found.ignored.entry(end.to_lowercase()).or_default() += 1;
                }
                image_files::read(&files, &names, options, &mut found)?
            }
        };
        let (mut train, mut held_out) = match held_out {
            Some(held_out) if held_out.shape == train.shape => (train, held_out),
            Some(held_out) => {
                let problem = format!(
                    "the images to test with are {}, those to train on {}; see --size",
                    held_out.shape, train.shape
                );
                return Err(DataError::Format { path: path.to_owned(), problem });
            }
            None => train.hold_out(),
        };
        if train.len() + held_out.len() < 2 {
            return Err(DataError::One { path: path.to_owned(), ignored: found.left_out() });
        }
        if train.is_empty() {
            let problem = "all images to train on are also among those to test with".into();
            return Err(DataError::Format { path: path.to_owned(), problem });
        }
        // Labels that are all the same are no classes; one image alone keeps its label.
        if train.len() > 1 && train.classes() == 0 {
            (train.labels, held_out.labels) = (None, None);
            classes.clear();
        }
        Ok(Self { name: name(path), train, held_out, classes, found })
    }

    /// Whether [`Self::load`] reads the image files of a folder: those that are added would be
    /// read, too.
    pub fn has_images(folder: &Path) -> bool {
        Files::at(folder).is_ok_and(detect::reads_images)
    }
}

/// What is read from files of arrays.
struct Arrays {
    train: Images,
    held_out: Option<Images>,
    /// The names of the classes, if the labels are names.
    names: Option<Vec<String>>,
    /// The largest label; `None` if the images to train on have none.
    largest: Option<u8>,
}

/// Reads the files of arrays with the images to train on, and those with the images to hold out, if
/// there are any.
fn read_arrays(
    files: &Files,
    format: Format,
    train: &[String],
    held_out: &[String],
    options: &ReadOptions<'_>,
    found: &mut LoadReport,
) -> Result<Arrays, DataError> {
    found.kind = format.describe(train);
    let images: Vec<&String> = train.iter().chain(held_out).collect();
    let unused = format.unused(files, &images);
    let (train, names) = arrays::read(files, format, train, Known::Nothing, options, found)?;
    let known = match (&train.labels, &names) {
        (None, _) => Known::Nothing,
        (Some(_), None) => Known::Numbers,
        (Some(_), Some(classes)) => Known::Names(classes),
    };
    let held_out = match held_out {
        [] => None,
        held_out => Some(arrays::read(files, format, held_out, known, options, found)?.0.mixed()),
    };
    found.notes.extend(unused);
    let labels = [Some(&train), held_out.as_ref()].map(|images| images?.labels.as_ref());
    let largest = labels.iter().flatten().copied().flatten().max().copied();
    let largest = largest.filter(|_| train.labels.is_some());
    Ok(Arrays { train, held_out, names, largest })
}

/// A data set's name: that of its folder or file, without archive and array extensions.
fn name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().map_or("data".into(), |n| n.to_string_lossy().into_owned());
    let without = |name: &str, ends: &[&str]| {
        let bare = ends.iter().find_map(|end| name.strip_suffix(end));
        bare.filter(|bare| !bare.is_empty()).unwrap_or(name).to_owned()
    };
    let name = without(&name, &[".gz", ".xz", ".bz2", ".zst", ".tgz", ".txz", ".tbz2", ".tzst"]);
    without(&name, &[".tar", ".zip", ".npy", ".npz"])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As folders of images have no classes if there is a single folder.
    #[test]
    fn a_label_that_all_images_share_is_no_class() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, sizes: &[u8], data: &[u8]| {
            let size = |&size: &u8| [0, 0, 0, size];
            let kind = [0, 0, 8, sizes.len() as u8];
            let header: Vec<u8> = kind.into_iter().chain(sizes.iter().flat_map(size)).collect();
            std::fs::write(folder.path().join(name), [&header[..], data].concat())
                .expect("written");
        };
        for (name, first) in [("train", 0), ("t10k", 100)] {
            let pixels: Vec<u8> = (first..first + 4 * 4).collect();
            write(&format!("{name}-images-idx3-ubyte"), &[4, 2, 2], &pixels);
        }
        let load = |train: &[u8], held_out: &[u8]| {
            write("train-labels-idx1-ubyte", &[4], train);
            write("t10k-labels-idx1-ubyte", &[4], held_out);
            let data = DataSet::load(folder.path(), &ReadOptions::default()).expect("good files");
            (data.train.labels, data.held_out.labels.map(|labels| labels.len()), data.classes.len())
        };
        assert_eq!(load(&[3; 4], &[3; 4]), (None, None, 0));
        assert_eq!(load(&[3; 4], &[0, 1, 2, 3]), (None, None, 0), "nothing to learn them from");
        assert_eq!(load(&[0, 1, 1, 0], &[0; 4]), (Some(vec![0, 1, 1, 0]), Some(4), 2));
    }

    #[test]
    fn missing_data_is_an_error_that_names_the_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let load = |path: &Path| DataSet::load(path, &ReadOptions::default());
        let error = load(folder.path()).expect_err("nothing there");
        assert!(error.to_string().contains("train-images-idx3-ubyte"), "{error}");
        let error = load(&folder.path().join("nowhere")).expect_err("no such folder");
        // As the programs print it: the reason once.
        let error = format!("{:#}", anyhow::Error::from(error));
        assert!(error.contains("nowhere") && error.matches("os error").count() == 1, "{error}");
    }
}
