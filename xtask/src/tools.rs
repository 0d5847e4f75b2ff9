//! The tools besides Cargo that the page needs, at pinned versions, outside the checkout.
//!
//! A task asks for the tools that it uses. One that is on the `PATH` in the right version is taken
//! as it is. Otherwise `cargo binstall` downloads it, where that is installed, and where it is not,
//! or has no file for this machine, Cargo compiles it: with little optimization, since it runs for
//! seconds where compiling it takes minutes.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use crate::{
    files,
    workspace::{Workspace, step},
};

/// The newest Trunk that compiles with this workspace's Rust.
const TRUNK: &str = "0.21.14";
const WASM: &str = "wasm32-unknown-unknown";

/// A package with one or more programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `wasm-bindgen`, which writes the JavaScript around a wasm file, and
    /// `wasm-bindgen-test-runner`, which runs tests in a browser.
    WasmBindgen,
    /// Builds and serves the page.
    Trunk,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::WasmBindgen, Self::Trunk];

    /// The package on crates.io.
    fn package(self) -> &'static str {
        match self {
            Self::WasmBindgen => "wasm-bindgen-cli",
            Self::Trunk => "trunk",
        }
    }

    /// Its programs that are needed here. Each says its version when asked with `--version`.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::WasmBindgen => &["wasm-bindgen", "wasm-bindgen-test-runner"],
            Self::Trunk => &["trunk"],
        }
    }

    fn version(self, workspace: &Workspace) -> Result<String> {
        match self {
            // It refuses wasm files made with any other version of the library.
            Self::WasmBindgen => locked_version(workspace, "wasm-bindgen"),
            Self::Trunk => Ok(TRUNK.into()),
        }
    }

    fn is_installed(self, workspace: &Workspace, version: &str) -> Result<bool> {
        for program in self.programs() {
            if installed_version(workspace, program)?.as_deref() != Some(version) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn install(self, workspace: &Workspace) -> Result<()> {
        let version = self.version(workspace)?;
        if self.is_installed(workspace, &version)? {
            return Ok(());
        }
        let package = self.package();
        if works(workspace, "cargo-binstall", &["-V"])? {
            let name = format!("download {package} {version}");
            let downloaded = step(&name, "seconds", &mut self.binstall(workspace, &version)?);
            if downloaded.is_ok() && self.is_installed(workspace, &version)? {
                return Ok(());
            }
            eprintln!("  no {package} {version} to download for this machine: compiling it");
        }
        self.compile(workspace, &version)
    }

    fn binstall(self, workspace: &Workspace, version: &str) -> Result<Command> {
        let mut binstall = workspace.command("cargo-binstall")?;
        binstall
            .arg(format!("{}@{version}", self.package()))
            // It would compile without the settings below.
            .args(["--no-confirm", "--force", "--no-symlinks", "--disable-strategies", "compile"])
            .arg("--install-path")
            .arg(workspace.tools().join("bin"));
        Ok(binstall)
    }

    fn compile(self, workspace: &Workspace, version: &str) -> Result<()> {
        let name = format!("compile {} {version}", self.package());
        match self {
            Self::WasmBindgen => {
                // The dependencies that this workspace locks, in its own target folder.
                let mut cargo = workspace.cargo(["install", "--locked", "--force"])?;
                cargo.args(["--profile", "quick", "--path", "xtask/bindgen", "--root"]);
                step(&name, "1 min", cargo.arg(workspace.tools()))
            }
            Self::Trunk => {
                let usual = "6 min";
                step(&name, usual, &mut cargo_install(workspace, self, version, true)?).or_else(
                    |_| {
                        // A mirror of the registry may lack what the tool's own lock file names.
                        eprintln!("  trying again without {}'s own lock file", self.package());
                        step(&name, usual, &mut cargo_install(workspace, self, version, false)?)
                    },
                )?;
                // The build folder takes up a gigabyte and is no longer needed.
                files::remove_folder(&workspace.tools_target())
            }
        }
    }
}

fn cargo_install(
    workspace: &Workspace,
    tool: Tool,
    version: &str,
    locked: bool,
) -> Result<Command> {
    let package = format!("{}@{version}", tool.package());
    // The default features are TLS and checks for updates, for downloads not wanted here.
    let mut cargo = workspace.cargo(["install", &package, "--no-default-features"])?;
    cargo
        .args(locked.then_some("--locked"))
        .arg("--root")
        .arg(workspace.tools())
        .env("CARGO_TARGET_DIR", workspace.tools_target())
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    Ok(cargo)
}

/// Installs the wasm target and those of these tools that are missing or have another version;
/// prints nothing if there is nothing to do.
pub fn install(workspace: &Workspace, tools: &[Tool]) -> Result<()> {
    install_wasm_target(workspace)?;
    tools.iter().try_for_each(|tool| tool.install(workspace))
}

/// Adds the formatter and the linter, which rustup's minimal profile lacks, unless they are there.
pub fn install_checkers(workspace: &Workspace) -> Result<()> {
    for (component, program) in [("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")] {
        // rustup leaves a stand-in on the PATH, which fails.
        if !works(workspace, program, &["--version"])? {
            let mut rustup = workspace.command("rustup")?;
            let name = format!("install {component}");
            step(&name, "seconds", rustup.args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// Adds the browser's compilation target, unless it is there.
fn install_wasm_target(workspace: &Workspace) -> Result<()> {
    let output = workspace
        .command("rustc")?
        .args(["--print", "target-libdir", "--target", WASM])
        .output()
        .context("cannot start `rustc`: install Rust from https://rustup.rs")?;
    let folder = String::from_utf8(output.stdout).context("`rustc --print target-libdir`")?;
    if fs::exists(folder.trim()).unwrap_or(false) {
        return Ok(());
    }
    let mut rustup = workspace.command("rustup")?;
    step("install the wasm target", "seconds", rustup.args(["target", "add", WASM]))
}

/// Whether a program can be started with these arguments, and succeeds.
pub fn works(workspace: &Workspace, program: &str, args: &[&str]) -> Result<bool> {
    let output = workspace.command(program)?.args(args).output();
    Ok(output.is_ok_and(|output| output.status.success()))
}

/// The second word of `program --version`; `None` if there is no such program.
fn installed_version(workspace: &Workspace, program: &str) -> Result<Option<String>> {
    let Ok(output) = workspace.command(program)?.arg("--version").output() else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().nth(1).map(str::to_owned))
}

/// The version of `package` in `Cargo.lock`.
fn locked_version(workspace: &Workspace, package: &str) -> Result<String> {
    let path = workspace.root.join("Cargo.lock");
    version_in_lock(&files::read(&path)?, package)
        .map(str::to_owned)
        .with_context(|| format!("{} does not name {package}", path.display()))
}

/// Finds a package in Cargo's format: `name = "…"`, then `version = "…"` on the next line.
fn version_in_lock<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::version_in_lock;

    #[test]
    fn finds_the_exact_package_in_a_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in_lock(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(version_in_lock(lock, "trunk"), None);
    }
}

/// Installing with programs that stand in for Cargo, `cargo binstall` and the tools.
#[cfg(all(test, unix))]
mod install_tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    struct Machine {
        folder: TempDir,
        workspace: Workspace,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let workspace = Workspace::at(folder.path().join("checkout"), folder.path().into());
            fs::create_dir_all(workspace.tools().join("bin")).expect("writable");
            fs::create_dir_all(&workspace.root).expect("writable");
            let lock = "[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
            fs::write(workspace.root.join("Cargo.lock"), lock).expect("writable");
            let machine = Self { folder, workspace };
            // Tools of the real machine must not be found.
            for program in
                ["cargo", "cargo-binstall", "trunk", "wasm-bindgen", "wasm-bindgen-test-runner"]
            {
                machine.program(program, "exit 1");
            }
            machine
        }

        /// Puts a shell script where tools are installed, first on the `PATH`.
        fn program(&self, name: &str, script: &str) {
            let path = self.workspace.tools().join("bin").join(name);
            let log = self.folder.path().join("log");
            let text = format!(
                "#!/bin/sh\ncase \"$1\" in -V|--version) ;; *) echo {name} \"$@\" >> {} ;; esac\n\
                 {script}\n",
                log.display()
            );
            fs::write(&path, text).expect("writable");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        }

        /// A script that, unless asked for its version, makes `programs` say this version.
        fn installs(&self, programs: &[&str], version: &str) -> String {
            let bin = self.workspace.tools().join("bin");
            let write = |program: &&str| {
                let path = bin.join(program);
                let path = path.display();
                format!("printf '#!/bin/sh\\necho tool {version}\\n' > {path}; chmod +x {path};")
            };
            let writes: String = programs.iter().map(write).collect();
            format!("case \"$1\" in -V) exit 0;; esac\n{writes}")
        }

        /// What was started, but for questions about versions.
        fn log(&self) -> String {
            fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
        }
    }

    #[test]
    fn a_tool_of_the_right_version_is_taken_as_it_is() {
        let machine = Machine::new();
        machine.program("trunk", &format!("echo trunk {TRUNK}"));
        Tool::Trunk.install(&machine.workspace).expect("it is there");
        assert_eq!(machine.log(), "");
    }

    #[test]
    fn another_version_is_replaced_by_a_download() {
        let machine = Machine::new();
        machine.program("trunk", "echo trunk 0.1.0");
        machine.program("cargo-binstall", &machine.installs(&["trunk"], TRUNK));
        Tool::Trunk.install(&machine.workspace).expect("it can be downloaded");
        let log = machine.log();
        assert!(log.starts_with(&format!("cargo-binstall trunk@{TRUNK} --no-confirm")), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }

    /// As where a prebuilt program exists but cannot start, or one of two programs is missing.
    #[test]
    fn what_no_download_provides_is_compiled() {
        let machine = Machine::new();
        machine.program("cargo-binstall", &machine.installs(&["wasm-bindgen"], "0.2.130"));
        machine.program("cargo", &machine.installs(Tool::WasmBindgen.programs(), "0.2.130"));
        Tool::WasmBindgen.install(&machine.workspace).expect("it can be compiled");
        let log = machine.log();
        let lines: Vec<&str> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].starts_with("cargo-binstall wasm-bindgen-cli@0.2.130"), "{log}");
        assert!(lines[1].contains("install --locked"), "{log}");
        assert!(lines[1].contains("--path xtask/bindgen"), "{log}");
    }

    #[test]
    fn without_binstall_a_tool_is_compiled_and_without_its_lock_file_if_that_fails() {
        let machine = Machine::new();
        let install = machine.installs(&["trunk"], TRUNK);
        let cargo = format!("case \"$*\" in *--locked*) exit 101;; esac\n{install}");
        machine.program("cargo", &cargo);
        Tool::Trunk.install(&machine.workspace).expect("it can be compiled");
        let log = machine.log();
        let locked: Vec<bool> = log.lines().map(|line| line.contains("--locked")).collect();
        assert_eq!(locked, [true, false], "{log}");
        assert!(!log.contains("binstall"), "{log}");
    }

    #[test]
    fn a_tool_that_cannot_be_had_is_an_error_that_names_it() {
        let machine = Machine::new();
        let error = Tool::Trunk.install(&machine.workspace).expect_err("nothing works");
        let error = format!("{error:#}");
        assert!(error.contains(&format!("compile trunk {TRUNK}")), "{error}");
    }
}
