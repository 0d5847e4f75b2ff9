//! Models that can be asked for a class: the chips, the search, guidance, and links to the images.

use anyhow::{Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    image::Image,
    page::{Page, State},
    server::Server,
};
use fantoccini::{Locator, key::Key};

use crate::{
    common::{TINY, dist, ready, ready_on, tiny_with, wait_for_film, written_link},
    timeline::has_past,
};

/// A tiny run of digits by class.
fn digits() -> String {
    tiny_with("model=www/models/mnist-classes.safetensors")
}

/// The same on the GPU.
fn digits_on_gpu() -> String {
    tiny_with("engine=fused&model=www/models/mnist-classes.safetensors")
}

/// Chooses the chip of a class, or of `*` for each in turn.
async fn choose(page: &Page<'_>, class: &str) -> Result<()> {
    page.click(&format!("#chips label:has([value='{class}'])")).await
}

/// The text of each chip.
async fn chips(browser: &Browser) -> Result<Vec<String>> {
    let script = "return [...document.querySelectorAll('#chips span')].map((chip) => \
                  chip.textContent)";
    Ok(serde_json::from_value(browser.client.execute(script, vec![]).await?)?)
}

/// The link to what is shown, which is to have `part`.
async fn link_with(browser: &Browser, page: &Page<'_>, part: &str) -> Result<String> {
    let link = written_link(browser, page).await?;
    ensure!(link.contains(part), "{part} is not in {link}");
    Ok(link)
}

/// Whoever follows the link gets the same images.
async fn gives(browser: &Browser, link: &str, images: &Image) -> Result<()> {
    let server = Server::start(dist())?;
    let (friend, _) = ready_on(&server, browser, link).await?;
    ensure!(friend.text("#problem").await?.is_empty(), "{}", friend.text("#problem").await?);
    friend.click("#start").await?;
    friend.wait_for(State::Finished).await?;
    let most = friend.grid().await?.largest_difference(images);
    ensure!(most == 0, "{link} gives other images, by {most} of 255");
    Ok(())
}

/// A class that is chosen while an engine is on its way counts if that engine cannot be had, and starts
/// no run.
#[tokio::test]
async fn a_class_that_is_chosen_while_an_engine_is_on_its_way_starts_nothing() -> Result<()> {
    with_browser(async |browser| {
        browser.before_every_page("delete Navigator.prototype.gpu").await?;
        let (page, _) = ready(browser, &digits()).await?;
        let change = "const engine = document.getElementById('engine'); engine.value = 'fused'; \
                      engine.dispatchEvent(new Event('change', { bubbles: true })); \
                      document.querySelector('#chips [value=\"7\"]').click(); \
                      return document.getElementById('status').dataset.state";
        let state = browser.client.execute(change, vec![]).await?;
        ensure!(state == "loading", "the engine is not on its way, but {state}");
        let told = async || Ok(!page.text("#problem").await?.is_empty());
        page.wait_until("the page says why there is no such engine", told).await?;
        let state = page.state().await?;
        ensure!(state == State::Ready, "the page is {state:?}");
        let caption = page.text("#caption-run").await?;
        ensure!(caption.contains("of “7”"), "the class is lost: {caption}");
        Ok(())
    })
    .await
}

/// A class and its guidance are in the link, and a change of either makes other images at once.
#[tokio::test]
async fn a_link_asks_for_the_class_that_was_chosen() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &digits_on_gpu()).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let any = page.grid().await?;
        choose(&page, "3").await?;
        page.wait_for(State::Finished).await?;
        let caption = page.text("#caption-run").await?;
        ensure!(caption.contains("4 images of “3”"), "the caption is {caption}");
        let threes = page.grid().await?;
        ensure!(threes != any, "the class changes nothing");

        let slider = browser.client.find(Locator::Css("#guidance")).await?;
        slider.send_keys(&char::from(Key::End).to_string()).await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.text("#guidance-text").await? == "w = 4.0", "the slider says something else");
        let typical = page.grid().await?;
        ensure!(typical != threes, "guidance changes nothing");
        let link = link_with(browser, &page, "guidance=4").await?;
        ensure!(link.contains("class=3"), "the class is not in {link}");
        gives(browser, &link, &typical).await
    })
    .await
}

/// Guidance may be limited to an interval of σ, which is in the link, too.
#[tokio::test]
async fn guidance_can_be_limited_to_an_interval() -> Result<()> {
    with_browser(async |browser| {
        let query = format!("{}&class=3&guidance=4", digits());
        let (page, _) = ready(browser, &query).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let everywhere = page.grid().await?;
        page.fill("#guide-min", "0.5").await?;
        page.wait_for(State::Finished).await?;
        let limited = page.grid().await?;
        ensure!(limited != everywhere, "the interval changes nothing");
        let link = link_with(browser, &page, "guide_min=0.5").await?;
        page.fill("#guide-max", "0.1").await?;
        let told = async || Ok(page.text("#problem").await?.contains("must be at most"));
        page.wait_until("an interval without a σ is refused", told).await?;
        gives(browser, &link, &limited).await?;
        // Other models have no such fields.
        let (other, _) = ready(browser, TINY).await?;
        other.unfold("#sigma-max").await?;
        ensure!(!other.is_shown("#guide-min").await?, "a model without classes has guidance");
        Ok(())
    })
    .await
}

