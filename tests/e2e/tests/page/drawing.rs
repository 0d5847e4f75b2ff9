//! The sketch canvas: images that follow the pen, start from a drawing or fill it in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    image::Image,
    page::{Page, State, Tool},
    server::Server,
};
use fantoccini::{
    Locator,
    actions::{
        Actions, InputSource, MOUSE_BUTTON_LEFT, MouseActions, PenActions, PointerAction,
        TouchActions,
    },
    key::Key,
};
use serde_json::{Value, json};

use crate::common::{
    TINY, TINY_GPU, blank_page, corner_of, dist, follows_drawing, of_page, open_sketch, ready,
    ready_on, tiny_with, wait_for_image_buttons, without_timeout, written_link,
};

/// Chains start from a drawing, or fill in what is erased from it, and a link carries it.
#[tokio::test]
async fn a_drawing_becomes_images_and_can_be_shared() -> Result<()> {
    with_browser(async |browser| {
        // Without a clipboard, the link goes to the address bar. Privacy-protecting browsers return
        // other pixels from a canvas than were put into it.
        let script = "Clipboard.prototype.writeText = () => Promise.reject(); \
                      HTMLCanvasElement.prototype.toDataURL = () => 'data:image/png;base64,iVBOR'";
        browser.before_every_page(script).await?;
        // What is said of the link would be gone soon.
        browser.before_every_page(&without_timeout(1800)).await?;
        let (page, _) = ready(browser, TINY_GPU).await?;
        let of_noise = page.steps().await?.total;
        page.click("label:has([value=drawing])").await?;
        page.wait_until("the canvas is there", async || {
            Ok(page.text("#sketch-hint").await?.contains("Draw"))
        })
        .await?;
        page.draw("#sketch-canvas", &[(-0.2, -0.3), (0.2, -0.3), (0.0, 0.3)]).await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.steps().await?.total < of_noise, "it has begun at noise alone");
        let drawn = page.grid().await?;

        page.click("#copy").await?;
        page.wait_until("the link is in the address bar", async || {
            Ok(page.text("#copy").await?.contains("address bar"))
        })
        .await?;
        ensure!(page.text("#status").await?.contains("address bar"), "it is not announced");
        // The page may write the address once more, as one where nothing begins by itself.
        let link = page.query().await?.replace("autostart=0", "");
        let friend = Page::open(browser, &Server::start(dist())?, &link).await?;
        friend.wait_for(State::Finished).await?;
        let most = friend.grid().await?.largest_difference(&drawn);
        ensure!(most == 0, "the link gives other images, by {most} of 255");

        friend.click("label:has([value=eraser])").await?;
        friend.draw("#sketch-canvas", &[(-0.4, 0.3), (0.4, 0.3)]).await?;
        friend
            .wait_until("a part is to be filled in", async || {
                Ok(friend.text("#sketch-hint").await?.contains("fills in"))
            })
            .await?;
        let kept = "return document.getElementById('keep').selectedOptions[0].text";
        let kept = browser.client.execute(kept, vec![]).await?;
        ensure!(kept == "kept, with the holes filled in", "the drawing is {kept}");
        friend.wait_for(State::Finished).await?;
        ensure!(friend.steps().await?.total == of_noise, "what is filled in begins at a drawing");
        ensure!(friend.grid().await? != drawn, "erasing has changed nothing");

        // Go back to what the link brought, twice.
        let shows = async |same| {
            friend
                .wait_until("the images are there", async || {
                    let finished = friend.state().await? == State::Finished;
                    Ok(finished && (friend.grid().await? == drawn) == same)
                })
                .await
        };
        friend.click("#sketch-undo").await?;
        shows(true).await?;
        ensure!(!friend.enabled("#sketch-undo").await?, "one can go back to before the link");
        wait_for_image_buttons(&friend).await?;
        // What is saved at the click that keeps an image waits for those that follow.
        let script = ["document.querySelector('.image-buttons button').click();", Image::SCRIPT];
        let arguments = vec!["#save".into(), Value::Null];
        let saved = browser.client.execute_async(&script.concat(), arguments).await?;
        ensure!(Image::from_json(saved)? != drawn, "what is saved is from before");
        shows(false).await?;
        let undo = format!("{}z{}", char::from(Key::Control), char::from(Key::Null));
        friend.press(&undo).await?;
        shows(true).await?;
        let redo = format!("{}{}z{0}", char::from(Key::Control), char::from(Key::Shift));
        friend.press(&redo).await?;
        shows(false).await?;
        friend.press(&undo).await?;
        shows(true).await?;

        opens_the_image_that_was_asked_for_last(browser).await?;
        // What cannot be made takes the place of nothing: the images that follow a stroke come to their end.
        let script = format!(
            "{PEN} press(' '); press(' '); const levels = document.getElementById('levels'); \
             levels.value = ''; levels.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        );
        browser.client.execute(&script, vec![]).await?;
        friend.wait_for(State::Finished).await?;
        ensure!(friend.text("#problem").await?.contains("Levels"), "it does not say what is wrong");

        // A link with another drawing, followed within the same page.
        browser.client.execute("location.hash = 'another'", vec![]).await?;
        friend.wait_for_reload().await
    })
    .await
}

