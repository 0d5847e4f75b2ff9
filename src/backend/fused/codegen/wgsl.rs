//! The texts of `kernels/*.wgsl`, included without comments and indentation: these are a third of
//! the text, and every visitor of the page would download them.

/// The text of a file, by its path relative to the calling file.
macro_rules! include_kernel {
    ($path:literal) => {{
        const TEXT: &str = include_str!($path);
        const LENGTH: usize = $crate::backend::fused::codegen::wgsl::bare::<{ TEXT.len() }>(TEXT).1;
        const BARE: [u8; LENGTH] = $crate::backend::fused::codegen::wgsl::bare(TEXT).0;
        const {
            match std::str::from_utf8(&BARE) {
                Ok(text) => text,
                Err(_) => panic!("only comments may have letters beyond ASCII"),
            }
        }
    }};
}

pub(in crate::backend::fused) use include_kernel;

/// A shader's text without comments, indentation and empty lines, and its length. Bytes beyond N
/// are counted but not stored.
pub const fn bare<const N: usize>(text: &str) -> ([u8; N], usize) {
    let text = text.as_bytes();
    let (mut out, mut length) = ([0; N], 0);
    let (mut at, mut line_is_empty) = (0, true);
    while at < text.len() {
        let byte = text[at];
        if byte == b'/' && at + 1 < text.len() && text[at + 1] == b'/' {
            while at < text.len() && text[at] != b'\n' {
                at += 1;
            }
            continue;
        }
        at += 1;
        if line_is_empty && (byte == b' ' || byte == b'\n') {
            continue;
        }
        if length < N {
            out[length] = byte;
        }
        length += 1;
        line_is_empty = byte == b'\n';
    }
    (out, length)
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn comments_indentation_and_empty_lines_are_left_out() {
        let text = "// A σ.\nfn f() {\n    // Half.\n\n    return a / b; // So.\n}\n// End";
        let expected = "fn f() {\nreturn a / b; \n}\n";
        let (bytes, length) = bare::<64>(text);
        assert_eq!(std::str::from_utf8(&bytes[..length]), Ok(expected));
        assert_eq!(bare::<3>(text), (*b"fn ", length));
    }
}
