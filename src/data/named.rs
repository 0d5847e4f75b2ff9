//! Published data sets by name, downloaded once into the user's cache.
//!
//! Downloads are the business of `curl`, which knows the proxies and certificates of the machine,
//! comes with Windows and macOS, and is how Rust itself is installed. What it brings is checked by
//! SHA-256 before it is used.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// A published data set.
#[derive(Debug)]
pub struct Named {
    /// What it is called on the command line.
    pub name: &'static str,
    files: &'static [Remote],
}

/// A file of it.
#[derive(Debug)]
struct Remote {
    name: &'static str,
    /// The folders where it is, with a `/` at their ends.
    bases: &'static [&'static str],
    sha256: &'static str,
}

/// The variable of the environment that names another server to download from.
pub const MIRROR: &str = "NCSN_MIRROR";

const MNIST: &[&str] = &[
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
];
const FASHION: &[&str] = &[
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
];

/// What is known by name. Labels are not needed.
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

/// Why a published data set is not there.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// There is no place for it.
    #[error("cannot keep downloads in {}: {source}", path.display())]
    Cache {
        /// The cache.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The user has no home.
    #[error("there is no folder for downloads: {0}")]
    Home(#[from] etcetera::HomeDirError),
    /// No place had it.
    #[error(
        "cannot download {file}: {}; get it some other way and put it into {}, or set {MIRROR} to \
         a server that has it",
        attempts.join("; "),
        folder.display()
    )]
    Failed {
        /// Which file.
        file: String,
        /// Each address, and what happened.
        attempts: Vec<String>,
        /// Where it should be.
        folder: PathBuf,
    },
}

/// The data set of that name.
pub fn find(name: &str) -> Option<&'static Named> {
    SETS.iter().find(|set| set.name == name)
}

/// The names that there are.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|set| set.name)
}

impl Named {
    /// Downloads what is not there yet, and says where it is.
    ///
    /// # Errors
    /// [`DownloadError`] names each address that failed, and why.
    pub fn fetch(&self) -> Result<PathBuf, DownloadError> {
        let cache = etcetera::choose_base_strategy()?.cache_dir();
        let folder = cache.join(env!("CARGO_PKG_NAME")).join(self.name);
        let failed = |source| DownloadError::Cache { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for file in self.files {
            let path = folder.join(file.name);
            if !path.exists() || sha256(&path).map_err(failed)? != file.sha256 {
                self.download(file, &path, &folder)?;
            }
        }
        Ok(folder)
    }

    fn download(&self, file: &Remote, path: &Path, folder: &Path) -> Result<(), DownloadError> {
        let urls: Vec<String> = match std::env::var(MIRROR) {
            Ok(mirror) => {
                vec![format!("{}/{}/{}", mirror.trim_end_matches('/'), self.name, file.name)]
            }
            Err(_) => file.bases.iter().map(|base| format!("{base}{}", file.name)).collect(),
        };
        let partial = path.with_extension("partial");
        let mut attempts = Vec::new();
        for url in urls {
            let result = curl(&url, &partial).and_then(|()| {
                let found = sha256(&partial).map_err(|e| e.to_string())?;
                if found == file.sha256 {
                    return std::fs::rename(&partial, path).map_err(|e| e.to_string());
                }
                Err(format!("not the published file: its SHA-256 is {found}, not {}", file.sha256))
            });
            let Err(problem) = result else { return Ok(()) };
            attempts.push(format!("{url}: {problem}"));
        }
        // What is left of a failed attempt helps nobody.
        let _ = std::fs::remove_file(&partial);
        let (file, folder) = (file.name.to_owned(), folder.to_owned());
        Err(DownloadError::Failed { file, attempts, folder })
    }
}

fn curl(url: &str, to: &Path) -> Result<(), String> {
    let mut command = Command::new("curl");
    command.args([
        "--fail",
        "--location",
        "--show-error",
        "--retry",
        "2",
        "--connect-timeout",
        "20",
    ]);
    let terminal = io::stderr().is_terminal();
    if terminal {
        eprintln!("downloading {url}");
    }
    command.arg(if terminal { "--progress-bar" } else { "--silent" });
    command.args(["--proto", "=https,http", "--output"]).arg(to).arg(url);
    // Its bar goes to the terminal; its complaints into our error where there is none.
    command.stderr(if terminal { Stdio::inherit() } else { Stdio::piped() });
    let output = command.output().map_err(|e| format!("cannot start curl ({e})"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(match complaint.lines().next_back() {
        Some(line) => line.to_owned(),
        None => format!("curl ended with {}", output.status),
    })
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        let count = bytes.len();
        file.consume(count);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
