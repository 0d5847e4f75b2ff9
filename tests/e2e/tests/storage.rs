//! What the page keeps in a browser: damaged, forbidden, full, or changed by another tab.

mod common;

use anyhow::{Result, ensure};
use common::{TINY, dist, drop_file, remove_own_model, wait_for_own_model};
use e2e::{
    browser::{Browser, with_browser},
    page::{Page, State},
    server::Server,
};

/// Opens a model from a file, and waits until it is the page's.
async fn open_own(browser: &Browser, server: &Server, name: &str) -> Result<()> {
    open_own_of(browser, server, name, "www/models/emoji.safetensors").await
}

/// The same, with the contents of a given file.
async fn open_own_of(browser: &Browser, server: &Server, name: &str, file: &str) -> Result<()> {
    let page = Page::open(browser, server, TINY).await?;
    page.wait_for(State::Ready).await?;
    drop_file(browser, name, file).await?;
    wait_for_own_model(&page).await
}

/// A model of the same name with other contents gets another name: the first may be nowhere else.
#[tokio::test]
async fn a_model_does_not_replace_another_of_its_name() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        for file in ["emoji", "mnist", "emoji"] {
            let file = format!("www/models/{file}.safetensors");
            open_own_of(browser, &server, "mine.safetensors", &file).await?;
        }
        let names = "const nameOf = ({ url }) => decodeURIComponent(url.split('/').at(-1)); \
                     return caches.open('ncsn own models').then((cache) => cache.keys()) \
                       .then((kept) => kept.map(nameOf).sort().join())";
        let names = browser.client.execute(names, vec![]).await?;
        ensure!(names == "mine (2).safetensors,mine.safetensors", "it keeps {names}");
        Ok(())
    })
    .await
}

/// A byte of a cached model that has changed is noticed, though the file could still be read.
#[tokio::test]
async fn a_damaged_model_in_the_cache_is_refused_and_removed() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        open_own(browser, &server, "mine.safetensors").await?;
        let damage = "const [answer] = arguments; (async () => { \
                      const cache = await caches.open('ncsn own models'); \
                      const [request] = await cache.keys(); \
                      const found = await cache.match(request); \
                      const bytes = new Uint8Array(await found.arrayBuffer()); \
                      bytes[bytes.length - 1] ^= 1; \
                      await cache.put(request, new Response(bytes, { headers: found.headers })); \
                      })().then(() => answer(), (error) => answer(String(error)))";
        let error = browser.client.execute_async(damage, vec![]).await?;
        ensure!(error.is_null(), "nothing was damaged: {error}");
        let own = "?model=own%3Amine.safetensors&autostart=0";
        let message = Page::open(browser, &server, own).await?.wait_for_message().await?;
        ensure!(message.kind == "model" && message.text.contains("damaged"), "it says {message}");
        let page = Page::open(browser, &server, own).await?;
        let message = page.wait_for_message().await?;
        ensure!(message.text.contains("not in this browser"), "it was kept: {message}");
        ensure!(!page.text("#models").await?.contains("mine"), "it is still offered");
        page.click("#message-link").await?;
        let there = async || Ok(!page.query().await?.contains("own"));
        page.wait_across_pages("the page's own model is there", there).await
    })
    .await
}

/// Some visitors forbid all of it. Everything works but what has to be kept, which says so.
#[tokio::test]
async fn a_browser_that_keeps_nothing_runs_the_page() -> Result<()> {
    with_browser(async |browser| {
        let script = "const never = () => { throw new DOMException('denied', 'SecurityError') }; \
                      for (const name of ['localStorage', 'sessionStorage', 'caches', 'indexedDB']) \
                        Object.defineProperty(window, name, { get: never }); \
                      StorageManager.prototype.getDirectory = async () => never(); \
                      history.replaceState = never";
        browser.before_every_page(script).await?;
        let server = Server::start(dist())?;
        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        page.fill("#seed", "8").await?;
        page.wait_for(State::Finished).await?;
        drop_file(browser, "mine.safetensors", "www/models/emoji.safetensors").await?;
        let told = async || Ok(page.text("#problem").await?.contains("keeps no files"));
        page.wait_until("the page says why the model cannot be opened", told).await?;
        page.click("#train").await?;
        page.wait_until("the panel is there", async || page.is_shown("#training").await).await?;

        let own = Page::open(browser, &server, "?model=own%3Amine.safetensors").await?;
        let message = own.wait_for_message().await?;
        ensure!(message.kind == "model" && message.text.contains("keeps no files"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_full_disk_leaves_the_page_as_it_is() -> Result<()> {
    with_browser(async |browser| {
        let script = "const full = () => { throw new DOMException('quota exceeded', 'QuotaExceededError') }; \
                      Cache.prototype.put = async () => full(); Storage.prototype.setItem = full";
        browser.before_every_page(script).await?;
        let page = Page::open(browser, &Server::start(dist())?, TINY).await?;
        page.wait_for(State::Ready).await?;
        drop_file(browser, "mine.safetensors", "www/models/emoji.safetensors").await?;
        let told = async || Ok(page.text("#problem").await?.contains("no room to keep mine"));
        page.wait_until("the page says that there is no room", told).await?;
        ensure!(!page.query().await?.contains("own"), "it has left its model");
        page.press("?").await?;
        page.wait_until("the list is there", async || page.is_shown("#shortcuts-on").await).await?;
        page.click("#shortcuts-on").await?;
        page.click("dialog button").await?;
        let closed = async || Ok(!page.is_shown("#shortcuts-on").await?);
        page.wait_until("the list is closed", closed).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await
    })
    .await
}

/// A model that one tab removes goes on in another, which says what is the matter when it is
/// loaded again.
#[tokio::test]
async fn two_tabs_do_not_disturb_each_other() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        open_own(browser, &server, "mine.safetensors").await?;
        let first = browser.client.window().await?;
        let second = browser.client.new_window(true).await?.handle;
        browser.client.switch_to_window(second.clone()).await?;
        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        ensure!(page.text("#models").await?.contains("mine"), "the second tab does not know it");
        remove_own_model(&page).await?;
        page.click("#own-dialog form button").await?;
        let closed = async || Ok(!page.is_shown("#own-dialog").await?);
        page.wait_until("the dialog is closed", closed).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;

        browser.client.switch_to_window(first).await?;
        // Each tab finishes what it has.
        page.choose("#sampler", "consistent").await?;
        page.fill("#levels", "3").await?;
        page.fill("#chains", "4").await?;
        page.wait_for(State::Ready).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        browser.client.refresh().await?;
        let message = page.wait_for_message().await?;
        ensure!(message.text.contains("until they are removed"), "it says {message}");
        Ok(())
    })
    .await
}
