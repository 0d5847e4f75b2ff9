//! Numbers in sentences.

use std::fmt::Display;

/// A number and what it counts: `1 image`, `2 images`, `0 classes`.
pub(crate) fn count<N: Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let form = form(&number, noun);
    format!("{number} {form}")
}

/// The form of a noun that goes with a number.
pub(crate) fn form<N: PartialEq + From<u8>>(number: &N, noun: &str) -> String {
    let ending = match *number == N::from(1) {
        true => "",
        false if noun.ends_with('s') => "es",
        false => "s",
    };
    format!("{noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_thing_is_singular() {
        assert_eq!(count(0usize, "image"), "0 images");
        assert_eq!(count(1u64, "image"), "1 image");
        assert_eq!(count(2u32, "image"), "2 images");
        assert_eq!([count(1usize, "class"), count(10usize, "class")], ["1 class", "10 classes"]);
    }
}
