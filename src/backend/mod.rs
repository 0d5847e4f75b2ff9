//! What evaluates a network for chains, each backend on hardware of its own.

#[cfg(feature = "fused")]
pub mod fused;
