//! Checks of the page's JavaScript: its format, lints, and the types in its comments.
//!
//! The tools, Biome and TypeScript, come from npm at the versions in `package.json`. Nothing else
//! in the tests needs npm. So where it is missing, or cannot fetch them, these checks are left out,
//! and a line says so.

use anyhow::Result;

use crate::{
    tools,
    workspace::{Workspace, step},
};

/// On Windows npm is a script, which is only found under its full name.
pub const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

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

fn skip(name: &str, reason: &str) {
    eprintln!("– {name}: NOT CHECKED, since {reason}");
}
