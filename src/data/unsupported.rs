//! What to do with data that this program does not read.

use std::cmp::Reverse;

use super::entry::Place;
use super::files::Files;

/// Something that is not read.
struct Unsupported {
    /// How its first bytes are, if there is something special about them.
    magic: &'static [u8],
    /// The ends of its files' names.
    ends: &'static [&'static str],
    /// What it is.
    what: &'static str,
    /// What to do with it.
    advice: &'static str,
}

/// Of two kinds that are equally frequent, the first is meant: a table beside images is about them.
const ALL: [Unsupported; 14] = [
    Unsupported {
        magic: b"",
        ends: &["tif", "tiff", "heic", "heif", "avif", "jxl", "jp2", "ppm", "pgm", "svg", "tga"],
        what: "an image in another format than PNG, JPEG, GIF, WebP and BMP",
        advice: "convert it to PNG",
    },
    Unsupported {
        magic: b"PAR1",
        ends: &["parquet", "arrow"],
        what: "a table of Hugging Face's datasets",
        advice: "save its images as files: row[\"image\"].save(f\"{i}.png\")",
    },
    Unsupported {
        magic: b"\x89HDF",
        ends: &["h5", "hdf5"],
        what: "an HDF5 file",
        advice: "save its images with np.save(\"x.npy\", file[\"…\"][:])",
    },
    Unsupported {
        magic: b"MATLAB",
        ends: &["mat"],
        what: "a file of MATLAB",
        advice: "read it with scipy.io.loadmat, bring its images to N×H×W×C, and np.save them",
    },
    Unsupported {
        magic: b"",
        ends: &["tfrecord", "tfrecords"],
        what: "a file of TensorFlow's records",
        advice: "save its images as files",
    },
    Unsupported { magic: b"", ends: &["mdb"], what: "an LMDB", advice: "save its images as files" },
    Unsupported {
        magic: b"\x80",
        ends: &["pkl", "pickle", "pt", "pth"],
        what: "a Python pickle",
        advice: "save its images with np.save",
    },
    Unsupported {
        magic: b"",
        ends: &["csv", "tsv"],
        what: "a table",
        advice: "save its pixels with np.save, as uint8 of N×H×W",
    },
    Unsupported {
        magic: b"",
        ends: &["npz"],
        what: "NumPy's arrays in a folder or archive",
        advice: "give --data the .npz itself",
    },
    Unsupported {
        magic: b"",
        ends: &["zip", "tar", "tgz", "tar.gz", "tar.xz", "tar.bz2", "tar.zst"],
        what: "an archive in an archive",
        advice: "unpack the outer one",
    },
    Unsupported {
        magic: b"7z\xbc\xaf\x27\x1c",
        ends: &["7z"],
        what: "an archive of 7-Zip",
        advice: "unpack it, and give --data the folder",
    },
    Unsupported {
        magic: b"Rar!\x1a\x07",
        ends: &["rar"],
        what: "an archive of RAR",
        advice: "unpack it, and give --data the folder",
    },
    Unsupported {
        magic: b"",
        ends: &["lz", "lz4", "lzma", "z", "br"],
        what: "a file compressed in another way than by gzip, xz, bzip2 or Zstandard",
        advice: "decompress it",
    },
    // STL-10's, for one.
    Unsupported {
        magic: b"",
        ends: &["bin"],
        what: "a binary file of another format than CIFAR's",
        advice: "save its images with np.save, as uint8 of N×H×W×C",
    },
];

/// Says what is there instead of images and what to do with it, if that is known: the kind that most
/// files are of. `head` are the first bytes of a single file.
pub(super) fn advice(files: &Files, head: &[u8]) -> Option<String> {
    let is_single = files.place == Place::Single;
    let found = ALL.iter().filter_map(|one| {
        let mut named = files.names.iter().filter(|name| one.is_named(name));
        if let Some(first) = named.next() {
            return Some((one, first, 1 + named.count()));
        }
        let starts = is_single && !one.magic.is_empty() && head.starts_with(one.magic);
        files.names.first().filter(|_| starts).map(|name| (one, name, 1))
    });
    let (Unsupported { what, advice, .. }, name, _) =
        found.min_by_key(|&(_, _, count)| Reverse(count))?;
    let which = if is_single { String::new() } else { format!("no images, but {name}: ") };
    Some(format!("{which}{what}, which cannot be read here; {advice}"))
}

impl Unsupported {
    /// Whether a file's name is that of one of these.
    fn is_named(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let name = without_part(&name);
        let mut ends = self.ends.iter();
        ends.any(|end| name.strip_suffix(end).is_some_and(|name| name.ends_with('.')))
    }
}

/// A name without the number of its part, as in `mnist-train.tfrecord-00000-of-00001`.
fn without_part(name: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parts = || {
        let (rest, count) = name.rsplit_once("-of-")?;
        let (bare, part) = rest.rsplit_once('-')?;
        (is_number(part) && is_number(count)).then_some(bare)
    };
    parts().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::entry::{Listing, Source};

    #[test]
    fn advice_is_about_what_most_files_are() {
        let advice = |names: &[&str]| {
            let files = names.iter().map(|name| (name.as_bytes().to_vec(), Source::Entry(0)));
            let listing = Listing { files: files.collect(), problems: vec![] };
            let files = Files::new(Path::new("data"), Place::Folder, vec![listing], vec![]);
            advice(&files, b"").expect("they are known")
        };
        for (names, about) in [
            (&["1.tif", "2.tif", "labels.csv"][..], "no images, but 1.tif: "),
            (&["labels.csv", "scan.tif"], "no images, but scan.tif: "),
            (&["logo.svg", "test.csv", "train.csv"], "no images, but test.csv: "),
        ] {
            let advice = advice(names);
            assert!(advice.starts_with(about), "{advice}");
        }
    }
}
