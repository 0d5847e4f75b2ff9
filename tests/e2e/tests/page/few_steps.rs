//! Weights for one to four steps, which the page has beside the usual ones of some models.

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    image::Image,
    page::{Page, State},
    server::Server,
};
use serde_json::Value;

use crate::{
    common::{
        TINY_GPU, dist, follows_drawing, open_sketch, ready, ready_on, tiny_with, wait_for_film,
        written_link,
    },
    timeline::has_past,
};

/// The sampler for few steps, by the page's usual weights for digits.
fn few() -> String {
    tiny_with("sampler=consistency&levels=2")
}

/// The images of a link.
async fn images(browser: &Browser, server: &Server, link: &str) -> Result<Image> {
    let page = Page::open(browser, server, link).await?;
    page.wait_for(State::Ready).await?;
    page.click("#start").await?;
    page.wait_for(State::Finished).await?;
    page.grid().await
}

/// The checksum of the weights that a link names.
fn weights(link: &str) -> Result<&str> {
    let of = link.split("&of=").nth(1).and_then(|rest| rest.split(['&', '#']).next());
    of.with_context(|| format!("{link} does not say by which weights"))
}

/// Whether the sampler for few steps is in the list.
async fn is_offered(browser: &Browser) -> Result<bool> {
    let script = "const { hidden, disabled } = document.querySelector('#sampler [value=consistency]'); \
                  return !hidden && !disabled";
    Ok(browser.client.execute(script, vec![]).await? == Value::Bool(true))
}

/// Choosing the sampler for few steps uses the weights that are tuned for it, and so does the link.
#[tokio::test]
async fn the_sampler_for_few_steps_uses_its_own_weights() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        // The same weights as a model of their own.
        let alone = format!("{}&model=www/models/mnist-fewstep.safetensors", few());
        let expected = images(browser, &server, &alone).await?;

        let (page, _) = ready(browser, TINY_GPU).await?;
        page.choose("#sampler", "consistency").await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let made = page.grid().await?;
        let most = made.largest_difference(&expected);
        ensure!(most <= 2, "these are not the weights for few steps, by {most} of 255");

        let link = written_link(browser, &page).await?;
        ensure!(link.contains("sampler=consistency"), "{link}");
        let most = images(browser, &Server::start(dist())?, &link).await?.largest_difference(&made);
        ensure!(most == 0, "the link gives other images, by {most} of 255");

        // The link says by which weights: others are told, and those of the model are what older
        // links have.
        let of = weights(&link)?;
        let (usual, _) = ready(browser, TINY_GPU).await?;
        usual.fill("#seed", "8").await?;
        let link = written_link(browser, &usual).await?;
        let of_model = weights(&link)?;
        ensure!(of != of_model, "both weights have the same checksum");
        for (sum, changed) in [(of, false), (of_model, false), ("-", true)] {
            let query = format!("{}&of={sum}", few());
            let (page, _) = ready(browser, &query).await?;
            // With the images the weights are there, and whatever is to be said of them.
            page.click("#start").await?;
            page.wait_for(State::Finished).await?;
            let told = async || Ok(page.text("#problem").await?.contains("changed"));
            if changed {
                page.wait_until("the page says that the weights are others", told).await?;
            } else {
                ensure!(!told().await?, "of={sum}: {}", page.text("#problem").await?);
            }
        }
        Ok(())
    })
    .await
}

