//! The networks of NCSN (Song & Ermon 2019) and NCSNv2 (Song & Ermon 2020): RefineNets (Lin et al.
//! 2016), layer for layer as published, so that published weights run.
//!
//! ```text
//! 2x − 1 ─ begin ─ stage ── ½ stage ── dilated stage ── dilated stage
//!                    │         │             │                │
//! score ─ end ─── refine ── refine ─────── refine ───────── refine
//! ```
//!
//! A stage is two residual blocks. The first halving is the only one in the standard depth: after
//! it, convolutions are dilated, which gives them a wider view at the same resolution. In NCSN every
//! normalization is conditioned on the index of the noise level. NCSNv2 is not conditioned on σ at
//! all; its output is divided by σ, since the norm of a trained score goes with 1/σ. [`description`]
//! is plain data.

pub mod description;

#[cfg(feature = "burn")]
mod blocks;
#[cfg(feature = "burn")]
mod network;

pub use description::{Depth, RefineNetDescription, Variant};
#[cfg(feature = "burn")]
pub use network::RefineNet;
