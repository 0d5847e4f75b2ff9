//! The page with a model of a hub, which this machine plays.

use std::{fs, path::Path};

use anyhow::{Result, ensure};
use e2e::{
    browser::with_browser,
    page::{Page, State},
    server::{Mount, Quirks, Server},
};

/// A tiny run, which waits.
const RUN: &str = "?engine=fused&seed=7&chains=1&autostart=0&model=hf:";

#[tokio::test]
async fn a_model_of_a_hub_is_fetched_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("me/digits/resolve/main/model.safetensors");
    fs::create_dir_all(model.with_file_name(""))?;
    fs::copy("../../www/models/mnist-fewstep.safetensors", &model)?;
    let quirks = Quirks { hub: true, ..Quirks::default() };
    let mount = Mount { path: "", folder: folder.path().into() };
    let hub = Server::start_mounted_with(vec![mount], quirks)?;
    with_browser(async |browser| {
        // As if whoever publishes the page had named a mirror in it.
        let script = format!(
            "document.addEventListener('readystatechange', () => {{ \
               const hub = document.createElement('meta'); \
               Object.assign(hub, {{ name: 'hub', content: '{}' }}); \
               document.head.append(hub); \
             }}, {{ once: true }})",
            hub.url("")
        );
        browser.before_every_page(&script).await?;
        let server = Server::start(Path::new("../../dist"))?;
        for expected in [1, 0] {
            let page = Page::open(browser, &server, &format!("{RUN}me/digits")).await?;
            page.wait_for(State::Ready).await?;
            let title = browser.client.title().await?;
            ensure!(title.starts_with("mnist-fewstep"), "the page is {title:?}");
            let sent = hub.take_sent().len();
            ensure!(sent == expected, "the hub has sent it {sent} times instead of {expected}");
        }
        for (name, part) in [
            ("me/none@v2", hub.url("me/none/resolve/v2/model.safetensors")),
            ("nobody", "hf:user/name".to_owned()),
        ] {
            let page = Page::open(browser, &server, &format!("{RUN}{name}")).await?;
            let message = page.wait_for_message().await?;
            ensure!(message.text.contains(&part), "{name}: no {part} in {message}");
        }
        Ok(())
    })
    .await
}
