//! Words of the command lines that are shown for people to copy.

/// A word for a shell, in quotes if it needs them.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| {
        // Names of Windows have the last two: `C:\Users\RUNNER~1`.
        c.is_alphanumeric() || "-_./:+".contains(c) || (cfg!(windows) && "\\~".contains(c))
    };
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_are_no_syntax() {
        assert_eq!(quoted("7"), "7");
        assert_eq!(quoted("T-shirt/top"), "T-shirt/top");
        assert_eq!(quoted("my images"), "'my images'");
        assert_eq!(quoted("a'; b"), r"'a'\''; b'");
        assert_eq!(quoted(""), "''");
    }
}
