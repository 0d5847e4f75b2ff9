//! TensorBoard's event files: a chain of records, each an `Event` message in protobuf.
//!
//! The messages are the parts of TensorFlow's `event.proto` and `summary.proto` that scalars and
//! images need; the framing is that of its `record_writer.h`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    /// 1 is START.
    #[prost(int32, tag = "1")]
    status: i32,
}

/// An event file being written.
pub struct EventFile(File);

impl EventFile {
    /// What event files' names begin with, for TensorBoard to find them, and those of this program
    /// end in.
    const NAME: [&str; 2] = ["events.out.tfevents.", ".ncsn"];

    /// Whether a file's name is that of an event file of this program.
    pub fn is_own(name: &str) -> bool {
        let [prefix, suffix] = Self::NAME;
        name.starts_with(prefix) && name.ends_with(suffix)
    }

    /// Creates a file; TensorBoard reads the files of a folder in order of their names. For a
    /// resumed run, it is told to forget the steps that will be done again.
    pub fn create(folder: &Path, resumed: Option<u64>) -> io::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, micros) = (now.as_secs(), now.subsec_micros());
        let [prefix, suffix] = Self::NAME;
        let name = format!("{prefix}{seconds:010}.{micros:06}{suffix}");
        let mut file = Self(File::create(folder.join(name))?);
        file.write(0, |event| event.file_version = Some("brain.Event:2".into()))?;
        if let Some(resumed) = resumed {
            let start = SessionLog { status: 1 };
            file.write(resumed + 1, |event| event.session_log = Some(start))?;
        }
        Ok(file)
    }

    /// Writes numbers, each with its tag.
    pub fn scalars(&mut self, step: u64, scalars: &[(&str, f32)]) -> io::Result<()> {
        let value = |&(tag, value): &_| Value {
            tag: str::to_owned(tag),
            simple_value: Some(value),
            image: None,
        };
        let value = scalars.iter().map(value).collect();
        self.write(step, |event| event.summary = Some(Summary { value }))
    }

    /// Writes an image.
    pub fn png(&mut self, step: u64, tag: &str, png: Vec<u8>) -> io::Result<()> {
        // A PNG's header has its width and height after the signature, length and type.
        let word = |at: usize| {
            let bytes = png.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, i32::from_be_bytes)
        };
        let (width, height) = (word(16), word(20));
        let image = Some(Image { height, width, encoded_image_string: png });
        let value = vec![Value { tag: tag.to_owned(), simple_value: None, image }];
        self.write(step, |event| event.summary = Some(Summary { value }))
    }

    fn write(&mut self, step: u64, fill: impl FnOnce(&mut Event)) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut event =
            Event { wall_time: now.as_secs_f64(), step: step as i64, ..Event::default() };
        fill(&mut event);
        let data = event.encode_to_vec();
        let length = (data.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(data.len() + 16);
        for part in [&length[..], &data] {
            record.extend_from_slice(part);
            record.extend_from_slice(&masked_crc(part).to_le_bytes());
        }
        // In one write, so that a crash leaves at most one torn record at the end, which readers
        // skip.
        self.0.write_all(&record)
    }
}

/// A checksum for data that may itself contain checksums.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}
