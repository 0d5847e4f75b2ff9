//! What is known of dependencies: their licenses and where they come from, by cargo-deny, as
//! `deny.toml` says.

use anyhow::Result;

use crate::{
    tools,
    workspace::{Workspace, step},
};

/// Checks what can be checked without a network, where cargo-deny is installed: to compile it takes
/// minutes.
pub fn check(workspace: &Workspace) -> Result<()> {
    if tools::works(workspace, "cargo", &["deny", "--version"])? {
        let mut deny = workspace.cargo(["deny", "--offline", "check"])?;
        return step("dependencies", "seconds", deny.args(["licenses", "sources", "bans"]));
    }
    eprintln!("– dependencies: NOT CHECKED, since cargo-deny is not installed");
    Ok(())
}
