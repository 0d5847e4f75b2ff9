//! Files of CIFAR for Python.

/// A batch of images of one value each and their labels under this key, as `cPickle` of Python 2 wrote
/// them.
pub fn pickle(firsts: &[u8], key: &str, labels: &[u8]) -> Vec<u8> {
    let rows = (firsts.len() as u16).to_le_bytes();
    let pixels: Vec<u8> = firsts.iter().flat_map(|&first| vec![first; 3072]).collect();
    let length = (pixels.len() as u32).to_le_bytes();
    let labels: Vec<u8> = labels.iter().flat_map(|&label| [b'K', label]).collect();
    [
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x08training",
        &b"U\x04datacnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06"[..],
        b"K\0\x85U\x01b\x87R(K\x01M",
        &rows,
        b"M\0\x0c\x86cnumpy\ndtype\nq\x07U\x02u1K\0K\x01\x87R(K\x03U\x01|NNN",
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T",
        &length,
        &pixels,
        b"tbU",
        &[key.len() as u8],
        key.as_bytes(),
        b"]q\x0a(",
        &labels,
        b"eu.",
    ]
    .concat()
}
