//! The binary batches of CIFAR-10: records of a label followed by 32 × 32 pixels, as planes of red,
//! green and blue.

use super::Images;
use crate::net::ImageShape;

const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };
const RECORD: usize = 1 + 3 * 32 * 32;
/// The classes, by label.
pub(super) const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Reads the images of a batch.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Images, String> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if records.is_empty() || !rest.is_empty() {
        return Err(format!(
            "not a batch of CIFAR-10: {} bytes are no multiple of its records' {RECORD}; is the \
             download complete?",
            bytes.len()
        ));
    }
    if let Some(at) = records.iter().position(|record| usize::from(record[0]) >= CLASSES.len()) {
        let label = records[at][0];
        return Err(format!("not a batch of CIFAR-10: record {at} has the label {label}"));
    }
    let bytes = records.iter().flat_map(|record| &record[1..]).copied().collect();
    let labels = Some(records.iter().map(|record| record[0]).collect());
    Ok(Images { shape: SHAPE, bytes, labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_a_label_and_three_planes() {
        let mut batch = vec![0; 2 * RECORD];
        batch[0] = 9;
        batch[1] = 10;
        batch[RECORD + 1 + 1024] = 20;
        let images = parse(&batch).expect("a good batch");
        assert_eq!((images.len(), images.shape), (2, SHAPE));
        assert_eq!((images.image(0)[0], images.image(1)[1024]), (10, 20));
        assert_eq!(images.labels, Some(vec![9, 0]));
        assert!(parse(&batch[1..]).expect_err("truncated").contains("6145 bytes"));
        batch[RECORD] = 10;
        assert!(parse(&batch).expect_err("CIFAR-100, or noise").contains("label 10"));
        assert!(parse(&[]).is_err());
    }
}
