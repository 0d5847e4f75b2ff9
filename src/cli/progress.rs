//! Progress bars of more than one command.

use std::io::Read;

use indicatif::{ProgressBar, ProgressStyle};

/// Follows a download.
pub(super) fn download(url: &str, length: Option<u64>, body: Box<dyn Read>) -> Box<dyn Read> {
    let template = "{bar:30} {bytes}/{total_bytes}, {eta} left: {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    let bar = ProgressBar::new(length.unwrap_or(0)).with_style(style);
    Box::new(bar.with_message(url.to_owned()).wrap_read(body))
}
