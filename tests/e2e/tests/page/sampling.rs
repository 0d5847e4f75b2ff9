//! Runs: the same seed gives the same images, on every engine and however the page is started.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser, with_firefox},
    image::Image,
    page::{Page, State},
    server::Server,
};
use serde_json::Value;
use tokio::time::sleep;

use crate::common::{LONGER, TINY, dist, ready};

/// Waits until the chains rest, which may be a step after a pause was requested: until neither the
/// steps nor the image have changed for longer than a step takes.
pub async fn rest(page: &Page<'_>) -> Result<(u32, Image)> {
    loop {
        let (steps, image) = (page.steps().await?, page.grid().await?);
        sleep(Duration::from_secs(8)).await;
        if page.steps().await? == steps && page.grid().await? == image {
            return Ok((steps.done, image));
        }
    }
}

#[tokio::test]
async fn anneals_noise_into_images_and_repeats_them_for_the_same_seed() -> Result<()> {
    with_browser(async |browser| {
        let (page, noise) = ready(browser, TINY).await?;
        ensure!(!page.text("#adapter").await?.trim().is_empty(), "the adapter has no name");

        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let steps = page.steps().await?;
        ensure!(steps.total > 0 && steps.done == steps.total, "finished, but at {steps:?}");
        let sigma = page.text("#sigma").await?;
        ensure!(sigma == "0", "σ = {sigma} is said of images without noise");
        let first = page.grid().await?;
        ensure!(!first.is_blank(), "the finished grid is blank");
        ensure!(first != noise, "annealing has changed nothing");

        let again = restart(&page).await?.difference(&first);
        ensure!(again == 0.0, "the same seed gives {:.2} % other pixels", 100.0 * again);

        page.fill("#seed", "8").await?;
        ensure!(restart(&page).await? != first, "another seed gives the same images");

        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "errors reached the console: {errors:#?}");
        Ok(())
    })
    .await
}

/// Restarts, presses start if the page does not start by itself, and returns the finished grid.
pub async fn restart(page: &Page<'_>) -> Result<Image> {
    page.click("#restart").await?;
    if page.state().await? == State::Ready {
        page.click("#start").await?;
    }
    page.wait_for(State::Finished).await?;
    page.grid().await
}

/// The promise of a shared link: the same seed gives the same image on every engine, up to
/// rounding.
async fn engines_agree(browser: &Browser) -> Result<()> {
    let (page, _) = ready(browser, TINY).await?;
    page.click("#start").await?;
    page.wait_for(State::Finished).await?;
    let fused = page.grid().await?;
    for engine in ["cpu", "reference"] {
        page.choose("#engine", engine).await?;
        page.wait_until("the engine has changed and is done", async || {
            Ok(page.state().await? == State::Finished)
        })
        .await?;
        let focus = browser.client.execute("return document.activeElement.id", vec![]).await?;
        ensure!(focus == "engine", "the focus has gone to {focus}");
        let most = page.grid().await?.largest_difference(&fused);
        ensure!(most <= 2, "{engine} differs from fused by {most} of 255");
    }
    Ok(())
}

#[tokio::test]
async fn every_engine_makes_the_same_images() -> Result<()> {
    with_browser(engines_agree).await
}

/// Firefox has its own WebGPU, with another shader compiler.
#[tokio::test]
#[ignore = "needs Firefox and geckodriver"]
async fn every_engine_makes_the_same_images_in_firefox() -> Result<()> {
    with_firefox(engines_agree).await
}

/// The paper's figure 3, live: the score is exact, but chains find the shares of both clouds only
/// if they start from a lot of noise.
#[tokio::test]
async fn the_toy_shows_why_there_are_many_noise_levels() -> Result<()> {
    with_browser(async |browser| {
        let page = Page::open(browser, &Server::start(dist())?, TINY).await?;
        let here = "document.getElementById('toy2d-view').scrollIntoView({ block: 'center' })";
        let title = here.replace("toy2d-view", "how-title");
        browser.client.execute(&title, vec![]).await?;
        page.wait_until("the toy is there", async || page.is_shown("#toy2d").await).await?;
        browser.client.execute(here, vec![]).await?;
        // It starts by itself.
        for (sampler, expected) in
            [("langevin", 70..=90), ("plain-langevin", 40..=60), ("heun", 70..=90)]
        {
            if sampler != "langevin" {
                page.choose("#toy2d-sampler", sampler).await?;
            }
            let ended = async || Ok(!page.text("#toy2d-share").await?.is_empty());
            page.wait_until("the chains have come to their ends", ended).await?;
            let text = page.text("#toy2d-share").await?;
            let share = text.split('\u{202f}').next().and_then(|share| share.parse().ok());
            let share: u32 = share.with_context(|| format!("no share in {text:?}"))?;
            ensure!(expected.contains(&share), "{sampler}: {share} %");
        }
        let pixels = async |noise: &str| -> Result<Value> {
            let script = "const slider = document.getElementById('toy2d-sigma'); \
                          slider.value = arguments[0]; slider.dispatchEvent(new Event('input')); \
                          return document.getElementById('toy2d-view').toDataURL()";
            Ok(browser.client.execute(script, vec![noise.into()]).await?)
        };
        let clouds = pixels("0").await?;
        ensure!(pixels("1").await? != clouds, "the toy is the same under much noise");
        ensure!(page.text("#toy2d-sigma-text").await? == "20", "σ is not at its largest");
        ensure!(pixels("0").await? == clouds, "the noise is another than before");
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "errors reached the console: {errors:#?}");
        Ok(())
    })
    .await
}

