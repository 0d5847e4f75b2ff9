//! The default network: a U-Net conditioned on a continuous σ.
//!
//! ```text
//! x ─ unshuffle ─ stem ─┬─ blocks ─┬─ half ─┬─ blocks ─ attention ─┬─ middle ─┐
//!                       σ          │        σ                      └── skip ──┴ blocks ─ attention ┐
//!                                  └───────────── skip ─────────────────────── blocks ── double ───┘
//!                                                   score ─ shuffle ─ head ──────┘
//! ```
//!
//! Three choices keep it cheap on a phone and on a CPU. Pixels are unshuffled into channels, so that
//! nothing wide runs at full resolution: a 3 × 3 convolution of 64 channels at 14 × 14 costs the
//! same as one of 32 channels at 28 × 28, has four times the weights and reaches twice as far.
//! Resolutions change by shuffling, too, with a 1 × 1 convolution. And attention is used only where
//! the grid is coarse, where it covers the whole image at little cost.
//!
//! It is conditioned on a class by a row that is added to σ's embedding (Dhariwal & Nichol 2021,
//! section 3.1; the last row stands for no class, Ho & Salimans 2022).
//! [`crate::net::ClassInput`] says how the scale of guidance can be an input, too.
//!
//! [`description`] is plain data, [`topology`] lists its layers in order, and `tensors` what they hold.

#[cfg(feature = "burn")]
mod blocks;
pub mod description;

#[cfg(feature = "burn")]
mod network;
mod tensors;
pub mod topology;

pub use description::UNetDescription;
#[cfg(feature = "burn")]
pub use network::UNet;
