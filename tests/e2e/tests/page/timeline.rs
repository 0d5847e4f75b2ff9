//! What a finished run can be asked: its steps, its figures, one image of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    image::Image,
    page::{State, Tool},
    server::Server,
};
use fantoccini::key::Key;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::{
    common::{
        TINY, TINY_FILM, TINY_GPU, blank_page, corner_of, dist, of_page, ready, settle, tiny_with,
        wait_for_film, wait_for_image_buttons,
    },
    sampling::restart,
};

/// The most bytes that a film may have.
const FILM: u64 = 64 << 20;
/// How many a step has whose images are 512 × 512 pixels together.
const FRAME: u64 = 4 * 512 * 512;

/// However long a run is, its film stays within its memory, and has every second step, or every
/// fourth, and so on, and the last.
#[tokio::test]
async fn a_long_film_is_thinned_evenly() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let scripts = blank_page(browser, &server).await?;
        let script = "const [url, answer] = arguments; \
                      import(url).then(async ({ Film }) => { \
                        const canvas = document.createElement('canvas'); \
                        Object.assign(canvas, { width: 512, height: 512 }).getContext('2d'); \
                        Object.assign(canvas.dataset, { columns: 1, rows: 1, gap: 1 }); \
                        const film = new Film(); \
                        let most = 0; \
                        for (let step = 0; step <= 300; step++) { \
                          const progress = { step, done: step === 300 }; \
                          await film.add(canvas, { progress, view: 'noisy', count: 1 }); \
                          most = Math.max(most, film.frames.length); \
                        } \
                        answer({ most, steps: film.frames.map(({ progress }) => progress.step) }); \
                      }).catch((error) => answer({ error: String(error) }))";
        let url = format!("{scripts}view/film.js");
        let answer = browser.client.execute_async(script, vec![url.into()]).await?;
        let most = answer["most"].as_u64().with_context(|| format!("no film: {answer}"))?;
        ensure!(most * FRAME <= FILM, "there were {most} images at a time");
        let steps: Vec<u64> = serde_json::from_value(answer["steps"].clone())?;
        ensure!(steps.len() as u64 * FRAME > FILM / 4, "only {} steps are left", steps.len());
        let (last, others) = steps.split_last().context("no steps are left")?;
        let every = others[1];
        let even = others.iter().zip(0..).all(|(&step, at)| step == at * every);
        ensure!(*last == 300 && every.is_power_of_two() && even, "the steps are {steps:?}");
        Ok(())
    })
    .await
}

/// A step that is shown may be dropped when the film grows: then its neighbor is shown, of which images
/// can be saved.
#[tokio::test]
async fn a_step_that_is_dropped_is_not_shown_any_more() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        wait_for_film(browser, TINY_FILM).await?;
        focus(browser).await?;
        for key in [Key::Home, Key::Right] {
            page.press(&char::from(key).to_string()).await?;
        }
        ensure!(page.steps().await?.done == 1, "step {} is shown", page.steps().await?.done);
        let script = "const [answer] = arguments; \
                      const { src } = document.querySelector('script[type=module]'); \
                      import(new URL('page/page.js', src)).then(async ({ film }) => { \
                        const canvas = document.createElement('canvas'); \
                        Object.assign(canvas, { width: 512, height: 512 }).getContext('2d'); \
                        Object.assign(canvas.dataset, { columns: 1, rows: 1, gap: 1 }); \
                        for (let step = 4; step < 80; step++) \
                          await film.add(canvas, { progress: { step }, view: 'noisy', count: 1 }); \
                        answer(film.frames.some(({ progress }) => progress.step === 1)); \
                      }).catch((error) => answer(String(error)))";
        let kept = browser.client.execute_async(script, vec![]).await?;
        ensure!(kept == false, "step 1 is not dropped: {kept}");
        ensure!(page.steps().await?.done == 0, "step {} is shown", page.steps().await?.done);
        let shown = corner_of(browser, "#replay", 28).await?;
        let most = page.saved_one(1, 28).await?.largest_difference(&shown);
        ensure!(most <= 1, "another image than the one of step 0 is saved, by {most} of 255");
        Ok(())
    })
    .await
}

/// Gives the curve the focus, so that keys act on it.
pub async fn focus(browser: &Browser) -> Result<()> {
    browser.client.execute("document.getElementById('timeline').focus()", vec![]).await?;
    Ok(())
}

