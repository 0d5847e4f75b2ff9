//! Keeps the Wayland library quiet on machines without a desktop.
//!
//! Mesa's Vulkan layer that chooses between GPUs looks for a Wayland display whenever an instance
//! is created. Without `XDG_RUNTIME_DIR`, as over SSH or in a container, the library then prints
//! `error: XDG_RUNTIME_DIR is invalid or not set in the environment.`, although nothing is wrong.

use std::env;
use std::path::Path;

/// Says that the display is at a path where there is none, if there cannot be one: the library then
/// has no reason to look for `XDG_RUNTIME_DIR`. To be called before any thread is started.
pub fn expect_no_display() {
    let is_path =
        |name: &str| env::var_os(name).is_some_and(|value| Path::new(&value).is_absolute());
    if is_path("XDG_RUNTIME_DIR") || is_path("WAYLAND_DISPLAY") {
        return;
    }
    // SAFETY: the programs call this first in `main`, so no other thread reads the environment.
    unsafe { env::set_var("WAYLAND_DISPLAY", "/nonexistent") }
}
