//! Backends: what evaluates the score for a batch of chains and moves them along a step table.
//!
//! Samplers end at a [`StepTable`](crate::sample::StepTable); a backend begins there, and knows no
//! sampler. A [`ChainSource`] makes [`Chains`], and these are all that programs need of one, so
//! commands, the trainer and the page run chains without knowing on what. There are three:
//!
//! | backend | evaluates | on |
//! |---|---|---|
//! | [`host`] | anything that implements [`crate::score::Score`] | the CPU, plainly: the reference, and what the toys run on |
//! | `burn` | a network's Burn module, with guides if wanted | any Burn device |
//! | `fused` | a network as hand-written WGSL kernels | any GPU, natively and in the browser |
//!
//! The same step table, conditioning, seed and chain number give the same image on each, up to
//! rounding.

#[cfg(feature = "burn")]
pub mod burn;
mod chain_source;
mod chains;
mod error;
#[cfg(feature = "fused")]
pub mod fused;
pub mod host;
mod state;
mod view;

#[cfg(feature = "burn")]
pub use self::burn::{BurnChains, BurnModel};
pub use self::chain_source::ChainSource;
pub use self::chains::{Chains, Pending, advance_to};
pub use self::error::BackendError;
pub use self::host::HostChains;
pub use self::state::State;
pub use self::view::View;