/// One class for each image, in their order: the fourth image is that of the fourth class alone.
#[tokio::test]
async fn classes_can_be_shown_each_in_turn() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &digits()).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        choose(&page, "*").await?;
        page.wait_for(State::Finished).await?;
        let in_turn = page.saved_one(4, 28).await?;
        for (class, same) in [("3", true), ("4", false)] {
            choose(&page, class).await?;
            page.wait_for(State::Finished).await?;
            let most = page.saved_one(4, 28).await?.largest_difference(&in_turn);
            ensure!((most <= 2) == same, "it differs from class {class} by {most} of 255");
        }
        Ok(())
    })
    .await
}

/// With very many classes, the most frequent are there and the others can be searched, by what they mean in English, too.
/// What follows the number of a folder is what people read.
#[tokio::test]
async fn many_classes_can_be_searched() -> Result<()> {
    with_browser(async |browser| {
        let query = tiny_with("model=www/models/kanji.safetensors");
        let (page, _) = ready(browser, &query).await?;
        let all = chips(browser).await?;
        ensure!(all.len() == 32 && all[..2] == ["any", "each in turn"], "the chips are {all:?}");
        page.fill("#class-search", "002").await?;
        let found = chips(browser).await?;
        ensure!(found == ["丨 line"], "002 leads to {found:?}");
        choose(&page, "002-丨").await?;
        let caption = page.text("#caption-run").await?;
        ensure!(caption.contains("of “丨 line”"), "the caption is {caption}");
        // The link has the name that the model has for it.
        let link = link_with(browser, &page, "class=002-").await?;
        page.fill("#class-search", "no such class").await?;
        ensure!(chips(browser).await?.is_empty(), "there are chips of no such class");
        let hint = page.text("#class-hint").await?;
        ensure!(hint == "None of the 214 classes matches.", "the page says {hint}");
        // WebDriver clears fields without the event that a key brings about.
        let clear = "const search = document.getElementById('class-search'); search.value = ''; \
                     search.dispatchEvent(new Event('input'))";
        browser.client.execute(clear, vec![]).await?;
        let all = chips(browser).await?;
        ensure!(all.contains(&found[0]), "what is chosen is not there any more: {all:?}");
        // The enter key chooses the first that is found.
        let search = browser.client.find(Locator::Css("#class-search")).await?;
        search.send_keys(&format!("fish{}", char::from(Key::Enter))).await?;
        let fish = async || Ok(page.text("#caption-run").await?.contains("of “魚 fish”"));
        page.wait_until("fish are shown", fish).await?;
        ensure!(chips(browser).await? == ["魚 fish"], "there are {:?}", chips(browser).await?);

        let (friend, _) = ready(browser, &link).await?;
        let caption = friend.text("#caption-run").await?;
        ensure!(caption.contains("of “丨 line”"), "the link leads to {caption}");
        Ok(())
    })
    .await
}

/// While images follow a drawing, a chip changes them at once; they have no steps to go back to, and
/// their link gives the same.
#[tokio::test]
async fn a_chip_acts_on_images_that_follow_a_drawing() -> Result<()> {
    with_browser(async |browser| {
        let drawing = include_str!("drawing.txt").trim();
        let (page, _) = ready(browser, &format!("{}#{drawing}", digits())).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let any = page.grid().await?;
        page.wait_until("one can go back", async || has_past(browser).await).await?;
        choose(&page, "3").await?;
        page.wait_for(State::Finished).await?;
        let threes = page.grid().await?;
        ensure!(threes != any, "the class changes nothing");
        wait_for_film(browser, 1).await?;
        ensure!(!has_past(browser).await?, "there is a past");
        page.click("#more").await?;
        page.wait_until("the ways are there", async || page.is_shown("#save-one").await).await?;
        ensure!(!page.is_shown("#save-gif").await?, "there is a film of it");
        let link = link_with(browser, &page, "class=3").await?;
        gives(browser, &link, &threes).await
    })
    .await
}

/// A file is named after the class of its images, whatever is chosen by now.
#[tokio::test]
async fn a_file_is_named_after_the_class_of_its_images() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &format!("{}&class=3", digits())).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        // With a seed that cannot be, no other images are made.
        page.fill("#seed", "none").await?;
        choose(&page, "4").await?;
        let name = page.saved_name().await?;
        ensure!(name == "pick-a-digit-3-seed-7-step-3.png", "the file's name is {name}");
        Ok(())
    })
    .await
}

/// Where the console has two columns, as on a tablet, the classes come before the settings.
#[tokio::test]
async fn on_a_tablet_the_classes_are_above_the_settings() -> Result<()> {
    with_browser(async |browser| {
        browser.resize(820, 1180).await?;
        let (page, _) = ready(browser, &digits()).await?;
        page.wait_until("the classes are there", async || page.is_shown("#classes").await).await?;
        let script = "const [classes, settings] = ['classes', 'controls'].map((id) => \
                      document.getElementById(id).getBoundingClientRect()); \
                      return classes.bottom <= settings.top";
        let above = browser.client.execute(script, vec![]).await?;
        ensure!(above == true, "the classes are below the settings");
        Ok(())
    })
    .await
}
