//! The page under [axe](https://github.com/dequelabs/axe-core), which looks for what people with
//! disabilities cannot use, at four widths and in both themes.

mod common;

use std::{env, fs};

use anyhow::{Context, Result, ensure};
use common::{TINY, dist, ready_on};
use e2e::{browser::with_browser, page::Page, server::Server};
use serde_json::Value;

/// Lists what axe finds wrong, with the elements that it is about, once colors have stopped to change:
/// a theme comes in gradually.
const FIND: &str = "const done = arguments[arguments.length - 1]; \
    const changes = document.getAnimations().filter((change) => change instanceof CSSTransition); \
    Promise.allSettled(changes.map((change) => change.finished)).then( \
      () => axe.run(document, { resultTypes: ['violations'] })).then( \
      ({ violations }) => done(violations.map(({ id, nodes }) => \
        `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)), \
      (error) => done([String(error)]))";

#[tokio::test]
async fn axe_finds_nothing() -> Result<()> {
    let Some(path) = env::var_os("NCSN_AXE") else {
        eprintln!("not tried: NCSN_AXE names no axe.min.js; `cargo xtask test` fetches it");
        return Ok(());
    };
    let axe = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let server = Server::start(dist())?;
    with_browser(async |browser| {
        let (page, _) = ready_on(&server, browser, TINY).await?;
        let clean = async |place: &str| -> Result<()> {
            browser.client.execute(&axe, vec![]).await?;
            let found = browser.client.execute_async(FIND, vec![]).await?;
            ensure!(found == Value::Array(vec![]), "{place}: {found:#}");
            Ok(())
        };
        for width in [320, 390, 820, 1440] {
            browser.resize(width, 900).await?;
            for theme in ["light", "dark"] {
                browser.prefer(theme).await?;
                clean(&format!("{width} px, {theme}")).await?;
            }
        }
        let story = "document.getElementById('how-title').scrollIntoView()";
        browser.client.execute(story, vec![]).await?;
        page.wait_until("the story is live", async || page.is_shown("#toy2d").await).await?;
        clean("the live story").await?;
        let open =
            "document.querySelectorAll('details').forEach((details) => (details.open = true))";
        browser.client.execute(open, vec![]).await?;
        clean("all settings").await?;
        open_by(&page, "#draw", "#sketch-canvas").await?;
        clean("the drawing").await?;
        open_by(&page, "#train", "#train-zone").await?;
        clean("the panel for training").await
    })
    .await
}

/// Clicks on a button, and waits for what it opens.
async fn open_by(page: &Page<'_>, button: &str, opens: &str) -> Result<()> {
    page.click(button).await?;
    page.wait_until(&format!("{opens} is open"), async || page.is_shown(opens).await).await
}
