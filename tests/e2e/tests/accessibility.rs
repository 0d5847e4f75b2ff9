//! The page and its dialogs at four widths and in both themes: they fit, and
//! [axe](https://github.com/dequelabs/axe-core) finds nothing that people with disabilities cannot
//! use.

mod common;

use anyhow::Result;
use common::{TINY, dist, open_story, ready, ready_on, tiny_with, wait_for_image_buttons};
use e2e::{
    axe,
    browser::{Browser, with_browser},
    page::{Page, State},
    server::Server,
};

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

#[tokio::test]
async fn axe_finds_nothing() -> Result<()> {
    let Some(axe) = axe::script()? else { return Ok(()) };
    let server = Server::start(dist())?;
    with_browser(async |browser| {
        let (page, _) = ready_on(&server, browser, TINY).await?;
        browser.client.execute(&axe, vec![]).await?;
        let clean = async |place: &str| axe::is_clean(browser, None, place).await;
        for width in WIDTHS {
            browser.resize(width, 900).await?;
            for theme in THEMES {
                browser.prefer(theme).await?;
                clean(&format!("{width} px, {theme}")).await?;
            }
        }
        open_story(browser, &page).await?;
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
    let axe = axe::script()?;
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        page.unfold("#compare-samplers").await?;
        wait_for_image_buttons(&page).await?;
        if let Some(axe) = &axe {
            browser.client.execute(axe, vec![]).await?;
        }
        for (button, dialog) in DIALOGS {
            open_by(&page, button, dialog).await?;
            fits(browser, &page, dialog, axe.is_some().then_some(dialog)).await?;
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
        fits(browser, &page, "#chips", axe.is_some().then_some("#classes")).await
    })
    .await
}

/// Whether a part of the page, and the page, need no scrolling sideways, and whether axe finds
/// nothing wrong where it looks, if it does, at every width and in both themes.
async fn fits(browser: &Browser, page: &Page<'_>, part: &str, by_axe: Option<&str>) -> Result<()> {
    // The new layout takes a frame or two.
    let script = "const [part, width, answer] = arguments; \
                  const fits = () => innerWidth === width && [part, ':root'].every((part) => { \
                    const { scrollWidth, clientWidth } = document.querySelector(part); \
                    return clientWidth > 0 && scrollWidth <= clientWidth }); \
                  requestAnimationFrame(() => requestAnimationFrame(() => answer(fits())))";
    for width in WIDTHS {
        browser.resize(width, 900).await?;
        for theme in THEMES {
            browser.prefer(theme).await?;
            let place = format!("{part}, {width} px, {theme}");
            let fits = async || {
                let arguments = vec![part.into(), width.into()];
                Ok(browser.client.execute_async(script, arguments).await? == true)
            };
            page.wait_until(&format!("nothing scrolls sideways: {place}"), fits).await?;
            if by_axe.is_some() {
                axe::is_clean(browser, by_axe, &place).await?;
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
