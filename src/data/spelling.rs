//! File names as they are spelled by different people and tools.

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
pub(super) fn is_image_name(name: &str) -> bool {
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
        (part.starts_with('.') && part != ".") || part.eq_ignore_ascii_case("__MACOSX")
    };
    name.split('/').any(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_left_behind_are_hidden_in_every_spelling() {
        for name in ["__MACOSX/._a.png", "x/__MacOSX/a.png", "__macosx/a.png", "x/._a.png", ".x"] {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["./a.png", "MACOSX/a.png", "a._b.png", "_a.png"] {
            assert!(!is_hidden(name), "{name}");
        }
    }
}
