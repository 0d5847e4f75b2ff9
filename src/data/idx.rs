//! The IDX format of MNIST and its relatives: a magic number, big-endian sizes, then bytes.

use super::Pictures;
use super::files::MAX_BYTES;
use crate::net::Picture;
use crate::words;

/// Unsigned bytes in three dimensions: pictures × rows × columns.
const MAGIC_IMAGES: u32 = 0x0803;
/// Unsigned bytes in one dimension: labels.
const MAGIC_LABELS: u32 = 0x0801;

/// Reads grey pictures.
///
/// # Errors
/// Says what is wrong with a file that is truncated or too long, does not hold pictures, or claims
/// impossible sizes.
pub(super) fn parse(bytes: &[u8]) -> Result<Pictures, String> {
    let (words, _) = bytes.as_chunks::<4>();
    let word = |i: usize| words.get(i).map(|&word| u32::from_be_bytes(word));
    match word(0).ok_or("too short to be an IDX file")? {
        MAGIC_IMAGES => {}
        MAGIC_LABELS => return Err("holds labels (magic number 2049), not pictures".into()),
        magic => {
            return Err(format!(
                "not an IDX file of pictures: its magic number is {magic}, not {MAGIC_IMAGES}"
            ));
        }
    }
    let (Some(count), Some(height), Some(width)) = (word(1), word(2), word(3)) else {
        return Err("truncated inside its header".into());
    };
    let total = u64::from(count).checked_mul(u64::from(height) * u64::from(width));
    let total = total.filter(|total| (1..=MAX_BYTES).contains(total)).ok_or_else(|| {
        let count = words::count(count, "picture");
        format!("claims {count} of {height} × {width}, which is impossible")
    })?;
    let pixels = &bytes[16..];
    let found = pixels.len() as u64;
    if found < total {
        return Err(format!(
            "truncated: {} of {height} × {width} need {total} bytes, found {found}",
            words::count(count, "picture")
        ));
    }
    if found > total {
        return Err(format!("longer than its header says ({total} bytes of pixels)"));
    }
    let shape = Picture { channels: 1, height: height as usize, width: width as usize };
    Ok(Pictures::new(shape, pixels.to_vec()))
}

/// Reads the labels of `count` pictures.
///
/// # Errors
/// Says what is wrong with the file.
pub(super) fn labels(bytes: &[u8], count: usize) -> Result<Vec<u8>, String> {
    let header = [MAGIC_LABELS, count as u32].map(u32::to_be_bytes).concat();
    let labels = bytes.strip_prefix(&header[..]).filter(|labels| labels.len() == count);
    labels.map(<[u8]>::to_vec).ok_or_else(|| format!("not an IDX file of {count} labels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idx(magic: u32, sizes: [u32; 3], pixels: &[u8]) -> Vec<u8> {
        let words = [magic, sizes[0], sizes[1], sizes[2]];
        words.iter().flat_map(|w| w.to_be_bytes()).chain(pixels.iter().copied()).collect()
    }

    #[test]
    fn pictures_follow_the_header() {
        let file = idx(MAGIC_IMAGES, [2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let pictures = parse(&file).expect("a good file");
        assert_eq!((pictures.len(), pictures.picture(1)), (2, &[4, 5, 6][..]));
    }

    #[test]
    fn labels_follow_theirs() {
        let file = [&MAGIC_LABELS.to_be_bytes()[..], &2u32.to_be_bytes(), &[7, 3]].concat();
        assert_eq!(labels(&file, 2), Ok(vec![7, 3]));
        for (bytes, count) in [(&file[..9], 2), (&file[..], 3), (&[][..], 0)] {
            labels(bytes, count).expect_err("not two labels");
        }
    }

    #[test]
    fn bad_files_are_refused_with_what_is_wrong() {
        let message = |bytes: &[u8]| parse(bytes).expect_err("must be refused");
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
