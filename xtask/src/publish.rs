//! What `cargo publish` would upload: whether crates.io would take it, and whether the README's links
//! and images are in it.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::workspace::{Workspace, step};

/// Checks the package of the crate without uploading anything. `verify` also compiles what is in
/// it, as `cargo install` would.
pub fn check(workspace: &Workspace, verify: bool) -> Result<()> {
    let mut list = workspace.cargo(LIST)?;
    let output = list.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo cannot list the package: {said}");
    let readme = fs::read_to_string(workspace.root.join(README)).context("there is no README")?;
    let absent = absent(&readme, &String::from_utf8_lossy(&output.stdout));
    ensure!(
        absent.is_empty(),
        "{README} refers to what `include` in Cargo.toml leaves out: {}",
        absent.join(", ")
    );
    let mut publish = workspace.cargo(["publish", "--dry-run", "--allow-dirty"])?;
    let usually = if verify { "15 min" } else { "seconds" };
    if !verify {
        publish.arg("--no-verify");
    }
    step("the crate's package", usually, &mut publish)
}

const README: &str = "README.md";
const LIST: [&str; 4] = ["package", "--package=ncsn", "--list", "--allow-dirty"];

/// The files and folders in the README's links and images that are not in the package, given the
/// paths of its files.
fn absent<'a>(readme: &'a str, files: &str) -> Vec<&'a str> {
    // Windows lists them with backslashes.
    let files: Vec<String> = files.lines().map(|line| line.replace('\\', "/")).collect();
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let paths = links.filter(|link| !link.contains("://"));
    let paths = paths.map(|link| link.split('#').next().unwrap_or_default());
    let paths: BTreeSet<&str> = paths.filter(|path| !path.is_empty()).collect();
    let has = |path: &&str| files.iter().any(|file| Path::new(file).starts_with(path));
    paths.into_iter().filter(|path| !has(path)).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_absent_is_named_once() {
        let readme =
            "[a](a.md#part) ![b](docs/b.png) [b](docs/b.png) [c](https://c) [d](#d) [e](e)";
        assert_eq!(absent(readme, "a.md\nsrc/lib.rs\n"), ["docs/b.png", "e"]);
        assert!(absent(readme, "a.md\ndocs/b.png\ne/f.rs\n").is_empty());
        assert_eq!(absent("[e](e)", "ef\n"), ["e"], "a folder is no prefix of a name");
    }

    /// What crates.io and docs.rs show leads somewhere.
    #[test]
    fn the_files_of_the_readme_are_in_the_package() -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("a checkout")?;
        let mut cargo = Command::new(env!("CARGO"));
        let output = cargo.current_dir(root).args(LIST).arg("--offline").output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let readme = fs::read_to_string(root.join(README))?;
        let absent = absent(&readme, &String::from_utf8_lossy(&output.stdout));
        assert!(absent.is_empty(), "{absent:?}");
        Ok(())
    }
}
