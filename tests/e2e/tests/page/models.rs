//! Models: the thumbnails of the page's own, files of a visitor's own, and the images that a model learned from.

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    page::{Page, State},
    server::{Quirks, Server},
};

use crate::common::{
    TINY, TINY_GPU, dist, drop_file, follows_drawing, open_card, paste_file, ready, ready_on,
    remove_own_model, tiny_with, wait_for_own_model,
};

/// Waits until the page has loaded itself with a model of the visitor's own, and returns its title
/// with the name that is marked among the models.
async fn own_model(browser: &Browser, page: &Page<'_>) -> Result<String> {
    wait_for_own_model(page).await?;
    let script = "return document.title + document.querySelector('[aria-current]').textContent";
    let shown = browser.client.execute(script, vec![]).await?;
    Ok(shown.as_str().context("no title")?.to_owned())
}

/// A model from a visitor's own file: dropped, kept in this browser, and removed from it. Other files
/// are refused with the reason.
#[tokio::test]
async fn a_model_can_be_dropped_on_the_page() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        let drop = async |name: &str, of: &str| drop_file(browser, name, of).await;
        let told = async |word: &str| {
            let what = format!("the page says {word}");
            page.wait_until(&what, async || Ok(page.text("#problem").await?.contains(word))).await
        };
        drop("notes.txt", "index.html").await?;
        told("notes.txt is neither").await?;
        drop("page.safetensors", "index.html").await?;
        told("page.safetensors is not a model").await?;
        ensure!(page.query().await?.starts_with(TINY), "the page has left its model");

        drop("mine & yours.safetensors", "www/models/emoji.safetensors").await?;
        let shown = own_model(browser, &page).await?;
        ensure!(shown == "mine & yours: images out of noisemine & yours", "it shows {shown}");

        // In another browser the link cannot work, and says why.
        let other = "?model=own%3Aelsewhere.safetensors";
        let missing = Page::open(browser, &server, other).await?;
        let message = missing.wait_for_message().await?;
        ensure!(message.kind == "model" && message.text.contains("another browser"), "{message}");

        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        ensure!(page.text("#models").await?.contains("mine & yours"), "it was forgotten");
        remove_own_model(&page).await?;
        let focused = "return document.activeElement.id";
        let focused = browser.client.execute(focused, vec![]).await?;
        ensure!(focused == "own-choose", "the focus has gone to {focused}");
        browser.client.refresh().await?;
        page.wait_for(State::Ready).await?;
        ensure!(!page.text("#models").await?.contains("mine"), "it is still there");

        // An image is something to start from, and a dialog would hide what becomes of it.
        page.click("#own-model").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#own-dialog").await).await?;
        drop("a.png", "www/models/mnist.png").await?;
        follows_drawing(&page).await?;
        ensure!(!page.is_shown("#own-dialog").await?, "the dialog hides the images");
        Ok(())
    })
    .await
}

/// Files can be pasted, too: an image to start from, and a model. What is pasted into a field is for the field.
#[tokio::test]
async fn files_can_be_pasted_into_the_page() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.unfold("#seed").await?;
        browser.client.execute("document.getElementById('seed').focus()", vec![]).await?;
        paste_file(browser, "cells.png", "www/models/mnist.png").await?;
        browser.client.execute("document.activeElement.blur()", vec![]).await?;
        paste_file(browser, "notes.txt", "index.html").await?;
        let told = async || Ok(page.text("#problem").await?.contains("notes.txt"));
        page.wait_until("the page says what is wrong", told).await?;
        let pressed = "return document.getElementById('draw').getAttribute('aria-pressed')";
        let pressed = browser.client.execute(pressed, vec![]).await?;
        ensure!(pressed != "true", "the image of the cells is drawn");
        paste_file(browser, "a.png", "www/models/mnist.png").await?;
        follows_drawing(&page).await?;
        paste_file(browser, "pasted.safetensors", "www/models/emoji.safetensors").await?;
        let shown = own_model(browser, &page).await?;
        ensure!(shown == "pasted: images out of noisepasted", "it shows {shown}");
        Ok(())
    })
    .await
}

/// Whoever publishes a page can name the training images of a model, with which images are then
/// compared.
#[tokio::test]
async fn a_page_can_come_with_training_images() -> Result<()> {
    with_browser(async |browser| {
        // The thumbnail of the digits has 56 × 56 pixels: as many as 16 images of 14 × 14.
        let quick = "data-few-step=\"www/models/mnist-fewstep.safetensors\"";
        let both = "data-training=\"www/models/mnist.png\" \
                    data-few-step=\"www/models/mnist-fewstep.safetensors\"";
        let replaced = Some((quick, both));
        let server = Server::start_with(dist(), Quirks { replaced, ..Quirks::default() })?;
        let (page, _) = ready_on(&server, browser, &tiny_with("levels=12")).await?;
        page.press("e").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#enlarged").await).await?;
        page.click("#why-no-copy summary").await?;
        let compared = async || {
            let text = ".copies";
            Ok(page.is_shown(text).await?
                && page.text(text).await?.contains("nearest of 16 training images"))
        };
        page.wait_until("they are compared", compared).await
    })
    .await
}

