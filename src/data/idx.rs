//! The IDX format of MNIST and its relatives: a magic number, big-endian sizes, then bytes.

use std::io::Read;

use super::records::{Records, WHITE_IS_1};
use super::stored::MAX_BYTES;
use crate::net::ImageShape;
use crate::words;

/// Unsigned bytes in three dimensions: images × rows × columns.
const MAGIC_IMAGES: u32 = 0x0803;
/// Unsigned bytes in one dimension: labels.
const MAGIC_LABELS: u32 = 0x0801;

/// The classes of Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, table 2).
pub(super) const FASHION_MNIST: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Reads the header of a file of gray images. In EMNIST's, which are `transposed`, columns follow
/// one another instead of rows.
///
/// # Errors
/// Says what is wrong with a file that is truncated inside its header, does not hold images, or
/// claims impossible sizes.
pub(super) fn records(file: &mut dyn Read, transposed: bool) -> Result<Records, String> {
    let mut header = Vec::new();
    file.take(16).read_to_end(&mut header).map_err(|e| e.to_string())?;
    let (words, _) = header.as_chunks::<4>();
    let word = |i: usize| words.get(i).map(|&word| u32::from_be_bytes(word));
    match word(0).ok_or("too short to be an IDX file")? {
        MAGIC_IMAGES => {}
        MAGIC_LABELS => return Err("holds labels (magic number 2049), not images".into()),
        magic => {
            return Err(format!(
                "not an IDX file of images: its magic number is {magic}, not {MAGIC_IMAGES}"
            ));
        }
    }
    let (Some(count), Some(height), Some(width)) = (word(1), word(2), word(3)) else {
        return Err("truncated inside its header".into());
    };
    let size = u64::from(height) * u64::from(width);
    if count == 0 || !(1..=MAX_BYTES).contains(&size) {
        let count = words::count(count, "image");
        return Err(format!("claims {count} of {height} × {width}, which is impossible"));
    }
    let (height, width) = (height as usize, width as usize);
    let (height, width) = if transposed { (width, height) } else { (height, width) };
    let shape = ImageShape { channels: 1, height, width };
    Ok(Records {
        shape,
        count: Some(count.into()),
        size: size as usize,
        ends: true,
        if_black: WHITE_IS_1,
        decode: Box::new(move |record, read| {
            if transposed {
                let rows = (0..height).flat_map(|y| record.iter().skip(y).step_by(height));
                read.pixels.extend(rows);
            } else {
                read.pixels.extend_from_slice(record);
            }
            Ok(())
        }),
    })
}

/// Reads the labels of `count` images.
///
/// # Errors
/// Says what is wrong with the file.
pub(super) fn labels(file: &mut dyn Read, count: usize) -> Result<Vec<u8>, String> {
    let header = [MAGIC_LABELS, count as u32].map(u32::to_be_bytes).concat();
    let mut bytes = Vec::new();
    let most = (header.len() + count) as u64 + 1;
    file.take(most).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let labels = bytes.strip_prefix(&header[..]).filter(|labels| labels.len() == count);
    labels.map(<[u8]>::to_vec).ok_or_else(|| format!("not an IDX file of {count} labels"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::records::tests::read;

    fn idx(magic: u32, sizes: [u32; 3], pixels: &[u8]) -> Vec<u8> {
        let words = [magic, sizes[0], sizes[1], sizes[2]];
        words.iter().flat_map(|w| w.to_be_bytes()).chain(pixels.iter().copied()).collect()
    }

    #[test]
    fn images_follow_the_header() {
        let file = idx(MAGIC_IMAGES, [2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let images = read(&file, |file| records(file, false)).expect("a good file");
        assert_eq!((images.len(), images.image(1)), (2, &[4, 5, 6][..]));
    }

    #[test]
    fn images_of_columns_are_turned_upright() {
        let file = idx(MAGIC_IMAGES, [2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let images = read(&file, |file| records(file, true)).expect("a good file");
        assert_eq!(images.shape, ImageShape { channels: 1, height: 3, width: 2 });
        assert_eq!(images.bytes, [1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]);
    }

    #[test]
    fn labels_follow_theirs() {
        let file = [&MAGIC_LABELS.to_be_bytes()[..], &2u32.to_be_bytes(), &[7, 3]].concat();
        let labels = |bytes: &[u8], count| labels(&mut &bytes[..], count);
        assert_eq!(labels(&file, 2), Ok(vec![7, 3]));
        for (bytes, count) in [(&file[..9], 2), (&file[..], 3), (&[][..], 0)] {
            labels(bytes, count).expect_err("not two labels");
        }
        labels(&[&file[..], &[0]].concat(), 2).expect_err("three labels");
    }

    #[test]
    fn bad_files_are_refused_with_what_is_wrong() {
        let message =
            |bytes: &[u8]| read(bytes, |file| records(file, false)).expect_err("must be refused");
        assert!(message(&[0, 0]).contains("too short"));
        assert!(message(&idx(MAGIC_LABELS, [2, 1, 3], &[])).contains("labels"));
        assert!(message(&idx(7, [2, 1, 3], &[])).contains("magic number is 7"));
        assert!(message(&idx(MAGIC_IMAGES, [2, 1, 3], &[1])[..9]).contains("header"));
        assert!(message(&idx(MAGIC_IMAGES, [2, 1, 3], &[1, 2])).contains("need 6 bytes, found 2"));
        assert!(message(&idx(MAGIC_IMAGES, [1, 1, 1], &[1, 2])).contains("longer"));
        assert!(message(&idx(MAGIC_IMAGES, [u32::MAX; 3], &[])).contains("impossible"));
        assert!(message(&idx(MAGIC_IMAGES, [0, 28, 28], &[])).contains("impossible"));
    }
}
