//! Files made of a run.

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    image::Image,
    page::{Page, State},
};
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::{
    common::{
        TINY, TINY_FILM, TINY_GPU, corner_of, follows_drawing, open_sketch, ready, tiny_with,
        wait_for_film, wait_for_image_buttons, without_timeout,
    },
    timeline::focus,
};

/// From now on keeps the names of files that are saved, and what is in them: the page's policy lets
/// nothing read what is behind the links to these.
const KEEP_FILES: &str = "window.saved = []; window.blobs = {}; const { createObjectURL } = URL; \
    URL.createObjectURL = (blob) => { const url = createObjectURL.call(URL, blob); \
      window.blobs[url] = blob; return url }; \
    HTMLAnchorElement.prototype.click = function () { \
      window.saved.push({ name: this.download, url: this.href }) }";

/// Opens the dialog of more ways to save.
async fn open_more(page: &Page<'_>) -> Result<()> {
    page.click("#more").await?;
    page.wait_until("the ways are there", async || page.is_shown("#save-one").await).await
}

async fn close_more(browser: &Browser) -> Result<()> {
    browser.client.execute("document.getElementById('save-dialog').close()", vec![]).await?;
    Ok(())
}

/// Clicks on a button of that dialog, and waits for its file, the latest of which is returned by
/// name.
async fn save_by(browser: &Browser, page: &Page<'_>, button: &str) -> Result<String> {
    let count = async || -> Result<u64> {
        let count = browser.client.execute("return window.saved.length", vec![]).await?;
        count.as_u64().context("no files are kept")
    };
    let before = count().await?;
    page.click(button).await?;
    page.wait_until("it is saved", async || Ok(count().await? > before)).await?;
    let name = browser.client.execute("return window.saved.at(-1).name", vec![]).await?;
    Ok(name.as_str().context("no name")?.to_owned())
}

/// The frames of the GIF that was saved first, decoded by the browser at one pixel for each pixel of
/// an image, as `Image` has it: `side` of them, or as many as the grid has with its margin.
async fn frames(browser: &Browser, side: Option<u32>) -> Result<Vec<Image>> {
    let script = "const [side, answer] = arguments; (async () => { \
                  const data = await window.blobs[window.saved[0].url].arrayBuffer(); \
                  const decoder = new ImageDecoder({ data, type: 'image/gif' }); \
                  await decoder.tracks.ready; \
                  await decoder.completed; \
                  const { width, dataset: { gap } } = document.getElementById('grid'); \
                  const size = side ?? width + 2 * gap; \
                  const frames = []; \
                  for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; \
                       frameIndex++) { \
                    const { image } = await decoder.decode({ frameIndex }); \
                    const copy = new OffscreenCanvas(size, size).getContext('2d'); \
                    copy.imageSmoothingEnabled = false; \
                    copy.drawImage(image, 0, 0, size, size); \
                    frames.push(Array.from(copy.getImageData(0, 0, size, size).data)) } \
                  return frames \
                  })().then(answer, (error) => answer(String(error)))";
    let found = browser.client.execute_async(script, vec![side.into()]).await?;
    let frames: Vec<Value> = serde_json::from_value(found).context("it cannot be decoded")?;
    frames.into_iter().map(Image::from_json).collect()
}

