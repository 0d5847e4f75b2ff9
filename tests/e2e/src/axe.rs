//! What people with disabilities cannot use, as [axe](https://github.com/dequelabs/axe-core) finds
//! it.

use std::{env, fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::browser::Browser;

/// Lists what axe finds wrong in parts of the page, or in all of it, with the elements that it is
/// about, once colors have stopped to change: a theme comes in gradually.
const FIND: &str = "const [parts, done] = arguments; \
    const changes = document.getAnimations().filter((change) => change instanceof CSSTransition); \
    Promise.allSettled(changes.map((change) => change.finished)).then( \
      () => axe.run(parts ?? document, { resultTypes: ['violations'] })).then( \
      ({ violations }) => done(violations.map(({ id, nodes }) => \
        `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)), \
      (error) => done([String(error)]))";

/// The script of axe; none if it is not there, which is said.
///
/// # Errors
///
/// When it cannot be read.
pub fn script() -> Result<Option<String>> {
    let Some(path) = env::var_os("NCSN_AXE") else {
        eprintln!("not tried: NCSN_AXE names no axe.min.js; `cargo xtask test` fetches it");
        return Ok(None);
    };
    let axe = fs::read_to_string(&path);
    axe.map(Some).with_context(|| format!("no {}", Path::new(&path).display()))
}

/// Has axe look at what a selector finds, or at all of the page, after its [`script`] was run there.
/// `place` describes that.
///
/// # Errors
///
/// With what axe finds.
pub async fn is_clean(browser: &Browser, parts: Option<&str>, place: &str) -> Result<()> {
    let found = browser.client.execute_async(FIND, vec![parts.into()]).await?;
    ensure!(found == Value::Array(vec![]), "{place}: {found:#}");
    Ok(())
}
