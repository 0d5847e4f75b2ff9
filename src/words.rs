//! Texts for people: numbers and lists in sentences, and the messages of libraries.

use std::fmt::Display;

#[cfg(all(feature = "cli", not(target_family = "wasm")))]
use zip::result::ZipError;

/// A message in one line, such as that of a library's error, which may have several.
pub(crate) fn one_line(message: impl Display) -> String {
    message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The error of a ZIP archive, in plain words if its directory, which is at its end, is not found.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub(crate) fn zip_error(error: ZipError) -> ZipError {
    match error {
        ZipError::InvalidArchive(problem) if problem == "Could not find EOCD" => {
            ZipError::InvalidArchive("it ends early; is the download complete?".into())
        }
        error => error,
    }
}

/// A number and what it counts: `1 image`, `2 images`, `0 classes`.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub(crate) fn count<N: Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let form = form(&number, noun);
    format!("{number} {form}")
}

/// The form of a noun that goes with a number.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub(crate) fn form<N: PartialEq + From<u8>>(number: &N, noun: &str) -> String {
    let ending = match *number == N::from(1) {
        true => "",
        false if noun.ends_with('s') => "es",
        false => "s",
    };
    format!("{noun}{ending}")
}

/// Things in a sentence: `a`, `a and b`, `a, b and c`. The conjunction is `and` or `or`.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub(crate) fn list<T: Display>(items: &[T], conjunction: &str) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    match &items[..] {
        [first @ .., last] if !first.is_empty() => {
            format!("{} {conjunction} {last}", first.join(", "))
        }
        items => items.concat(),
    }
}

/// The first few things, with commas between them, and how many more there are: `a, b and 3 more`.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub(crate) fn first_few<T: Display>(
    items: impl ExactSizeIterator<Item = T>,
    most: usize,
) -> String {
    let more = match items.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    items.take(most).map(|item| item.to_string()).collect::<Vec<_>>().join(", ") + &more
}

/// How fast a run is: in whole images, or to a decimal if it is slow.
#[cfg(all(feature = "cli", not(target_family = "wasm")))]
pub(crate) fn images_per_second(rate: f64) -> String {
    let decimals = usize::from(rate < 10.0);
    format!("{rate:.decimals$} images/s")
}

#[cfg(all(test, feature = "cli", not(target_family = "wasm")))]
mod tests {
    use super::*;

    #[test]
    fn only_one_thing_is_singular() {
        assert_eq!(count(0usize, "image"), "0 images");
        assert_eq!(count(1u64, "image"), "1 image");
        assert_eq!(count(2u32, "image"), "2 images");
        assert_eq!([count(1usize, "class"), count(10usize, "class")], ["1 class", "10 classes"]);
    }

    #[test]
    fn the_last_thing_of_a_list_has_a_conjunction() {
        assert_eq!(list::<&str>(&[], "and"), "");
        assert_eq!(list(&["a"], "and"), "a");
        assert_eq!(list(&["a", "b"], "or"), "a or b");
        assert_eq!(list(&[1, 2, 3], "and"), "1, 2 and 3");
    }

    #[test]
    fn long_lists_end_with_how_many_more_there_are() {
        assert_eq!(first_few(["a", "b"].iter(), 2), "a, b");
        assert_eq!(first_few(["a", "b", "c"].iter(), 2), "a, b and 1 more");
    }

    #[test]
    fn a_low_rate_has_a_decimal() {
        let rates = [0.84, 9.4, 1234.4].map(images_per_second);
        assert_eq!(rates, ["0.8 images/s", "9.4 images/s", "1234 images/s"]);
    }
}