/// Makes a script draw by keys: the space bar puts the pen down, or lifts it.
const PEN: &str = "const canvas = document.getElementById('sketch-canvas'); \
    const press = (key) => canvas.dispatchEvent(new KeyboardEvent('keydown', { key }));";

/// Opens two images, of which the first takes long to decode, and begins a stroke meanwhile: the second
/// stays, without that stroke, and the first is what it was before.
async fn opens_the_image_that_was_asked_for_last(browser: &Browser) -> Result<()> {
    let script = format!(
        "const [answer] = arguments; {PEN} (async () => {{ \
           const open = async (color) => {{ \
             const image = new OffscreenCanvas(28, 28); \
             const context = image.getContext('2d'); \
             context.fillStyle = color; \
             context.fillRect(0, 0, 28, 28); \
             const transfer = new DataTransfer(); \
             transfer.items.add(new File([await image.convertToBlob()], 'image.png')); \
             const input = document.getElementById('sketch-file'); \
             input.files = transfer.files; \
             input.dispatchEvent(new Event('change')) }}; \
           const {{ createImageBitmap }} = window; \
           let decode; \
           const late = new Promise((resolve) => (decode = resolve)); \
           window.createImageBitmap = async (...image) => {{ \
             window.createImageBitmap = createImageBitmap; \
             await late; \
             return createImageBitmap(...image) }}; \
           await open('#000'); \
           await open('#777'); \
           press(' '); \
           decode(); \
           const pixels = () => canvas.getContext('2d').getImageData(0, 0, 28, 28).data \
             .filter((_, at) => at % 4 === 0); \
           while (pixels()[0] !== 0x77) await new Promise((done) => setTimeout(done, 20)); \
           press('ArrowRight'); \
           const others = pixels().filter((gray) => gray !== 0x77).length; \
           press(' '); \
           document.getElementById('sketch-undo').click(); \
           return {{ others, before: pixels()[0] }} \
         }})().then(answer, (error) => answer(String(error)))"
    );
    let found = browser.client.execute_async(&script, vec![]).await?;
    // One pixel is the dot that keys move.
    ensure!(found["others"] == 1 && found["before"] == 0, "the canvas has {found}");
    Ok(())
}

