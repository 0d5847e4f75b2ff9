//! The page with a model of a hub, which this machine plays.

mod common;

use std::fs;

use anyhow::{Result, ensure};
use common::{dist, load_in_pieces, tiny_with};
use e2e::{
    browser::{Browser, with_browser},
    page::{Page, State},
    server::{Breaks, Mount, Quirks, Server},
};
use tempfile::TempDir;

/// The name of a model file without another name.
const FILE: &str = "model.safetensors";

/// A hub with one model, me/digits, in a folder that lives as long as the test.
fn start_hub(quirks: Quirks) -> Result<(TempDir, Server)> {
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("me/digits/resolve/main").join(FILE);
    fs::create_dir_all(model.with_file_name(""))?;
    fs::copy("../../www/models/mnist-fewstep.safetensors", &model)?;
    let mount = Mount { path: "", folder: folder.path().into() };
    let hub = Server::start_mounted_with(vec![mount], Quirks { hub: true, ..quirks })?;
    Ok((folder, hub))
}

/// Makes pages ask this hub, as if they named it as a mirror.
async fn use_hub(browser: &Browser, hub: &Server) -> Result<()> {
    let script = format!(
        "document.addEventListener('readystatechange', () => {{ \
           const hub = document.createElement('meta'); \
           Object.assign(hub, {{ name: 'hub', content: '{}' }}); \
           document.head.append(hub); \
         }}, {{ once: true }})",
        hub.url("")
    );
    browser.before_every_page(&script).await
}

/// A tiny run by a model of a hub.
fn of_hub(name: &str) -> String {
    tiny_with(&format!("model=hf:{name}"))
}

/// Waits until the page has kept the model, which it does some time after it is ready.
async fn is_kept(browser: &Browser, hub: &Server) -> Result<()> {
    let script = "const [url, answer] = arguments; caches.open('ncsn hub').then( \
                  async (cache) => Boolean(await cache.match(url))).then( \
                  answer, (error) => answer(String(error)))";
    let url = hub.url(&format!("me/digits/resolve/main/{FILE}"));
    browser.wait_for_answer("the model is kept", script, vec![url.into()], true).await
}

/// Checks that a model that was kept is used although the hub answers the question for a newer one like this.
async fn uses_what_is_kept(answer: &str) -> Result<()> {
    let (_folder, hub) = start_hub(Quirks::default())?;
    with_browser(async |browser| {
        use_hub(browser, &hub).await?;
        let server = Server::start(dist())?;
        Page::open(browser, &server, &of_hub("me/digits")).await?.wait_for(State::Ready).await?;
        is_kept(browser, &hub).await?;
        hub.take_sent();
        // In a block: a constant of that name would be every script's.
        // The page waits for five seconds, but not here.
        let script = format!(
            "{{ const {{ fetch, setTimeout }} = window; window.asked = 0; \
             window.fetch = async (url, options) => {{ \
               if (options?.method !== 'HEAD') return fetch(url, options); \
               window.asked += 1; \
               return {answer} }}; \
             window.setTimeout = (act, wait, ...rest) => \
               setTimeout(act, window.asked && wait === 5000 ? 100 : wait, ...rest) }}"
        );
        browser.before_every_page(&script).await?;
        let page = Page::open(browser, &server, &of_hub("me/digits")).await?;
        page.wait_for(State::Ready).await?;
        let asked = browser.client.execute("return window.asked", vec![]).await?;
        ensure!(asked == 1, "the hub was asked {asked} times whether there is a newer file");
        let sent = hub.take_sent();
        ensure!(sent.is_empty(), "the hub has sent {sent:?} again");
        Ok(())
    })
    .await
}

/// A hub that answers only that it is asked too often is no reason not to use what was kept.
#[tokio::test]
async fn a_kept_model_is_used_while_its_hub_refuses_to_answer() -> Result<()> {
    uses_what_is_kept("new Response(null, { status: 429 })").await
}

/// Neither is one that says nothing.
#[tokio::test]
async fn a_kept_model_is_used_while_its_hub_is_silent() -> Result<()> {
    uses_what_is_kept("new Promise(() => {})").await
}

/// Of a download that breaks off, only the rest is asked for.
#[tokio::test]
async fn a_download_from_a_hub_goes_on_where_it_broke_off() -> Result<()> {
    let breaks = Some(Breaks { file: FILE, times: 1, parts: true });
    let (folder, hub) = start_hub(Quirks { breaks, ..Quirks::default() })?;
    with_browser(async |browser| {
        use_hub(browser, &hub).await?;
        let server = Server::start(dist())?;
        let page = Page::open(browser, &server, &of_hub("me/digits")).await?;
        load_in_pieces(browser, &page, &hub, State::Ready).await?;
        let whole = fs::metadata(folder.path().join("me/digits/resolve/main").join(FILE))?.len();
        ensure!(hub.broken() == (1, whole), "of {whole} bytes: {:?}", hub.broken());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_model_of_a_hub_is_fetched_once() -> Result<()> {
    let (_folder, hub) = start_hub(Quirks::default())?;
    with_browser(async |browser| {
        use_hub(browser, &hub).await?;
        let server = Server::start(dist())?;
        for expected in [1, 0] {
            let page = Page::open(browser, &server, &of_hub("me/digits")).await?;
            page.wait_for(State::Ready).await?;
            is_kept(browser, &hub).await?;
            let title = browser.client.title().await?;
            ensure!(title.starts_with("mnist-fewstep"), "the page is {title:?}");
            let sent = hub.take_sent().len();
            ensure!(sent == expected, "the hub has sent it {sent} times instead of {expected}");
        }
        for (name, part) in [
            ("me/none@v2", hub.url("me/none/resolve/v2/model.safetensors")),
            ("nobody", "hf:user/name".to_owned()),
        ] {
            let page = Page::open(browser, &server, &of_hub(name)).await?;
            let message = page.wait_for_message().await?;
            ensure!(message.text.contains(&part), "{name}: no {part} in {message}");
        }
        Ok(())
    })
    .await
}
