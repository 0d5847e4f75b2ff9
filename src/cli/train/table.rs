//! The tables of a log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;

use crate::files::write_atomically;

/// A CSV file whose rows begin with the step.
pub struct Table {
    file: File,
    /// The step of the last row.
    last: Option<u64>,
}

impl Table {
    /// Whether the file is a table with this header.
    pub fn has_header(path: &Path, header: &str) -> bool {
        let mut first = String::new();
        let file = File::open(path).map(|file| BufReader::new(file.take(1 << 10)));
        file.and_then(|mut file| file.read_line(&mut first)).is_ok() && first.trim_end() == header
    }

    /// Whether the file is a table with more than its header.
    pub fn has_rows(path: &Path) -> bool {
        fs::read_to_string(path).is_ok_and(|text| text.lines().nth(1).is_some())
    }

    /// Opens the table of this name and header to add rows to it: a new one or, of a run that was
    /// resumed after `resumed` steps, what it has up to there.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(
        folder: &Path,
        (name, header): (&str, &str),
        resumed: Option<u64>,
    ) -> io::Result<Self> {
        let path = folder.join(name);
        let old = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            result => result?,
        };
        let mut text = format!("{header}\n");
        let mut last = None;
        if let Some(resumed) = resumed {
            let step = |line: &str| line.split(',').next()?.parse::<u64>().ok();
            // A line without an end was cut off by a crash. The header has no step.
            for line in old.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                if let Some(step) = step(line).filter(|&step| step <= resumed) {
                    text.push_str(line);
                    last = Some(step);
                }
            }
        }
        write_atomically(&path, text.as_bytes())?;
        Ok(Self { file: OpenOptions::new().append(true).open(&path)?, last })
    }

    /// The step of the last row.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Adds lines of a step, each with its end.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn append(&mut self, step: u64, lines: &str) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        self.last = Some(step);
        Ok(())
    }
}
