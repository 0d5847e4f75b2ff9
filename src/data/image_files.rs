//! A data set of image files, with one image per file.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::budget::Budget;
use super::class_files::Labels;
use super::decode::{Encoded, MEMORY};
use super::error::DataError;
use super::files::Files;
use super::images::Images;
use super::layout::Layout;
use super::load_report::LoadReport;
use super::pixels::Pixels;
use super::read_options::{ReadOptions, Size};
use super::spelling::is_image_name;
use super::{class_files, decode, resize};
use crate::net::ImageShape;
use crate::words::first_few;

/// The bytes that are made of each decoded pixel.
const RGB: u64 = 3;

/// The names of the files that are to be images: sorted, those with an image's name, and those
/// without whose content is an image.
///
/// # Errors
/// If the archive as a whole cannot be read.
pub(super) fn names(files: &Files) -> Result<Vec<String>, DataError> {
    let (mut images, others): (Vec<_>, Vec<_>) =
        files.names.iter().cloned().partition(|name| is_image_name(name));
    files.heads(&others, decode::HEAD, &mut |name, head| {
        if decode::is_image(head) {
            images.push(name.to_owned());
        }
    })?;
    images.sort_unstable();
    Ok(images)
}

/// Reads, decodes and fits the files with these sorted names. Also returns the images that the
/// data set itself holds out, if its folders say so, and the names of its classes, if its folders
/// are classes.
///
/// # Errors
/// If there are no images, they have no common size, or one cannot be read and `options` is
/// strict.
pub(super) fn read(
    files: &Files,
    names: &[String],
    options: &ReadOptions<'_>,
    found: &mut LoadReport,
) -> Result<(Images, Option<Images>, Vec<String>), DataError> {
    let fail = |problem| DataError::Format { path: files.root.clone(), problem };
    let size = match options.size {
        Some(size) => size,
        None => common_size(files, names, options, found)?,
    };
    let Decoded { mut pixels, shape, mut hashes, gray } =
        decode_all(files, names, size, options, found)?;
    let readable = || names.iter().zip(&hashes).filter(|(_, hash)| hash.is_some());
    if readable().next().is_none() || (options.strict && !found.unreadable.is_empty()) {
        return Err(fail(found.cannot_read()));
    }

    let layout = Layout::of(readable().map(|(name, _)| &name[..]));
    found.beside = layout.beside.clone();
    found.unclassed = layout.unclassed.clone();
    found.notes.extend(layout.too_many.map(|count| {
        format!("folders are not used as classes, since {count} are more than the 256 possible")
    }));
    if !layout.foreign.is_empty() {
        found.notes.push(format!(
            "the held-out images have no classes, since these are in no folder of a training \
             class: {}",
            first_few(layout.foreign.iter(), LoadReport::SHOWN)
        ));
    }
    // Held-out images come first, so that duplicates are dropped from the training images.
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&number| !layout.is_held_out(&names[number]));
    let mut seen = HashSet::new();
    for number in order {
        if hashes[number].is_some_and(|hash| !seen.insert(hash)) {
            hashes[number] = None;
            found.duplicates += 1;
        }
    }

    let kept: Vec<usize> = (0..names.len()).filter(|&number| hashes[number].is_some()).collect();
    let shape = ImageShape { channels: if gray { 1 } else { shape.channels }, ..shape };
    move_together(&mut pixels, names.len(), &kept, shape.dimension());
    let kept_names = || kept.iter().map(|&number| &names[number]);
    let labels = if layout.classes.is_empty() {
        class_files::read(files, kept_names(), found)?
    } else {
        let labels = kept_names().map(|name| layout.label(name).unwrap_or_default()).collect();
        Some(Labels { labels, classes: layout.classes.clone() })
    };
    let (labels, classes) = labels.map(|Labels { labels, classes }| (labels, classes)).unzip();
    let classes = classes.unwrap_or_default();
    let all = Images { shape, bytes: pixels, labels };
    if !layout.holds_out() {
        return Ok((all, None, classes));
    }
    let (train, mut held_out) = all.partition(|index| layout.is_held_out(&names[kept[index]]));
    if !layout.foreign.is_empty() {
        held_out.labels = None;
    }
    // They are sorted by name, and so by class.
    Ok((train, Some(held_out.mixed()), classes))
}

/// Images of one size, by the number of their names.
struct Decoded {
    /// As many bytes for each, also for those that cannot be read.
    pixels: Pixels,
    shape: ImageShape,
    /// What tells whether an image occurs twice; `None` if it cannot be read.
    hashes: Vec<Option<sha2::digest::Output<Sha256>>>,
    /// Whether all are gray. Files may claim RGB and still hold only gray.
    gray: bool,
}