/// An image of dark lines on white is turned round for a model that draws white on black, which the page says, and a
/// button turns it back.
#[tokio::test]
async fn an_image_of_dark_lines_is_inverted() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        open_sketch(&page).await?;
        let script = "const [answer] = arguments; (async () => { \
             const image = new OffscreenCanvas(28, 28); \
             const context = image.getContext('2d'); \
             context.fillStyle = '#fff'; \
             context.fillRect(0, 0, 28, 28); \
             context.fillStyle = '#000'; \
             context.fillRect(12, 4, 4, 20); \
             const transfer = new DataTransfer(); \
             transfer.items.add(new File([await image.convertToBlob()], 'image.png')); \
             const input = document.getElementById('sketch-file'); \
             input.files = transfer.files; \
             input.dispatchEvent(new Event('change')); \
           })().then(answer, (error) => answer(String(error)))";
        let error = browser.client.execute_async(script, vec![]).await?;
        ensure!(error.is_null(), "nothing is opened: {error}");
        let said = async || Ok(page.text("#sketch-hint").await?.contains("white on black"));
        page.wait_until("the page says that it is inverted", said).await?;
        let grays = async || -> Result<[u8; 2]> {
            let image = corner_of(browser, "#sketch-canvas", 28).await?;
            Ok([image.pixel(0, 0, 28)[0], image.pixel(14, 14, 28)[0]])
        };
        ensure!(grays().await? == [0, 255], "the canvas has {:?}", grays().await?);
        page.click("#sketch-invert").await?;
        ensure!(grays().await? == [255, 0], "the button leaves {:?}", grays().await?);
        page.click("#sketch-undo").await?;
        ensure!(grays().await? == [0, 255], "undone, it has {:?}", grays().await?);
        Ok(())
    })
    .await
}

/// A key that opens the canvas leads there, and on from it in the order that one sees.
#[tokio::test]
async fn the_keyboard_goes_through_the_canvas_as_one_sees_it() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        let focus = async || -> Result<Value> {
            Ok(browser.client.execute("return document.activeElement.id", vec![]).await?)
        };
        page.press("d").await?;
        let there = async || Ok(focus().await? == "sketch-canvas");
        page.wait_until("the canvas has the focus", there).await?;
        let order = "const places = [...document.querySelectorAll('.console :is(canvas, button, input)')] \
                       .filter((element) => element.checkVisibility()) \
                       .map((element) => element.getBoundingClientRect()); \
                     return places.every(({ bottom }, at) => !at || bottom > places[at - 1].top)";
        for (width, height) in [(390, 844), (1440, 900)] {
            browser.resize(width, height).await?;
            let downward = async || Ok(browser.client.execute(order, vec![]).await? == true);
            page.wait_until(&format!("{width} pixels: it goes downward"), downward).await?;
        }
        page.press("d").await?;
        page.wait_until("the focus is where it opens", async || Ok(focus().await? == "draw")).await
    })
    .await
}

/// The images change while the pen is still down, whatever it is, with the same seed.
#[tokio::test]
async fn images_follow_the_pen() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        for (tool, query) in [(Tool::Mouse, TINY_GPU), (Tool::Pen, TINY), (Tool::Finger, TINY)] {
            let (page, noise) = ready_on(&server, browser, query).await?;
            open_sketch(&page).await?;
            let changes = async |before: &Image, what: &str| {
                let what = format!("{what} with {tool:?} changes the images");
                page.wait_until(&what, async || Ok(page.grid().await? != *before)).await?;
                page.wait_for(State::Finished).await?;
                page.grid().await
            };
            let line = [(-0.2, -0.3), (0.2, -0.3)];
            page.draw_with(tool, "#sketch-canvas", &line).await?;
            let first = changes(&noise, "a line").await?;
            page.lift().await?;
            page.draw_with(tool, "#sketch-canvas", &[(0.2, -0.3), (0.0, 0.3)]).await?;
            let second = changes(&first, "another").await?;
            page.lift().await?;
            ensure!(page.text("#caption-run").await?.contains("seed 7"), "it has another seed");
            browser.client.find(Locator::Css("#strength")).await?.send_keys(&Key::Home).await?;
            changes(&second, "less strength").await?;
        }
        Ok(())
    })
    .await
}

