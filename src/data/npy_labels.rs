//! Labels in NumPy's `.npy`: a number, a name or a one-hot row for each image.

use std::io::Read;

use super::layout::MOST_CLASSES;
use super::npy_header::{Problem, header};
use super::npy_values::{ValueType, parts};
use super::spelling::in_order;

/// What a file says of the classes of images.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Labels {
    /// The number of each image's class.
    Numbers(Vec<u8>),
    /// Its name.
    Names(Vec<String>),
}

/// What is known of the classes before labels are read.
#[derive(Clone, Copy)]
pub(super) enum Known<'a> {
    Nothing,
    /// The training images have numbers.
    Numbers,
    /// They have these names, in the order of their labels.
    Names(&'a [String]),
}

/// The number of each image's class, and the names of the classes if the labels are such names.
pub(super) type Numbered = (Vec<u8>, Option<Vec<String>>);

/// The longest name of a class, in characters or bytes.
const LONGEST: usize = 1024;

/// Reads the labels of `count` images: N or N × 1 numbers or names, or N × K rows with a single 1.
///
/// # Errors
/// Says what is wrong with them, and how to save them.
pub(super) fn labels(file: &mut dyn Read, count: usize) -> Result<Labels, String> {
    let expected = format!(
        "expected {count} whole numbers from 0 to 255, names or one-hot rows; save \
         np.unique(y, return_inverse=True)[1]"
    );
    let header = header(file).map_err(|problem| match problem {
        Problem::Records => expected.clone(),
        Problem::Other(problem) => problem,
    })?;
    let shape = || format!("an array of shape {:?}; {expected}", header.sizes);
    let columns = match header.sizes[..] {
        [n] if n == count as u64 => 1,
        [n, columns] if n == count as u64 => usize::try_from(columns).map_err(|_| shape())?,
        _ => return Err(shape()),
    };
    if columns == 1
        && let Some((order, letter @ ("U" | "S"), length @ 1..=LONGEST)) = parts(&header.kind)
    {
        let read: Box<Name> = if letter == "U" { utf32(order == ">") } else { Box::new(bytes) };
        let size = if letter == "U" { 4 * length } else { length };
        let stored = header.values(file, size)?;
        let names: Option<Vec<String>> = stored.chunks_exact(size).map(read).collect();
        return names.map(Labels::Names).ok_or_else(|| format!("a name is no text; {expected}"));
    }
    let kind = ValueType::of(&header.kind)
        .ok_or_else(|| format!("of type {}; {expected}", header.kind))?;
    if !(1..=MOST_CLASSES).contains(&columns) {
        return Err(shape());
    }
    let stored = header.values(file, kind.bytes)?;
    let label = |row: &[u8]| {
        let row: Vec<f64> = row.chunks_exact(kind.bytes).map(|bytes| kind.value(bytes)).collect();
        if let [value] = row[..] { whole_byte(value) } else { one_hot(&row) }
    };
    // Row by row, since as numbers they take up to eight times as much memory.
    let labels: Option<Vec<u8>> = stored.chunks_exact(kind.bytes * columns).map(label).collect();
    labels.map(Labels::Numbers).ok_or_else(|| match columns {
        1 => expected,
        _ => "its rows are not one-hot, but an image has one class: save y.argmax(1), if the largest \
              number of a row is its class"
            .into(),
    })
}

fn whole_byte(value: f64) -> Option<u8> {
    // NaN is in no range.
    ((0.0..=255.0).contains(&value) && value.fract() == 0.0).then_some(value as u8)
}

/// The place of the only 1 among zeros.
fn one_hot(row: &[f64]) -> Option<u8> {
    let place = row.iter().position(|&value| value == 1.0)?;
    let others = row.iter().filter(|&&value| value == 0.0).count();
    u8::try_from(place).ok().filter(|_| others + 1 == row.len())
}

/// Reads a name, behind which there are zeros.
type Name = dyn Fn(&[u8]) -> Option<String>;

fn utf32(is_big: bool) -> Box<Name> {
    Box::new(move |stored| {
        let (words, _) = stored.as_chunks::<4>();
        let word = |&word| if is_big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
        let name: String = words.iter().map(|w| char::from_u32(word(w))).collect::<Option<_>>()?;
        Some(name.trim_end_matches('\0').to_owned()).filter(|name| !name.is_empty())
    })
}

