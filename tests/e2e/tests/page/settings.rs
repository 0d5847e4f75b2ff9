//! Fields, links and shortcuts.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::with_browser,
    page::{Page, State},
    server::Server,
};
use tokio::time::sleep;

use crate::{
    common::{TINY, dist, first_noise, ready, settle, tiny_with, tiny_without, written_link},
    sampling::restart,
};

/// What a visitor has set survives a reload, and without changes the address stays as short as it
/// was. The model that a link was made with may have changed since.
#[tokio::test]
async fn what_a_visitor_has_set_is_in_the_address() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        sleep(Duration::from_secs(1)).await;
        ensure!(page.query().await? == format!("{TINY}#"), "the page has changed its address");
        page.fill("#seed", "9").await?;
        page.click("label:has([value=denoised])").await?;
        let kept = async || {
            let query = page.query().await?;
            Ok(query.contains("seed=9") && query.contains("view=denoised"))
        };
        page.wait_until("the address has the settings", kept).await?;
        browser.client.refresh().await?;
        page.wait_for(State::Ready).await?;
        let caption = async || Ok(page.text("#caption").await?.contains("seed 9"));
        page.wait_until("the seed is there again", caption).await?;
        ensure!(page.text("#caption").await?.contains("guess"), "it forgot the view");
        let query = page.query().await?;
        ensure!(query.contains("autostart=0"), "it would run by itself");
        ensure!(page.text("#problem").await?.is_empty(), "something is wrong with its own link");

        // As if the address now led to another model.
        ensure!(query.contains("of="), "it does not say of which model: {query}");
        let later = Page::open(browser, &server, &query.replace("of=", "of=-")).await?;
        let told = async || Ok(later.text("#problem").await?.contains("changed"));
        later.wait_until("the page says that the model is another", told).await
    })
    .await
}

