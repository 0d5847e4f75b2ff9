//! Folders, and how other programs are started: in the root of the checkout, with the pinned tools
//! first on the `PATH` and a shared target folder.
//!
//! The target folder is in the user's cache, not in the checkout. Burn takes twenty minutes to
//! compile for the browser on a small machine. A fresh clone or a `git clean` must not repeat that,
//! and Cargo, Trunk and wasm-pack must find each other's results.

use std::{
    env,
    ffi::OsStr,
    iter,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// The checkout and its folders in the user's cache.
pub struct Workspace {
    /// The root of the checkout.
    pub root: PathBuf,
    /// `ncsn/` in the user's cache, with the target folder and the tools.
    cache: PathBuf,
}

impl Workspace {
    /// Finds the checkout that Cargo runs this program in, and the user's cache. (It need not be
    /// the checkout where it was compiled: clones that share a target folder share the program.)
    pub fn locate() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&package)
            .parent()
            .context("xtask must be a folder of the checkout")?
            .to_path_buf();
        Ok(Self { root, cache: user_cache()?.join("ncsn") })
    }

    /// A checkout and a cache that a test has made.
    #[cfg(all(test, unix))]
    pub fn at(root: PathBuf, cache: PathBuf) -> Self {
        Self { root, cache }
    }

    /// Where the tools are installed, with their programs in `bin/`.
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// The target folder for compiling the tools, shared so that they share dependencies.
    pub fn tools_target(&self) -> PathBuf {
        self.cache.join("tools-target")
    }

    /// The target folder for everything else: `CARGO_TARGET_DIR`, or a folder in the cache.
    pub fn target(&self) -> PathBuf {
        let own = env::var_os("CARGO_TARGET_DIR").map(|folder| self.root.join(folder));
        own.unwrap_or_else(|| self.cache.join("target"))
    }

    /// Where npm installs the runtimes that benchmarks compare with.
    pub fn bench_peers(&self) -> PathBuf {
        self.cache.join("bench-peers")
    }

    /// Where npm installs axe, for the tests of the page.
    pub fn axe(&self) -> PathBuf {
        self.cache.join("axe")
    }

    /// A command that runs in the root of the checkout, finds the pinned tools before any others,
    /// and compiles into [`Self::target`].
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", self.path()?);
        command.env("CARGO_TARGET_DIR", self.target());
        // `cargo run` describes *this* package in the environment. Build scripts that watch such
        // variables would run again, and recompile their dependants.
        for (key, _) in env::vars_os() {
            let name = key.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&key);
            }
        }
        Ok(command)
    }

    /// `cargo` with these arguments.
    pub fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        let mut command = self.command("cargo")?;
        command.args(args);
        Ok(command)
    }

    /// `cargo` with these arguments for the browser benchmark, with a target folder of its own,
    /// since its `ncsn` has other features. The file name of a library that is also a `cdylib` has
    /// no hash: in one folder the two would replace each other, and neither would be rebuilt.
    pub fn bench_cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        let mut command = self.cargo(args)?;
        command.env("CARGO_TARGET_DIR", self.target().join("bench-web"));
        Ok(command)
    }

    fn path(&self) -> Result<std::ffi::OsString> {
        let path = env::var_os("PATH").unwrap_or_default();
        let tools = self.tools().join("bin");
        env::join_paths(iter::once(tools).chain(env::split_paths(&path)))
            .context("the user's cache folder has a name that PATH cannot hold")
    }
}

/// Runs `command` as one step of a task. Prints a line at its start, with how long the step usually
/// takes on two idle cores, and, if it succeeds, a line with the time it took; if it fails, the
/// error contains its name.
pub fn step(name: &str, usually: &str, command: &mut Command) -> Result<()> {
    eprintln!("▶ {name} (usually {usually})");
    let start = Instant::now();
    let status = command.status().with_context(|| {
        let program = command.get_program().to_string_lossy();
        format!("{name}: cannot start `{program}`")
    })?;
    if !status.success() {
        bail!("{name}: `{}` failed ({status})", line(command));
    }
    eprintln!("✔ {name} ({:.1} s)", start.elapsed().as_secs_f32());
    Ok(())
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The folder for files that programs can recreate.
fn user_cache() -> Result<PathBuf> {
    let variable = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(cache) = variable("XDG_CACHE_HOME") {
        return Ok(cache);
    }
    if cfg!(windows) {
        return variable("LOCALAPPDATA")
            .context("LOCALAPPDATA is not set: where may xtask keep its tools?");
    }
    let home = variable("HOME").context("HOME is not set: where may xtask keep its tools?")?;
    Ok(home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
}
