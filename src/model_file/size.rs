//! How large a model file may be.

/// A quarter of a gibibyte: far more than any network for small images.
pub(super) const MAX_BYTES: usize = 1 << 28;
