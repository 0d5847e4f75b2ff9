//! Classes in files beside the images, as in WebDataset's shards: `0001.cls` is the number of the
//! class of `0001.jpg`.

use std::collections::{BTreeMap, BTreeSet};

use super::error::DataError;
use super::files::Files;
use super::layout::MOST_CLASSES;
use super::load_report::LoadReport;
use super::spelling::sample;

/// The extension of such a file.
const END: &str = "cls";
/// Its most bytes: a number.
const BYTES: usize = 32;

/// What the files say.
pub(super) struct Labels {
    /// The label of each image.
    pub labels: Vec<u8>,
    /// The names of the classes, which are the numbers in the files, in their order.
    pub classes: Vec<String>,
}

/// Reads the class of each image. `None` if not every image has a class, or all have the same; if
/// some have one, a note says why classes are not used.
///
/// # Errors
/// If an archive as a whole cannot be read.
pub(super) fn read<'a>(
    files: &Files,
    images: impl Iterator<Item = &'a String>,
    found: &mut LoadReport,
) -> Result<Option<Labels>, DataError> {
    let images: Vec<&String> = images.collect();
    let all: Vec<String> = images.iter().map(|image| beside(image)).collect();
    let is_there = |name: &String| files.names.binary_search(name).is_ok();
    if !all.iter().any(is_there) {
        return Ok(None);
    }
    found.ignored.remove(END);
    if let Some(missing) = all.iter().find(|name| !is_there(name)) {
        found.notes.push(format!("classes are not used, since there is no {missing}"));
        return Ok(None);
    }
    // `0001.cls` of one archive says nothing of `0001.jpg` of another.
    let is_apart =
        |(image, name): &(&&String, &String)| files.archive(image) != files.archive(name);
    if let Some((image, name)) = images.iter().zip(&all).find(is_apart) {
        found.notes.push(format!(
            "classes are not used, since {name} and {image} are in different archives; give each \
             sample a name of its own"
        ));
        return Ok(None);
    }
    let mut numbers: BTreeMap<String, Option<u32>> = BTreeMap::new();
    let mut wanted = all.clone();
    wanted.sort_unstable();
    wanted.dedup();
    files.heads(&wanted, BYTES, &mut |name, head| {
        let number = std::str::from_utf8(head).ok().and_then(|text| text.trim().parse().ok());
        numbers.insert(name.to_owned(), number);
    })?;
    let number = |name: &String| numbers.get(name).copied().flatten();
    if let Some(odd) = all.iter().find(|name| number(name).is_none()) {
        found.notes.push(format!("classes are not used, since {odd} is not a number"));
        return Ok(None);
    }
    let numbers: Vec<u32> = all.iter().filter_map(number).collect();
    let classes: Vec<u32> = BTreeSet::from_iter(numbers.iter().copied()).into_iter().collect();
    if classes.len() > MOST_CLASSES {
        found.notes.push(format!(
            "classes are not used, since {} are more than the {MOST_CLASSES} possible",
            classes.len()
        ));
    }
    if !(2..=MOST_CLASSES).contains(&classes.len()) {
        return Ok(None);
    }
    let label = |number| classes.binary_search(number).ok().and_then(|at| u8::try_from(at).ok());
    let labels = numbers.iter().filter_map(label).collect();
    Ok(Some(Labels { labels, classes: classes.iter().map(u32::to_string).collect() }))
}

/// The name of the file with an image's class.
fn beside(image: &str) -> String {
    format!("{}.{END}", sample(image))
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn samples_have_the_name_up_to_the_first_dot() {
        assert_eq!(beside("a.b/0001.jpg"), "a.b/0001.cls");
        assert_eq!(beside("0001.left.png"), "0001.cls");
        assert_eq!(beside("a/0001"), "a/0001.cls");
    }
}
