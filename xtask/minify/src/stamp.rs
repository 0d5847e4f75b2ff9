//! Addresses that differ in every build.
//!
//! Trunk writes a hash into the names of the wasm module's files, but all others always keep their
//! names. A browser that had cached some of them would combine them with newer ones, and the short
//! names of [`imports`](crate::imports) fit any build. So each address gets a query, which servers
//! ignore.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hasher},
};

/// A few letters that change with any of these contents.
pub fn of(contents: impl IntoIterator<Item = Vec<u8>>) -> String {
    let mut hasher = DefaultHasher::new();
    for bytes in contents {
        hasher.write_usize(bytes.len());
        hasher.write(&bytes);
    }
    format!("{:08x}", hasher.finish() as u32)
}

/// A page or script with the stamp as a query in the addresses of the named files. An address is
/// whatever stands between quotes and ends with such a name.
pub fn stamped(text: &str, names: &BTreeSet<String>, stamp: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(['"', '\'', '`']) {
        let quoted = piece.strip_suffix(['"', '\'', '`']).unwrap_or_default();
        let name = quoted.rsplit('/').next().unwrap_or_default();
        out.push_str(quoted);
        if names.contains(name) {
            out.push('?');
            out.push_str(stamp);
        }
        out.push_str(&piece[quoted.len()..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_known_files_and_nothing_else_are_stamped() {
        let names =
            ["main.js", "sketch-canvas.js", "ncsn.js", "ncsn_bg.wasm"].map(String::from).into();
        let stamped = |text| stamped(text, &names, "7");
        for (text, expected) in [
            (r#"<script src="./www/main.js" async>"#, r#"<script src="./www/main.js?7" async>"#),
            ("import('./sketch-canvas.js');x()", "import('./sketch-canvas.js?7');x()"),
            ("new URL(`./engines/${a}/ncsn.js`,b)", "new URL(`./engines/${a}/ncsn.js?7`,b)"),
            ("new URL('ncsn_bg.wasm', b)", "new URL('ncsn_bg.wasm?7', b)"),
        ] {
            assert_eq!(stamped(text), expected);
            assert_eq!(stamped(expected), expected);
        }
        for text in [
            "import './my-sketch-canvas.js'",
            "main.js",
            "'main.js is new'",
            "'./ncsn-1f.js'",
            "é'",
        ] {
            assert_eq!(stamped(text), text);
        }
    }

    #[test]
    fn a_stamp_changes_with_what_it_is_of() {
        let stamp = |contents: &[&str]| of(contents.iter().map(|text| text.as_bytes().to_vec()));
        assert_eq!(stamp(&["a", "b"]), stamp(&["a", "b"]));
        assert_ne!(stamp(&["a", "b"]), stamp(&["ab", ""]));
        assert_ne!(stamp(&["a"]), stamp(&["b"]));
        assert_eq!(stamp(&[]).len(), 8);
    }
}