/// Images that follow a drawing are made by these weights. They have no steps to go back to, and their
/// link gives the same images.
#[tokio::test]
async fn a_link_to_images_that_follow_a_drawing_gives_the_same() -> Result<()> {
    with_browser(async |browser| {
        let query = "?engine=cpu&seed=7&chains=4&autostart=0&speed=full";
        let (page, _) = ready(browser, query).await?;
        open_sketch(&page).await?;
        let few_step = async || {
            let script = "return document.getElementById('sampler').value === 'consistency' && \
                          document.getElementById('live').checked";
            Ok(browser.client.execute(script, vec![]).await? == Value::Bool(true))
        };
        page.wait_until("the weights for few steps are there", few_step).await?;
        page.draw("#sketch-canvas", &[(-0.2, -0.3), (0.2, -0.3), (0.0, 0.3)]).await?;
        follows_drawing(&page).await?;
        page.wait_for(State::Finished).await?;
        let link = written_link(browser, &page).await?;
        let drawn = page.grid().await?;
        wait_for_film(browser, 1).await?;
        ensure!(!has_past(browser).await?, "there is a past");
        let server = Server::start(dist())?;
        let most = images(browser, &server, &link).await?.largest_difference(&drawn);
        ensure!(most == 0, "{link} gives other images, by {most} of 255");
        // Without the drawing, the usual settings come back, as they do for whoever has drawn.
        page.click("#draw").await?;
        let usual = async || {
            let script = "return document.getElementById('recommended').checked";
            Ok(browser.client.execute(script, vec![]).await? == Value::Bool(true))
        };
        page.wait_until("the usual settings are back", usual).await
    })
    .await
}

/// Few visitors need these weights, which are fetched once, when one draws or chooses their
/// sampler.
#[tokio::test]
async fn weights_for_few_steps_are_fetched_once_and_when_they_are_needed() -> Result<()> {
    with_browser(async |browser| {
        for draws in [true, false] {
            let server = Server::start(dist())?;
            let sent = || {
                let files = server.take_sent();
                files.iter().filter(|file| file.to_string_lossy().contains("-fewstep")).count()
            };
            let query = "?engine=cpu&seed=7&chains=1&autostart=0&speed=full";
            let (page, _) = ready_on(&server, browser, query).await?;
            page.click("#step").await?;
            page.wait_until("a step is made", async || Ok(page.steps().await?.done == 1)).await?;
            ensure!(sent() == 0, "they are fetched though nobody needs them");

            let few = async || {
                let script = "return document.getElementById('sampler').value === 'consistency'";
                Ok(browser.client.execute(script, vec![]).await? == true)
            };
            if draws {
                open_sketch(&page).await?;
            } else {
                page.choose("#sampler", "consistency").await?;
                page.click("#start").await?;
                page.wait_for(State::Finished).await?;
                open_sketch(&page).await?;
            }
            page.wait_until("the sampler for few steps is chosen", few).await?;
            page.draw("#sketch-canvas", &[(-0.2, -0.3), (0.2, -0.3)]).await?;
            follows_drawing(&page).await?;
            page.wait_for(State::Finished).await?;
            let count = sent();
            ensure!(count == 1, "drawing: {draws}; they are fetched {count} times");
        }
        Ok(())
    })
    .await
}

/// Without these weights the usual ones make the images, and the page says so. It says the same of a
/// link to a model that has none, for which the sampler is not in the list.
#[tokio::test]
async fn without_weights_for_few_steps_the_page_says_so() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start_without(dist(), Some("-fewstep.safetensors"))?;
        let page = Page::open(browser, &server, &few()).await?;
        let told = async |page: &Page<'_>, words: &str| {
            let says = async || Ok(page.text("#problem").await?.contains(words));
            page.wait_until(&format!("the page says {words}"), says).await?;
            let shows = async || Ok(!page.grid().await?.is_blank());
            page.wait_until("images show all the same", shows).await
        };
        told(&page, "did not arrive").await?;
        ensure!(is_offered(browser).await?, "it cannot be tried again");

        let emoji = "model=www/models/emoji.safetensors";
        let (page, _) = ready(browser, &tiny_with(emoji)).await?;
        ensure!(!is_offered(browser).await?, "emoji have no weights for few steps");
        ensure!(page.text("#problem").await?.is_empty(), "{}", page.text("#problem").await?);
        let page = Page::open(browser, &server, &format!("{}&{emoji}", few())).await?;
        told(&page, "not tuned for").await?;
        ensure!(is_offered(browser).await?, "the list does not have what is chosen");
        Ok(())
    })
    .await
}
