//! Progress bars.

use std::io::Read;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of this length; `template` says what it shows, in the words of [`ProgressStyle`].
pub(super) fn bar(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

/// Follows a download.
pub(super) fn download(url: &str, length: Option<u64>, body: Box<dyn Read>) -> Box<dyn Read> {
    let bar = bar(length.unwrap_or(0), "{bar:30} {bytes}/{total_bytes}, {eta} left: {msg}");
    Box::new(bar.with_message(url.to_owned()).wrap_read(body))
}
