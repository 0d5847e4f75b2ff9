//! NumPy's arrays in Python's pickles.

use std::borrow::Cow;

use crate::pickle::{Id, Pickle};

/// The bytes of a pickled array of unsigned bytes with so many columns, in C's order.
pub(super) fn bytes_of_rows<'a>(
    pickle: &Pickle<'a>,
    array: Id,
    columns: usize,
) -> Option<Cow<'a, [u8]>> {
    let object = pickle.object(array)?;
    let parts = [Some(object.arguments), object.state].into_iter().flatten();
    parts.filter_map(|parts| pickle.list(parts)).find_map(|parts| {
        let (bytes, shape, kind) = match *parts {
            // The state of an array: version, shape, type, whether in Fortran's order, bytes.
            [_, shape, kind, fortran, bytes] if pickle.number(fortran) == Some(0) => {
                (bytes, shape, kind)
            }
            // From pickles of version 5.
            [bytes, kind, shape, order] if pickle.bytes(order).as_deref() == Some(b"C") => {
                (bytes, shape, kind)
            }
            _ => return None,
        };
        let bytes = pickle.bytes(bytes)?;
        let kind = *pickle.list(pickle.object(kind)?.arguments)?.first()?;
        let [rows, found] = *pickle.list(shape)? else { return None };
        let rows = usize::try_from(pickle.number(rows)?).ok()?;
        let is_whole = rows.checked_mul(columns)? == bytes.len();
        let is_bytes = pickle.bytes(kind).as_deref() == Some(b"u1");
        let has_columns = pickle.number(found) == i64::try_from(columns).ok();
        (is_bytes && is_whole && has_columns).then_some(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::Value;

    /// `{'data': numpy.array([[1, 2, 200], [4, 5, 6]], numpy.uint8), 'labels': [7, 300]}`, written by
    /// Python 2 (`cPickle`, protocol 2, as CIFAR's) and by Python 3 (protocols 5 and 2, the latter
    /// with `b'data'`).
    #[test]
    fn dictionaries_of_arrays_and_lists_are_read() {
        let old: &[u8] =
            b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03\
            cnumpy\nndarray\nq\x04K\0\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06\
            U\x02u1q\x07K\0K\x01\x87Rq\x08(K\x03U\x01|q\x09NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0\
            tb\x89U\x06\x01\x02\xc8\x04\x05\x06tbU\x06labelsq\x0a]q\x0b(K\x07M\x2c\x01eu.";
        let new: &[u8] = b"\x80\x05\x95\x8f\0\0\0\0\0\0\0}\x94(\x8c\x04data\x94\x8c\x12\
            numpy.core.numeric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x06\0\0\0\0\0\0\0\
            \x01\x02\xc8\x04\x05\x06\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02u1\x94\x89\
            \x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t\x94b\
            K\x02K\x03\x86\x94\x8c\x01C\x94t\x94R\x94\x8c\x06labels\x94]\x94(K\x07M,\x01eu.";
        let encoded: &[u8] = b"\x80\x02}q\0(c_codecs\nencode\nq\x01X\x04\0\0\0dataq\x02\
            X\x06\0\0\0latin1q\x03\x86q\x04Rq\x05cnumpy._core.multiarray\n_reconstruct\nq\x06\
            cnumpy\nndarray\nq\x07K\0\x85q\x08h\x01X\x01\0\0\0bq\th\x03\x86q\nRq\x0b\x87q\x0cRq\r(\
            K\x01K\x02K\x03\x86q\x0ecnumpy\ndtype\nq\x0fX\x02\0\0\0u1q\x10\x89\x88\x87q\x11Rq\x12(\
            K\x03X\x01\0\0\0|q\x13NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tq\x14b\x89h\x01\
            X\x07\0\0\0\x01\x02\xc3\x88\x04\x05\x06q\x15h\x03\x86q\x16Rq\x17tq\x18b\
            X\x06\0\0\0labelsq\x19]q\x1a(K\x07M,\x01eu.";
        for bytes in [old, new, encoded] {
            let pickle = Pickle::read(bytes, 1000).expect("a good pickle");
            let Value::Dict(items) = pickle.value(pickle.root()) else { panic!("no dictionary") };
            let [(data, array), (labels, list)] = items[..] else { panic!("{items:?}") };
            assert_eq!(pickle.bytes(data).as_deref(), Some(&b"data"[..]));
            assert_eq!(pickle.bytes(labels).as_deref(), Some(&b"labels"[..]));
            assert_eq!(
                bytes_of_rows(&pickle, array, 3).as_deref(),
                Some(&[1, 2, 200, 4, 5, 6][..])
            );
            assert_eq!(bytes_of_rows(&pickle, array, 2), None);
            let list = pickle.list(list).expect("a list").iter();
            assert!(list.map(|&label| pickle.number(label)).eq([Some(7), Some(300)]));
        }
        for end in 0..old.len() {
            Pickle::read(&old[..end], 1000).expect_err("truncated");
        }
        // In Fortran's order.
        let mut fortran = old.to_vec();
        let at = fortran.iter().rposition(|&byte| byte == 0x89).expect("there");
        fortran[at] = 0x88;
        let pickle = Pickle::read(&fortran, 1000).expect("as before");
        let Value::Dict(items) = pickle.value(pickle.root()) else { panic!("no dictionary") };
        assert_eq!(bytes_of_rows(&pickle, items[0].1, 3), None);
    }
}