/// The page asks for a run's progress while a step, which compiles all kernels, is under way.
#[tokio::test]
async fn a_run_may_be_started_in_the_middle_of_a_step() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#step").await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await
    })
    .await
}

#[tokio::test]
async fn steps_pauses_and_restarts() -> Result<()> {
    with_browser(async |browser| {
        let (page, noise) = ready(browser, LONGER).await?;
        ensure!(page.steps().await?.done == 0, "a run that has not begun has done steps");

        page.click("#step").await?;
        page.wait_until("one step is done", async || Ok(page.steps().await?.done > 0)).await?;
        let (done, first) = rest(&page).await?;
        ensure!(done == 1, "one click made {done} steps");
        ensure!(first != noise, "a step has changed nothing");

        page.click("#start").await?;
        page.wait_until("it goes on", async || Ok(page.steps().await?.done > 1)).await?;
        page.click("#start").await?;
        let (done, paused) = rest(&page).await?;
        ensure!(page.state().await? == State::Paused, "it did not stop, or not before the end");
        ensure!(paused != first, "a run has changed nothing");

        page.click("#restart").await?;
        let went_back = async || Ok(page.steps().await?.done < done);
        page.wait_until("restart went back to the beginning", went_back).await
    })
    .await
}

/// The button that is there after a run makes other images; the same images come from Restart.
#[tokio::test]
async fn new_images_have_another_seed() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let first = (page.text("#caption-run").await?, page.grid().await?);
        ensure!(page.text("#start").await?.starts_with("New images"), "there is another button");
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let second = (page.text("#caption-run").await?, page.grid().await?);
        ensure!(second.0 != first.0 && second.1 != first.1, "these are not new");
        ensure!(restart(&page).await? == second.1, "Restart has changed the seed");
        page.press("n").await?;
        let other = async || Ok(page.text("#caption-run").await? != second.0);
        page.wait_until("the key makes new images", other).await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.grid().await? != second.1, "the key's images are not new");
        Ok(())
    })
    .await
}

/// Images can lead from one seed to another: the first and the last are those of the seeds.
#[tokio::test]
async fn images_lead_from_one_seed_to_another() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        // The first image of the grid.
        let first = async |last: bool| -> Result<Vec<u8>> {
            page.wait_for(State::Finished).await?;
            let script = "const [last, answer] = arguments; const { createObjectURL } = URL; \
                          HTMLAnchorElement.prototype.click = () => {}; \
                          URL.createObjectURL = (blob) => { URL.createObjectURL = createObjectURL; \
                            createImageBitmap(blob).then((one) => { \
                            const copy = new OffscreenCanvas(28, 28).getContext('2d'); \
                            copy.imageSmoothingEnabled = false; \
                            copy.drawImage(one, 0, 0, 28, 28); \
                            document.querySelector('dialog').close(); \
                            answer(Array.from(copy.getImageData(0, 0, 28, 28).data)) }); \
                            return createObjectURL.call(URL, blob) }; \
                          document.getElementById('save-number').value = last ? 4 : 1; \
                          document.getElementById('save-one').click()";
            page.click("#more").await?;
            page.wait_until("the ways are there", async || page.is_shown("#save-one").await)
                .await?;
            let one = browser.client.execute_async(script, vec![last.into()]).await?;
            Ok(serde_json::from_value(one)?)
        };
        page.click("#start").await?;
        let seven = first(false).await?;
        page.fill("#seed", "8").await?;
        let eight = first(false).await?;
        page.fill("#seed", "7").await?;
        page.fill("#to", "8").await?;
        let caption = async || Ok(page.text("#caption-run").await?.ends_with("seed 7 to seed 8"));
        page.wait_until("they are on their way", caption).await?;
        for (last, expected) in [(false, &seven), (true, &eight)] {
            let found = first(last).await?;
            let most = found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
            ensure!(most <= Some(2), "an end of the path differs by {most:?} of 255");
        }
        ensure!(seven != eight, "both seeds give the same image");
        ensure!(page.query().await?.contains("to=8"), "the address does not say where it leads");
        page.click("#more").await?;
        page.wait_until("it can be saved", async || page.is_shown("#save-morph").await).await
    })
    .await
}
