//! CIFAR-10 and CIFAR-100: 32 × 32 pixels, as planes of red, green and blue, in binary records
//! behind a label or two, or in Python's pickles.

use std::io::Read;

use super::numpy_array::bytes_of_rows;
use super::records::{Records, WHITE_IS_1};
use crate::net::ImageShape;
use crate::pickle::{Id, Pickle, Value};

const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };
const PIXELS: usize = 3 * 32 * 32;

/// The classes of CIFAR-10, by label.
pub(super) const TEN: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// The classes of CIFAR-100, by label.
#[rustfmt::skip]
pub(super) const HUNDRED: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup",
    "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house",
    "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man",
    "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy",
    "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal",
    "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar",
    "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman",
    "worm",
];

/// The records of a binary file. Those of CIFAR-100 begin with two labels, of which the second is
/// the class.
pub(super) fn records(hundred: bool) -> Records {
    let labels = if hundred { 2 } else { 1 };
    Records {
        shape: SHAPE,
        count: None,
        size: labels + PIXELS,
        ends: true,
        if_black: WHITE_IS_1,
        decode: Box::new(move |record, decoded| {
            decoded.labels.push(record[labels - 1]);
            decoded.pixels.extend_from_slice(&record[labels..]);
            Ok(())
        }),
    }
}

/// The most instructions that a pickle may have, which bounds the memory for its values.
/// CIFAR-100's has a quarter of this.
const MOST_INSTRUCTIONS: usize = 1 << 20;
/// The most bytes of a pickle, which is read as a whole. CIFAR-100's has 155 MB.
const MOST_BYTES: u64 = 1 << 28;

/// Reads a pickle. Returns the pixels of all images, and how to read them.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn unpickled(file: &mut dyn Read, hundred: bool) -> Result<(Records, Vec<u8>), String> {
    let bytes = whole(file, MOST_BYTES)?;
    let binary = if hundred { "cifar-100-binary.tar.gz" } else { "cifar-10-binary.tar.gz" };
    let fail = |problem: &str| format!("{problem}; if this is CIFAR, {binary} can be read");
    let pickle = Pickle::read(&bytes, MOST_INSTRUCTIONS).map_err(|e| fail(&e.to_string()))?;
    let Value::Dict(items) = pickle.value(pickle.root()) else {
        return Err(fail("a pickle, but not of a dictionary"));
    };
    let get = |wanted: &str| {
        let mut items = items.iter().rev();
        let found =
            items.find(|&&(key, _)| pickle.bytes(key).as_deref() == Some(wanted.as_bytes()));
        found.map(|&(_, value)| value)
    };
    let data = get("data").ok_or_else(|| fail("a pickle without data"))?;
    let pixels = bytes_of_rows(&pickle, data, PIXELS)
        .ok_or_else(|| fail(&format!("a pickle whose data is no array of N×{PIXELS} bytes")))?;
    // Labels are a list of numbers. Others are as if there were none.
    let labels = get(if hundred { "fine_labels" } else { "labels" });
    let label = |&label: &Id| u8::try_from(pickle.number(label)?).ok();
    let labels: Option<Vec<u8>> = labels
        .and_then(|labels| pickle.list(labels))
        .and_then(|labels| labels.iter().map(label).collect());
    let labels = labels.filter(|labels| labels.len() == pixels.len() / PIXELS);
    let mut labels = labels.unwrap_or_default().into_iter();
    let records = Records {
        shape: SHAPE,
        count: None,
        size: PIXELS,
        ends: true,
        if_black: WHITE_IS_1,
        decode: Box::new(move |record, decoded| {
            decoded.labels.extend(labels.next());
            decoded.pixels.extend_from_slice(record);
            Ok(())
        }),
    };
    Ok((records, pixels.into_owned()))
}

/// All bytes of a file that has at most so many.
fn whole(file: &mut dyn Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("larger than the {} MiB that a pickle of images may have", most >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::records::tests::read;

    #[test]
    fn records_are_a_label_and_three_planes() {
        const RECORD: usize = 1 + PIXELS;
        let mut batch = vec![0; 2 * RECORD];
        batch[0] = 9;
        batch[1] = 10;
        batch[RECORD] = 42;
        batch[RECORD + 1 + 1024] = 20;
        let parse = |batch: &[u8]| read(batch, |_| Ok(records(false)));
        let images = parse(&batch).expect("a good batch");
        assert_eq!((images.len(), images.shape), (2, SHAPE));
        assert_eq!((images.image(0)[0], images.image(1)[1024]), (10, 20));
        assert_eq!(images.labels, Some(vec![9, 42]));
        assert!(parse(&batch[1..]).expect_err("truncated").contains("6145 bytes"));
    }

    #[test]
    fn records_of_cifar_100_have_two_labels() {
        let record = |coarse, fine, value| [vec![coarse, fine], vec![value; PIXELS]].concat();
        let file = [record(19, 99, 1), record(3, 7, 2)].concat();
        let images = read(&file, |_| Ok(records(true))).expect("a good file");
        assert_eq!((images.image(0)[0], images.image(1)[PIXELS - 1]), (1, 2));
        assert_eq!(images.labels, Some(vec![99, 7]));
    }

    #[test]
    fn a_pickle_is_read_up_to_its_most_bytes() {
        const MOST: u64 = 1 << 20;
        let read = |size| whole(&mut std::io::repeat(0).take(size), MOST);
        assert_eq!(read(MOST).expect("as many as it may have").len() as u64, MOST);
        let error = read(u64::MAX).expect_err("endless");
        assert!(error.contains("larger than the 1 MiB"), "{error}");
    }

    #[test]
    fn classes_are_in_the_order_of_their_labels() {
        assert!(TEN.is_sorted() && HUNDRED.is_sorted());
    }
}