/// One pen draws at a time: a mouse that passes by does not continue a stroke of the keyboard, and
/// a palm that touches the screen neither ends a stroke of a pen nor leaves one. One that comes first
/// gives way to the pen.
#[tokio::test]
async fn one_pen_draws_at_a_time() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        open_sketch(&page).await?;
        let canvas = browser.client.find(Locator::Css("#sketch-canvas")).await?;
        let (.., width, height) = canvas.rectangle().await?;
        // Places are fractions of the canvas from its center.
        let to = |(x, y): (f64, f64)| PointerAction::MoveToElement {
            element: canvas.clone(),
            duration: None,
            x: x * width,
            y: y * height,
        };
        let is_drawn = async |(x, y): (f64, f64)| -> Result<bool> {
            let image = corner_of(browser, "#sketch-canvas", 28).await?;
            let [column, row] = [x, y].map(|at| ((at + 0.5) * 28.0) as usize);
            Ok(image.pixel(column, row, 28) != image.pixel(0, 0, 28))
        };
        let space = format!(
            "{PEN} canvas.scrollIntoView({{ block: 'center' }}); canvas.focus(); press(' ')"
        );
        let draws = async |at: (f64, f64), what: &str| {
            page.wait_until(&format!("{what} draws"), async || is_drawn(at).await).await
        };
        browser.client.execute(&space, vec![]).await?;
        draws((0.0, 0.0), "the space bar").await?;
        let mouse = MouseActions::new("mouse".into()).then(to((-0.3, 0.3))).then(to((0.3, 0.3)));
        browser.client.perform_actions(mouse).await?;
        ensure!(!is_drawn((0.0, 0.3)).await?, "a mouse draws, though no button is down");
        browser.client.execute(&space, vec![]).await?;

        // The palm is down while the pen goes from the left to the right.
        let down = || PointerAction::Down { button: MOUSE_BUTTON_LEFT };
        let up = || PointerAction::Up { button: MOUSE_BUTTON_LEFT };
        let pause = || PointerAction::Pause { duration: Duration::ZERO };
        let pen =
            [to((-0.3, -0.3)), down(), pause(), to((-0.2, -0.3)), pause(), to((0.3, -0.3)), up()];
        let palm = [pause(), to((-0.3, 0.4)), down(), to((-0.2, 0.4)), up()];
        perform(browser, pen, palm).await?;
        draws((-0.25, -0.3), "the pen").await?;
        draws((0.2, -0.3), "the pen beside the palm").await?;
        ensure!(!is_drawn((-0.25, 0.4)).await?, "the palm draws");

        let pen = [pause(), to((-0.3, 0.2)), down(), pause(), to((0.3, 0.2)), up()];
        let palm = [to((-0.3, 0.45)), down(), pause(), to((0.3, 0.45)), pause(), up()];
        perform(browser, pen, palm).await?;
        draws((0.2, 0.2), "the pen after a palm").await?;
        ensure!(!is_drawn((0.2, 0.45)).await?, "the palm draws on beside the pen");
        Ok(())
    })
    .await
}

/// Has a pen and a palm do this at the same time.
async fn perform(
    browser: &Browser,
    pen: impl IntoIterator<Item = PointerAction>,
    palm: impl IntoIterator<Item = PointerAction>,
) -> Result<()> {
    let pen = pen.into_iter().fold(PenActions::new("pen".into()), PenActions::then);
    let palm = palm.into_iter().fold(TouchActions::new("palm".into()), TouchActions::then);
    Ok(browser.client.perform_actions(Actions::from(pen).and(palm)).await?)
}

/// The button that makes new images does so while images follow a drawing, too.
#[tokio::test]
async fn new_images_of_a_drawing_have_another_seed() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        open_sketch(&page).await?;
        let script = format!(
            "{PEN} press(' '); press(' '); const button = document.getElementById('start'); \
             const text = button.textContent; button.click(); \
             return [text, document.getElementById('seed').value]"
        );
        let found = browser.client.execute(&script, vec![]).await?;
        let text = found[0].as_str().context("no text")?;
        ensure!(text.starts_with("New images"), "the button says {text}");
        ensure!(found[1] != "7", "the seed is the same");
        page.wait_for(State::Finished).await?;
        let caption = page.text("#caption-run").await?;
        ensure!(!caption.contains("seed 7,"), "the images are the same: {caption}");
        follows_drawing(&page).await
    })
    .await
}

