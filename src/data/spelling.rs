//! Names of files and classes as they are spelled by different people and tools.

use std::collections::BTreeSet;

/// A file's name without its folders, in lower case.
pub(super) fn base(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_lowercase()
}

/// The name that a file has in all spellings: `train-images.idx3-ubyte.gz` is
/// `train-images-idx3-ubyte`.
pub(super) fn plain(name: &str) -> String {
    without_compression(&base(name)).replace(['.', '_'], "-")
}

/// Whether a file with this name should be an image.
pub(crate) fn is_image_name(name: &str) -> bool {
    const ENDINGS: [&str; 9] =
        [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".jpg_large", ".gif", ".webp", ".bmp"];
    let name = name.to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// A name without the ending for compression.
pub(super) fn without_compression(name: &str) -> &str {
    let ends = [".gz", ".xz", ".bz2", ".zst"];
    ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

/// The name of the sample that a file belongs to: that of the file up to the first dot after its
/// folder.
pub(super) fn sample(name: &str) -> &str {
    let base = name.rfind('/').map_or(0, |at| at + 1);
    let end = name[base..].find('.').map_or(name.len(), |at| base + at);
    &name[..end]
}

/// Whether a name is that of a file left behind by a system or tool.
pub(crate) fn is_hidden(name: &str) -> bool {
    let hidden = |part: &str| {
        // `..` is no name: it leads out of an archive, which must be reported.
        let is_named = !matches!(part, "." | "..");
        (part.starts_with('.') && is_named) || part.eq_ignore_ascii_case("__MACOSX")
    };
    name.split('/').any(hidden)
}

/// The whole number that a name is, such as that of the class `007`.
pub(crate) fn whole(name: &str) -> Option<u64> {
    // A parsed number could begin with a sign.
    name.parse().ok().filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The names of classes without repetitions, in the order of their labels: whole numbers by their
/// value, so that 10 comes after 9 and those of a range follow one another; others as texts.
pub(super) fn in_order(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names = Vec::from_iter(BTreeSet::from_iter(names));
    if names.iter().all(|name| whole(name).is_some()) {
        names.sort_by_key(|name| whole(name));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_left_behind_are_hidden_in_every_spelling() {
        for name in ["__MACOSX/._a.png", "x/__MacOSX/a.png", "__macosx/a.png", "x/._a.png", ".x"] {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["./a.png", "MACOSX/a.png", "a._b.png", "_a.png", "../a.png", "x/../a.png"] {
            assert!(!is_hidden(name), "{name}");
        }
        assert!(is_hidden("../.a.png") && is_hidden("...") && is_hidden("..a.png"));
    }

    #[test]
    fn numbers_are_names_of_digits() {
        assert_eq!([whole("7"), whole("007"), whole("10")], [Some(7), Some(7), Some(10)]);
        for name in ["", "+7", "-7", "7 ", "7.0", "٣", "99999999999999999999"] {
            assert_eq!(whole(name), None, "{name}");
        }
    }
}
