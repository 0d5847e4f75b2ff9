//! Files made of a run.

use anyhow::{Context, Result, ensure};
use e2e::{browser::with_browser, image::Image, page::State};

use crate::common::{TINY, TINY_GPU, ready};

/// A GIF of the run, decoded by the browser: as many frames as steps, the last with the images. The
/// dialog waits for images that follow a drawing, which have no such steps.
#[tokio::test]
async fn a_run_can_be_saved_as_a_gif() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY_GPU).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
        // The page's policy lets nothing read what is behind the links to files.
        let script = "window.saved = []; window.blobs = {}; const { createObjectURL } = URL; \
                      URL.createObjectURL = (blob) => { const url = createObjectURL.call(URL, blob); \
                        window.blobs[url] = blob; return url }; \
                      HTMLAnchorElement.prototype.click = function () { \
                      window.saved.push({ name: this.download, url: this.href }) }";
        browser.client.execute(script, vec![]).await?;
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
        // The last frame without its margin, at one pixel for each pixel of an image, as `Image`
        // has it.
        let script = "const answer = arguments[0]; (async () => { \
                      const [gif, one] = window.saved; \
                      const data = await window.blobs[gif.url].arrayBuffer(); \
                      const decoder = new ImageDecoder({ data, type: 'image/gif' }); \
                      await decoder.tracks.ready; \
                      await decoder.completed; \
                      const frames = decoder.tracks.selectedTrack.frameCount; \
                      const { image } = await decoder.decode({ frameIndex: frames - 1 }); \
                      const { width, dataset: { gap } } = document.getElementById('grid'); \
                      const side = width + 2 * gap; \
                      const copy = new OffscreenCanvas(side, side).getContext('2d'); \
                      copy.imageSmoothingEnabled = false; \
                      copy.drawImage(image, 0, 0, side, side); \
                      const single = await createImageBitmap(window.blobs[one.url]); \
                      answer({ frames, names: [gif.name, one.name], single: single.width, \
                      pixels: Array.from(copy.getImageData(0, 0, side, side).data) }) \
                      })().catch((error) => answer({ error: String(error) }))";
        let mut answer = browser.client.execute_async(script, vec![]).await?;
        ensure!(
            answer["frames"] == 4,
            "there are {} frames: {}",
            answer["frames"],
            answer["error"]
        );
        let names =
            serde_json::json!(["digits-seed-7-run.gif", "digits-seed-7-image-1-step-3.png"]);
        ensure!(answer["names"] == names, "the files are {}", answer["names"]);
        ensure!(answer["single"].as_u64().is_some_and(|side| side % 28 == 0), "of another size");
        let last = Image::from_json(answer["pixels"].take())?;
        let most = last.largest_difference(&grid);
        ensure!(most <= 8, "the last frame differs from the images by {most} of 255");

        browser.client.execute("document.getElementById('save-dialog').close()", vec![]).await?;
        page.click("#draw").await?;
        let there = async || page.is_shown("#sketch-canvas").await;
        page.wait_until("the canvas is there", there).await?;
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

/// A video of the run, played by the browser: its last frame shows the images. The page itself must
/// not play it, as its policy allows media from its own host alone, but a file beside it may.
#[tokio::test]
async fn a_run_can_be_saved_as_a_video() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
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
                      const { duration } = video; \
                      video.currentTime = duration - 0.5; \
                      await new Promise((done) => (video.onseeked = done)); \
                      await new Promise((done) => { \
                        video.requestVideoFrameCallback(done); setTimeout(done, 3000) }); \
                      const { width, dataset: { gap } } = document.getElementById('grid'); \
                      const side = width + 2 * gap; \
                      const copy = new OffscreenCanvas(side, side).getContext('2d'); \
                      copy.imageSmoothingEnabled = false; \
                      copy.drawImage(video, 0, 0, side, side); \
                      answer({ duration, name: window.saved.name, whole: video.videoWidth % side, \
                      pixels: Array.from(copy.getImageData(0, 0, side, side).data) }) \
                      })().catch((error) => answer({ error: String(error) }))";
        let mut answer = browser.client.execute_async(script, vec![]).await?;
        ensure!(answer["error"].is_null(), "it does not play: {}", answer["error"]);
        ensure!(answer["name"] == "digits-seed-7-run.webm", "its name is {}", answer["name"]);
        ensure!(answer["whole"] == 0, "pixels of images are not squares");
        // Four frames in four seconds, of which the last is there for two.
        let duration = answer["duration"].as_f64().context("it has no duration")?;
        ensure!((duration - 5.0).abs() < 0.1, "it lasts {duration} s");
        let last = Image::from_json(answer["pixels"].take())?;
        let most = last.largest_difference(&grid);
        ensure!(most <= 24, "the last frame differs from the images by {most} of 255");
        Ok(())
    })
    .await
}
