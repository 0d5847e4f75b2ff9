//! What the tests of the page share.
//!
//! The runs are tiny, since a software adapter takes long for each.

#![allow(dead_code, reason = "each file of tests uses some of this")]

use std::path::Path;

use anyhow::{Result, ensure};
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

/// On the GPU, and so long that it is not over before a test interrupts it. None waits for its end.
pub const LONGER: &str =
    "?engine=fused&seed=7&chains=4&sampler=consistent&levels=1000&autostart=0&speed=full";

/// How many steps the film of [`TINY`] has: with the noise, one more than there are levels.
pub const TINY_FILM: usize = 4;

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
    let noise = first_noise(&page).await?;
    Ok((page, noise))
}

/// Waits until the page can start and shows the first noise, and returns that.
pub async fn first_noise(page: &Page<'_>) -> Result<Image> {
    page.wait_for(State::Ready).await?;
    let shows = async || Ok(!page.grid().await?.is_blank());
    page.wait_until("the first noise shows", shows).await?;
    page.grid().await
}

/// Waits until the page is in `wanted`, while the connections that bring its model break off: each does when the page has
/// all that came through it.
pub async fn load_in_pieces(
    browser: &Browser,
    page: &Page<'_>,
    server: &Server,
    wanted: State,
) -> Result<()> {
    let script = "return Number(document.getElementById('load').dataset.model ?? 0)";
    let is_there = async || {
        let loaded = browser.client.execute(script, vec![]).await?;
        server.has_arrived(loaded.as_f64().unwrap_or_default() as u64);
        Ok(page.state().await? == wanted)
    };
    page.wait_until(&format!("the page is {wanted:?}"), is_there).await
}

/// An asynchronous script that answers what `act` returns, the body of an asynchronous function of `page`: all that
/// lives as long as the page.
pub fn of_page(act: &str) -> String {
    format!(
        "const answer = arguments[arguments.length - 1]; \
         const {{ src }} = document.querySelector('script[type=module]'); \
         import(new URL('page/page.js', src)).then(async (page) => {{ {act} }}) \
         .then(answer, (error) => answer(String(error)))"
    )
}

/// Waits until the engine has done all that it was asked for until now, also by what happens in the next frame.
pub async fn settle(browser: &Browser) -> Result<()> {
    let script = of_page(
        "const turn = () => page.run.turn(async () => {}); \
         const frame = () => new Promise(requestAnimationFrame); \
         await page.live.settled; \
         await turn(); \
         await frame(); \
         await frame(); \
         await turn(); \
         return null",
    );
    let error = browser.client.execute_async(&script, vec![]).await?;
    ensure!(error.is_null(), "the engine does not come to rest: {error}");
    Ok(())
}

/// Waits until the film has so many steps, and the last of them is that of the run, in the view that is chosen. Browsers
/// copy each some time after it was shown.
pub async fn wait_for_film(browser: &Browser, steps: usize) -> Result<()> {
    let script = of_page(
        "const { frames } = page.film; \
         const last = frames.at(-1); \
         return [frames.length, last?.progress.done, last?.view === page.run.view].join()",
    );
    let what = format!("the film has {steps} steps");
    browser.wait_for_answer(&what, &script, vec![], format!("{steps},true,true")).await
}

/// The link in the address once that is one to what is shown. The page waits a moment before it writes it there, and may
/// write it again.
pub async fn written_link(browser: &Browser, page: &Page<'_>) -> Result<String> {
    let script = of_page(
        "const written = new URL(location.href); \
         written.searchParams.delete('autostart'); \
         return written.href === new URL(page.controls.link(page.linked())).href",
    );
    browser.wait_for_answer("the address has the settings", &script, vec![], true).await?;
    page.query().await
}

/// Waits until each image of the grid is a button.
pub async fn wait_for_image_buttons(page: &Page<'_>) -> Result<()> {
    let there = async || Ok(page.count(".image-buttons button").await? > 0);
    page.wait_until("the images are buttons", there).await
}

