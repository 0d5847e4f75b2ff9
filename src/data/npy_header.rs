//! The header of NumPy's `.npy`: what an array is, and in which order its values come.

use std::io::Read;

use npyz::{DType, NpyHeader, Order};

use super::stored::MAX_BYTES;

/// The first bytes of a file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// What a file says about its array.
pub(super) struct Header {
    /// The lengths of its axes, whose product is a possible number.
    pub sizes: Vec<u64>,
    /// The type of its values, as in NumPy: `|u1`, `<f4`, …
    pub kind: String,
    /// Whether its values come in Fortran's order, in which the first index changes fastest, and that
    /// differs from C's.
    is_fortran: bool,
}

/// Why a header cannot be used.
pub(super) enum Problem {
    /// The values are records or Python's objects.
    Records,
    /// Anything else, in words.
    Other(String),
}

/// Reads a header, which has a few hundred bytes; the library would take its length from the file.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn header(file: &mut dyn Read) -> Result<Header, Problem> {
    const LONGEST: usize = 1 << 14;
    let unreadable =
        |e: &dyn ToString| Problem::Other(format!("not a readable .npy array: {}", e.to_string()));
    let mut bytes = Vec::new();
    let mut read = |bytes: &mut Vec<u8>, count: usize| {
        file.take(count as u64).read_to_end(bytes).map_err(|e| unreadable(&e))
    };
    read(&mut bytes, 10)?;
    if !bytes.starts_with(MAGIC) || bytes.len() < 10 {
        return Err(unreadable(&"its first bytes are others"));
    }
    let length = if bytes[6] == 1 {
        u16::from_le_bytes([bytes[8], bytes[9]]).into()
    } else {
        read(&mut bytes, 2)?;
        let length = bytes.last_chunk().map_or(0, |&length| u32::from_le_bytes(length));
        length as usize
    };
    if length > LONGEST {
        return Err(unreadable(&format!("its header claims to have {length} bytes")));
    }
    read(&mut bytes, length)?;
    // The library's parser calls itself at each of them.
    let brackets = bytes.iter().filter(|byte| b"([{".contains(byte)).count();
    if brackets > 64 {
        return Err(Problem::Records);
    }
    let header = NpyHeader::from_reader(&bytes[..]).map_err(|e| unreadable(&e))?;
    let sizes = header.shape().to_vec();
    let all = sizes.iter().try_fold(1, |count: u64, &size| count.checked_mul(size));
    all.ok_or_else(|| Problem::Other(impossible(&sizes)))?;
    let is_fortran =
        header.order() == Order::Fortran && sizes.iter().filter(|&&n| n > 1).count() > 1;
    match header.dtype() {
        DType::Plain(kind) if !kind.uses_pickled_array() => {
            Ok(Header { sizes, kind: kind.to_string(), is_fortran })
        }
        _ => Err(Problem::Records),
    }
}

/// Says that no array has this shape.
pub(super) fn impossible(sizes: &[u64]) -> String {
    format!("of the impossible shape {sizes:?}")
}

impl Header {
    /// Reads all values of so many bytes each, in C's order.
    ///
    /// # Errors
    /// If they are too many, or not all there.
    pub fn values(&self, file: &mut dyn Read, bytes: usize) -> Result<Vec<u8>, String> {
        let total = self.sizes.iter().product::<u64>().checked_mul(bytes as u64);
        let total = total.filter(|&total| total <= MAX_BYTES).ok_or_else(|| {
            // Images in the usual order are not read all at once.
            match self.is_fortran {
                true => "too large to be in Fortran's order; save np.ascontiguousarray(x)".into(),
                false => impossible(&self.sizes),
            }
        })?;
        let mut stored = Vec::new();
        // The reader of an archive compares checksums at the end of a file.
        file.take(total + 1).read_to_end(&mut stored).map_err(|e| e.to_string())?;
        if (stored.len() as u64) < total {
            return Err(format!("truncated: {total} bytes are needed, found {}", stored.len()));
        }
        stored.truncate(total as usize);
        if !self.is_fortran {
            return Ok(stored);
        }
        let sizes: Vec<usize> = self.sizes.iter().map(|&size| size as usize).collect();
        Ok(in_c_order(&stored, &sizes, bytes))
    }

    /// All values of so many bytes each in C's order, if they are stored in another one; they then
    /// have to be in memory together.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn reordered(&self, file: &mut dyn Read, bytes: usize) -> Result<Option<Vec<u8>>, String> {
        self.is_fortran.then(|| self.values(file, bytes)).transpose()
    }
}

/// Brings values, of so many bytes each, from Fortran's order into C's, in which the last index
/// changes fastest.
fn in_c_order(values: &[u8], sizes: &[usize], bytes: usize) -> Vec<u8> {
    let stride = |before: &mut usize, &size: &usize| {
        let stride = *before;
        *before *= size;
        Some(stride)
    };
    let strides: Vec<usize> = sizes.iter().scan(1, stride).collect();
    let mut index = vec![0; sizes.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() / bytes {
        let at: usize = index.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        ordered.extend_from_slice(&values[at * bytes..][..bytes]);
        for (index, &size) in index.iter_mut().zip(sizes).rev() {
            *index += 1;
            if *index < size {
                break;
            }
            *index = 0;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::in_c_order;

    #[test]
    fn the_last_index_comes_to_change_fastest() {
        // Each value of a 2 × 3 × 2 array is its index, in two bytes.
        let index = |i: u8, j: u8, k: u8| [100 * i + 10 * j + k, 7];
        let fortran: Vec<u8> = (0..2)
            .flat_map(|k| (0..3).flat_map(move |j| (0..2).map(move |i| (i, j, k))))
            .flat_map(|(i, j, k)| index(i, j, k))
            .collect();
        let c: Vec<u8> = (0..2)
            .flat_map(|i| (0..3).flat_map(move |j| (0..2).map(move |k| (i, j, k))))
            .flat_map(|(i, j, k)| index(i, j, k))
            .collect();
        assert_eq!(in_c_order(&fortran, &[2, 3, 2], 2), c);
        assert!(in_c_order(&[], &[2, 0], 4).is_empty());
    }
}
