//! Which images a run learns from.

use flate2::Crc;
use serde::{Deserialize, Serialize};

use crate::data::Images;

/// Distinguishes sets of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The number of images.
    pub count: usize,
    /// The CRC-32 of their pixels.
    pub checksum: u32,
    /// The CRC-32 of their labels; `None` if they have none, and in checkpoints from before this was
    /// recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<u32>,
}

impl Fingerprint {
    /// The fingerprint of some images.
    pub fn of(images: &Images) -> Self {
        let checksum = |bytes: &[u8]| {
            let mut crc = Crc::new();
            crc.update(bytes);
            crc.sum()
        };
        Self {
            count: images.len(),
            checksum: checksum(&images.bytes[..]),
            labels: images.labels.as_deref().map(checksum),
        }
    }

    /// Whether both are of the same pixels.
    pub fn same_images(&self, other: &Self) -> bool {
        (self.count, self.checksum) == (other.count, other.checksum)
    }

    /// Whether the images have the labels now that were recorded here; also if none were.
    pub fn same_labels(&self, now: &Self) -> bool {
        self.labels.is_none() || self.labels == now.labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ImageShape;

    #[test]
    fn other_pixels_and_other_labels_are_noticed() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let with = |bytes: [u8; 4], labels: Option<[u8; 2]>| {
            let labels = labels.map(Vec::from);
            Fingerprint::of(&Images { labels, ..Images::new(shape, bytes.to_vec()) })
        };
        let (then, unlabeled) = (with([1, 2, 3, 4], Some([0, 1])), with([1, 2, 3, 4], None));
        let swapped = with([1, 2, 3, 4], Some([1, 0]));
        assert!(then.same_images(&swapped) && !then.same_labels(&swapped));
        assert!(then.same_images(&unlabeled) && !then.same_labels(&unlabeled));
        assert!(unlabeled.same_labels(&then), "it is not known which they had");
        assert!(then.same_labels(&then) && !then.same_images(&with([1, 2, 3, 5], Some([0, 1]))));
    }

    #[test]
    fn those_in_earlier_checkpoints_are_read_and_written_as_they_were() {
        let json = r#"{"count":3,"checksum":7}"#;
        let read: Fingerprint = serde_json::from_str(json).expect("it has no labels");
        assert_eq!(read, Fingerprint { count: 3, checksum: 7, labels: None });
        assert_eq!(serde_json::to_string(&read).expect("plain data"), json);
    }
}
