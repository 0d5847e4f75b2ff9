//! A network learns a visitor's images, is used on the page, and is a model file like any other.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    page::{Page, State},
    server::Server,
};
use serde_json::{Value, json};

use crate::common::{TINY, TINY_GPU, blank_page, dist, wait_for_own_model};
use crate::{give_archive, open, open_panel, set_up, wait_for_images, wait_for_status};

/// Images to learn.
const IMAGES: u32 = 30;
/// Steps of the run: enough for the loss to fall.
const STEPS: u32 = 24;
/// So few images that they get variants.
const FEW: u32 = 5;
/// The pixels of an image.
const PIXELS: usize = 28 * 28;

/// Everything that the page has fetched for training.
async fn fetched(browser: &Browser) -> Result<u64> {
    let script = "return performance.getEntriesByType('resource')\
                  .filter(({ name }) => /www\\/(train\\/|engines)/.test(name)).length";
    let count = browser.client.execute(script, vec![]).await?;
    count.as_u64().context("no number")
}

/// Samples by the `ncsn` command, as bytes.
fn sampled_natively(model: &[u8], count: usize) -> Result<Vec<u8>> {
    let folder = env::temp_dir().join(format!("ncsn-trained-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let [file, out] = ["trained.safetensors", "samples.npy"].map(|name| folder.join(name));
    fs::write(&file, model)?;
    // The same build as that of the crate's own tests.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let count = count.to_string();
    let status = Command::new(cargo)
        .current_dir("../..")
        .args(["run", "--quiet", "--release", "--package=ncsn", "--bin=ncsn", "--", "sample"])
        .args(["--engine", "burn", "--seed", "1", "--levels", "10", "-n", &count])
        .args([Path::new("--model"), &file, Path::new("--out"), &out])
        .status()?;
    ensure!(status.success(), "`ncsn sample` refuses the model: {status}");
    let array = fs::read(&out)?;
    fs::remove_dir_all(&folder)?;
    // An .npy file ends with its data.
    let data = array.len().checked_sub(PIXELS * count.parse::<usize>()?);
    Ok(array[data.context("too few samples")?..].to_vec())
}

/// The first and the last loss by what a plot says, as in "Loss: 0.98 at step 1, 0.45 at step 24".
fn losses(plot: &str) -> Result<(f64, f64)> {
    let losses = plot.strip_prefix("Loss: ").and_then(|points| points.split_once(", "));
    let loss = |point: &str| point.split(' ').next().and_then(|loss| loss.parse().ok());
    let losses = losses.and_then(|(first, last)| Some((loss(first)?, loss(last)?)));
    losses.with_context(|| format!("there are no losses in {plot:?}"))
}

/// Bytes in a JSON array.
fn bytes(value: &Value) -> Result<Vec<u8>> {
    Ok(serde_json::from_value(value.clone())?)
}

/// A visitor trains a small network on thirty images from an archive, sees the loss fall, downloads the
/// model, uses it on the page, and finds it again after a reload. The downloaded file gives the same
/// samples natively.
#[tokio::test]
async fn a_network_learns_the_images_of_a_visitor() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = Page::open(browser, &server, TINY_GPU).await?;
        page.wait_for(State::Ready).await?;
        ensure!(fetched(browser).await? == 0, "a first visit fetches the panel");
        open(&page).await?;
        ensure!(!page.enabled("#train-start").await?, "there is nothing to train on");

        give_archive(browser, IMAGES, "").await?;
        let left_out = "Left out: notes.txt (it is not an image).";
        wait_for_images(&page, &format!("{IMAGES} images, 28 × 28, gray. {left_out}")).await?;
        set_up(&page, "discs", STEPS).await?;
        page.click("#train-start").await?;
        wait_for_status(&page, "Finished").await?;
        let plot = "return document.querySelector('.train-plot').getAttribute('aria-label')";
        let plot = browser.client.execute(plot, vec![]).await?;
        let (first, last) = losses(plot.as_str().context("the plot says nothing")?)?;
        ensure!(last < first, "the loss went from {first} to {last}");
        let title = page.text(".train-samples h3").await?;
        ensure!(title == format!("Samples at step {STEPS}"), "it shows {title}");

        // The page's policy lets nothing read what is behind the link to the file.
        let script = "let made; const { createObjectURL } = URL; \
                      URL.createObjectURL = (blob) => createObjectURL.call(URL, made = blob); \
                      HTMLAnchorElement.prototype.click = async function () { \
                        const { download: name } = this; \
                        const file = await made.arrayBuffer(); \
                        window.saved = { name, file: Array.from(new Uint8Array(file)) } }";
        browser.client.execute(script, vec![]).await?;
        page.click("#train-download").await?;
        let saved = async || browser.client.execute("return window.saved", vec![]).await;
        page.wait_until("the model is saved", async || Ok(!saved().await?.is_null())).await?;
        let saved = saved().await?;
        ensure!(saved["name"] == "discs.safetensors", "it is {}", saved["name"]);
        let file = bytes(&saved["file"])?;
        let card = format!("\\\"pictures\\\":{IMAGES},");
        ensure!(String::from_utf8_lossy(&file).contains(&card), "the card does not say {card}");
        let script = "return [...document.querySelectorAll('.train-pairs .sample')].flatMap((canvas) => \
                      Array.from(canvas.getContext('2d').getImageData(0, 0, 28, 28).data) \
                      .filter((_, at) => at % 4 === 0))";
        let shown = bytes(&browser.client.execute(script, vec![]).await?)?;
        let native = sampled_natively(&file, shown.len() / PIXELS)?;
        ensure!(shown.len() == native.len(), "{} and {} bytes", shown.len(), native.len());
        let most = shown.iter().zip(&native).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(255);
        ensure!(most <= 2, "native samples differ by {most} of 255");

        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "the console says {errors:#?}");

        page.click("#train-use").await?;
        wait_for_own_model(&page).await?;
        ensure!(page.text("#models [aria-current]").await? == "discs", "it is another model");

        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        ensure!(page.text("#models").await?.contains("discs"), "the model was forgotten");
        open(&page).await?;
        let kept = format!("Your model discs, step {STEPS} of {STEPS}, is kept in this browser.");
        page.wait_until("the run is offered", async || {
            Ok(page.text("#train-kept").await?.contains(&kept))
        })
        .await?;
        let delete = "const button = [...document.querySelectorAll('#train-kept button')].at(-1); \
                      button.click(); const label = button.textContent; button.click(); return label";
        let label = browser.client.execute(delete, vec![]).await?;
        ensure!(label == "Delete for good?", "the button does not ask: {label}");
        page.wait_until("it is deleted", async || Ok(!page.is_shown("#train-kept").await?)).await?;
        Ok(())
    })
    .await
}

