//! What the tests of the page share.
//!
//! The runs are tiny, since a software adapter takes long for each.

#![allow(dead_code, reason = "each file of tests uses some of this")]

use std::path::Path;

use anyhow::Result;
use e2e::{
    browser::Browser,
    image::Image,
    page::{Page, State},
    server::{Server, scripts},
};

/// Four chains, three noise levels, one step at each, on the CPU: the page is ready in half a second,
/// while a software adapter compiles shaders for several. What does not depend on the engine is
/// tested with it.
pub const TINY: &str =
    "?engine=cpu&seed=7&chains=4&sampler=consistent&levels=3&autostart=0&speed=full";

/// The same on the GPU.
pub const TINY_GPU: &str =
    "?engine=fused&seed=7&chains=4&sampler=consistent&levels=3&autostart=0&speed=full";

/// On the GPU, and long enough to be interrupted.
pub const LONGER: &str =
    "?engine=fused&seed=7&chains=4&sampler=consistent&levels=20&autostart=0&speed=full";

/// [`TINY`] with other parameters: each of `changes`, such as `engine=cpu&levels=8`, takes the place
/// of the one with its name, or comes after the others.
pub fn tiny_with(changes: &str) -> String {
    let mut parameters: Vec<&str> = tiny_parameters().collect();
    for change in changes.split('&') {
        match parameters.iter_mut().find(|parameter| name_of(parameter) == name_of(change)) {
            Some(parameter) => *parameter = change,
            None => parameters.push(change),
        }
    }
    format!("?{}", parameters.join("&"))
}

/// [`TINY`] without the parameters of these names, for which the page then has values of its own.
pub fn tiny_without(names: &[&str]) -> String {
    let kept: Vec<&str> =
        tiny_parameters().filter(|parameter| !names.contains(&name_of(parameter))).collect();
    format!("?{}", kept.join("&"))
}

fn tiny_parameters() -> impl Iterator<Item = &'static str> {
    TINY.trim_start_matches('?').split('&')
}

fn name_of(parameter: &str) -> &str {
    parameter.split_once('=').map_or(parameter, |(name, _)| name)
}

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
    hand_over(browser, "new DragEvent('drop', { dataTransfer: data, ...options })", name, of).await
}

/// Pastes such a file.
pub async fn paste_file(browser: &Browser, name: &str, of: &str) -> Result<()> {
    hand_over(browser, "new ClipboardEvent('paste', { clipboardData: data, ...options })", name, of)
        .await
}

/// Gives the page a file by an event.
async fn hand_over(browser: &Browser, event: &str, name: &str, of: &str) -> Result<()> {
    let script = format!(
        "const [name, of, answer] = arguments; \
         fetch(of).then((file) => file.arrayBuffer()).then((bytes) => {{ \
           const data = new DataTransfer(); \
           const type = name.endsWith('.png') ? 'image/png' : ''; \
           data.items.add(new File([bytes], name, {{ type }})); \
           const options = {{ bubbles: true, cancelable: true }}; \
           document.body.dispatchEvent({event}); \
           answer() }})"
    );
    browser.client.execute_async(&script, vec![name.into(), of.into()]).await?;
    Ok(())
}

/// The upper left square of a canvas that scripts have painted, such as the first image of earlier
/// steps.
pub async fn corner_of(browser: &Browser, canvas: &str, side: u32) -> Result<Image> {
    let script = "const [canvas, side] = arguments; \
                  const { data } = document.querySelector(canvas).getContext('2d')\
                  .getImageData(0, 0, side, side); return Array.from(data)";
    let bytes = browser.client.execute(script, vec![canvas.into(), side.into()]).await?;
    Image::from_json(bytes)
}

/// Opens a file of the server that does nothing by itself, to try the page's scripts there one by one.
/// Returns the address of their folder.
pub async fn blank_page(browser: &Browser, server: &Server) -> Result<String> {
    let scripts = server.url(&scripts(dist())?);
    browser.client.goto(&format!("{scripts}style.css")).await?;
    Ok(scripts)
}

/// Waits until the caption says that the images follow a drawing.
pub async fn follows_drawing(page: &Page<'_>) -> Result<()> {
    let follows = async || Ok(page.text("#caption-run").await?.ends_with("from a drawing"));
    page.wait_until("the images follow a drawing", follows).await
}

/// Opens the sketch canvas.
pub async fn open_sketch(page: &Page<'_>) -> Result<()> {
    page.click("#draw").await?;
    let there = async || page.is_shown("#sketch-canvas").await;
    page.wait_until("the canvas is there", there).await
}
