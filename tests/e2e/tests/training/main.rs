//! The panel "Train": images from a visitor, networks that learn them in the browser, and runs that
//! are kept there.

#[path = "../common/mod.rs"]
mod common;
mod images;
mod kept;
mod learning;
mod trouble;

use anyhow::{Context, Result, ensure};
use common::TINY;
use e2e::{
    browser::Browser,
    page::{Page, State},
    server::Server,
};
use serde_json::Value;

/// The learning rate that [`set_up`] chooses.
const RATE: f64 = 0.002;

/// Opens the panel.
async fn open(page: &Page<'_>) -> Result<()> {
    page.click("#train").await?;
    let shown = async || Ok(page.is_shown("#training").await.unwrap_or(false));
    page.wait_until("the panel is there", shown).await
}

/// Opens the page and the panel.
async fn open_panel<'a>(browser: &'a Browser, server: &Server) -> Result<Page<'a>> {
    let page = Page::open(browser, server, TINY).await?;
    page.wait_for(State::Ready).await?;
    open(&page).await?;
    Ok(page)
}

/// Opens the page and the panel, with twenty images to learn.
async fn with_images<'a>(browser: &'a Browser, server: &Server) -> Result<Page<'a>> {
    let page = open_panel(browser, server).await?;
    give_archive(browser, 20, "").await?;
    wait_for_images(&page, "20 images").await?;
    Ok(page)
}

/// Gives the panel a .zip of so many generated images, which is damaged in one of the ways that
/// `training.js` knows, at random as in "random:7", or not at all.
async fn give_archive(browser: &Browser, count: u32, damage: &str) -> Result<()> {
    let script = include_str!("../training.js");
    let error = browser.client.execute_async(script, vec![count.into(), damage.into()]).await?;
    ensure!(error.is_null(), "no archive: {error}");
    Ok(())
}

/// Waits until the panel says this of the images.
async fn wait_for_images(page: &Page<'_>, said: &str) -> Result<()> {
    let what = format!("the panel says {said:?}");
    page.wait_until(&what, async || Ok(page.text("#train-images-status").await?.contains(said)))
        .await
}

/// Fills in the form for a new network of images of 28 × 28, in gray, with a decimal comma.
async fn set_up(page: &Page<'_>, name: &str, steps: u32) -> Result<()> {
    // When the panel knows that the adapter is software, it fills in numbers that suit that.
    let software = async || page.is_shown("#train-software").await;
    page.wait_until("the panel knows the adapter", software).await?;
    page.click("#train-from-scratch").await?;
    page.choose("#train-size", "28").await?;
    page.choose("#train-color", "1").await?;
    page.fill("#train-name", name).await?;
    page.fill("#train-steps", &steps.to_string()).await?;
    page.fill("#train-batch", "4").await?;
    page.fill("#train-rate", &RATE.to_string().replace('.', ",")).await
}

/// Waits until the run's status has a word, such as "Training" or "Finished", and answers meanwhile that it is to go on. So
/// this is of no use for a run that is paused: see [`wait_for_pause`].
async fn wait_for_status(page: &Page<'_>, word: &str) -> Result<()> {
    let what = format!("the run is {word}");
    page.wait_until(&what, async || {
        // A software adapter may be slow enough to ask whether to go on.
        if page.text("#train-trouble").await?.contains("in software") {
            page.click("#train-trouble button:last-child").await?;
        }
        Ok(page.text("#train-status").await?.contains(word))
    })
    .await
}

/// Waits until the run has paused, by whomever, and all of it is kept.
async fn wait_for_pause(page: &Page<'_>) -> Result<()> {
    let is_paused = async || Ok(page.text("#train-status").await? == "Paused.");
    page.wait_until("the run has paused", is_paused).await
}

/// Whether the browser would ask the visitor before the page is left, for what would be lost with it.
async fn asks_before_leaving(browser: &Browser) -> Result<bool> {
    let script = "return !dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    Ok(browser.client.execute(script, vec![]).await? == true)
}

/// The step that the panel shows.
async fn step(page: &Page<'_>) -> Result<u32> {
    let text = page.text("#train-step").await?;
    let step = text.split_once(" / ").and_then(|(step, _)| step.parse().ok());
    step.with_context(|| format!("no step in {text:?}"))
}

/// Waits until the panel shows a later step than this one, and returns it.
async fn wait_for_step_after(page: &Page<'_>, before: u32) -> Result<u32> {
    page.wait_until(&format!("there is a step after {before}"), async || {
        if page.text("#train-trouble").await?.contains("in software") {
            page.click("#train-toggle").await?;
        }
        Ok(step(page).await.is_ok_and(|step| step > before))
    })
    .await?;
    step(page).await
}

/// Runs a script that answers with an error or nothing.
async fn do_in_page(browser: &Browser, script: &str, arguments: Vec<Value>) -> Result<()> {
    let error = browser.client.execute_async(script, arguments).await?;
    ensure!(error.is_null(), "the script fails: {error}");
    Ok(())
}
