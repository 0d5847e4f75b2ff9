//! Drives the built page in headless Chrome, as a visitor would.
//!
//! Visitors meet problems that unit tests do not see: relative addresses that break below a path, a
//! canvas that stays blank, an error that reaches nobody. So these tests take `dist/` as `cargo
//! xtask build` leaves it, put it behind a plain file [`server`] under a path that is not the root,
//! start a real [`browser`] with WebGPU on a software adapter, and use the [`page`] only through
//! what it shows and the controls it offers.
//!
//! Run them with `cargo xtask test`, or alone, after `cargo xtask build`, with
//! `cargo test --release -p e2e`.

pub mod axe;
pub mod browser;
pub mod image;
pub mod page;
pub mod server;