/// The curve is a slider through the steps, for the mouse and the keyboard.
#[tokio::test]
async fn one_can_go_back_through_a_run() -> Result<()> {
    with_browser(async |browser| {
        let (page, noise) = ready(browser, TINY_GPU).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let images = page.grid().await?;
        wait_for_film(browser, TINY_FILM).await?;
        let steps = async || Ok::<_, anyhow::Error>(page.steps().await?.done);
        focus(browser).await?;
        for (key, step) in [(Key::Left, 2), (Key::Left, 1), (Key::Right, 2), (Key::Home, 0)] {
            page.press(&char::from(key).to_string()).await?;
            ensure!(steps().await? == step, "{key:?} leads to step {}", steps().await?);
        }
        let most = page.grid().await?.largest_difference(&noise);
        ensure!(most <= 1, "the noise is not what it was, by {most} of 255");
        page.press(&char::from(Key::End).to_string()).await?;
        ensure!(steps().await? == 3 && page.grid().await? == images, "there is no way back");

        page.draw("#timeline", &[(0.4, 0.0), (-0.1, 0.2)]).await?;
        ensure!(steps().await? == 1, "the mouse leads to step {}", steps().await?);
        ensure!(page.grid().await? != images, "the mouse changes nothing");
        let selected = "return getSelection().toString()";
        let selected = browser.client.execute(selected, vec![]).await?;
        ensure!(selected == "", "the mouse has selected {selected}");
        page.click("#backwards").await?;
        let begins = async || Ok(steps().await? == 0);
        page.wait_until("the film has run backwards", begins).await?;
        page.click("#backwards").await?;
        page.wait_until("and forwards", async || Ok(steps().await? == 3)).await?;
        ensure!(page.grid().await? == images, "at the end are other images");

        // For as long as a button is held, the end is shown.
        focus(browser).await?;
        page.press(&char::from(Key::Home).to_string()).await?;
        page.draw_with(Tool::Mouse, "#compare", &[(0.0, 0.0)]).await?;
        ensure!(steps().await? == 3, "holding the button shows step {}", steps().await?);
        page.lift().await?;
        ensure!(steps().await? == 0, "letting it go shows step {}", steps().await?);

        // Assistive technology clicks, and cannot hold.
        let click = "const compare = document.getElementById('compare'); compare.click(); \
                     return compare.ariaPressed";
        for (pressed, step) in [("true", 3), ("false", 0)] {
            let found = browser.client.execute(click, vec![]).await?;
            ensure!(found == pressed, "pressed is {found}");
            ensure!(steps().await? == step, "a click shows step {}", steps().await?);
        }
        // A key does not click as well.
        browser.client.execute("document.getElementById('compare').focus()", vec![]).await?;
        page.press(" ").await?;
        ensure!(steps().await? == 0, "after a key, step {} is shown", steps().await?);

        // Whatever acts on the chains shows them again.
        focus(browser).await?;
        page.press(&char::from(Key::Home).to_string()).await?;
        page.click("label:has([value=denoised])").await?;
        page.wait_until("the present is shown", async || Ok(steps().await? == 3)).await
    })
    .await
}

/// What is shown of a run's past goes on step by step, to its end, from which no step leads on; and only there are the
/// images called finished.
#[tokio::test]
async fn steps_lead_from_the_past_to_the_end_and_no_further() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let images = page.grid().await?;
        wait_for_film(browser, TINY_FILM).await?;
        let says = async |steps: u32, caption: &str, ends: &str| -> Result<()> {
            let done = page.steps().await?.done;
            ensure!(done == steps, "step {done} is shown, not {steps}");
            let text = page.text("#caption-view").await?;
            ensure!(text.contains(caption), "step {steps} is called {text}");
            let script = "return document.getElementById('step').ariaDisabled";
            let disabled = browser.client.execute(script, vec![]).await?;
            ensure!(disabled == ends, "at step {steps}, disabled is {disabled}");
            Ok(())
        };
        says(3, "finished", "true").await?;
        focus(browser).await?;
        page.press(&char::from(Key::Home).to_string()).await?;
        says(0, "noisy", "false").await?;
        page.click("#step").await?;
        says(1, "noisy", "false").await?;
        page.press(".").await?;
        says(2, "noisy", "false").await?;
        for _ in 0..2 {
            page.click("#step").await?;
            says(3, "finished", "true").await?;
        }
        settle(browser).await?;
        says(3, "finished", "true").await?;
        ensure!(page.state().await? == State::Finished, "a step has begun another run");
        ensure!(page.grid().await? == images, "at the end are other images");
        Ok(())
    })
    .await
}