/// A GIF of the run, decoded by the browser: as many frames as steps, the last with the images. The
/// dialog waits for images that follow a drawing, which have no such steps.
#[tokio::test]
async fn a_run_can_be_saved_as_a_gif() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY_GPU).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
        wait_for_film(browser, TINY_FILM).await?;
        browser.client.execute(KEEP_FILES, vec![]).await?;
        page.click("#more").await?;
        page.wait_until("the ways are there", async || page.is_shown("#save-gif").await).await?;
        for (count, button) in [(1, "#save-gif"), (2, "#save-one")] {
            page.click(button).await?;
            let focused = "return `#${document.activeElement.id}`";
            let focused = browser.client.execute(focused, vec![]).await?;
            ensure!(focused == button, "the focus has gone from {button} to {focused}");
            // The status may still be that of the file before.
            let done = async || {
                let saved = browser.client.execute("return window.saved.length", vec![]).await?;
                Ok(saved == count && page.text("dialog [role=status]").await?.starts_with("Saved"))
            };
            page.wait_until("it is saved", done).await?;
        }
        let decoded = frames(browser, None).await?;
        ensure!(decoded.len() == 4, "there are {} frames", decoded.len());
        let most = decoded[3].largest_difference(&grid);
        ensure!(most <= 8, "the last frame differs from the images by {most} of 255");
        let script = "const [answer] = arguments; const [gif, one] = window.saved; \
                      createImageBitmap(window.blobs[one.url]).then( \
                        ({ width }) => answer([gif.name, one.name, width % 28]), \
                        (error) => answer(String(error)))";
        let saved = browser.client.execute_async(script, vec![]).await?;
        let names = ["digits-seed-7-run.gif", "digits-seed-7-image-1-step-3.png"];
        ensure!(saved == json!([names[0], names[1], 0]), "the files are {saved}");

        // What is not waited for any more is not saved.
        let script = "document.getElementById('save-gif').click(); \
                      document.getElementById('save-dialog').close()";
        browser.client.execute(script, vec![]).await?;
        open_more(&page).await?;
        let name = save_by(browser, &page, "#save-one").await?;
        ensure!(name == names[1], "after the dialog was closed, {name} is saved");

        close_more(browser).await?;
        open_sketch(&page).await?;
        let script = "const canvas = document.getElementById('sketch-canvas'); \
                      canvas.dispatchEvent(new KeyboardEvent('keydown', { key: ' ' })); \
                      document.getElementById('more').click()";
        browser.client.execute(script, vec![]).await?;
        page.wait_until("the ways are there", async || page.is_shown("#save-one").await).await?;
        ensure!(page.state().await? == State::Finished, "the dialog has not waited");
        ensure!(!page.is_shown("#save-gif").await?, "it offers steps of earlier images");
        Ok(())
    })
    .await
}

/// What is saved, or kept on the sketch canvas, is what the grid shows: an image of an earlier
/// step, or that of the end while a button shows the end, whether the engine draws by itself or not.
/// The name says which step it is.
#[tokio::test]
async fn what_is_saved_is_what_is_shown() -> Result<()> {
    with_browser(async |browser| {
        for query in [TINY, TINY_GPU] {
            let (page, _) = ready(browser, query).await?;
            page.click("#start").await?;
            page.wait_for(State::Finished).await?;
            wait_for_film(browser, TINY_FILM).await?;
            let (end, last) = (page.grid().await?, page.saved_one(1, 28).await?);
            focus(browser).await?;
            page.press(&char::from(Key::Left).to_string()).await?;
            let shown = corner_of(browser, "#replay", 28).await?;
            let most = page.saved_one(1, 28).await?.largest_difference(&shown);
            ensure!(most <= 1, "another image than the one of step 2 is saved, by {most} of 255");
            ensure!(shown.largest_difference(&last) > 1, "step 2 is like the end");
            browser.client.execute(KEEP_FILES, vec![]).await?;
            open_more(&page).await?;
            let name = save_by(browser, &page, "#save-one").await?;
            ensure!(name == "digits-seed-7-image-1-step-2.png", "the file's name is {name}");
            close_more(browser).await?;

            // Assistive technology clicks, and cannot hold.
            let hold = "document.getElementById('compare').click()";
            browser.client.execute(hold, vec![]).await?;
            ensure!(page.grid().await? == end, "the end is shown, and something else is saved");
            let name = save_by(browser, &page, "#save").await?;
            ensure!(name == "digits-seed-7-step-3.png", "the file's name is {name}");
            browser.client.execute(hold, vec![]).await?;
            ensure!(page.steps().await?.done == 2, "afterwards step 2 is not shown any more");
            let name = save_by(browser, &page, "#save").await?;
            ensure!(name == "digits-seed-7-step-2.png", "the file's name is {name}");

            wait_for_image_buttons(&page).await?;
            open_sketch(&page).await?;
            page.click(".image-buttons button").await?;
            follows_drawing(&page).await?;
            let kept = corner_of(browser, "#sketch-canvas", 28).await?;
            let most = kept.largest_difference(&shown);
            ensure!(most <= 1, "another image is kept: it differs by {most} of 255");
        }
        Ok(())
    })
    .await
}

