//! How large a model file and its header may be.

/// A quarter of a gibibyte: far more than any network for small images.
pub(super) const MAX_BYTES: usize = 1 << 28;

/// 16 MiB: what is made of a header takes several times its bytes, and cards are small.
pub(super) const MAX_HEADER: usize = 1 << 24;