/// An earlier step is shown in the view that the choice of views then names. When the page fails, nothing covers the
/// message, and the keyboard reaches nothing that is hidden.
#[tokio::test]
async fn the_past_has_its_view_and_ends_with_a_failure() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        wait_for_film(browser, TINY_FILM).await?;
        let view = async || {
            let script = "return document.querySelector('#view :checked').value";
            Ok::<_, anyhow::Error>(browser.client.execute(script, vec![]).await?)
        };
        page.click("label:has([value=denoised])").await?;
        wait_for_film(browser, TINY_FILM).await?;
        focus(browser).await?;
        for (key, name) in [(Key::Home, "noisy"), (Key::End, "denoised"), (Key::Home, "noisy")] {
            page.press(&char::from(key).to_string()).await?;
            ensure!(view().await? == name, "{name} is called {}", view().await?);
        }
        let script = of_page("page.fail(new Error('a test')); return null");
        browser.client.execute_async(&script, vec![]).await?;
        page.wait_for_message().await?;
        ensure!(!page.is_shown("#replay").await?, "an earlier step covers the message");
        let script = "return document.getElementById('draw').disabled";
        ensure!(browser.client.execute(script, vec![]).await? == true, "one can draw");
        Ok(())
    })
    .await
}

/// A finger that scrolls the page over the curve leaves what is shown alone; one that taps, or goes
/// sideways, leads to a step.
#[tokio::test]
async fn a_finger_scrolls_over_the_curve() -> Result<()> {
    with_browser(async |browser| {
        browser.resize(390, 844).await?;
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        wait_for_film(browser, TINY_FILM).await?;
        // A gesture begins with the curve near the middle of the window.
        // A finger that is lifted while it moves leaves the page scrolling for a while.
        let scrolled = "const [answer] = arguments; \
                        const frame = () => new Promise(requestAnimationFrame); \
                        const middle = () => { \
                          const { top, height } = \
                            document.getElementById('timeline').getBoundingClientRect(); \
                          return top + height / 2 }; \
                        (async () => { \
                          await frame(); \
                          let [before, rests] = [NaN, 0]; \
                          while (rests < 10) { \
                            await frame(); \
                            rests = middle() === before ? rests + 1 : 0; \
                            before = middle() \
                          } \
                          answer(Math.abs(before - innerHeight / 2) > 30) \
                        })()";
        type Gesture<'a> = (&'a str, &'a [(f64, f64)], bool, u32);
        let gestures: [Gesture<'_>; 3] = [
            ("scrolls", &[(-0.2, 0.2), (-0.2, -0.6)], true, 3),
            ("taps", &[(-0.2, 0.0)], false, 1),
            ("goes sideways", &[(-0.2, 0.0), (0.1, 0.02), (0.15, 0.02)], false, 2),
        ];
        for (what, points, scrolls, step) in gestures {
            page.draw_with(Tool::Finger, "#timeline", points).await?;
            page.lift().await?;
            // Browsers scroll with the next frames.
            let has_scrolled = async || {
                let found = browser.client.execute_async(scrolled, vec![]).await?;
                Ok::<bool, anyhow::Error>(found == true)
            };
            if scrolls {
                page.wait_until("the page has scrolled", has_scrolled).await?;
            } else {
                ensure!(!has_scrolled().await?, "a finger that {what} scrolls the page");
            }
            let leads = async || Ok(page.steps().await?.done == step);
            page.wait_until(&format!("a finger that {what} leads to step {step}"), leads).await?;
        }
        Ok(())
    })
    .await
}

/// A pointer may pass over a button, and keys may be released there, without its being held: the film
/// plays on.
#[tokio::test]
async fn a_film_plays_on_while_a_pointer_passes_over_a_button() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        ensure!(!has_past(browser).await?, "one can go back to before the noise");
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        wait_for_film(browser, TINY_FILM).await?;
        page.click("#backwards").await?;
        let plays = async || {
            let script = "return document.getElementById('compare').ariaDisabled";
            Ok(browser.client.execute(script, vec![]).await? == "false")
        };
        page.wait_until("the film plays", plays).await?;
        let script = "const button = document.getElementById('compare'); \
                      for (const name of ['pointerup', 'pointerleave', 'blur']) \
                        button.dispatchEvent(new Event(name)); \
                      button.dispatchEvent(new KeyboardEvent('keyup', { key: 'Tab' }))";
        browser.client.execute(script, vec![]).await?;
        let begins = async || Ok(page.steps().await?.done == 0);
        page.wait_until("the film has run backwards", begins).await
    })
    .await
}