fn bytes(stored: &[u8]) -> Option<String> {
    let name = str::from_utf8(stored).ok()?.trim_end_matches('\0');
    (!name.is_empty()).then(|| name.to_owned())
}

impl Labels {
    /// The same with names as numbers, too.
    ///
    /// # Errors
    /// If there are too many classes, or others than are known.
    pub fn numbered(self, known: Known<'_>) -> Result<Numbered, String> {
        let names = match (self, known) {
            (Self::Numbers(_), Known::Names(_)) => {
                return Err("they are numbers, but those of the training images are names".into());
            }
            (Self::Names(_), Known::Numbers) => {
                return Err("they are names, but those of the training images are numbers".into());
            }
            (Self::Numbers(numbers), _) => return Ok((numbers, None)),
            (Self::Names(names), _) => names,
        };
        let classes = match known {
            Known::Names(classes) => classes.to_vec(),
            _ => in_order(names.iter().cloned()),
        };
        if classes.len() > MOST_CLASSES {
            return Err(format!(
                "they are {} names, more than the {MOST_CLASSES} possible",
                classes.len()
            ));
        }
        let label = |name: &String| {
            let place = classes.iter().position(|class| class == name);
            place.and_then(|place| u8::try_from(place).ok())
        };
        if let Some(foreign) = names.iter().find(|name| label(name).is_none()) {
            return Err(format!("{foreign} is no class of the training images"));
        }
        Ok((names.iter().filter_map(label).collect(), Some(classes)))
    }
}

#[cfg(test)]
mod tests {
    use half::f16;
    use npyz::AutoSerialize;

    use super::*;
    use crate::data::npy::tests::{npy, with_header};

    fn read(file: &[u8]) -> Result<Labels, String> {
        labels(&mut &file[..], 3)
    }

    fn numbers<T: AutoSerialize>(shape: &[u64], values: Vec<T>) -> Result<Labels, String> {
        read(&npy(shape, values))
    }

    /// An array of a type that the library does not write.
    fn of_kind(kind: &str, shape: &str, values: &[u8]) -> Result<Labels, String> {
        let order = "'fortran_order': False";
        let header = format!("{{'descr': '{kind}', {order}, 'shape': ({shape})}}\n");
        read(&[&with_header(&header)[..], values].concat())
    }

    #[test]
    fn labels_are_whole_numbers_of_any_type() {
        let expected = |labels: [u8; 3]| Ok(Labels::Numbers(labels.to_vec()));
        assert_eq!(numbers(&[3], vec![0u8, 7, 255]), expected([0, 7, 255]));
        assert_eq!(numbers(&[3, 1], vec![1i64, 2, 3]), expected([1, 2, 3]));
        assert_eq!(numbers(&[3], vec![1i16, 2, 3]), expected([1, 2, 3]));
        assert_eq!(numbers(&[3], vec![1.0f32, 2.0, 255.0]), expected([1, 2, 255]));
        assert_eq!(numbers(&[3, 1], vec![1.0f64, -0.0, 2.0]), expected([1, 0, 2]));
        let halves = [1.0, 0.0, 2.0].map(|half| f16::from_f32(half).to_le_bytes()).concat();
        assert_eq!(of_kind("<f2", "3,", &halves), expected([1, 0, 2]));
        assert_eq!(of_kind("|b1", "3,", &[1, 0, 1]), expected([1, 0, 1]));
        for odd in [
            npy(&[3], vec![1i64, 2, -3]),
            npy(&[3], vec![1i8, 2, -3]),
            npy(&[3], vec![1i32, 2, 256]),
            npy(&[3], vec![1.0f32, 2.0, 2.5]),
            npy(&[3], vec![1.0f32, 2.0, f32::NAN]),
            npy(&[4], vec![0u8; 4]),
        ] {
            let problem = read(&odd).expect_err("not three labels");
            assert!(problem.contains("np.unique"), "{problem}");
        }
        let problem = read(&npy(&[3], vec![0u8; 3])[..130]).expect_err("too short");
        assert!(problem.contains("3 bytes are needed, found 2"), "{problem}");
    }

