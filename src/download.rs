//! Files from the web: saved with a progress, and recognized by their SHA-256.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::config::{Config, ConfigBuilder};
use ureq::typestate::AgentScope;

/// Follows a download: gets its address, its length in bytes if known, and its reader, and returns
/// the reader to use.
pub type Progress<'a> = dyn Fn(&str, Option<u64>, Box<dyn Read>) -> Box<dyn Read> + 'a;

/// What all requests have in common: a server that cannot be reached within 20 s is not there, and
/// one that sends nothing for a minute is gone.
pub(crate) fn config() -> ConfigBuilder<AgentScope> {
    Config::builder()
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_per_read(Some(Duration::from_secs(60)))
}

/// Saves an answer from `url` as a file, and at most `limit` bytes of it.
///
/// # Errors
/// If the connection breaks, or the file cannot be written.
pub(crate) fn save(
    url: &str,
    body: Body,
    to: &Path,
    limit: u64,
    progress: &Progress<'_>,
) -> io::Result<()> {
    let length = body.content_length();
    let reader = progress(url, length, Box::new(body.into_reader()));
    io::copy(&mut reader.take(limit), &mut File::create(to)?)?;
    Ok(())
}

/// The SHA-256 of a file, in hexadecimal digits.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    sha256(&mut File::open(path)?)
}

/// The SHA-256 of everything that a reader has, in hexadecimal digits.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn sha256(reader: &mut dyn Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, reader);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        let count = bytes.len();
        reader.consume(count);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