/// Whether the page says that there are steps to go back to.
pub async fn has_past(browser: &Browser) -> Result<bool> {
    let script = "return document.getElementById('backwards').ariaDisabled === 'false'";
    Ok(browser.client.execute(script, vec![]).await? == Value::Bool(true))
}

/// The film of a run may still play when the next one begins, on the GPU and where images are copied
/// from workers; and one may go back in the middle of a run.
#[tokio::test]
async fn a_run_may_begin_while_the_last_one_plays() -> Result<()> {
    with_browser(async |browser| {
        for engine in ["fused", "cpu"] {
            let query = tiny_with(&format!("engine={engine}"));
            let (page, _) = ready(browser, &query).await?;
            page.click("#start").await?;
            page.wait_for(State::Finished).await?;
            let images = page.grid().await?;
            wait_for_film(browser, TINY_FILM).await?;
            page.click("#backwards").await?;
            let begun = Instant::now();
            ensure!(restart(&page).await? == images, "{engine}: the images are others");
            // In four seconds the film would have come to its end.
            sleep_until(begun + Duration::from_secs(5)).await;
            ensure!(page.steps().await?.done == 3, "{engine}: at {:?}", page.steps().await?);
            ensure!(page.grid().await? == images, "{engine}: other images are shown");
        }
        let (page, _) = ready(browser, &tiny_with("levels=1000")).await?;
        page.click("#start").await?;
        page.wait_until("one can go back", async || has_past(browser).await).await?;
        focus(browser).await?;
        page.press(&char::from(Key::Home).to_string()).await?;
        settle(browser).await?;
        ensure!(page.state().await? == State::Paused, "it does not pause");
        let done = page.steps().await?.done;
        ensure!(done == 0, "step {done} is shown");
        let script =
            of_page("return page.run.withChains(async (chains) => chains.progress().step)");
        let reached = browser.client.execute_async(&script, vec![]).await?;
        let reached = reached.as_u64().with_context(|| format!("no run: {reached}"))?;
        page.click("#start").await?;
        let goes_on = async || Ok(u64::from(page.steps().await?.done) > reached);
        page.wait_until("the run goes on where it was", goes_on).await
    })
    .await
}