/// Each step says in which view it was shown, and a film is called one of guesses if all its images
/// are.
#[tokio::test]
async fn steps_and_films_say_what_they_show() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        browser.client.execute(KEEP_FILES, vec![]).await?;
        let film = async || -> Result<String> {
            open_more(&page).await?;
            let name = save_by(browser, &page, "#save-gif").await?;
            close_more(browser).await?;
            Ok(name)
        };
        let says = async |word: &str| {
            let what = format!("the caption says {word}");
            let said = async || Ok(page.text("#caption-view").await?.contains(word));
            page.wait_until(&what, said).await
        };
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        says("finished").await?;
        page.click("label:has([value=denoised])").await?;
        says("guess").await?;
        wait_for_film(browser, TINY_FILM).await?;
        focus(browser).await?;
        page.press(&char::from(Key::Left).to_string()).await?;
        says("noisy").await?;
        page.press(&char::from(Key::End).to_string()).await?;
        says("guess").await?;
        let name = film().await?;
        ensure!(name == "digits-seed-7-run.gif", "of noisy images and a guess: {name}");

        page.click("#restart").await?;
        page.wait_for(State::Finished).await?;
        wait_for_film(browser, TINY_FILM).await?;
        let name = film().await?;
        ensure!(name == "digits-seed-7-run-guess.gif", "of guesses: {name}");
        Ok(())
    })
    .await
}

/// The images can be put on the clipboard, or sent with the link to them. A visitor who sends
/// nothing after all is told nothing.
#[tokio::test]
async fn images_can_be_copied_and_shared() -> Result<()> {
    with_browser(async |browser| {
        // The file, at one pixel for each pixel of an image, as `Image` has it.
        let script = "{ window.sent = []; \
            const note = async (file, more) => { \
              const saved = await createImageBitmap(file); \
              const { width, height, dataset: { gap } } = document.getElementById('grid'); \
              const [across, down] = [width, height].map((side) => side + 2 * gap); \
              const copy = new OffscreenCanvas(across, down).getContext('2d'); \
              copy.imageSmoothingEnabled = false; \
              copy.drawImage(saved, 0, 0, across, down); \
              const scales = [saved.width / across, saved.height / down]; \
              const pixels = Array.from(copy.getImageData(0, 0, across, down).data); \
              window.sent.push({ type: file.type, scales, pixels, ...more }) }; \
            Clipboard.prototype.write = async ([item]) => note(await item.getType('image/png'), {}); \
            Navigator.prototype.canShare = ({ files: [{ type }] }) => type === 'image/png'; \
            Navigator.prototype.share = async ({ files: [file], url }) => { \
              await note(file, { name: file.name, url }); \
              if (window.refusal) throw new DOMException('not today', window.refusal) } }";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
        open_more(&page).await?;
        // Returns what has been sent, and what is said then.
        let send = async |button: &str, refusal: Value| -> Result<(Value, String)> {
            let clear = "window.sent = []; window.refusal = arguments[0]";
            browser.client.execute(clear, vec![refusal]).await?;
            page.click(button).await?;
            let done = async || {
                let script = "return window.sent.length === 1 && \
                              document.querySelector(arguments[0]).ariaDisabled === null";
                Ok(browser.client.execute(script, vec![button.into()]).await? == true)
            };
            page.wait_until("it is sent", done).await?;
            let sent = browser.client.execute("return window.sent[0]", vec![]).await?;
            Ok((sent, page.text("#save-dialog [role=status]").await?))
        };
        let is_grid = |mut sent: Value| -> Result<()> {
            ensure!(sent["type"] == "image/png", "its type is {}", sent["type"]);
            let scales = &sent["scales"];
            let scale = scales[0].as_u64().with_context(|| format!("it is scaled by {scales}"))?;
            ensure!(scale > 1 && scales[0] == scales[1], "it is scaled by {scales}");
            ensure!(Image::from_json(sent["pixels"].take())? == grid, "it has other images");
            Ok(())
        };
        let (sent, said) = send("#copy-image", Value::Null).await?;
        ensure!(said == "Copied.", "it says {said:?}");
        is_grid(sent)?;
        let (sent, said) = send("#share", Value::Null).await?;
        ensure!(said.is_empty(), "it says {said:?}");
        ensure!(sent["name"] == "digits-seed-7-step-3.png", "its name is {}", sent["name"]);
        let link = sent["url"].as_str().context("no link")?;
        ensure!(link.starts_with("http://127.0.0.1") && link.contains("seed=7"), "{link}");
        is_grid(sent)?;
        let (_, said) = send("#share", "AbortError".into()).await?;
        ensure!(said.is_empty(), "after a change of mind it says {said:?}");
        let (_, said) = send("#share", "NotAllowedError".into()).await?;
        ensure!(said == "not today", "after a refusal it says {said:?}");
        Ok(())
    })
    .await
}