/// Links from before `speed` and `strength` had these names, and `of` left the card out; and another
/// name of a sampler.
#[tokio::test]
async fn older_links_keep_their_meaning() -> Result<()> {
    with_browser(async |browser| {
        let drawing = include_str!("drawing.txt").trim();
        let rest = tiny_without(&["speed", "sampler"]);
        // In base 36, as by `file.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 0)`.
        let model = std::fs::read(dist().join("www/models/mnist.safetensors"))?;
        let sum =
            model.iter().fold(0_i32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let script = "return arguments[0].toString(36)";
        let sum = browser.client.execute(script, vec![sum.into()]).await?;
        let sum = sum.as_str().context("no text")?;
        let older = format!("{rest}&pace=full&wander=0.25&sampler=ddim&of={sum}#{drawing}");
        let (page, _) = ready(browser, &older).await?;
        let script = "return ['speed', 'strength', 'sampler']\
                      .map((id) => document.getElementById(id).value)";
        let values = browser.client.execute(script, vec![]).await?;
        ensure!(values == serde_json::json!(["full", "0.25", "ode"]), "the link means {values}");
        ensure!(page.text("#problem").await?.is_empty(), "{}", page.text("#problem").await?);
        page.fill("#seed", "8").await?;
        let kept = async || {
            let query = page.query().await?;
            let older = query.contains("pace=") || query.contains("wander=");
            Ok(query.contains("speed=full") && query.contains("strength=0.25") && !older)
        };
        page.wait_until("the address has the present names", kept).await
    })
    .await
}

/// The levels that a model recommends are for the recommended sampler. Others start with all levels
/// that the model was trained at, and with a step size to match, as on the command line
/// (`Settings::for_sampler`).
#[tokio::test]
async fn another_sampler_begins_with_levels_that_suit_it() -> Result<()> {
    with_browser(async |browser| {
        let query = tiny_without(&["sampler"]);
        let (page, _) = ready(browser, &query).await?;
        let schedule = async || {
            let script = "return ['sigma-max', 'sigma-min', 'step-lr']\
                          .map((id) => Number(document.getElementById(id).value))";
            let values = browser.client.execute(script, vec![]).await?;
            Ok::<[f64; 3], anyhow::Error>(serde_json::from_value(values)?)
        };
        let recommended = schedule().await?;
        ensure!(recommended[..2] == [12.0, 0.1], "the digits recommend {recommended:?}");
        page.choose("#sampler", "langevin").await?;
        let trained = schedule().await?;
        ensure!(trained[..2] == [20.0, 0.01], "Langevin begins with {trained:?}");
        // NCSNv2's technique 4 for three steps at each of 100 levels.
        ensure!(trained[2] == 1.24e-5, "ε is {}", trained[2]);
        page.choose("#sampler", "ancestral").await?;
        ensure!(schedule().await? == recommended, "what is recommended does not come back");

        // Some samplers have numbers of their own, whatever the model.
        let numbers = async || {
            let script = "return ['levels', 'steps-each']\
                          .map((id) => Number(document.getElementById(id).value))";
            let values = browser.client.execute(script, vec![]).await?;
            Ok::<[u32; 2], anyhow::Error>(serde_json::from_value(values)?)
        };
        page.choose("#sampler", "exact-langevin").await?;
        ensure!(numbers().await? == [39, 5], "exact Langevin begins with {:?}", numbers().await?);
        let [_, smallest, step] = schedule().await?;
        ensure!((step / smallest.powi(2) - 0.25).abs() < 0.01, "a is {}", step / smallest.powi(2));
        page.fill("#levels", "8").await?;
        page.choose("#sampler", "consistent").await?;
        ensure!(numbers().await?[0] == 100, "consistent begins with {:?}", numbers().await?);
        page.choose("#sampler", "predictor-corrector").await?;
        ensure!(numbers().await? == [100, 1], "predictor–corrector: {:?}", numbers().await?);
        Ok(())
    })
    .await
}

/// Settings that cannot be are reported where a run is started, with the name of the field, and do
/// not reach links; the page remains usable.
#[tokio::test]
async fn impossible_settings_are_said_where_one_looks() -> Result<()> {
    with_browser(async |browser| {
        browser.resize(390, 844).await?;
        let (page, _) = ready(browser, TINY).await?;
        let marked = async |field: &str| {
            let script = "return document.querySelector(arguments[0]).ariaInvalid === 'true'";
            Ok::<_, anyhow::Error>(
                browser.client.execute(script, vec![field.into()]).await? == true,
            )
        };
        page.fill("#seed", "8").await?;
        // At the end of a run, "#start" fills in another seed.
        for (field, wrong, label, button) in
            [("#sigma-max", "0", "Largest", "#start"), ("#seed", "abc", "Seed", "#restart")]
        {
            page.fill(field, wrong).await?;
            page.click(button).await?;
            let said = async || Ok(page.text("#problem").await?.contains(label));
            page.wait_until(&format!("it says what is wrong in {field}"), said).await?;
            let seen = async || page.in_sight("#problem").await;
            page.wait_until(&format!("what it says of {field} is in sight"), seen).await?;
            ensure!(marked(field).await?, "{field} is not marked");
        }
        let link = written_link(browser, &page).await?;
        ensure!(link.contains("seed=8") && !link.contains("abc"), "the address is {link}");
        ensure!(page.text("#caption-run").await?.ends_with("seed 8"), "it is in the caption");
        page.fill("#sigma-max", "20").await?;
        page.fill("#seed", "9").await?;
        ensure!(!marked("#seed").await? && !marked("#sigma-max").await?, "it is still marked");
        ensure!(!page.is_shown("#problem").await?, "what was wrong is still said");
        restart(&page).await?;
        Ok(())
    })
    .await
}

/// What is said can be put away, and is said again if it still holds.
#[tokio::test]
async fn what_is_wrong_can_be_put_away() -> Result<()> {
    with_browser(async |browser| {
        for (width, height) in [(1440, 900), (390, 844)] {
            browser.resize(width, height).await?;
            let (page, _) = ready(browser, TINY).await?;
            page.fill("#seed", "abc").await?;
            for _ in 0..2 {
                page.click("#restart").await?;
                let said = async || Ok(page.text("#problem").await?.contains("Seed"));
                page.wait_until("the page says what is wrong", said).await?;
                page.click("#problem-close").await?;
                ensure!(!page.is_shown("#problem").await?, "{width} pixels: it is still said");
                let focus = "return document.activeElement.id";
                let focus = browser.client.execute(focus, vec![]).await?;
                ensure!(focus == "start", "{width} pixels: the focus has gone to {focus}");
            }
        }
        Ok(())
    })
    .await
}

/// A link with something that cannot be used still shows images, and the page says what it left
/// out.
#[tokio::test]
async fn a_link_with_bad_values_shows_images_and_says_so() -> Result<()> {
    let cases = [
        ("levels=abc", "Levels"),
        ("seed=-1", "Seed"),
        ("chains=9999", "Images"),
        ("sampler=magic", "Sampler"),
        ("sigma_max=0.1&sigma_min=3", "impossible"),
        ("sampler=langevin&steps_each=1&denoise=magic", "Remove the noise"),
        ("view=magic", "Show"),
        ("precision=f64", "Precision"),
        ("engine=magic", "Engine"),
        ("strength=2", "How far from my drawing"),
        ("strength=", "How far from my drawing"),
        ("keep=magic", "Use it as"),
        ("guidance=9", "How typical"),
    ];
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        for (bad, word) in cases {
            let query = tiny_with(bad);
            let page = Page::open(browser, &server, &query).await?;
            page.wait_for(State::Ready).await?;
            let told = async || Ok(page.text("#problem").await?.contains(word));
            page.wait_until(&format!("{bad}: the page says so"), told).await?;
            let shows = async || Ok(!page.grid().await?.is_blank());
            page.wait_until(&format!("{bad}: the first noise shows"), shows).await?;
            let again = page.query().await?;
            ensure!(again == format!("{query}#"), "the address has become {again}");
        }
        Ok(())
    })
    .await
}