fn decode_all(
    files: &Files,
    names: &[String],
    size: Size,
    options: &ReadOptions<'_>,
    found: &mut LoadReport,
) -> Result<Decoded, DataError> {
    let ReadOptions { background, grayscale, .. } = *options;
    let channels = if grayscale { 1 } else { 3 };
    let shape = ImageShape { channels, height: size.height, width: size.width };
    options.check(&files.root, shape, names.len())?;

    let memory = Budget::new(MEMORY);
    let decode = |bytes: &[u8]| {
        let encoded = Encoded::open(bytes)?;
        let _share = memory.take(encoded.memory(RGB)?);
        let image = encoded.on(background)?;
        let resized = image.dimensions() != (size.width as u32, size.height as u32);
        Ok((resize::planes(&resize::fit(image, size), grayscale), resized))
    };
    let mut pixels = options.writer();
    let mut hashes = vec![None; names.len()];
    let mut gray = true;
    let mut written = Ok(());
    map(files, names, options, &decode, &mut |(name, result)| match result {
        Ok((planes, resized)) => {
            let Ok(number) = names.binary_search(&name) else { return };
            found.resized += usize::from(resized);
            gray &= grayscale || resize::is_gray(&planes);
            hashes[number] = Some(Sha256::digest(&planes));
            if written.is_ok() {
                written = pixels.write_at((number * shape.dimension()) as u64, &planes);
            }
        }
        Err(problem) => found.unreadable.push((name, problem)),
    })?;
    // The last may be unreadable.
    let end = (names.len() * shape.dimension()) as u64;
    let pixels = written.and_then(|()| pixels.write_at(end, &[])).and_then(|()| pixels.finish());
    let pixels = pixels.map_err(|e| options.no_room(e))?;
    Ok(Decoded { pixels, shape, hashes, gray })
}

/// Keeps the first so many bytes of each of those images, one after another.
fn move_together(pixels: &mut Pixels, count: usize, kept: &[usize], bytes: usize) {
    let each = pixels.len() / count;
    for (to, &number) in kept.iter().enumerate() {
        pixels.copy_within(number * each..number * each + bytes, to * bytes);
    }
    pixels.truncate(kept.len() * bytes);
}

/// The size that most images have.
fn common_size(
    files: &Files,
    names: &[String],
    options: &ReadOptions<'_>,
    found: &LoadReport,
) -> Result<Size, DataError> {
    let fail = |problem| DataError::Format { path: files.root.clone(), problem };
    let mut sizes: BTreeMap<Size, usize> = BTreeMap::new();
    let mut unreadable = Vec::new();
    let size = |bytes: &[u8]| {
        let encoded = Encoded::open(bytes)?;
        encoded.memory(RGB)?;
        Ok(encoded.size())
    };
    map(files, names, options, &size, &mut |(name, size)| match size {
        Ok((width, height)) => *sizes.entry(Size { width, height }).or_default() += 1,
        Err(problem) => unreadable.push((name, problem)),
    })?;
    let all: usize = sizes.values().sum();
    match sizes.iter().max_by_key(|(_, count)| **count) {
        Some((&size, &count)) if 2 * count >= all => Ok(size),
        Some((size, count)) => Err(fail(format!(
            "the images have {} sizes (the most common, {size}, {count} of {all}); choose one, for \
             example --size 32, and they are cropped and resized to it",
            sizes.len()
        ))),
        None => Err(fail(LoadReport { unreadable, ..found.clone() }.cannot_read())),
    }
}

/// A file's name with its result, or why there is none.
type Outcome<T> = (String, Result<T, String>);

/// Applies a function to the contents of files, in parallel, some files at a time, and hands what
/// comes out to `each`.
fn map<T: Send>(
    files: &Files,
    names: &[String],
    options: &ReadOptions<'_>,
    function: &(dyn Fn(&[u8]) -> Result<T, String> + Sync),
    each: &mut dyn FnMut(Outcome<T>),
) -> Result<(), DataError> {
    const FILES: usize = 256;
    const BYTES: usize = 1 << 26;
    let mut done = 0;
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    let mut work = |waiting: &mut Vec<Outcome<Vec<u8>>>| {
        let apply = |(name, content): Outcome<Vec<u8>>| {
            (name, content.and_then(|content| function(&content)))
        };
        let results: Vec<_> = std::mem::take(waiting).into_par_iter().map(apply).collect();
        done += results.len();
        results.into_iter().for_each(&mut *each);
        (options.progress)(done, names.len());
    };
    files.read_each(names, &mut |name, content| {
        bytes += content.as_ref().map_or(0, Vec::len);
        waiting.push((name.to_owned(), content));
        if waiting.len() == FILES || bytes >= BYTES {
            work(&mut waiting);
            bytes = 0;
        }
    })?;
    work(&mut waiting);
    Ok(())
}
