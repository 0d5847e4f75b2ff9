//! `hf:user/name[/path][@revision]`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use thiserror::Error;

/// A file on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The repository: `user/name`.
    pub repository: String,
    /// The file's path in it.
    pub path: String,
    /// A branch, a tag, or a commit.
    pub revision: String,
}

/// Text that is no address of a model on the hub.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0} is no address on the hub: it should be hf:user/name, hf:user/name/file.safetensors, or \
     either with @revision at its end"
)]
pub struct AddressError(String);

impl Address {
    /// How addresses begin.
    pub const PREFIX: &str = "hf:";
    /// The file that is meant if an address names none.
    pub const FILE: &str = "model.safetensors";
    /// The revision that is meant if an address names none.
    pub const REVISION: &str = "main";

    /// Whether the revision is a commit, whose files never change.
    pub fn is_commit(&self) -> bool {
        self.revision.len() == 40 && self.revision.bytes().all(|byte| byte.is_ascii_hexdigit())
    }
}

/// Whether a name may stand for a file, a folder or a part of an address: it becomes both a folder
/// of the cache and a part of a URL. (`isPart` in www/model/hub.js is the same;
/// `tests/hub_names.json` lists what both accept.)
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('.') && !text.contains("..")
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refused = || AddressError(text.to_owned());
        let rest = text.strip_prefix(Self::PREFIX).ok_or_else(refused)?;
        let (place, revision) = rest.split_once('@').unwrap_or((rest, Self::REVISION));
        let mut parts = place.splitn(3, '/');
        let (user, name) = parts.next().zip(parts.next()).ok_or_else(refused)?;
        let path = parts.next().unwrap_or(Self::FILE);
        let names = [user, name].into_iter().chain(path.split('/')).chain(revision.split('/'));
        if !names.into_iter().all(is_name) {
            return Err(refused());
        }
        Ok(Self {
            repository: format!("{user}/{name}"),
            path: path.to_owned(),
            revision: revision.to_owned(),
        })
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.repository)?;
        if self.path != Self::FILE {
            write!(f, "/{}", self.path)?;
        }
        if self.revision != Self::REVISION {
            write!(f, "@{}", self.revision)?;
        }
        Ok(())
    }
}
