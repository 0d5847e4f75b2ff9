//! Downloads over bad connections, and models of other hosts.

mod common;

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use common::{TINY, dist, load_in_pieces, ready_on, tiny_with};
use e2e::{
    browser::with_browser,
    page::{Page, State},
    server::{Breaks, Quirks, Server},
};
use tokio::time::sleep;

const FILE: &str = "www/models/mnist.safetensors";

fn breaking(times: usize, parts: bool) -> Result<Server> {
    let breaks = Some(Breaks { file: FILE, times, parts });
    Server::start_with(dist(), Quirks { breaks, ..Quirks::default() })
}

/// Nothing that has come is asked for again, however often a connection breaks off.
#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() -> Result<()> {
    with_browser(async |browser| {
        let server = breaking(3, true)?;
        let page = Page::open(browser, &server, TINY).await?;
        load_in_pieces(browser, &page, &server, State::Ready).await?;
        let whole = fs::metadata(dist().join(FILE))?.len();
        ensure!(server.broken() == (3, whole), "of {whole} bytes: {:?}", server.broken());
        page.click("#start").await?;
        page.wait_for(State::Finished).await
    })
    .await
}

#[tokio::test]
async fn a_host_that_sends_no_parts_is_asked_for_the_whole_again() -> Result<()> {
    with_browser(async |browser| {
        let server = breaking(1, false)?;
        let page = Page::open(browser, &server, TINY).await?;
        load_in_pieces(browser, &page, &server, State::Ready).await?;
        let whole = fs::metadata(dist().join(FILE))?.len();
        ensure!(server.broken() == (1, whole / 2 + whole), "{:?}", server.broken());
        page.click("#start").await?;
        page.wait_for(State::Finished).await
    })
    .await
}

/// A download that never gets further is given up, with a way to try again.
#[tokio::test]
async fn a_download_that_gets_no_further_is_given_up() -> Result<()> {
    with_browser(async |browser| {
        // Between its attempts the page waits for half a minute in all, but not in this test.
        let script = "{ const { setTimeout } = window; \
                      window.setTimeout = (act, wait, ...rest) => \
                        setTimeout(act, wait <= 16000 ? Math.min(wait, 100) : wait, ...rest) }";
        browser.before_every_page(script).await?;
        let server = breaking(usize::MAX, false)?;
        let page = Page::open(browser, &server, TINY).await?;
        load_in_pieces(browser, &page, &server, State::Error).await?;
        let message = page.wait_for_message().await?;
        ensure!(message.kind == "download", "it says {message}");
        ensure!(page.text("#retry").await? == "Try again", "there is no way out");
        let (times, _) = server.broken();
        sleep(Duration::from_secs(2)).await;
        ensure!(times > 2 && server.broken().0 == times, "it has tried {times} times and goes on");
        Ok(())
    })
    .await
}

/// A server that falls silent is not waited for without end.
#[tokio::test]
async fn a_wasm_module_that_does_not_come_is_given_up() -> Result<()> {
    with_browser(async |browser| {
        let script = "{ const { setTimeout, fetch } = window; \
                      window.setTimeout = (act, wait, ...rest) => \
                        setTimeout(act, wait === 60000 ? 5000 : wait, ...rest); \
                      window.fetch = (file, ...rest) => String(file).endsWith('_bg.wasm') \
                        ? new Promise(() => {}) : fetch(file, ...rest) }";
        browser.before_every_page(script).await?;
        let page = Page::open(browser, &Server::start(dist())?, TINY).await?;
        let message = page.wait_for_message().await?;
        ensure!(message.kind == "download", "it says {message}");
        Ok(())
    })
    .await
}

/// `?model=` may lead to another host, if that lets pages read its files.
#[tokio::test]
async fn a_model_may_come_from_another_host() -> Result<()> {
    with_browser(async |browser| {
        let headers = "Access-Control-Allow-Origin: *\r\n";
        let other = Server::start_with(dist(), Quirks { headers, ..Quirks::default() })?;
        let query = tiny_with(&format!("model={}", other.url("www/models/emoji.safetensors")));
        let (page, _) = ready_on(&Server::start(dist())?, browser, &query).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let asked = other.take_sent();
        ensure!(asked.len() == 1, "another host was asked for {asked:?}");
        Ok(())
    })
    .await
}
