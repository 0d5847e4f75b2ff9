//! Files from the web: saved with a progress, and recognized by their SHA-256.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
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

/// Why an answer cannot be saved.
#[derive(Debug)]
pub(crate) enum SaveError {
    /// The connection broke.
    Network(io::Error),
    /// The file cannot be written.
    Disk(io::Error),
}

/// Saves an answer from `url` in an empty file, and at most `limit` bytes of it.
///
/// # Errors
/// [`SaveError`] tells on which side it failed, which `io::copy` does not.
pub(crate) fn save(
    url: &str,
    body: Body,
    file: &mut File,
    limit: u64,
    progress: &Progress<'_>,
) -> Result<(), SaveError> {
    let length = body.content_length();
    let mut reader = progress(url, length, Box::new(body.into_reader())).take(limit);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => file.write_all(&buffer[..count]).map_err(SaveError::Disk)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SaveError::Network(error)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_fault_of_the_network() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let to = folder.path().join("file");
        let body = || Body::builder().data("contents");
        let save = |to: &Path, limit, progress: &Progress<'_>| {
            let mut file = File::create(to).expect("created");
            save("http://a.example", body(), &mut file, limit, progress)
        };
        let whole: &Progress<'_> = &|_, _, reader| reader;
        save(&to, 100, whole).expect("saved");
        assert_eq!(std::fs::read(&to).expect("there"), b"contents");
        save(&to, 3, whole).expect("saved");
        assert_eq!(std::fs::read(&to).expect("there"), b"con");

        let broken = save(&to, 100, &|_, _, reader| Box::new(reader.take(2).chain(Broken)));
        assert!(matches!(broken, Err(SaveError::Network(_))), "{broken:?}");
        if cfg!(target_os = "linux") {
            let full = save(Path::new("/dev/full"), 100, whole);
            assert!(matches!(full, Err(SaveError::Disk(_))), "{full:?}");
        }
    }
}
