//! What the environment says to the hub's own tools.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs};

use etcetera::BaseStrategy;

use super::error::HubError;

/// The value of a variable that is set and not empty.
pub(super) fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether a variable says yes.
pub(super) fn is_on(name: &str) -> bool {
    let yes = ["1", "ON", "YES", "TRUE"];
    set(name).is_some_and(|value| yes.iter().any(|yes| value.eq_ignore_ascii_case(yes)))
}

/// The server that answers as the hub does, if another one than the hub is to be asked.
pub(super) fn endpoint() -> Option<String> {
    set("HF_ENDPOINT")?.into_string().ok()
}

/// The folder of the hub's tools.
///
/// # Errors
/// If the user has no home folder.
pub(super) fn home() -> Result<PathBuf, HubError> {
    if let Some(home) = set("HF_HOME") {
        return Ok(home.into());
    }
    // Also on macOS and Windows, as the hub's tools have it.
    let caches = match set("XDG_CACHE_HOME") {
        Some(caches) => caches.into(),
        None => etcetera::choose_base_strategy()?.home_dir().join(".cache"),
    };
    Ok(caches.join("huggingface"))
}

/// What the hub knows the user by: `HF_TOKEN` or, if that is not set, what `hf auth login` has stored.
/// `None`, too, if the environment forbids to send either unasked.
pub(super) fn token() -> Option<String> {
    if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
        return None;
    }
    let trimmed = |token: String| Some(token.trim().to_owned()).filter(|token| !token.is_empty());
    env::var("HF_TOKEN").ok().and_then(trimmed).or_else(|| stored_token().and_then(trimmed))
}

fn stored_token() -> Option<String> {
    let path = match set("HF_TOKEN_PATH") {
        Some(path) => path.into(),
        None => home().ok()?.join("token"),
    };
    fs::read_to_string(path).ok()
}