/// What is drawn while an engine is on its way is not lost if that engine cannot be had.
#[tokio::test]
async fn a_stroke_is_followed_after_an_engine_did_not_start() -> Result<()> {
    with_browser(async |browser| {
        browser.before_every_page("delete Navigator.prototype.gpu").await?;
        let (page, _) = ready(browser, TINY).await?;
        open_sketch(&page).await?;
        let draw = format!("{PEN} press(' '); press('ArrowRight'); press(' ')");
        browser.client.execute(&draw, vec![]).await?;
        page.wait_for(State::Finished).await?;
        let before = page.grid().await?;
        let change = format!(
            "const engine = document.getElementById('engine'); engine.value = 'fused'; \
             engine.dispatchEvent(new Event('change', {{ bubbles: true }})); \
             {PEN} for (const key of [' ', 'ArrowDown', 'ArrowDown', ' ']) press(key); \
             return document.getElementById('status').dataset.state"
        );
        let state = browser.client.execute(&change, vec![]).await?;
        ensure!(state == "loading", "the engine is not on its way, but {state}");
        let told = async || Ok(!page.text("#problem").await?.is_empty());
        page.wait_until("the page says why there is no such engine", told).await?;
        let follow = async || Ok(page.grid().await? != before);
        page.wait_until("the images follow the stroke", follow).await?;
        page.wait_for(State::Finished).await?;
        ensure!(!page.text("#problem").await?.is_empty(), "it is not said any more");
        Ok(())
    })
    .await
}

/// An image of the grid that is kept covers one that was opened before, though that takes longer to
/// decode.
#[tokio::test]
async fn an_image_that_is_kept_covers_one_that_was_opened_before() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let first = page.saved_one(1, 28).await?;
        wait_for_image_buttons(&page).await?;
        open_sketch(&page).await?;
        let script = "const [answer] = arguments; (async () => { \
             const image = new OffscreenCanvas(28, 28); \
             const context = image.getContext('2d'); \
             context.fillStyle = '#777'; \
             context.fillRect(0, 0, 28, 28); \
             const transfer = new DataTransfer(); \
             transfer.items.add(new File([await image.convertToBlob()], 'image.png')); \
             const { createImageBitmap } = window; \
             let decode; \
             const late = new Promise((resolve) => (decode = resolve)); \
             window.createImageBitmap = async (source, ...options) => { \
               if (!(source instanceof File)) return createImageBitmap(source, ...options); \
               await late; \
               const bitmap = await createImageBitmap(source, ...options); \
               setTimeout(() => (window.opened = true), 200); \
               return bitmap }; \
             const input = document.getElementById('sketch-file'); \
             input.files = transfer.files; \
             input.dispatchEvent(new Event('change')); \
             document.querySelector('.image-buttons button').click(); \
             setTimeout(decode, 200); \
           })().then(answer, (error) => answer(String(error)))";
        let error = browser.client.execute_async(script, vec![]).await?;
        ensure!(error.is_null(), "nothing is opened: {error}");
        let opened = async || {
            Ok(browser.client.execute("return window.opened === true", vec![]).await? == true)
        };
        page.wait_until("the file is decoded", opened).await?;
        let kept = async || {
            let kept = corner_of(browser, "#sketch-canvas", 28).await?;
            Ok(kept.largest_difference(&first) <= 1)
        };
        page.wait_until("the image that was kept is on the canvas", kept).await
    })
    .await
}

