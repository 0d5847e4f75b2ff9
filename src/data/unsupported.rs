//! What to do with data that this program does not read.

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

const ALL: [Unsupported; 12] = [
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
        ends: &["tif", "tiff", "heic", "heif", "avif", "jxl", "jp2", "ppm", "pgm", "svg", "tga"],
        what: "an image in a format that is not read",
        advice: "convert it to PNG",
    },
];

/// Says what is there instead of images and what to do with it, if that is known. `head` are the
/// first bytes of a single file.
pub(super) fn advice(files: &Files, head: &[u8]) -> Option<String> {
    ALL.iter().find_map(|one| {
        let Unsupported { magic, ends, what, advice } = one;
        let is_named = |name: &&String| {
            let name = name.to_lowercase();
            let name = without_part(&name);
            ends.iter().any(|end| name.strip_suffix(end).is_some_and(|name| name.ends_with('.')))
        };
        let name = files.names.iter().find(is_named);
        let is_single = files.place == Place::Single;
        let starts = is_single && !magic.is_empty() && head.starts_with(magic);
        let name = name.or_else(|| files.names.first().filter(|_| starts))?;
        let which = if is_single { String::new() } else { format!("no images, but {name}: ") };
        Some(format!("{which}{what}, which cannot be read here; {advice}"))
    })
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