    #[test]
    fn rows_with_a_single_one_are_labels() {
        let rows = vec![0u8, 0, 1, 1, 0, 0, 0, 1, 0];
        assert_eq!(numbers(&[3, 3], rows.clone()), Ok(Labels::Numbers(vec![2, 0, 1])));
        let floats: Vec<f32> = rows.iter().map(|&value| value.into()).collect();
        assert_eq!(numbers(&[3, 3], floats), Ok(Labels::Numbers(vec![2, 0, 1])));
        // As pandas makes them.
        let header = "{'descr': '|b1', 'fortran_order': True, 'shape': (3, 2)}\n";
        let columns = [&with_header(header)[..], &[1, 0, 0, 0, 1, 1]].concat();
        assert_eq!(read(&columns), Ok(Labels::Numbers(vec![0, 1, 1])));
        // Several labels for an image, or none, or a probability of each.
        for odd in [[1.0f32, 1.0, 1.0, 0.0, 0.0, 1.0], [0.0; 6], [0.5; 6]] {
            let problem = numbers(&[3, 2], odd.to_vec()).expect_err("not one class");
            assert!(problem.contains("y.argmax(1)"), "{problem}");
        }
        let problem = numbers(&[3, 300], vec![0u8; 900]).expect_err("too many classes");
        assert!(problem.contains("[3, 300]"), "{problem}");
    }

    #[test]
    fn names_are_labels() {
        let expected = ["né", "dog", "né"].map(str::to_owned);
        let words = |name: &str| -> Vec<u32> {
            name.chars().map(u32::from).chain([0; 4]).take(4).collect()
        };
        let little: Vec<u8> =
            expected.iter().flat_map(|n| words(n)).flat_map(u32::to_le_bytes).collect();
        let big: Vec<u8> =
            expected.iter().flat_map(|n| words(n)).flat_map(u32::to_be_bytes).collect();
        assert_eq!(of_kind("<U4", "3,", &little), Ok(Labels::Names(expected.to_vec())));
        assert_eq!(of_kind(">U4", "3, 1", &big), Ok(Labels::Names(expected.to_vec())));
        let names = of_kind("|S4", "3,", "né\0dog\0né\0".as_bytes());
        assert_eq!(names, Ok(Labels::Names(expected.to_vec())));
        of_kind("<U1", "3,", &[0xff; 12]).expect_err("no text");
        of_kind("|S1", "3,", b"a\0b").expect_err("no name");
        of_kind("<U999999999", "3,", b"").expect_err("too long");
        of_kind("|O", "3,", b"").expect_err("a pickle");
    }

    #[test]
    fn names_are_numbered_in_their_order_or_as_the_training_images_are() {
        let names = |names: &[&str]| Labels::Names(names.iter().map(|&n| n.into()).collect());
        let numbered = |labels: Labels, known| labels.numbered(known).expect("possible");
        let (labels, classes) = numbered(names(&["dog", "cat", "dog"]), Known::Nothing);
        let classes = classes.expect("names");
        assert_eq!((labels, &classes[..]), (vec![1, 0, 1], &["cat", "dog"].map(String::from)[..]));
        let (labels, _) = numbered(names(&["dog"]), Known::Names(&classes));
        assert_eq!(labels, [1]);
        let (labels, _) = numbered(names(&["10", "9", "1"]), Known::Nothing);
        assert_eq!(labels, [2, 1, 0]);
        assert_eq!(numbered(Labels::Numbers(vec![7]), Known::Numbers), (vec![7], None));

        let refused = |labels: Labels, known| labels.numbered(known).expect_err("others");
        assert!(refused(names(&["cow"]), Known::Names(&classes)).contains("cow is no class"));
        assert!(refused(names(&["cow"]), Known::Numbers).contains("are numbers"));
        assert!(refused(Labels::Numbers(vec![0]), Known::Names(&classes)).contains("are names"));
        let many = (0..300).map(|class| class.to_string()).collect();
        assert!(refused(Labels::Names(many), Known::Nothing).contains("300 names"));
    }
}
