//! Says in one line why an image file cannot be decoded.

use std::error::Error;
use std::io::ErrorKind;

use image::ImageError;

use crate::words;

/// The file ends early.
pub(super) const ENDS_EARLY: &str = "the file ends before its image does; is the copy complete?";

/// Says in one line what is wrong with a file.
pub(super) fn words(error: ImageError) -> String {
    match &error {
        ImageError::Limits(_) => {
            return "decoding it needs more memory than images of its size do".into();
        }
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return ENDS_EARLY.into();
        }
        _ => {}
    }
    // The innermost error says what is wrong, and those around it often say it again.
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match one_line(&cause.to_string()) {
        // GIF's own.
        text if text.eq_ignore_ascii_case("unexpected end of file") => ENDS_EARLY.into(),
        // PNG's, with its internal values.
        text if text.starts_with("CRC error") => "a checksum in it is wrong; it is damaged".into(),
        text => text,
    }
}

/// A message of a library in one line, without a full stop.
pub(super) fn one_line(text: &str) -> String {
    words::one_line(text).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_several_lines_become_one() {
        assert_eq!(one_line("failed:\n  no\n\n tables.\n"), "failed: no tables");
    }
}
