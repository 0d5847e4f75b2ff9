//! What a listing of a folder or an archive consists of: the files' names and where they are.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::PathBuf;

/// Where the named files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a folder and its subfolders.
    Folder,
    /// In a tar archive, compressed or not.
    Tar,
    /// In a zip archive (NumPy's `.npz` is one).
    Zip,
    /// The path itself is the only file.
    Single,
}

/// Where a file's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// In a file of its own.
    Path(PathBuf),
    /// In the archive: a position (tar) or a number (zip).
    Entry(u64),
}

/// What a folder or an archive holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files by their names, which need not be text, with `/` between folders.
    pub files: Vec<(Vec<u8>, Source)>,
    /// What cannot be listed, and why.
    pub problems: Vec<(String, String)>,
}

/// A name as text. Bytes that are no text are shown as numbers, so that names stay different.
pub(super) fn shown(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text += chunk.valid();
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A name with `/` between folders, where some archives from Windows, and what was unpacked from
/// them elsewhere, have `\`. In names that are no text, it may be the second half of a character.
pub(super) fn slashed(name: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(name).is_err() && name.contains(&b'/') {
        return Cow::Borrowed(name);
    }
    name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_text_stay_apart() {
        assert_eq!(shown(b"Fran\xe7ois.png"), "Fran\\xe7ois.png");
        assert_eq!(shown("Fran\u{e7}ois.png".as_bytes()), "Fran\u{e7}ois.png");
        assert_eq!(slashed(b"a\\b\\c.png").as_ref(), b"a/b/c.png");
        assert_eq!(slashed(b"Fran\xe7ois\\c.png").as_ref(), b"Fran\xe7ois/c.png");
        // Shift JIS: the second byte of this character is that of a backslash.
        assert_eq!(slashed(b"set/\x95\x5c.png").as_ref(), b"set/\x95\x5c.png");
    }
}
