//! Why chains cannot start or go on.

use std::ops::Range;

use thiserror::Error;

#[cfg(feature = "fused")]
use super::fused::FusedError;
use crate::sample::ConditioningError;

/// Why chains cannot start or go on.
#[derive(Debug, Error)]
pub enum BackendError {
    /// There are no chains with these numbers.
    #[error(
        "there must be at least one chain, with numbers below 2³², but {count} were asked for, from \
         number {first} on"
    )]
    Chains {
        /// The number of the first.
        first: usize,
        /// How many.
        count: usize,
    },
    /// The conditioning does not fit the model's images.
    #[error(transparent)]
    Conditioning(#[from] ConditioningError),
    /// The fused backend cannot go on.
    #[cfg(feature = "fused")]
    #[error(transparent)]
    Fused(#[from] FusedError),
    /// A Burn device failed: Burn's message, in one line.
    #[error("the device failed: {0}")]
    Device(String),
    /// The backend draws nothing.
    #[error("this engine cannot draw; ask for pixels instead")]
    CannotDraw,
    /// A state is not one of these chains.
    #[error("the state does not fit these chains: it has {found} {what}, but they have {expected}")]
    State {
        /// What differs.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the chains have; of steps, a state may have fewer.
        expected: usize,
    },
}

impl BackendError {
    /// Checks the numbers of a batch of chains. A chain's number is the u32 stream of its noise: cut
    /// off, a larger one would silently be another chain's.
    ///
    /// # Errors
    /// [`Self::Chains`] if there are none or a number is 2³² or more.
    pub(super) fn check_chains(numbers: &Range<usize>) -> Result<(), Self> {
        const END: u64 = 1 << 32;
        match numbers.is_empty() || numbers.end as u64 > END {
            true => Err(Self::Chains { first: numbers.start, count: numbers.len() }),
            false => Ok(()),
        }
    }
}
