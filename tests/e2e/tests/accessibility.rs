//! The page and its dialogs at four widths and in both themes: they fit, and
//! [axe](https://github.com/dequelabs/axe-core) finds nothing that people with disabilities cannot
//! use.

mod common;

use std::{env, fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use common::{TINY, dist, ready, ready_on, tiny_with};
use e2e::{
    browser::{Browser, with_browser},
    page::{Page, State},
    server::Server,
};
use serde_json::Value;
use tokio::time::sleep;

/// In CSS pixels: two phones, a tablet and a desktop.
const WIDTHS: [u32; 4] = [320, 390, 820, 1440];
const THEMES: [&str; 2] = ["light", "dark"];

/// Dialogs: what opens one, and its selector.
const DIALOGS: [(&str, &str); 6] = [
    ("#help", "#shortcuts"),
    ("#more", "#save-dialog"),
    ("#own-model", "#own-dialog"),
    (".image-buttons button", "#enlarged"),
    ("#compare-samplers", "#side-by-side"),
    ("#train", "#training"),
];

/// Lists what axe finds wrong in a part of the page, or in all of it, with the elements that it is
/// about, once colors have stopped to change: a theme comes in gradually.
const FIND: &str = "const [part, done] = arguments; \
    const changes = document.getAnimations().filter((change) => change instanceof CSSTransition); \
    const place = part ? document.querySelector(part) : document; \
    Promise.allSettled(changes.map((change) => change.finished)).then( \
      () => axe.run(place, { resultTypes: ['violations'] })).then( \
      ({ violations }) => done(violations.map(({ id, nodes }) => \
        `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)), \
      (error) => done([String(error)]))";

/// The script of axe; none if it is not there, which is said.
fn axe() -> Result<Option<String>> {
    let Some(path) = env::var_os("NCSN_AXE") else {
        eprintln!("not tried: NCSN_AXE names no axe.min.js; `cargo xtask test` fetches it");
        return Ok(None);
    };
    let axe = fs::read_to_string(&path);
    axe.map(Some).with_context(|| format!("no {}", Path::new(&path).display()))
}

/// Has axe look at a part of the page, or at all of it, after [`axe`] was run there.
async fn is_clean(browser: &Browser, part: Option<&str>, place: &str) -> Result<()> {
    let found = browser.client.execute_async(FIND, vec![part.into()]).await?;
    ensure!(found == Value::Array(vec![]), "{place}: {found:#}");
    Ok(())
}

#[tokio::test]
async fn axe_finds_nothing() -> Result<()> {
    let Some(axe) = axe()? else { return Ok(()) };
    let server = Server::start(dist())?;
    with_browser(async |browser| {
        let (page, _) = ready_on(&server, browser, TINY).await?;
        browser.client.execute(&axe, vec![]).await?;
        let clean = async |place: &str| is_clean(browser, None, place).await;
        for width in WIDTHS {
            browser.resize(width, 900).await?;
            for theme in THEMES {
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

/// Every dialog, and the classes of a model with very many, fit on every screen.
#[tokio::test]
async fn dialogs_fit_every_screen_and_axe() -> Result<()> {
    let axe = axe()?;
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        page.unfold("#compare-samplers").await?;
        if let Some(axe) = &axe {
            browser.client.execute(axe, vec![]).await?;
        }
        for (button, dialog) in DIALOGS {
            open_by(&page, button, dialog).await?;
            fits(browser, dialog, axe.is_some().then_some(dialog)).await?;
            let close = "document.querySelector(arguments[0]).close()";
            browser.client.execute(close, vec![dialog.into()]).await?;
        }

        let kanji = tiny_with("model=www/models/kanji.safetensors");
        let (page, _) = ready(browser, &kanji).await?;
        page.wait_until("the classes are there", async || page.is_shown("#class-search").await)
            .await?;
        if let Some(axe) = &axe {
            browser.client.execute(axe, vec![]).await?;
        }
        fits(browser, "#chips", axe.is_some().then_some("#classes")).await
    })
    .await
}

/// Whether a part of the page, and the page, need no scrolling sideways, and whether axe finds
/// nothing wrong where it looks, if it does, at every width and in both themes.
async fn fits(browser: &Browser, part: &str, by_axe: Option<&str>) -> Result<()> {
    for width in WIDTHS {
        browser.resize(width, 900).await?;
        for theme in THEMES {
            browser.prefer(theme).await?;
            // The new layout takes a frame or two.
            sleep(Duration::from_millis(100)).await;
            let place = format!("{part}, {width} px, {theme}");
            let script = "return [arguments[0], ':root'].every((part) => { \
                          const { scrollWidth, clientWidth } = document.querySelector(part); \
                          return clientWidth > 0 && scrollWidth <= clientWidth })";
            let fits = browser.client.execute(script, vec![part.into()]).await?;
            ensure!(fits == true, "{place}: it scrolls sideways, or is not there");
            if by_axe.is_some() {
                is_clean(browser, by_axe, &place).await?;
            }
        }
    }
    Ok(())
}

/// Clicks on a button, and waits for what it opens.
async fn open_by(page: &Page<'_>, button: &str, opens: &str) -> Result<()> {
    page.click(button).await?;
    page.wait_until(&format!("{opens} is open"), async || page.is_shown(opens).await).await
}
