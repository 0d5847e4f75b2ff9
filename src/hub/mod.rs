//! Models on the Hugging Face hub, named `hf:user/name`: downloaded once into the cache that all of
//! the hub's tools share, and verified by SHA-256.
//!
//! The environment is that of the hub's own tools: `HF_ENDPOINT` (another server), `HF_TOKEN` (for
//! private models; or what `hf auth login` has stored in `HF_TOKEN_PATH` or in the folder of these
//! tools), `HF_HUB_DISABLE_IMPLICIT_TOKEN` (send neither), `HF_HUB_OFFLINE` (ask nobody), and
//! `HF_HUB_CACHE`, `HF_HOME` or `XDG_CACHE_HOME` (where the cache is).

mod address;
mod cache;
mod environment;
mod error;
mod hub_file;
mod request;

use std::path::PathBuf;

pub use address::{Address, AddressError};
use cache::Cache;
pub use error::HubError;
use request::Server;

use crate::download::Progress;

/// Where the file with this address is on this machine. It is downloaded if it is not in the cache,
/// or if the hub has another one by now; a hub that cannot be reached is no error if some file was
/// downloaded earlier. Files with more than `limit` bytes are refused.
///
/// # Errors
/// [`HubError`] names the address on the web.
pub fn fetch(address: &Address, limit: u64, progress: &Progress<'_>) -> Result<PathBuf, HubError> {
    let cache = Cache::locate(address)?;
    let offline = environment::is_on("HF_HUB_OFFLINE");
    // A commit never changes.
    if (offline || address.is_commit())
        && let Some(path) = cache.find(address)?
    {
        return Ok(path);
    }
    let server = Server::from_environment();
    if offline {
        return Err(HubError::Offline { url: server.url(address) });
    }
    let found = match server.look_up(address) {
        Ok(found) => found,
        Err(error) if error.is_unreachable() => return cache.find(address)?.ok_or(error),
        Err(error) => return Err(error),
    };
    if found.size.is_some_and(|size| size > limit) {
        return Err(HubError::TooLarge { url: server.url(address), limit });
    }
    if !cache.has(&found)? {
        let mut contents = cache.partial(&found)?;
        server.download(address, &found, limit, &mut contents, progress)?;
        cache.keep(&found, contents)?;
    }
    cache.link(address, &found)
}
