//! Published data sets by name, downloaded once into the user's cache and verified by SHA-256
//! before use.

use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use tempfile::NamedTempFile;
use thiserror::Error;

use crate::download::{Progress, SaveError, config, save, sha256_of};
use crate::files::{create_beside, replace};

/// A published data set.
#[derive(Debug)]
pub struct Named {
    /// Its name on the command line.
    pub name: &'static str,
    files: &'static [Remote],
}

/// A file of a data set.
#[derive(Debug)]
struct Remote {
    name: &'static str,
    /// The folders to download it from, each ending in `/`.
    bases: &'static [&'static str],
    sha256: &'static str,
}

/// The environment variable that names another server to download from.
pub const MIRROR: &str = "NCSN_MIRROR";

const MNIST: &[&str] = &[
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
];
const FASHION: &[&str] = &[
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
];

/// All data sets with a name.
const SETS: [Named; 3] = [
    Named {
        name: "mnist",
        files: &[
            Remote {
                name: "train-images-idx3-ubyte.gz",
                bases: MNIST,
                sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            },
            Remote {
                name: "t10k-images-idx3-ubyte.gz",
                bases: MNIST,
                sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            },
            Remote {
                name: "train-labels-idx1-ubyte.gz",
                bases: MNIST,
                sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            },
            Remote {
                name: "t10k-labels-idx1-ubyte.gz",
                bases: MNIST,
                sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            },
        ],
    },
    Named {
        name: "fashion-mnist",
        files: &[
            Remote {
                name: "train-images-idx3-ubyte.gz",
                bases: FASHION,
                sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            },
            Remote {
                name: "t10k-images-idx3-ubyte.gz",
                bases: FASHION,
                sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            },
            Remote {
                name: "train-labels-idx1-ubyte.gz",
                bases: FASHION,
                sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            },
            Remote {
                name: "t10k-labels-idx1-ubyte.gz",
                bases: FASHION,
                sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            },
        ],
    },
    Named {
        name: "cifar10",
        files: &[Remote {
            name: "cifar-10-binary.tar.gz",
            bases: &["https://www.cs.toronto.edu/~kriz/"],
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        }],
    },
];

/// Why a published data set is not available.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// The cache cannot be written.
    #[error("cannot keep downloads in {}", path.display())]
    Cache {
        /// The cache.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The user has no home folder.
    #[error("there is no folder for downloads: {0}")]
    Home(#[from] etcetera::HomeDirError),
    /// All addresses failed.
    #[error(
        "cannot download {file}: {}; get it some other way and put it into {}, or set {MIRROR} to \
         a server that has it",
        attempts.join("; "),
        folder.display()
    )]
    Failed {
        /// Which file.
        file: String,
        /// Each address, and how it failed.
        attempts: Vec<String>,
        /// The folder it belongs in.
        folder: PathBuf,
    },
}

/// This crate's folder in the user's cache.
///
/// # Errors
/// If the user has no home folder.
pub fn cache() -> Result<PathBuf, etcetera::HomeDirError> {
    Ok(etcetera::choose_base_strategy()?.cache_dir().join(env!("CARGO_PKG_NAME")))
}

/// The data set with this name.
pub fn find(name: &str) -> Option<&'static Named> {
    SETS.iter().find(|set| set.name == name)
}

/// The names of all data sets.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|set| set.name)
}

impl Named {
    /// Downloads any missing files and returns their folder. `progress` may wrap a download to
    /// follow it; it also gets the length in bytes, if the server tells it.
    ///
    /// # Errors
    /// [`DownloadError`] names each address that failed, and why.
    pub fn fetch(&self, progress: &Progress<'_>) -> Result<PathBuf, DownloadError> {
        let folder = cache()?.join(self.name);
        let failed = |source| DownloadError::Cache { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for file in self.files {
            let path = folder.join(file.name);
            if !path.exists() || sha256_of(&path).map_err(failed)? != file.sha256 {
                self.download(file, &path, &folder, progress)?;
            }
        }
        Ok(folder)
    }

    fn download(
        &self,
        file: &Remote,
        path: &Path,
        folder: &Path,
        progress: &Progress<'_>,
    ) -> Result<(), DownloadError> {
        let urls: Vec<String> = match std::env::var(MIRROR) {
            Ok(mirror) => {
                vec![format!("{}/{}/{}", mirror.trim_end_matches('/'), self.name, file.name)]
            }
            Err(_) => file.bases.iter().map(|base| format!("{base}{}", file.name)).collect(),
        };
        let new = file.save(&urls, path, folder, progress)?;
        // Ranks of one run may have downloaded it at the same time.
        let failed = |source| DownloadError::Cache { path: folder.to_owned(), source };
        replace(new, path).map_err(failed)
    }
}

impl Remote {
    /// Downloads it, beside the path that it belongs to, from the first address that has it.
    fn save(
        &self,
        urls: &[String],
        path: &Path,
        folder: &Path,
        progress: &Progress<'_>,
    ) -> Result<NamedTempFile, DownloadError> {
        let mut attempts = Vec::new();
        for url in urls {
            let problem = match get(url, path, progress) {
                Ok((new, found)) if found == self.sha256 => return Ok(new),
                Ok((_, found)) => {
                    format!("not the published file: its SHA-256 is {found}, not {}", self.sha256)
                }
                Err(SaveError::Network(error)) => error.to_string(),
                // Another server would not help.
                Err(SaveError::Disk(source)) => {
                    return Err(DownloadError::Cache { path: folder.to_owned(), source });
                }
            };
            attempts.push(format!("{url}: {problem}"));
        }
        let (file, folder) = (self.name.to_owned(), folder.to_owned());
        Err(DownloadError::Failed { file, attempts, folder })
    }
}

/// Downloads a file beside the path that it belongs to, and returns it with its SHA-256.
fn get(
    url: &str,
    path: &Path,
    progress: &Progress<'_>,
) -> Result<(NamedTempFile, String), SaveError> {
    // No published set is larger, and nobody's disk should be filled.
    const LIMIT: u64 = 1 << 30;
    let answer = ureq::Agent::new_with_config(config().build()).get(url).call();
    let answer = answer.map_err(|error| SaveError::Network(io::Error::other(error)))?;
    let mut new = create_beside(path).map_err(SaveError::Disk)?;
    save(url, answer.into_body(), new.as_file_mut(), LIMIT, progress)?;
    let hash = sha256_of(new.path()).map_err(SaveError::Disk)?;
    Ok((new, hash))
}
