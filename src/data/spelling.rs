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
