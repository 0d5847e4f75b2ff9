//! What the tests of the page share.
//!
//! The runs are tiny, since a software adapter needs seconds per evaluation of the network.

#![allow(dead_code, reason = "each file of tests uses some of this")]

use std::path::Path;

use anyhow::Result;
use e2e::{
    browser::Browser,
    image::Image,
    page::{Page, State},
    server::Server,
};

/// Four chains, three noise levels, one step at each.
pub const TINY: &str =
    "?engine=fused&seed=7&chains=4&sampler=consistent&levels=3&autostart=0&speed=full";

/// Long enough to be interrupted.
pub const LONGER: &str =
    "?engine=fused&seed=7&chains=4&sampler=consistent&levels=20&autostart=0&speed=full";

/// The output of `cargo xtask build`, seen from the folder that tests run in.
pub fn dist() -> &'static Path {
    Path::new("../../dist")
}

/// Opens the page, waits until it can start and shows the first noise, and returns both.
pub async fn ready<'a>(browser: &'a Browser, query: &str) -> Result<(Page<'a>, Image)> {
    ready_on(&Server::start(dist())?, browser, query).await
}

/// Like [`ready`], from the given server.
pub async fn ready_on<'a>(
    server: &Server,
    browser: &'a Browser,
    query: &str,
) -> Result<(Page<'a>, Image)> {
    let page = Page::open(browser, server, query).await?;
    page.wait_for(State::Ready).await?;
    let shows = async || Ok(!page.grid().await?.is_blank());
    page.wait_until("the first noise shows", shows).await?;
    let noise = page.grid().await?;
    Ok((page, noise))
}

/// Drops a file with this name on the page, with the contents of a file of its server.
pub async fn drop_file(browser: &Browser, name: &str, of: &str) -> Result<()> {
    let script = "const [name, of, answer] = arguments; \
                  fetch(of).then((file) => file.arrayBuffer()).then((bytes) => { \
                    const dataTransfer = new DataTransfer(); \
                    const type = name.endsWith('.png') ? 'image/png' : ''; \
                    dataTransfer.items.add(new File([bytes], name, { type })); \
                    const options = { dataTransfer, bubbles: true, cancelable: true }; \
                    document.body.dispatchEvent(new DragEvent('drop', options)); \
                    answer() })";
    browser.client.execute_async(script, vec![name.into(), of.into()]).await?;
    Ok(())
}
