//! Images for programs: NumPy arrays, alone or with the images' classes.

use std::io::{Cursor, Write};
use std::path::Path;

use npyz::{AutoSerialize, WriterBuilder};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::output;
use crate::net::ImageShape;

/// Writes N images as a NumPy array of uint8, N × H × W, or N × H × W × C if there are several
/// channels.
///
/// # Errors
/// If the file cannot be written.
pub fn write_npy(path: &Path, bytes: &[u8], shape: ImageShape) -> anyhow::Result<()> {
    output::write(path, &images(bytes, shape)?)
}

/// Writes an archive of arrays: `arr_0` are the images as in [`write_npy`], and `arr_1` their
/// classes, counted from 0, as int64, if there are any. Programs that measure the quality of
/// samples expect these names (they are those of `numpy.savez(images, classes)`).
///
/// # Errors
/// If the file cannot be written.
pub fn write_npz(
    path: &Path,
    bytes: &[u8],
    shape: ImageShape,
    classes: Option<&[i64]>,
) -> anyhow::Result<()> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // An archive is written at once, so its time would say nothing; and two of the same images
    // are the same.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    let images = images(bytes, shape)?;
    // Before the first byte, as the size of a larger file takes more room in its header.
    let large = images.len() as u64 > u64::from(u32::MAX);
    archive.start_file("arr_0.npy", options.large_file(large))?;
    archive.write_all(&images)?;
    if let Some(classes) = classes {
        archive.start_file("arr_1.npy", options)?;
        archive.write_all(&array(&[classes.len() as u64], classes.iter().copied())?)?;
    }
    output::write(path, &archive.finish()?.into_inner())
}

/// The images, C × H × W, with their channels last.
fn images(bytes: &[u8], shape: ImageShape) -> std::io::Result<Vec<u8>> {
    let ImageShape { channels, height, width } = shape;
    let count = bytes.len() / shape.dimension();
    let mut axes = vec![count as u64, height as u64, width as u64];
    if channels > 1 {
        axes.push(channels as u64);
    }
    let plane = height * width;
    let pixels = |image: &'_ [u8]| -> Vec<u8> {
        (0..plane)
            .flat_map(|at| (0..channels).map(move |c| (c, at)))
            .map(|(c, at)| image[c * plane + at])
            .collect()
    };
    array(&axes, bytes.chunks_exact(shape.dimension()).flat_map(pixels))
}

fn array<T: AutoSerialize>(
    axes: &[u64],
    values: impl Iterator<Item = T>,
) -> std::io::Result<Vec<u8>> {
    let mut npy = Vec::new();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(axes).writer(&mut npy).begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    Ok(npy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of 3 × 2 × 4, each byte another.
    const SHAPE: ImageShape = ImageShape { channels: 3, height: 2, width: 4 };

    fn numbers() -> Vec<u8> {
        (0..2 * SHAPE.dimension() as u8).collect()
    }

    fn check(file: npyz::NpyFile<impl std::io::Read>) {
        assert_eq!(file.shape(), [2, 2, 4, 3]);
        let read: Vec<u8> = file.into_vec().expect("bytes");
        for (at, pixel) in read.chunks_exact(3).enumerate() {
            let first = (at / 8 * 24 + at % 8) as u8;
            assert_eq!(pixel, [first, first + 8, first + 16]);
        }
    }

    #[test]
    fn an_array_is_read_as_it_was_written() {
        let npy = images(&numbers(), SHAPE).expect("in memory");
        check(npyz::NpyFile::new(&npy[..]).expect("an array"));
    }

    #[test]
    fn an_archive_has_images_and_classes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.npz");
        write_npz(&path, &numbers(), SHAPE, Some(&[7, 3])).expect("written");
        let file = std::fs::File::open(&path).expect("a file");
        let mut archive = zip::ZipArchive::new(file).expect("an archive");
        check(npyz::NpyFile::new(archive.by_name("arr_0.npy").expect("there")).expect("an array"));
        let classes = archive.by_name("arr_1.npy").expect("there");
        let classes = npyz::NpyFile::new(classes).expect("an array");
        assert_eq!(classes.into_vec::<i64>().expect("numbers"), [7, 3]);
    }
}