/// However fast a pen is, one redraw is under way and one waits. One that is given up for the next is
/// not said to be ready.
#[tokio::test]
async fn redraws_do_not_queue() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let scripts = blank_page(browser, &server).await?;
        let script = "const [url, answer] = arguments; \
                      import(url).then(async ({ Live }) => { \
                        let [drawing, under, most, shown] = [0, 0, 0, []]; \
                        let outdated = 0; \
                        const live = new Live(async () => { \
                          most = Math.max(most, ++under); \
                          shown.push(drawing); \
                          await new Promise((done) => setTimeout(done, 30)); \
                          under -= 1; \
                        }, () => outdated++); \
                        for (; drawing < 100; drawing++) { \
                          live.ask(); \
                          if (drawing % 10 === 0) await new Promise((done) => setTimeout(done)); \
                        } \
                        live.ask(); \
                        await new Promise((done) => setTimeout(done, 500)); \
                        answer({ most, shown, outdated }); \
                      }).catch((error) => answer(String(error)))";
        let url = format!("{scripts}run/live.js");
        let answer = browser.client.execute_async(script, vec![url.into()]).await?;
        ensure!(answer["most"] == 1, "several redraws at a time: {answer}");
        let shown = answer["shown"].as_array().context("nothing was drawn")?;
        ensure!(shown.last() == Some(&100.into()), "the last drawing is not shown: {answer}");
        ensure!(shown.len() < 60, "redraws have queued: {answer}");
        ensure!(answer["outdated"].as_u64() > Some(0), "no redraw was told that it is outdated");

        let script = "const [url, answer] = arguments; \
                      import(url).then(async ({ Run }) => { \
                        const states = []; \
                        const run = new Run({ onState: (state) => states.push(state) }); \
                        for (const outdated of [true, false]) \
                          await run.redraw(async () => null, () => outdated); \
                        let [time, freed] = [0, 0]; \
                        performance.now = () => (time += 500); \
                        const slow = { \
                          progress: () => ({ step: 1, steps: 1000, done: false }), \
                          advance: async () => ({ step: 2, steps: 1000, done: false }), \
                          free: () => freed++ }; \
                        for (const outdated of [[true, true], [true, false]]) \
                          await run.redraw(async () => slow, () => outdated.shift()); \
                        answer({ states, freed }); \
                      }).catch((error) => answer(String(error)))";
        let url = format!("{scripts}run/run.js");
        let found = browser.client.execute_async(script, vec![url.into()]).await?;
        // Without images, and with some that are given up when half of them are made.
        let states = ["redrawing", "redrawing", "ready", "redrawing", "redrawing", "ready"];
        ensure!(found == json!({ "states": states, "freed": 2 }), "it is {found}");
        Ok(())
    })
    .await
}

/// Images that are given up for those of a newer stroke are only half made: whoever asks for images meanwhile waits for the
/// ones that come in their place.
#[tokio::test]
async fn nobody_gets_images_that_were_given_up() -> Result<()> {
    with_browser(async |browser| {
        // So many steps that it is worth giving them up.
        let (page, _) = ready(browser, &tiny_with("levels=300")).await?;
        open_sketch(&page).await?;
        let script = of_page(&format!(
            "{PEN} for (const key of [' ', 'ArrowRight', ' ']) press(key); \
             for (const key of [' ', 'ArrowDown', ' ']) press(key); \
             return page.run.withChains(async (chains) => chains.progress().done)"
        ));
        let done = browser.client.execute_async(&script, vec![]).await?;
        ensure!(done == true, "what one gets is done: {done}");
        page.wait_for(State::Finished).await
    })
    .await
}

/// Whoever has not chosen settings gets nine images in few steps while drawing, and the usual ones
/// otherwise.
#[tokio::test]
async fn drawing_takes_few_steps_unless_one_has_chosen_others() -> Result<()> {
    with_browser(async |browser| {
        // The software adapter in the guise of a GPU.
        let gpu = "if (location.search.includes('gpu')) \
                     Object.defineProperty(GPUAdapter.prototype, 'info', { get: () => ({ \
                       vendor: 'a', architecture: 'gpu', description: '', \
                       isFallbackAdapter: false, subgroupMinSize: 4, subgroupMaxSize: 4 }) })";
        browser.before_every_page(gpu).await?;
        let server = Server::start(dist())?;
        let settings = async || {
            let script = "return document.querySelector('#presets :checked')?.id + \
                          ' ' + document.getElementById('chains').value";
            Ok::<_, anyhow::Error>(browser.client.execute(script, vec![]).await?)
        };
        for (query, usual, drawing) in [
            // As many as a GPU anneals in the same time, and as many as it does in software.
            ("?engine=fused&autostart=0&gpu", "recommended 36", "live 9"),
            ("?engine=cpu&autostart=0", "recommended 9", "live 9"),
            ("?engine=cpu&autostart=0&chains=4", "recommended 4", "live 4"),
            (TINY, "undefined 4", "undefined 4"),
        ] {
            let page = Page::open(browser, &server, query).await?;
            page.wait_for(State::Ready).await?;
            ensure!(settings().await? == usual, "{query}: {} at first", settings().await?);
            open_sketch(&page).await?;
            ensure!(settings().await? == drawing, "{query}: {} for a drawing", settings().await?);
            page.click("#draw").await?;
            ensure!(settings().await? == usual, "{query}: {} afterwards", settings().await?);
        }
        Ok(())
    })
    .await
}