/// A few images are learned with variants of them, and samples are shown beside the images themselves.
#[tokio::test]
async fn a_network_learns_a_few_images() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = open_panel(browser, &server).await?;
        give_archive(browser, FEW, "").await?;
        wait_for_images(&page, &format!("{FEW} images, ")).await?;
        let hint = page.text("#train-hint").await?;
        ensure!(hint.contains(&format!("{FEW} images are very few")), "it says {hint}");
        set_up(&page, "few", 40).await?;
        page.choose("#train-network", "small").await?;
        page.click("#train-start").await?;
        wait_for_status(&page, "Finished").await?;
        let script = "return [...document.querySelectorAll('.train-pairs figure')].map((figure) => \
                      [figure.querySelector('figcaption').textContent, \
                       figure.querySelector('canvas:not(.sample)').ariaLabel])";
        let pairs = browser.client.execute(script, vec![]).await?;
        let pairs: Vec<(String, String)> = serde_json::from_value(pairs)?;
        ensure!(!pairs.is_empty(), "there are no samples");
        for (distance, nearest) in &pairs {
            let distance: f64 =
                distance.parse().with_context(|| format!("no number: {distance}"))?;
            ensure!(distance.is_finite() && distance >= 0.0, "a sample is at {distance}");
            let number: u32 = nearest.rsplit_once("number ").context("no number")?.1.parse()?;
            ensure!((1..=FEW).contains(&number), "of {FEW} images it names number {number}");
        }
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "the console says {errors:#?}");
        Ok(())
    })
    .await
}

/// Variants are no copies of the images that they come from, and copies among samples are called so.
#[tokio::test]
async fn a_few_images_get_variants_and_copies_of_them_are_named() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let scripts = blank_page(browser, &server).await?;
        let arguments = vec![scripts.into()];
        let script = include_str!("../training-few.js");
        let found = browser.client.execute_async(script, arguments).await?;
        ensure!(found["count"] == 100 && found["different"] == 100, "some are the same: {found}");
        ensure!(found["originals"] == true, "the images do not come first: {found}");
        ensure!(found["least"].as_f64().is_some_and(|least| least > 5.0), "a copy: {found}");
        ensure!(found["untouched"] == true, "enough images get variants: {found}");
        let numbers = [5, 2, 4].map(|at| format!("The nearest of your images, number {at}"));
        let copied = &found["copied"];
        ensure!(copied["nearest"] == json!(numbers), "{found}");
        ensure!(copied["warns"] == true && copied["copies"] == 2, "{found}");
        let words = copied["words"].as_str().unwrap_or_default();
        let said = "2 of 3 samples are copies of your images";
        ensure!(words.contains(said) && words.contains("only 5 images"), "it says {words}");
        ensure!(found["own"]["warns"] == false && found["own"]["copies"] == 1, "{found}");
        Ok(())
    })
    .await
}

/// A visitor draws thirty images in the panel, and a small network learns them.
#[tokio::test]
async fn a_network_learns_what_a_visitor_draws() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = open_panel(browser, &server).await?;
        set_up(&page, "lines", 4).await?;
        page.choose("#train-network", "small").await?;
        page.click("#train-draw").await?;
        ensure!(!page.enabled("#train-add-drawing").await?, "an empty drawing can be added");
        for at in 0..IMAGES {
            let x = f64::from(at) / f64::from(IMAGES) - 0.5;
            page.draw("#train-canvas", &[(0.8 * x, -0.4), (-0.8 * x, 0.4)]).await?;
            page.click("#train-add-drawing").await?;
            // With it, the canvas may get another place.
            let images = if at == 0 { "1 image".to_owned() } else { format!("{} images", at + 1) };
            wait_for_images(&page, &format!("{images}, 28 × 28, gray.")).await?;
        }
        // No two lines are the same, and all are dark on white.
        let script = "return [...document.querySelectorAll('#train-thumbs canvas')].map((canvas) => \
                      canvas.toDataURL())";
        let drawn: Vec<String> =
            serde_json::from_value(browser.client.execute(script, vec![]).await?)?;
        let others = |image: &String| drawn.iter().filter(|other| *other == image).count() - 1;
        ensure!(drawn.iter().map(others).sum::<usize>() == 0, "some drawings are the same");

        page.click("#train-start").await?;
        wait_for_status(&page, "Finished").await?;
        let title = page.text(".train-samples h3").await?;
        ensure!(title == "Samples at step 4", "it shows {title}");
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "the console says {errors:#?}");
        Ok(())
    })
    .await
}
