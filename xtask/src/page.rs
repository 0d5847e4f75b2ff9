//! Builds and serves the page with Trunk, whose settings are in `Trunk.toml`.

use std::{env, process::Command};

use anyhow::Result;

use crate::{
    engines, tools,
    workspace::{Workspace, step},
};

/// Builds the page and serves it until the user stops it, with those engines that have been built.
pub fn serve(workspace: &Workspace, args: &[String]) -> Result<()> {
    tools::install(workspace)?;
    step("serve the page", trunk(workspace, "serve")?.args(args))
}

/// Builds the page with all its engines into `dist/`.
pub fn build(workspace: &Workspace, args: &[String]) -> Result<()> {
    engines::build(workspace, &[])?;
    step("build the page into dist/", trunk(workspace, "build")?.args(args))
}

fn trunk(workspace: &Workspace, subcommand: &str) -> Result<Command> {
    let mut trunk = workspace.command("trunk")?;
    trunk.args([subcommand, "--release"]);
    // The custom is that any value means "no colour"; Trunk stops at anything but a boolean.
    if env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    Ok(trunk)
}
