//! Where the bench page finds files on the server.

use std::fmt::Display;

use e2e::server::PREFIX;

/// Where the built page is served, below the server's prefix.
pub const DIST: &str = "dist/";
/// Where the other runtimes are served.
pub const NODE_MODULES: &str = "node_modules/";
/// Where models and tasks are served.
pub const WORK: &str = "work/";
/// The model's file there.
pub const MODEL: &str = "model.safetensors";

/// The address of a file in one of these folders, as seen by the bench page's modules.
pub fn address(folder: &str, file: impl Display) -> String {
    format!("{PREFIX}{folder}{file}")
}