/// The second of two clicks goes back to noise, though the canvas only comes afterwards.
#[tokio::test]
async fn two_clicks_on_draw_leave_the_settings_as_they_were() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, "?engine=cpu&autostart=0&chains=4").await?;
        let settings = async || {
            let script = "return ['sampler', 'levels', 'chains'].map((id) => \
                          document.getElementById(id).value).join(' ') + ' ' + \
                          document.querySelector('#presets :checked')?.id";
            Ok::<_, anyhow::Error>(browser.client.execute(script, vec![]).await?)
        };
        let usual = settings().await?;
        let script = "const [answer] = arguments; const draw = document.getElementById('draw'); \
                      draw.click(); draw.click(); \
                      const { src } = document.querySelector('script[type=module]'); \
                      import(new URL('sketch/canvas.js', src)).then( \
                        () => setTimeout(answer, 500), (error) => answer(String(error)))";
        let error = browser.client.execute_async(script, vec![]).await?;
        ensure!(error.is_null(), "there is no canvas: {error}");
        ensure!(settings().await? == usual, "{usual} has become {}", settings().await?);
        ensure!(!page.is_shown("#sketch-canvas").await?, "the canvas is shown");
        open_sketch(&page).await?;
        page.click("#draw").await?;
        ensure!(settings().await? == usual, "afterwards {usual} is {}", settings().await?);
        Ok(())
    })
    .await
}

/// A few bytes of a link must not become a gigabyte of pixels.
#[tokio::test]
async fn a_drawing_that_inflates_without_end_is_refused() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        let script = "const [answer] = arguments; (async () => { \
                      const zeros = new Blob([new Uint8Array(64 * 2 ** 20)]); \
                      const stream = zeros.stream().pipeThrough(new CompressionStream('deflate-raw')); \
                      const bytes = new Uint8Array(await new Response(stream).arrayBuffer()); \
                      const { src } = document.querySelector('script[type=module]'); \
                      const { inflate } = await import(new URL('dom/inflate.js', src)); \
                      const whole = await inflate(new Blob([bytes]), 64 * 2 ** 20); \
                      const error = await inflate(new Blob([bytes]), 2 ** 20).catch(({ name }) => name); \
                      const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) \
                        .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''); \
                      return { size: whole.size, error, text } \
                      })().then(answer, (error) => answer(String(error)))";
        let answer = browser.client.execute_async(script, vec![]).await?;
        ensure!(answer["size"] == 64 << 20 && answer["error"] == "RangeError", "{}", answer["error"]);
        let text = answer["text"].as_str().context("no text")?;
        let link = format!("{}#{text}", page.query().await?.trim_end_matches('#'));
        let page = Page::open(browser, &Server::start(dist())?, &link).await?;
        page.wait_for(State::Ready).await?;
        let told = async || Ok(page.text("#problem").await?.contains("cannot be read"));
        page.wait_until("the page says that it cannot be read", told).await
    })
    .await
}

#[tokio::test]
async fn without_a_sketch_canvas_chains_go_on_from_noise() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start_without(dist(), Some("sketch/canvas.js"))?;
        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        page.click("label:has([value=drawing])").await?;
        let told = async || Ok(page.text("#problem").await?.contains("canvas"));
        page.wait_until("the page says that there is no canvas", told).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.text("#caption-run").await?.ends_with("seed 7"), "it is of a drawing");
        Ok(())
    })
    .await
}

