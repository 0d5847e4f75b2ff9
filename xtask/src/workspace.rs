//! Where things are, and how another program is started: from the root of the checkout, with the
//! pinned tools first on `PATH` and one target folder for all of them.
//!
//! The target folder lies in the user's cache, not in the checkout. Burn takes twenty minutes to
//! compile for the browser on a small machine; a fresh clone or a `git clean` must not cost that
//! again, and Cargo, Trunk and wasm-pack must all find what another of them has built.

use std::{
    env,
    ffi::OsStr,
    iter,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// The checkout and the folders in the user's cache that belong to it.
pub struct Workspace {
    /// The root of the checkout.
    pub root: PathBuf,
    /// `ncsn/` in the user's cache: the target folder and the tools.
    cache: PathBuf,
}

impl Workspace {
    /// Finds the checkout that Cargo runs this program in, and the user's cache. (Not the one that it
    /// was compiled in: clones that share a target folder share the program.)
    pub fn locate() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&package)
            .parent()
            .context("xtask must be a folder of the checkout")?
            .to_path_buf();
        let cache = user_cache()?.join("ncsn");
        Ok(Self { root, cache })
    }

    /// Where the tools are installed: their programs are in `bin/` below.
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// The target folder for compiling the tools, shared so that they share dependencies.
    pub fn tools_target(&self) -> PathBuf {
        self.cache.join("tools-target")
    }

    /// Where everything else is compiled: what `CARGO_TARGET_DIR` says, or a folder in the cache.
    pub fn target(&self) -> PathBuf {
        let own = env::var_os("CARGO_TARGET_DIR").map(|folder| self.root.join(folder));
        own.unwrap_or_else(|| self.cache.join("target"))
    }

    /// Where npm puts the runtimes that benchmarks compare with.
    pub fn bench_peers(&self) -> PathBuf {
        self.cache.join("bench-peers")
    }

    /// A command that runs in the root of the checkout, sees the pinned tools before any others,
    /// and compiles into [`Self::target`].
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", self.path()?);
        command.env("CARGO_TARGET_DIR", self.target());
        // `cargo run` describes *this* package in the environment. Left there, build scripts that
        // watch such a variable would run again, and dependants with them.
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

    /// `cargo` with these arguments for the browser's benchmark, whose `ncsn` has other features than
    /// everybody else's, into a target folder of its own. Cargo gives a library that is a `cdylib` too
    /// no hash in its file's name: in one folder the one would take the other's place, and neither
    /// would be built anew.
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

/// Runs `command` to its end as one step of a task: a line when it starts, a line with the time
/// that it took when it has succeeded, an error with its name when it has not.
pub fn step(name: &str, command: &mut Command) -> Result<()> {
    eprintln!("▶ {name}");
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

/// The folder in which programs may keep what they can make again.
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
