//! What a finished run can be asked: its steps, its figures, one image of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    image::Image,
    page::{State, Tool},
};
use fantoccini::key::Key;
use serde_json::Value;
use tokio::time::sleep;

use crate::common::{LONGER, TINY, TINY_GPU, ready, tiny_with};

/// Gives the curve the focus, so that keys act on it.
async fn focus(browser: &Browser) -> Result<()> {
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

/// A pointer may pass over a button, and keys may be released there, without its being held: the film
/// plays on.
#[tokio::test]
async fn a_film_plays_on_while_a_pointer_passes_over_a_button() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        ensure!(!has_past(browser).await?, "one can go back to before the noise");
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        page.wait_until("one can go back", async || has_past(browser).await).await?;
        page.click("#backwards").await?;
        page.wait_until("the film plays", async || page.enabled("#compare").await).await?;
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
            page.click("#backwards").await?;
            page.click("#restart").await?;
            // Four seconds later the film would have come to its end.
            sleep(Duration::from_secs(5)).await;
            if page.state().await? == State::Ready {
                page.click("#start").await?;
            }
            page.wait_for(State::Finished).await?;
            ensure!(page.steps().await?.done == 3, "{engine}: at {:?}", page.steps().await?);
            ensure!(page.grid().await? == images, "{engine}: the images are others");
        }
        let (page, _) = ready(browser, LONGER).await?;
        page.click("#start").await?;
        let under_way = async || Ok(page.steps().await?.done > 1);
        page.wait_until("some steps are made", under_way).await?;
        focus(browser).await?;
        page.press(&char::from(Key::Home).to_string()).await?;
        sleep(Duration::from_secs(2)).await;
        ensure!(page.state().await? == State::Paused, "it does not pause");
        ensure!(page.steps().await?.done == 0, "what is shown is {:?}", page.steps().await?);
        page.click("#start").await?;
        let goes_on = async || Ok(page.steps().await?.done > 2);
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
        page.press(&char::from(Key::Home).to_string()).await?;
        let reading = page.text(".enlarged-reading").await?;
        ensure!(reading.contains("step 0 of 3, σ = "), "it reads {reading}");
        let (noisy, guess, score) = (at("noisy").await?, at("guess").await?, at("score").await?);
        ensure!(noisy != last && guess != noisy && score != guess, "these are the same images");
        page.draw(".enlarged-strip", &[(0.0, 0.0), (0.45, 0.0)]).await?;
        let reading = page.text(".enlarged-reading").await?;
        ensure!(reading.contains("step 3 of 3"), "the film strip leads to {reading}");
        page.click("[aria-label='Next image']").await?;
        page.wait_until("the next film is made", made).await?;
        ensure!(page.text("#enlarged h2").await? == "Image 3 of 4", "it is not the next");
        ensure!(at("noisy").await? != last, "it is the same image");

        page.press(&char::from(Key::Escape).to_string()).await?;
        let script = "return document.querySelector('dialog') === null && \
                      document.activeElement.getAttribute('aria-label')";
        let focus = browser.client.execute(script, vec![]).await?;
        ensure!(focus == "Enlarge image 2", "after that, the focus is at {focus}");
        // Arrow keys lead to the other images, and the key `e` opens the one that has the focus.
        page.press(&char::from(Key::Down).to_string()).await?;
        page.press("e").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#enlarged").await).await?;
        ensure!(page.text("#enlarged h2").await? == "Image 4 of 4", "arrows lead elsewhere");
        page.press(&char::from(Key::Escape).to_string()).await?;

        let most = page.saved_one(2, 28).await?.largest_difference(&large);
        ensure!(most <= 2, "it differs by {most} of 255");

        // With fewer images, the focus stays among them.
        let script = "document.querySelector('.image-buttons :last-child').focus(); \
                      const chains = document.getElementById('chains'); \
                      chains.value = '2'; \
                      chains.dispatchEvent(new Event('change', { bubbles: true }))";
        browser.client.execute(script, vec![]).await?;
        let fewer = async || {
            let script = "return document.querySelectorAll('.image-buttons button').length";
            Ok(browser.client.execute(script, vec![]).await? == 2)
        };
        page.wait_until("there are two images", fewer).await?;
        let script = "return document.activeElement.getAttribute('aria-label')";
        let focus = browser.client.execute(script, vec![]).await?;
        ensure!(focus == "Enlarge image 2", "the focus is at {focus}");
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "errors reached the console: {errors:#?}");
        Ok(())
    })
    .await
}

/// Beneath the curve, the size of the score and the change at each step can be measured.
#[tokio::test]
async fn steps_can_be_measured() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &tiny_with("engine=fused&levels=8")).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        page.click("#measures summary").await?;
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