/// WCAG 2.1.4: whoever speaks to a computer would otherwise press keys by saying words.
#[tokio::test]
async fn shortcuts_are_listed_and_can_be_switched_off() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        let listed = async || page.is_shown("#shortcuts-on").await;
        let close = async || {
            page.click("dialog button").await?;
            page.wait_until("the list is closed", async || Ok(!listed().await?)).await
        };
        page.press("?").await?;
        page.wait_until("the list is there", listed).await?;
        let list = page.text("dialog").await?;
        for word in ["new images", "space", "restart"] {
            ensure!(list.contains(word), "{word} is not listed in {list}");
        }
        close().await?;
        // There is no such field, but extensions may bring one.
        let script = "const field = document.createElement('textarea'); \
                      document.body.append(field); \
                      field.dispatchEvent(new KeyboardEvent('keydown', { key: '.', bubbles: true })); \
                      field.remove()";
        browser.client.execute(script, vec![]).await?;
        ensure!(page.state().await? == State::Ready, "what one writes has an effect");
        page.press(".").await?;
        page.wait_until("it has stepped", async || Ok(page.steps().await?.done == 1)).await?;

        page.click("#help").await?;
        page.wait_until("the list is there again", listed).await?;
        page.click("#shortcuts-on").await?;
        close().await?;
        ensure!(!page.is_shown("#start kbd").await?, "the buttons still show keys");
        browser.client.refresh().await?;
        first_noise(&page).await?;
        page.press(".").await?;
        page.press("n").await?;
        settle(browser).await?;
        ensure!(page.state().await? == State::Ready, "a key has an effect");
        ensure!(page.steps().await?.done == 0, "a key has an effect");
        ensure!(page.text("#caption-run").await?.ends_with("seed 7"), "n has an effect");
        page.press("?").await?;
        page.click("#help").await?;
        page.wait_until("the list is there again", listed).await?;
        page.click("#shortcuts-on").await?;
        close().await?;
        page.press(".").await?;
        page.wait_until("it steps again", async || Ok(page.steps().await?.done == 1)).await
    })
    .await
}

/// Fields that the sampler does not have are not there, and the quality that is chosen is marked.
#[tokio::test]
async fn only_settings_that_apply_are_shown() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &tiny_without(&["sampler", "levels"])).await?;
        ensure!(!page.is_shown("#seed").await?, "the settings are not folded away");
        page.unfold("#seed").await?;
        page.unfold("#rho").await?;
        let chosen = async || {
            let script = "return document.querySelector('#presets :checked')?.id ?? 'none'";
            Ok::<_, anyhow::Error>(browser.client.execute(script, vec![]).await?)
        };
        ensure!(chosen().await? == "recommended", "{} is chosen", chosen().await?);
        ensure!(!page.is_shown("#rho").await? && !page.is_shown("#step-lr").await?, "too much");
        page.click("#best").await?;
        ensure!(page.is_shown("#rho").await? && page.is_shown("#churn").await?, "too little");
        page.fill("#levels", "3").await?;
        ensure!(chosen().await? == "none", "{} is chosen", chosen().await?);
        page.choose("#sampler", "langevin").await?;
        ensure!(page.is_shown("#step-lr").await? && !page.is_shown("#rho").await?, "of another");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn one_is_said_in_the_singular() -> Result<()> {
    with_browser(async |browser| {
        let query = tiny_with("chains=1&levels=1");
        let (page, _) = ready(browser, &query).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let (done, caption) = (page.text("#status").await?, page.text("#caption-run").await?);
        ensure!(done.contains("1 step an image"), "{done}");
        ensure!(caption.starts_with("1 image,"), "{caption}");
        Ok(())
    })
    .await
}