/// An image is compared with training images from a file: the ideal denoiser ends at one of them.
/// Another file is refused with the reason.
#[tokio::test]
async fn an_image_is_compared_with_training_images() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &tiny_with("levels=12")).await?;
        page.press("e").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#enlarged").await).await?;
        page.click("#why-no-copy summary").await?;
        let answered = async || Ok(page.text(".copies").await?.contains("too small to remember"));
        page.wait_until("the page has an answer", answered).await?;
        let offered = async || page.is_shown("#check-copies summary").await;
        page.wait_until("one can check it", offered).await?;
        page.click("#check-copies summary").await?;
        let asked = async || Ok(page.is_shown(".copies button").await?);
        page.wait_until("the page asks for training images", asked).await?;
        // Nine images of noise, and a file of another size.
        let choose = async |side: u32| -> Result<()> {
            let script = "const [side, answer] = arguments; \
                          const canvas = new OffscreenCanvas(side, side); \
                          const context = canvas.getContext('2d'); \
                          const image = context.createImageData(side, side); \
                          for (let at = 0; at < side * side; at++) { \
                            const value = (at * 2654435761) >>> 24; \
                            image.data.set([value, value, value, 255], 4 * at) } \
                          context.putImageData(image, 0, 0); \
                          canvas.convertToBlob().then((blob) => { \
                            const files = new DataTransfer(); \
                            files.items.add(new File([blob], 'a.png', { type: 'image/png' })); \
                            const input = document.getElementById('training-images'); \
                            input.files = files.files; \
                            input.dispatchEvent(new Event('change')); \
                            answer() })";
            browser.client.execute_async(script, vec![side.into()]).await?;
            Ok(())
        };
        choose(30).await?;
        let refused = async || Ok(page.text(".copies").await?.contains("images of 14 × 14"));
        page.wait_until("another file is refused", refused).await?;
        choose(42).await?;
        let figures = async || {
            let script = "return document.querySelectorAll('.copies figure').length";
            Ok(browser.client.execute(script, vec![]).await? == 12)
        };
        page.wait_until("they are compared", figures).await?;
        let text = page.text(".copies").await?;
        ensure!(text.contains("nearest of 9 training images"), "{text}");
        ensure!(text.contains("the last guess is 0.00 away"), "{text}");
        let nearest = text.split("training images is ").nth(1).and_then(|s| s.split(' ').next());
        let nearest: f64 = nearest.context("no distance")?.parse()?;
        ensure!(nearest > 3.0, "noise is only {nearest} away from an image");
        Ok(())
    })
    .await
}

/// Every model has a thumbnail, which is an image.
#[tokio::test]
async fn models_have_thumbnails() -> Result<()> {
    with_browser(async |browser| {
        let page = Page::open(browser, &Server::start(dist())?, TINY).await?;
        page.wait_for(State::Ready).await?;
        let script = "return [...document.querySelectorAll('#models a')].map((a) => \
                      a.querySelector('img')?.naturalWidth ?? 0)";
        // They are fetched when they are in sight, which is now, but perhaps not yet here.
        let have_widths = async || {
            let widths = browser.client.execute(script, vec![]).await?;
            let widths: Vec<u32> = serde_json::from_value(widths)?;
            Ok(widths.len() > 2 && !widths.contains(&0))
        };
        page.wait_until("all thumbnails are images", have_widths).await
    })
    .await
}

/// A link to another model takes along what suits every model: the seed, the number of images, and the
/// engine, which may be the only one that works here. Right after a change, the address does not have
/// it yet.
#[tokio::test]
async fn another_model_keeps_the_seed_and_the_engine() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY_GPU).await?;
        page.choose("#engine", "cpu").await?;
        let on_cpu = async || Ok(page.text("#adapter").await?.contains("CPU"));
        page.wait_until("it runs on the CPU", on_cpu).await?;
        let script = "const [name] = arguments; \
                      const link = document.querySelector('#models a[href*=emoji]'); \
                      addEventListener(name, (event) => event.preventDefault(), { once: true }); \
                      link.dispatchEvent(new MouseEvent(name, { bubbles: true, cancelable: true })); \
                      return link.href";
        // By any button.
        for (event, seed) in [("click", "9"), ("auxclick", "10"), ("contextmenu", "11")] {
            page.fill("#seed", seed).await?;
            let link = browser.client.execute(script, vec![event.into()]).await?;
            let link = link.as_str().context("no link")?;
            let seed = format!("seed={seed}&");
            for part in ["emoji.safetensors", "engine=cpu", &seed, "chains=4", "autostart=0"] {
                ensure!(link.contains(part), "{event}: {part} is not in {link}");
            }
            ensure!(!link.contains("sampler"), "it takes along what suits one model: {link}");
        }
        Ok(())
    })
    .await
}

/// A model has one name, with that of its file beside it where these differ.
#[tokio::test]
async fn the_card_calls_a_model_by_its_name_on_the_page() -> Result<()> {
    with_browser(async |browser| {
        let query = tiny_with("model=www/models/mnist-classes.safetensors");
        let (page, _) = ready(browser, &query).await?;
        open_card(browser, &page).await?;
        let card = page.text("#card").await?;
        ensure!(card.contains("Pick a digit (mnist-classes)"), "{card}");
        Ok(())
    })
    .await
}