/// The way from one seed to another is a GIF, there and back without its ends twice.
#[tokio::test]
async fn the_way_from_seed_to_seed_can_be_saved_as_a_gif() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &tiny_with("to=8")).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let mut images = Vec::new();
        for number in 1..=4 {
            images.push(page.saved_one(number, 28).await?);
        }
        browser.client.execute(KEEP_FILES, vec![]).await?;
        open_more(&page).await?;
        let name = save_by(browser, &page, "#save-morph").await?;
        ensure!(name == "digits-seed-7-to-8-morph.gif", "its name is {name}");
        let decoded = frames(browser, Some(28)).await?;
        ensure!(decoded.len() == 6, "there are {} frames", decoded.len());
        for (at, (frame, image)) in decoded.iter().zip([0, 1, 2, 3, 2, 1]).enumerate() {
            let most = frame.largest_difference(&images[image]);
            ensure!(most <= 8, "frame {at} differs from image {} by {most} of 255", image + 1);
        }
        Ok(())
    })
    .await
}

/// A video of the run, played by the browser: its last frame shows the images. The page itself must
/// not play it, as its policy allows media from its own host alone, but a file beside it may.
#[tokio::test]
async fn a_run_can_be_saved_as_a_video() -> Result<()> {
    with_browser(async |browser| {
        // Some time after it is saved, the address of a file leads nowhere, but not in this test.
        browser.before_every_page(&without_timeout(10_000)).await?;
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
        wait_for_film(browser, TINY_FILM).await?;
        let script = "HTMLAnchorElement.prototype.click = function () { \
                      window.saved = { name: this.download, url: this.href } }";
        browser.client.execute(script, vec![]).await?;
        page.click("#more").await?;
        page.wait_until("the ways are there", async || page.is_shown("#save-webm").await).await?;
        page.click("#save-webm").await?;
        let done = async || Ok(page.text("dialog [role=status]").await?.starts_with("Saved"));
        page.wait_until("it is saved", done).await?;
        let script = "const answer = arguments[0]; (async () => { \
                      const frame = document.createElement('iframe'); \
                      frame.src = document.querySelector('link[rel=stylesheet]').href; \
                      await new Promise((done) => { \
                        frame.onload = done; document.body.append(frame) }); \
                      const video = frame.contentDocument.createElement('video'); \
                      video.src = window.saved.url; \
                      await new Promise((done, failed) => { \
                        video.onloadeddata = done; \
                        video.onerror = () => failed(video.error.message) }); \
                      const { duration } = window.video = video; \
                      video.currentTime = duration - 0.5; \
                      await new Promise((done) => (video.onseeked = done)); \
                      const { width, dataset: { gap } } = document.getElementById('grid'); \
                      window.side = width + 2 * gap; \
                      answer({ duration, name: window.saved.name, \
                        whole: video.videoWidth % window.side }) \
                      })().catch((error) => answer({ error: String(error) }))";
        let answer = browser.client.execute_async(script, vec![]).await?;
        ensure!(answer["error"].is_null(), "it does not play: {}", answer["error"]);
        ensure!(answer["name"] == "digits-seed-7-run.webm", "its name is {}", answer["name"]);
        ensure!(answer["whole"] == 0, "pixels of images are not squares");
        // Four frames in four seconds, of which the last is there for two.
        let duration = answer["duration"].as_f64().context("it has no duration")?;
        ensure!((duration - 5.0).abs() < 0.1, "it lasts {duration} s");
        // The frame of that time may come a moment after the player has gone there.
        let shows_images = async || {
            let script = "const { side, video } = window; \
                          const copy = new OffscreenCanvas(side, side).getContext('2d'); \
                          copy.imageSmoothingEnabled = false; \
                          copy.drawImage(video, 0, 0, side, side); \
                          return Array.from(copy.getImageData(0, 0, side, side).data)";
            let last = Image::from_json(browser.client.execute(script, vec![]).await?)?;
            Ok(last.largest_difference(&grid) <= 24)
        };
        page.wait_until("the last frame shows the images", shows_images).await
    })
    .await
}
