//! Checks of the page's JavaScript: its format, lints, and the types in its comments.
//!
//! The tools, Biome and TypeScript, come from npm at the versions in `package.json`, and so does axe,
//! which a test of the page runs. Nothing else in the tests needs npm. So where it is missing, or
//! cannot fetch them, these checks are left out, and a line says so.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    files, tools,
    workspace::{Workspace, step},
};

/// On Windows npm is a script, which is only found under its full name.
pub const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// See [`axe`].
const AXE: &str = "axe-core@4.11.0";

/// The name of a step, and the scripts of `package.json` that run its tool and that check.
const CHECKS: [(&str, &str, &str); 2] =
    [("scripts: format and lints", "biome", "lint"), ("scripts: types", "tsc", "types")];

/// Runs all checks of scripts that can be run here.
pub fn check(workspace: &Workspace) -> Result<()> {
    if !tools::works(workspace, NPM, &["--version"])? {
        skip("scripts", "npm is not installed (https://nodejs.org)");
        return Ok(());
    }
    for (name, tool, check) in CHECKS {
        if tools::works(workspace, NPM, &["run", "--silent", tool, "--", "--version"])? {
            let mut npm = workspace.command(NPM)?;
            step(name, "seconds", npm.args(["run", "--silent", check]))?;
        } else {
            skip(name, &format!("`npm run {tool} -- --version` fails: is there a network?"));
        }
    }
    Ok(())
}

/// Has npm install packages into a folder, unless they are there.
pub fn install(workspace: &Workspace, name: &str, folder: &Path, packages: &[&str]) -> Result<()> {
    let mark = folder.join("installed");
    let wanted = packages.join(" ");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    files::make_folder(folder)?;
    step(
        &format!("fetch {name} (with npm, of Node.js)"),
        "seconds",
        workspace
            .command(NPM)?
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
            .arg("--prefix")
            .arg(folder)
            .args(packages),
    )?;
    files::write(&mark, &wanted)
}

/// The script of axe, which finds what people with disabilities cannot use; `None` where npm cannot
/// install it.
pub fn axe(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.axe();
    match install(workspace, "axe", &folder, &[AXE]) {
        Ok(()) => Some(folder.join("node_modules/axe-core/axe.min.js")),
        Err(error) => {
            skip("accessibility", &format!("{error:#}"));
            None
        }
    }
}

fn skip(name: &str, reason: &str) {
    eprintln!("– {name}: NOT CHECKED, since {reason}");
}