/// Scrolls to "How it works", and waits until all of it is live.
pub async fn open_story(browser: &Browser, page: &Page<'_>) -> Result<()> {
    scroll_to_story(browser).await?;
    page.wait_until("the story is live", async || page.is_shown("#toy2d").await).await
}

/// Scrolls to "How it works", and waits for the card of the model.
pub async fn open_card(browser: &Browser, page: &Page<'_>) -> Result<()> {
    scroll_to_story(browser).await?;
    page.wait_until("the card is there", async || page.is_shown("#card").await).await
}

async fn scroll_to_story(browser: &Browser) -> Result<()> {
    let scroll = "document.getElementById('how-title').scrollIntoView()";
    browser.client.execute(scroll, vec![]).await?;
    Ok(())
}

/// A script for before every page, in which nothing happens because so many milliseconds have passed: however slow a
/// machine is, what the page says for a moment stays, and what it waits for in vain comes.
pub fn without_timeout(milliseconds: u32) -> String {
    // In a block: a constant of that name would be every script's.
    format!(
        "{{ const {{ setTimeout }} = window; \
         window.setTimeout = (act, wait, ...rest) => \
           wait === {milliseconds} ? 0 : setTimeout(act, wait, ...rest) }}"
    )
}

/// Drops a file with this name on the page, with the contents of a file of its server.
pub async fn drop_file(browser: &Browser, name: &str, of: &str) -> Result<()> {
    hand_over(browser, "new DragEvent('drop', { dataTransfer: data, ...options })", name, of).await
}

/// Pastes such a file where the focus is.
pub async fn paste_file(browser: &Browser, name: &str, of: &str) -> Result<()> {
    hand_over(browser, "new ClipboardEvent('paste', { clipboardData: data, ...options })", name, of)
        .await
}

/// Gives the page a file by an event: a browser drops where the pointer is, and pastes where the focus is.
async fn hand_over(browser: &Browser, event: &str, name: &str, of: &str) -> Result<()> {
    let script = format!(
        "const [name, of, answer] = arguments; \
         fetch(of).then((file) => file.arrayBuffer()).then((bytes) => {{ \
           const data = new DataTransfer(); \
           const type = name.endsWith('.png') ? 'image/png' : ''; \
           data.items.add(new File([bytes], name, {{ type }})); \
           const options = {{ bubbles: true, cancelable: true }}; \
           const event = {event}; \
           const place = event.type === 'paste' ? document.activeElement : document.body; \
           place.dispatchEvent(event); \
           answer() }})"
    );
    browser.client.execute_async(&script, vec![name.into(), of.into()]).await?;
    Ok(())
}

/// Removes the first model of the visitor's own, in the dialog of these, which asks first.
pub async fn remove_own_model(page: &Page<'_>) -> Result<()> {
    page.click("#own-model").await?;
    page.wait_until("the dialog is there", async || page.is_shown("#own-dialog").await).await?;
    page.click("#own-dialog .kept button").await?;
    let label = page.text("#own-dialog .kept button").await?;
    ensure!(label == "Remove for good?", "the button does not ask: {label}");
    page.click("#own-dialog .kept button").await?;
    let removed = async || Ok(page.text("#own-dialog [role=alert]").await?.contains("removed"));
    page.wait_until("it is removed", removed).await
}

/// Waits until the page has loaded itself with a model of the visitor's own, and is ready to run it: it does not start by
/// itself.
pub async fn wait_for_own_model(page: &Page<'_>) -> Result<()> {
    let is_there = async || {
        let is_own = page.query().await?.contains("model=own");
        Ok(is_own && page.state().await? != State::Loading)
    };
    page.wait_across_pages("the model is the page's", is_there).await?;
    // Says what is wrong if the page has failed.
    page.wait_for(State::Ready).await
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
