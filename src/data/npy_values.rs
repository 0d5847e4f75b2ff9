//! The numbers of NumPy's arrays, in all types that images and labels are saved in.

use half::f16;

/// A type of numbers, stored big-endian or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueType {
    /// What they are.
    pub class: Class,
    /// The number of bytes of each.
    pub bytes: usize,
    is_big: bool,
}

/// What numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// False, which is 0, or true, which is 1.
    Bool,
    /// Whole numbers from 0 up.
    Unsigned,
    /// Whole numbers.
    Signed,
    /// Floating-point numbers.
    Float,
}

impl ValueType {
    /// The type of this name, as in NumPy: `|u1`, `<f4`, `>i8`; `None` for what is no number.
    pub fn of(name: &str) -> Option<Self> {
        let (order, letter, bytes) = parts(name)?;
        let class = match (letter, bytes) {
            ("b", 1) => Class::Bool,
            ("u", 1 | 2 | 4 | 8) => Class::Unsigned,
            ("i", 1 | 2 | 4 | 8) => Class::Signed,
            ("f", 2 | 4 | 8) => Class::Float,
            _ => return None,
        };
        Some(Self { class, bytes, is_big: order == ">" })
    }

    /// The number in these bytes, [`Self::bytes`] many. Whole numbers of 8 bytes may be rounded.
    pub fn value(self, bytes: &[u8]) -> f64 {
        let mut little = [0; 8];
        for (at, to) in little.iter_mut().enumerate().take(self.bytes) {
            let at = if self.is_big { self.bytes - 1 - at } else { at };
            *to = bytes.get(at).copied().unwrap_or_default();
        }
        let [a, b, c, d, ..] = little;
        match (self.class, self.bytes) {
            (Class::Float, 2) => f16::from_le_bytes([a, b]).into(),
            (Class::Float, 4) => f32::from_le_bytes([a, b, c, d]).into(),
            (Class::Float, _) => f64::from_le_bytes(little),
            (Class::Signed, bytes) => {
                let above = 64 - 8 * bytes as u32;
                (i64::from_le_bytes(little) << above >> above) as f64
            }
            _ => u64::from_le_bytes(little) as f64,
        }
    }
}

/// The order of a type's bytes, the letter of what it is, and its size: `<`, `f` and 4.
pub(super) fn parts(name: &str) -> Option<(&str, &str, usize)> {
    let (order, rest) = name.split_at_checked(1)?;
    let (letter, size) = rest.split_at_checked(1)?;
    Some((order, letter, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_types_are_read() {
        let read = |name: &str, bytes: &[u8]| {
            let kind = ValueType::of(name).expect("a type of numbers");
            assert_eq!(kind.bytes, bytes.len(), "{name}");
            kind.value(bytes)
        };
        assert_eq!(
            [read("|b1", &[1]), read("|u1", &[200]), read("|i1", &[200])],
            [1.0, 200.0, -56.0]
        );
        assert_eq!([read("<u2", &[1, 2]), read(">u2", &[1, 2])], [513.0, 258.0]);
        assert_eq!(read("<i4", &(-7i32).to_le_bytes()), -7.0);
        assert_eq!(read(">i8", &(-7i64).to_be_bytes()), -7.0);
        assert_eq!(read("<u8", &300u64.to_le_bytes()), 300.0);
        assert_eq!(read("<f2", &f16::from_f32(0.25).to_le_bytes()), 0.25);
        assert_eq!(read(">f4", &0.1f32.to_be_bytes()), f64::from(0.1f32));
        assert_eq!(read("<f8", &0.1f64.to_le_bytes()), 0.1);
        for other in ["<c8", "<U5", "|S5", "<M8[ns]", "|O", "<f16", "", "<"] {
            assert_eq!(ValueType::of(other), None, "{other}");
        }
    }
}
