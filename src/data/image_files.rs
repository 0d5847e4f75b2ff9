//! A data set of image files, with one image per file.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;

use super::budget::Budget;
use super::decode::{Encoded, MEMORY};
use super::files::Files;
use super::layout::Layout;
use super::{DataError, Found, Images, Reading, Size, decode, resize};
use crate::net::ImageShape;

/// The bytes that are made of each decoded pixel.
const RGB: u64 = 3;

/// The names of the files that are to be images: sorted, those with an image's name, and those
/// without whose content is an image.
///
/// # Errors
/// If the archive as a whole cannot be read.
pub(super) fn names(files: &Files) -> Result<Vec<String>, DataError> {
    let (mut images, others): (Vec<_>, Vec<_>) =
        files.names.iter().cloned().partition(|name| is_named(name));
    files.heads(&others, decode::HEAD, &mut |name, head| {
        if decode::is_image(head) {
            images.push(name.to_owned());
        }
    })?;
    images.sort_unstable();
    Ok(images)
}

/// Whether a file with this name should be an image.
pub(super) fn is_named(name: &str) -> bool {
    const ENDINGS: [&str; 9] =
        [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jpg_large", ".gif", ".webp", ".bmp"];
    let name = name.to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Reads, decodes and fits the files with these sorted names. Also returns the images that the
/// data set itself holds out, if its folders say so, and the names of its classes, if its folders
/// are classes.
///
/// # Errors
/// If there are no images, they have no common size, or one cannot be read and `reading` is
/// strict.
pub(super) fn read(
    files: &Files,
    names: &[String],
    reading: &Reading<'_>,
    found: &mut Found,
) -> Result<(Images, Option<Images>, Vec<String>), DataError> {
    let fail = |problem| DataError::Format { path: files.root.clone(), problem };
    let size = match reading.size {
        Some(size) => size,
        None => common_size(files, names, reading, found)?,
    };
    let shape = ImageShape { channels: 3, height: size.height, width: size.width };
    reading.check(&files.root, shape, names.len())?;

    let Reading { background, grayscale, .. } = *reading;
    let memory = Budget::new(MEMORY);
    let decoded = map(files, names, reading, &|bytes| {
        let encoded = Encoded::open(bytes)?;
        let _share = memory.take(encoded.memory(RGB)?);
        let image = encoded.on(background)?;
        let resized = image.dimensions() != (size.width as u32, size.height as u32);
        Ok((resize::planes(&resize::fit(image, size), grayscale), resized))
    })?;
    let mut images = Vec::with_capacity(decoded.len());
    for (name, result) in decoded {
        match result {
            Ok((planes, resized)) => {
                found.resized += usize::from(resized);
                images.push((name, planes));
            }
            Err(problem) => found.unreadable.push((name, problem)),
        }
    }
    if images.is_empty() || (reading.strict && !found.unreadable.is_empty()) {
        return Err(fail(found.cannot_read()));
    }

    // Held-out images come first, so that duplicates are dropped from the training images.
    let layout = Layout::of(images.iter().map(|(name, _)| &name[..]));
    found.beside = layout.beside.clone();
    found.unclassed = layout.unclassed.clone();
    found.notes.extend(layout.too_many.map(|count| {
        format!("folders are not used as classes, since {count} are more than the 256 possible")
    }));
    images.sort_by_cached_key(|(name, _)| (!layout.is_held_out(name), name.clone()));
    let mut seen = HashSet::new();
    let first: Vec<bool> = images.iter().map(|(_, planes)| seen.insert(&planes[..])).collect();
    found.duplicates = first.iter().filter(|&&first| !first).count();

    // Files may claim RGB and still hold only grey.
    let gray = grayscale || images.iter().all(|(_, planes)| resize::is_gray(planes));
    let shape = ImageShape { channels: if gray { 1 } else { 3 }, ..shape };
    let mut count_held_out = 0;
    let mut bytes = Vec::with_capacity(images.len() * shape.dimension());
    let mut labels = Vec::new();
    for ((name, planes), _) in images.into_iter().zip(first).filter(|&(_, first)| first) {
        count_held_out += usize::from(layout.is_held_out(&name));
        bytes.extend_from_slice(&planes[..shape.dimension()]);
        labels.extend(layout.label(&name));
    }
    let labels = (!layout.classes.is_empty()).then_some(labels);
    let all = Images { shape, bytes, labels };
    if !layout.holds_out() {
        return Ok((all, None, layout.classes));
    }
    let (train, held_out) = all.partition(|index| index < count_held_out);
    // They are sorted by name, and so by class.
    Ok((train, Some(held_out.mixed()), layout.classes))
}

/// The size that most images have.
fn common_size(
    files: &Files,
    names: &[String],
    reading: &Reading<'_>,
    found: &Found,
) -> Result<Size, DataError> {
    let fail = |problem| DataError::Format { path: files.root.clone(), problem };
    let mut sizes: BTreeMap<Size, usize> = BTreeMap::new();
    let mut unreadable = Vec::new();
    let size = |bytes: &[u8]| {
        let encoded = Encoded::open(bytes)?;
        encoded.memory(RGB)?;
        Ok(encoded.size())
    };
    for (name, size) in map(files, names, reading, &size)? {
        match size {
            Ok((width, height)) => *sizes.entry(Size { width, height }).or_default() += 1,
            Err(problem) => unreadable.push((name, problem)),
        }
    }
    let all: usize = sizes.values().sum();
    match sizes.iter().max_by_key(|(_, count)| **count) {
        Some((&size, &count)) if 2 * count >= all => Ok(size),
        Some((size, count)) => Err(fail(format!(
            "the images have {} sizes (the most common, {size}, {count} of {all}); choose one, for \
             example --size 32, and they are cropped and resized to it",
            sizes.len()
        ))),
        None => Err(fail(Found { unreadable, ..found.clone() }.cannot_read())),
    }
}

/// A file's name with its result, or why there is none.
type Outcome<T> = (String, Result<T, String>);

/// Applies a function to the contents of files, in parallel, some files at a time.
fn map<T: Send>(
    files: &Files,
    names: &[String],
    reading: &Reading<'_>,
    function: &(dyn Fn(&[u8]) -> Result<T, String> + Sync),
) -> Result<Vec<Outcome<T>>, DataError> {
    const FILES: usize = 256;
    const BYTES: usize = 1 << 26;
    let mut results = Vec::with_capacity(names.len());
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    let mut work = |waiting: &mut Vec<Outcome<Vec<u8>>>| {
        let apply = |(name, content): Outcome<Vec<u8>>| {
            (name, content.and_then(|content| function(&content)))
        };
        results.par_extend(std::mem::take(waiting).into_par_iter().map(apply));
        (reading.progress)(results.len(), names.len());
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
    Ok(results)
}