/// An image opens in a dialog, at the step that the grid shows; there is a film strip of it, and
/// what is noisy, guessed and the score are different images.
#[tokio::test]
async fn an_image_can_be_enlarged() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let at = async |name: &str| -> Result<Value> {
            let script = "return document.getElementById(arguments[0]).toDataURL()";
            Ok(browser.client.execute(script, vec![format!("enlarged-{name}").into()]).await?)
        };
        let made = async || {
            let status = page.text("#enlarged [role=status]").await?;
            let reading = page.text(".enlarged-reading").await?;
            Ok(status.is_empty() && reading.contains("step 3 of 3"))
        };
        wait_for_image_buttons(&page).await?;
        page.click(".image-buttons button:nth-child(2)").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#enlarged").await).await?;
        ensure!(page.text("#enlarged h2").await? == "Image 2 of 4", "it is of another image");
        page.wait_until("its film is made", made).await?;
        let last = at("noisy").await?;
        ensure!(at("guess").await? == last, "the guess is not the image at the end");
        // The image is the one of the grid.
        let script = "const { data } = document.getElementById('enlarged-noisy').getContext('2d')\
                      .getImageData(0, 0, 28, 28); return Array.from(data)";
        let large = Image::from_json(browser.client.execute(script, vec![]).await?)?;

        // The focus is on the slider through its steps.
        let reads = async |words: &str| {
            let reads = async || Ok(page.text(".enlarged-reading").await?.starts_with(words));
            page.wait_until(&format!("it reads {words}"), reads).await
        };
        page.press(&char::from(Key::Home).to_string()).await?;
        reads("step 0 of 3, σ = ").await?;
        let (noisy, guess, score) = (at("noisy").await?, at("guess").await?, at("score").await?);
        ensure!(noisy != last && guess != noisy && score != guess, "these are the same images");
        page.draw(".enlarged-strip", &[(0.0, 0.0), (0.45, 0.0)]).await?;
        reads("step 3 of 3").await?;
        page.click("[aria-label='Next image']").await?;
        page.wait_until("the next film is made", made).await?;
        ensure!(page.text("#enlarged h2").await? == "Image 3 of 4", "it is not the next");
        ensure!(at("noisy").await? != last, "it is the same image");

        let escape = async || -> Result<()> {
            page.press(&char::from(Key::Escape).to_string()).await?;
            let gone = async || Ok(page.count("dialog").await? == 0);
            page.wait_until("the dialog is gone", gone).await
        };
        let focus = async || -> Result<Value> {
            let script = "return document.activeElement.getAttribute('aria-label')";
            Ok(browser.client.execute(script, vec![]).await?)
        };
        escape().await?;
        let back = async || Ok(focus().await? == "Enlarge image 2");
        page.wait_until("the focus is back", back).await?;
        // Arrow keys lead to the other images, and the key `e` opens the one that has the focus.
        page.press(&char::from(Key::Down).to_string()).await?;
        page.press("e").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#enlarged").await).await?;
        ensure!(page.text("#enlarged h2").await? == "Image 4 of 4", "arrows lead elsewhere");
        escape().await?;

        let most = page.saved_one(2, 28).await?.largest_difference(&large);
        ensure!(most <= 2, "it differs by {most} of 255");

        // With fewer images, the focus stays among them.
        let script = "document.querySelector('.image-buttons :last-child').focus(); \
                      const chains = document.getElementById('chains'); \
                      chains.value = '2'; \
                      chains.dispatchEvent(new Event('change', { bubbles: true }))";
        browser.client.execute(script, vec![]).await?;
        let fewer = async || Ok(page.count(".image-buttons button").await? == 2);
        page.wait_until("there are two images", fewer).await?;
        ensure!(focus().await? == "Enlarge image 2", "the focus is at {}", focus().await?);
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "errors reached the console: {errors:#?}");
        Ok(())
    })
    .await
}

/// A run rests while one of its images is looked at, and goes on afterwards.
#[tokio::test]
async fn a_run_goes_on_after_an_image_was_enlarged() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &tiny_with("levels=1000")).await?;
        wait_for_image_buttons(&page).await?;
        page.click("#start").await?;
        page.wait_for(State::Running).await?;
        page.click(".image-buttons button").await?;
        page.wait_for(State::Paused).await?;
        page.press(&char::from(Key::Escape).to_string()).await?;
        page.wait_for(State::Running).await
    })
    .await
}

/// On a low screen, an image that is enlarged is in sight at once, with the film of its steps.
#[tokio::test]
async fn an_enlarged_image_is_in_sight_on_a_low_screen() -> Result<()> {
    with_browser(async |browser| {
        browser.resize(740, 360).await?;
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        page.press("e").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#enlarged").await).await?;
        for part in ["#enlarged-noisy", "#enlarged-score", "#enlarged-step"] {
            page.wait_until(&format!("{part} is in sight"), async || page.in_sight(part).await)
                .await?;
        }
        let says = async || Ok(page.text(".enlarged-end").await?.contains("The run is over"));
        page.wait_until("the third view says why it is empty", says).await
    })
    .await
}

/// A click beside the dialog of an image closes it; one in its padding does not, nor does a
/// selection that ends outside.
#[tokio::test]
async fn only_a_click_beside_it_closes_an_enlarged_image() -> Result<()> {
    with_browser(async |browser| {
        browser.resize(1100, 900).await?;
        let (page, _) = ready(browser, TINY).await?;
        wait_for_image_buttons(&page).await?;
        page.click(".image-buttons button").await?;
        let open = async || page.is_shown("#enlarged").await;
        page.wait_until("the dialog is there", open).await?;
        let (inside, padding, beside) = ((0.4, -0.3), (-0.49, -0.3), (0.55, -0.3));
        for (what, from, to) in [
            ("a click in its padding", padding, padding),
            ("a selection that ends outside", inside, beside),
            ("a selection that ends in its padding", beside, padding),
        ] {
            page.draw("#enlarged", &[from, to, to]).await?;
            ensure!(open().await?, "{what} closes it");
        }
        page.draw("#enlarged", &[beside, beside]).await?;
        page.wait_until("it is closed", async || Ok(!open().await?)).await
    })
    .await
}

