//! Runs: the same seed gives the same images, on every engine and however the page is started.

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser, with_firefox},
    image::Image,
    page::{Page, State},
    server::Server,
};
use fantoccini::key::Key;
use serde_json::Value;

use crate::common::{
    LONGER, TINY, TINY_GPU, dist, of_page, open_story, ready, settle, written_link,
};

/// Waits until the chains rest, which may be a step after a pause was requested, and checks that they do: if they went on,
/// there would be another step after the next frames.
async fn rest(browser: &Browser, page: &Page<'_>) -> Result<(u32, Image)> {
    settle(browser).await?;
    let (steps, image) = (page.steps().await?, page.grid().await?);
    settle(browser).await?;
    let still = page.steps().await? == steps && page.grid().await? == image;
    ensure!(still, "the chains go on after step {}", steps.done);
    Ok((steps.done, image))
}

#[tokio::test]
async fn anneals_noise_into_images_and_repeats_them_for_the_same_seed() -> Result<()> {
    with_browser(async |browser| {
        let (page, noise) = ready(browser, TINY_GPU).await?;
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
    let (page, _) = ready(browser, TINY_GPU).await?;
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

/// Moves the page so that the toy is in sight.
const TO_TOY: &str = "document.getElementById('toy2d-view').scrollIntoView({ block: 'center' })";

/// Moves the page to the toy and waits for the end of its first run, which begins by itself.
async fn first_run_of_toy(browser: &Browser, page: &Page<'_>) -> Result<()> {
    open_story(browser, page).await?;
    let ended = async || {
        // What is still loading above the toy may move it out of sight, where it does not begin.
        browser.client.execute(TO_TOY, vec![]).await?;
        Ok(page.text("#toy2d-share").await?.contains("of the chains have ended"))
    };
    page.wait_until("the toy's first run has ended", ended).await
}

/// The paper's figure 3, live: the score is exact, but chains find the shares of both clouds only
/// if they start from a lot of noise.
#[tokio::test]
async fn the_toy_shows_why_there_are_many_noise_levels() -> Result<()> {
    with_browser(async |browser| {
        let page = Page::open(browser, &Server::start(dist())?, TINY).await?;
        first_run_of_toy(browser, &page).await?;
        for (sampler, expected) in
            [("exact-langevin", 70..=90), ("plain-langevin", 40..=60), ("heun", 70..=90)]
        {
            if sampler != "exact-langevin" {
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

/// A small network learns the score of what a visitor draws, and its arrows and chains can be compared
/// with the exact ones. What is drawn outlasts what was learned.
#[tokio::test]
async fn a_network_learns_the_score_of_what_is_drawn_on_the_toy() -> Result<()> {
    with_browser(async |browser| {
        let page = Page::open(browser, &Server::start(dist())?, TINY).await?;
        // This run must not end in the middle of what follows.
        first_run_of_toy(browser, &page).await?;
        let says = async |part: &str| {
            let what = format!("the toy says {part:?}");
            page.wait_until(&what, async || Ok(page.text("#toy2d-share").await?.contains(part)))
                .await
        };
        page.draw("#toy2d-view", &[(-0.3, 0.2), (0.0, 0.3), (0.3, 0.2)]).await?;
        says("exact score of what you drew").await?;
        ensure!(page.is_shown("#toy2d-erase").await?, "what is drawn cannot be erased");
        ensure!(!page.is_shown("#toy2d-clear").await?, "nothing was learned yet");

        // Whoever moves σ meanwhile sees the arrows there, and the network learns on.
        let learn = "document.getElementById('toy2d-learn').click(); \
                     const slider = document.getElementById('toy2d-sigma'); \
                     slider.value = '0.4'; slider.dispatchEvent(new Event('input'))";
        browser.client.execute(learn, vec![]).await?;
        says("has learned the score").await?;
        let pixels = async || -> Result<Value> {
            let script = "return document.getElementById('toy2d-view').toDataURL()";
            Ok(browser.client.execute(script, vec![]).await?)
        };
        let score = async || -> Result<Value> {
            let script = "return document.getElementById('toy2d-score').value";
            Ok(browser.client.execute(script, vec![]).await?)
        };
        ensure!(score().await? == "learned", "the arrows are not the network's");
        let learned = pixels().await?;
        page.choose("#toy2d-score", "exact").await?;
        let exact = pixels().await?;
        ensure!(exact != learned, "the network has exactly the score");
        page.choose("#toy2d-score", "learned").await?;
        ensure!(pixels().await? == learned, "the network's score has changed");

        let ended = async || Ok(page.text("#toy2d-sigma-text").await? == "0");
        page.click("#toy2d-run").await?;
        page.wait_until("the chains have come to their ends", ended).await?;
        let by_network = pixels().await?;
        // As chains are shown, the other score begins others.
        page.choose("#toy2d-score", "exact").await?;
        let others = async || {
            let script = "return [document.getElementById('toy2d-sigma-text').textContent, \
                          document.getElementById('toy2d-view').toDataURL()]";
            let found = browser.client.execute(script, vec![]).await?;
            Ok(found[0] == "0" && found[1] != by_network)
        };
        page.wait_until("others have come to their ends", others).await?;

        page.click("#toy2d-clear").await?;
        ensure!(score().await? == "exact", "something of the network is left");
        ensure!(!page.is_shown("#toy2d-clear").await?, "the network is still there");
        ensure!(page.is_shown("#toy2d-erase").await?, "what was drawn is gone");
        let drawn = pixels().await?;
        page.click("#toy2d-erase").await?;
        ensure!(!page.is_shown("#toy2d-erase").await?, "there is something left to erase");
        ensure!(pixels().await? != drawn, "the two clouds are not back");
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
        let (page, _) = ready(browser, TINY_GPU).await?;
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
        let (done, first) = rest(browser, &page).await?;
        ensure!(done == 1, "one click made {done} steps");
        ensure!(first != noise, "a step has changed nothing");

        page.click("#start").await?;
        page.wait_until("it goes on", async || Ok(page.steps().await?.done > 1)).await?;
        page.click("#start").await?;
        let (_, paused) = rest(browser, &page).await?;
        ensure!(page.state().await? == State::Paused, "it did not stop, or not before the end");
        ensure!(paused != first, "a run has changed nothing");

        // In one script: it pauses before it has done a step.
        let restart = "for (const id of ['restart', 'start']) document.getElementById(id).click()";
        browser.client.execute(restart, vec![]).await?;
        let (done, _) = rest(browser, &page).await?;
        let state = page.state().await?;
        let went_back = done == 0 && state == State::Paused;
        ensure!(went_back, "after a restart and a pause, the page is {state:?} at step {done}");

        // As with any other change, a run that is paused does not go on by itself with another engine.
        page.choose("#engine", "cpu").await?;
        let on_cpu = async || Ok(page.text("#adapter").await?.contains("CPU"));
        page.wait_until("it is on the CPU", on_cpu).await?;
        let (done, _) = rest(browser, &page).await?;
        let state = page.state().await?;
        ensure!(done == 0 && state == State::Ready, "the page is {state:?} at step {done}");
        Ok(())
    })
    .await
}

/// If no chains can be made, older images stay, and are not called noise.
#[tokio::test]
async fn without_new_chains_the_page_says_so() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let script = of_page(
            "const { state } = await import(new URL('state/state.js', src)); \
             state.engine.start = () => { throw new Error('no room'); }; \
             page.begin(true); return null",
        );
        browser.client.execute_async(&script, vec![]).await?;
        page.wait_for(State::Ready).await?;
        let text = page.text("#status").await?;
        ensure!(text == "No new images were made.", "it says {text}");
        Ok(())
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

/// A density can be drawn without a pointer, and the keys for that do not act on the run above.
#[tokio::test]
async fn the_keyboard_draws_a_density_on_the_toy() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        first_run_of_toy(browser, &page).await?;
        let focus = "document.getElementById('toy2d-view').focus()";
        browser.client.execute(focus, vec![]).await?;
        let (right, down) = (char::from(Key::Right), char::from(Key::Down));
        let pixels = async || -> Result<Value> {
            let script = "return document.getElementById('toy2d-view').toDataURL()";
            Ok(browser.client.execute(script, vec![]).await?)
        };
        page.press(" ").await?;
        let drawn = async || Ok(page.text("#toy2d-share").await?.contains("what you drew"));
        page.wait_until("the space bar has drawn", drawn).await?;
        ensure!(page.is_shown("#toy2d-erase").await?, "what is drawn cannot be erased");
        let first = pixels().await?;
        for key in [right, right, down, down] {
            page.press(&key.to_string()).await?;
        }
        let line = pixels().await?;
        ensure!(line != first, "the arrow keys draw nothing");
        page.press(" ").await?;
        ensure!(page.state().await? == State::Ready, "a key has started the run");
        Ok(())
    })
    .await
}

/// Images can lead from one seed to another: the first and the last are those of the seeds.
#[tokio::test]
async fn images_lead_from_one_seed_to_another() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY_GPU).await?;
        let image = async |number: u32| -> Result<Image> {
            page.wait_for(State::Finished).await?;
            page.saved_one(number, 28).await
        };
        page.click("#start").await?;
        let seven = image(1).await?;
        page.fill("#seed", "8").await?;
        let eight = image(1).await?;
        page.fill("#seed", "7").await?;
        page.fill("#to", "8").await?;
        let caption = async || Ok(page.text("#caption-run").await?.ends_with("seed 7 to seed 8"));
        page.wait_until("they are on their way", caption).await?;
        for (number, expected) in [(1, &seven), (4, &eight)] {
            let most = image(number).await?.largest_difference(expected);
            ensure!(most <= 2, "an end of the path differs by {most} of 255");
        }
        ensure!(seven != eight, "both seeds give the same image");
        let link = written_link(browser, &page).await?;
        ensure!(link.contains("to=8"), "the address does not say where it leads: {link}");
        page.click("#more").await?;
        page.wait_until("it can be saved", async || page.is_shown("#save-morph").await).await?;
        // A slider shows the images that lie on it.
        for (place, expected) in [(1, &seven), (4, &eight)] {
            let script = "const slider = document.getElementById('path-place'); \
                          slider.value = arguments[0]; slider.dispatchEvent(new Event('input')); \
                          const { data } = document.getElementById('path-image').getContext('2d')\
                          .getImageData(0, 0, 28, 28); return Array.from(data)";
            let shown = browser.client.execute(script, vec![place.into()]).await?;
            let most = Image::from_json(shown)?.largest_difference(expected);
            ensure!(most <= 2, "the slider shows an image that differs by {most} of 255");
        }
        Ok(())
    })
    .await
}
