//! Minifies style sheets.

use anyhow::{Result, anyhow};

/// A style sheet without comments and whitespace.
pub fn minified(text: &str) -> Result<String> {
    let minified = minifier::css::minify(text).map_err(|error| anyhow!("{error}"))?;
    Ok(minified.to_string())
}

#[cfg(test)]
mod tests {
    use super::minified;

    #[test]
    fn what_is_left_means_the_same() {
        let text = ".a > .b:not(:hover) {\n  width: calc(1rem + 2 * var(--x)); /* Why. */\n}\n";
        let short = minified(text).expect("a style sheet");
        assert_eq!(short, ".a>.b:not(:hover){width:calc(1rem + 2 * var(--x));}");
    }
}