/// Of a long run, an enlarged image has every second step, and arrow keys go from one to the next.
#[tokio::test]
async fn arrow_keys_go_through_a_long_film() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &tiny_with("chains=1&levels=300")).await?;
        page.press("e").await?;
        let made = async || {
            let status = page.text("#enlarged [role=status]").await?;
            let step = status.split_once("step ").and_then(|(_, rest)| rest.split(' ').next());
            let step: Option<u32> = step.and_then(|step| step.parse().ok());
            // At the end of the film, nothing is said.
            Ok(status.is_empty() || step.is_some_and(|step| step >= 6))
        };
        let open = async || page.is_shown("#enlarged").await;
        page.wait_until("the dialog is there", open).await?;
        page.wait_until("its film has some steps", made).await?;
        for (key, step) in
            [(Key::Home, 0), (Key::Right, 2), (Key::Right, 4), (Key::Left, 2), (Key::Left, 0)]
        {
            page.press(&char::from(key).to_string()).await?;
            let expected = format!("step {step} of 300,");
            let reads = async || Ok(page.text(".enlarged-reading").await?.starts_with(&expected));
            page.wait_until(&format!("{key:?} leads to step {step}"), reads).await?;
        }
        Ok(())
    })
    .await
}

/// Whether earlier images are exactly where the present ones are, in as large a canvas.
const IN_PLACE: &str = "const [a, b] = ['replay', 'grid'].map((id) => document.getElementById(id)); \
    const [at, to] = [a, b].map((canvas) => canvas.getBoundingClientRect()); \
    const same = ['left', 'top', 'width', 'height'].every((side) => Math.abs(at[side] - to[side]) < 1); \
    return same && !a.hidden && a.width === b.width && a.height === b.height";

/// In a window of another size, earlier images stay on the screen and get the places of the present
/// ones, whether the engine draws by itself or not.
#[tokio::test]
async fn the_past_stays_when_the_window_changes() -> Result<()> {
    with_browser(async |browser| {
        for engine in ["cpu", "fused"] {
            browser.resize(1100, 900).await?;
            let (page, _) = ready(browser, &tiny_with(&format!("engine={engine}"))).await?;
            page.click("#start").await?;
            page.wait_for(State::Finished).await?;
            wait_for_film(browser, TINY_FILM).await?;
            let image = async || corner_of(browser, "#replay", 28).await;
            focus(browser).await?;
            page.press(&char::from(Key::Home).to_string()).await?;
            let noise = image().await?;
            for (width, height) in [(390, 844), (844, 390)] {
                browser.resize(width, height).await?;
                // What is to be redrawn has been by then.
                settle(browser).await?;
                let in_place = browser.client.execute(IN_PLACE, vec![]).await?;
                ensure!(in_place == true, "{engine}, {width} pixels: the past is elsewhere");
                let done = page.steps().await?.done;
                ensure!(done == 0, "{engine}, {width} pixels: step {done} is shown");
                ensure!(image().await? == noise, "{engine}, {width} pixels: of another step");
            }
        }
        Ok(())
    })
    .await
}

/// Beneath the curve, the size of the score and the change at each step can be measured.
#[tokio::test]
async fn steps_can_be_measured() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &tiny_with("levels=8")).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        // What was closed meanwhile is measured anew.
        for _ in 0..3 {
            page.click("#measures summary").await?;
        }
        let measured = async || {
            let script = "return ['score', 'change'].map((name) => \
                          document.getElementById(`measured-${name}`).ariaLabel)";
            let labels = browser.client.execute(script, vec![]).await?;
            Ok::<[String; 2], anyhow::Error>(serde_json::from_value(labels)?)
        };
        let over = async || Ok(measured().await?[1].contains("step 8"));
        page.wait_until("all steps are measured", over).await?;
        let [score, change] = measured().await?;
        // Noise of the first level, as the network sees it, is as large as it is.
        let first: f64 = score.split(' ').nth(4).context("no number")?.parse()?;
        ensure!((first - 1.0).abs() < 0.1, "σ s begins at {first}: {score}");
        let numbers: Vec<f64> = change.split([' ', ',']).filter_map(|s| s.parse().ok()).collect();
        ensure!(numbers.len() == 4 && numbers[0] > 3.0 * numbers[2], "the changes: {change}");
        // They are of the run on the screen.
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let other = async || {
            let [now, _] = measured().await?;
            Ok(now != score && over().await?)
        };
        page.wait_until("the new images are measured", other).await
    })
    .await
}
