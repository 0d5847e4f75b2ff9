//! Reads the images of arrays and fits them as they are read: the memory used is that of what is
//! kept and of what a file really holds, whatever its header says. Only arrays in Fortran's order are
//! in memory as a whole, twice, so those have at most 2 GiB.

use std::io::{Cursor, Read};

use super::error::DataError;
use super::files::Files;
use super::format::Format;
use super::images::Images;
use super::load_report::LoadReport;
use super::npy_labels::Known;
use super::pixels::Writer;
use super::read_options::{ReadOptions, Size};
use super::resize;
use crate::net::ImageShape;

/// The images of several files of a format, one file after another, and the names of their classes,
/// if the labels are names.
///
/// # Errors
/// [`DataError`] names the file and what is wrong with it. Labels that cannot be used are noted in
/// `found`.
pub(super) fn read(
    files: &Files,
    format: Format,
    names: &[String],
    known: Known<'_>,
    options: &ReadOptions<'_>,
    found: &mut LoadReport,
) -> Result<(Images, Option<Vec<String>>), DataError> {
    let mut pixels = options.writer();
    let mut shape = None;
    let mut all_labels = Some(Vec::new());
    let mut classes = None;
    for name in names {
        let file = read_file(files, format, name, options, &mut pixels, &mut shape)?;
        let OneFile { labels, count, clamped, brightest, if_black } = file;
        if clamped > 0 {
            found.notes.push(format!(
                "{name}: {clamped} values less than half a gray level outside of [0, 1], clamped"
            ));
        }
        if brightest <= 1 {
            found.notes.push(format!(
                "{name}: no value is above 1, of 255 for white, so the images are black; {if_black}"
            ));
        }
        let labels = match labels.len() == count {
            true => Some(labels),
            false => match format.labels(files, name, count, known) {
                Ok(labels) => labels.map(|(labels, named)| {
                    classes = named;
                    labels
                }),
                Err(problem) => {
                    found.notes.push(format!("labels are not used: {problem}"));
                    None
                }
            },
        };
        all_labels = all_labels.zip(labels).map(|(all, labels)| [all, labels].concat());
    }
    let shape = shape.ok_or_else(|| DataError::Nothing { path: files.root.clone() })?;
    let pixels = pixels.finish().map_err(|e| options.no_room(e))?;
    Ok((Images { shape, bytes: pixels, labels: all_labels }, classes))
}

/// What was read of a file, besides its pixels.
struct OneFile {
    /// The labels in the file itself, if there are any.
    labels: Vec<u8>,
    /// The number of images, at least 1.
    count: usize,
    /// The number of values that were a little outside of \[0, 1\].
    clamped: usize,
    /// The largest byte of all pixels, before they were fitted.
    brightest: u8,
    /// What may be done if all images are black.
    if_black: &'static str,
}

/// Reads the images of a file, fits them and appends them to `pixels`, which has images of the shape
/// `common`, if it has any.
fn read_file(
    files: &Files,
    format: Format,
    name: &str,
    options: &ReadOptions<'_>,
    pixels: &mut Writer<'_>,
    common: &mut Option<ImageShape>,
) -> Result<OneFile, DataError> {
    let fail = |problem| DataError::Format { path: files.path(name), problem };
    let mut one = OneFile { labels: Vec::new(), count: 0, clamped: 0, brightest: 0, if_black: "" };
    files.with(name, |file| {
        let (records, content) = format.open(name, file, options.background).map_err(fail)?;
        one.if_black = records.if_black;
        let bytes = content.as_ref().map_or(file.size, |content| Some(content.len() as u64));
        let stored = records.shape;
        let shape = kept(stored, options);
        if *common.get_or_insert(shape) != shape {
            return Err(fail("its images have another size than those before".into()));
        }
        let before = (pixels.len() / shape.dimension() as u64) as usize;
        let check = |more: usize| options.check(&files.root, shape, before.saturating_add(more));
        let announced = records.count.or(bytes.map(|bytes| bytes / records.size as u64));
        check(announced.map_or(1, |count| usize::try_from(count).unwrap_or(usize::MAX)))?;

        let mut cursor;
        let file: &mut dyn Read = match content {
            Some(content) => {
                cursor = Cursor::new(content);
                &mut cursor
            }
            None => file,
        };
        records.read(file, &fail, &mut |decoded| {
            one.brightest = decoded.pixels.iter().copied().fold(one.brightest, u8::max);
            let images = Images::new(stored, decoded.pixels);
            one.count += images.len();
            check(one.count)?;
            let images = resize::refit(images, options.size, options.grayscale);
            pixels.push(&images.bytes).map_err(|e| options.no_room(e))?;
            one.labels.extend(decoded.labels);
            one.clamped += decoded.clamped;
            Ok(())
        })
    })?;
    if one.count == 0 {
        return Err(fail("there are no images in it".into()));
    }
    Ok(one)
}

/// The shape of an image after it was fitted.
fn kept(stored: ImageShape, options: &ReadOptions<'_>) -> ImageShape {
    let ImageShape { channels, height, width } = stored;
    let Size { width, height } = options.size.unwrap_or(Size { width, height });
    ImageShape { channels: if options.grayscale { 1 } else { channels }, height, width }
}
