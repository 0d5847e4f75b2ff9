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