/// The page says so if its images are not those of whoever made the link.
#[tokio::test]
async fn a_link_whose_drawing_cannot_be_shown_says_so() -> Result<()> {
    // The first half of a drawing, and one with only its first letters left.
    let whole = include_str!("drawing.txt").trim();
    with_browser(async |browser| {
        for (missing, drawing) in
            [(None, &whole[..whole.len() / 2]), (None, "iVBOR"), (Some("sketch/canvas.js"), whole)]
        {
            let server = Server::start_without(dist(), missing)?;
            let page = Page::open(browser, &server, &format!("{TINY}#{drawing}")).await?;
            page.wait_for(State::Ready).await?;
            let told = async || Ok(page.text("#problem").await?.contains("noise"));
            page.wait_until("the page says that these are other images", told).await?;
        }
        // The format of older links: the whole PNG.
        let (page, _) = ready(browser, &format!("{TINY}#{whole}")).await?;
        ensure!(page.text("#problem").await?.is_empty(), "an older link cannot be read");
        ensure!(page.text("#caption-run").await?.ends_with("a drawing"), "it is of noise");
        Ok(())
    })
    .await
}

/// What is kept of a drawing may be its gray values or the means of its squares.
#[tokio::test]
async fn a_drawing_can_be_colored_in_or_refined() -> Result<()> {
    with_browser(async |browser| {
        let query = tiny_with("model=www/models/emoji.safetensors");
        let (page, _) = ready(browser, &query).await?;
        open_sketch(&page).await?;
        page.draw("#sketch-canvas", &[(-0.2, -0.3), (0.2, -0.3), (0.0, 0.3)]).await?;
        page.wait_for(State::Finished).await?;
        let drawing = "const { data } = document.getElementById('sketch-canvas').getContext('2d')\
                       .getImageData(0, 0, 32, 32); return Array.from(data)";
        let drawing = Image::from_json(browser.client.execute(drawing, vec![]).await?)?;
        // The largest differences of an image from the drawing, of gray values and of means.
        let differences = async |use_as: &str| -> Result<[f64; 2]> {
            page.choose("#keep", use_as).await?;
            let kept = async || Ok(page.text("#sketch-hint").await?.contains("the model adds"));
            page.wait_until("the page says what is kept", kept).await?;
            page.wait_for(State::Finished).await?;
            let [image, drawing] = [page.saved_one(1, 32).await?, drawing.clone()];
            let [image, drawing] = [image, drawing].map(|image| grays(&image));
            Ok([most(&image, &drawing), most(&means(&image), &means(&drawing))])
        };
        // What lies outside [0, 1] is clamped in the file, so means of squares are less exact.
        let [gray, _] = differences("gray").await?;
        ensure!(gray < 40.0, "gray values differ by {gray} of 255");
        let [other, means] = differences("blocks").await?;
        ensure!(other > 40.0 && means < 20.0, "means differ by {means}, and pixels by {other}");
        let link = written_link(browser, &page).await?;
        ensure!(link.contains("keep=blocks"), "the link does not say what is kept: {link}");
        Ok(())
    })
    .await
}

/// The mean of the colors of each pixel, from 0 to 255.
fn grays(image: &Image) -> Vec<f64> {
    let gray = |[r, g, b, _]: &[u8; 4]| (f64::from(*r) + f64::from(*g) + f64::from(*b)) / 3.0;
    image.pixels().iter().map(gray).collect()
}

/// The means of squares of 4 × 4 pixels, of an image of 32 × 32.
fn means(grays: &[f64]) -> Vec<f64> {
    let mut means = vec![0.0; 64];
    for (at, gray) in grays.iter().enumerate() {
        means[at / 128 * 8 + at % 32 / 4] += gray / 16.0;
    }
    means
}

/// The largest difference of two lists of numbers.
fn most(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
