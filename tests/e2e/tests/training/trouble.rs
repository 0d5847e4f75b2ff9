//! What stops a run, and how it goes on.

use anyhow::{Result, ensure};
use e2e::{
    browser::with_browser,
    page::{Page, State},
    server::{Server, scripts},
};
use serde_json::json;

use crate::common::{TINY_GPU, blank_page, dist};
use crate::{
    RATE, do_in_page, give_archive, open, set_up, step, wait_for_images, wait_for_status,
    with_images,
};

/// The first run of a page has an absurd learning rate. It is back at its start, and goes on with half
/// the rate that was asked for.
#[tokio::test]
async fn a_run_that_diverges_goes_on_with_half_the_learning_rate() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = with_images(browser, &server).await?;
        set_up(&page, "discs", 6).await?;
        page.choose("#train-network", "small").await?;
        // The form takes no such rate.
        let script = "const [url, answer] = arguments; \
                      import(url).then(({ Trainer }) => { \
                        const { create } = Trainer; \
                        window.rates = []; \
                        Trainer.create = (plan, ...rest) => { \
                          const { learningRate } = plan; \
                          const rate = window.rates.push(learningRate) > 1 ? learningRate : 1e30; \
                          return create.call(Trainer, { ...plan, learningRate: rate }, ...rest); \
                        } \
                      }).then(() => answer(), (error) => answer(String(error)))";
        let url = server.url(&format!("{}engines/training/ncsn.js", scripts(dist())?));
        do_in_page(browser, script, vec![url.into()]).await?;
        page.click("#train-start").await?;
        let told = async || Ok(page.text("#train-trouble").await?.contains("diverged"));
        page.wait_until("the panel says that the run diverged", told).await?;
        ensure!(step(&page).await? == 0, "it is not back at its start");
        let buttons = "return [...document.querySelectorAll('#train-trouble button')].map((button) => \
                       button.textContent)";
        let buttons = browser.client.execute(buttons, vec![]).await?;
        ensure!(buttons == json!(["Go on, half the learning rate"]), "it offers {buttons}");
        page.click("#train-trouble button").await?;
        wait_for_status(&page, "Finished").await?;
        let rates = browser.client.execute("return window.rates", vec![]).await?;
        ensure!(rates == json!([RATE, RATE / 2.0]), "the learning rates were {rates}");
        Ok(())
    })
    .await
}

/// When the page itself loses the GPU, it would reload, and with that lose what a visitor has chosen to
/// train on. It says so instead, and the panel still has it.
#[tokio::test]
async fn the_loss_of_the_pages_gpu_costs_no_images() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = Page::open(browser, &server, TINY_GPU).await?;
        page.wait_for(State::Ready).await?;
        open(&page).await?;
        give_archive(browser, 3, "").await?;
        wait_for_images(&page, "3 images, ").await?;
        browser.crash_gpu().await?;
        let message = page.wait_for_message().await?;
        ensure!(message.kind == "device-lost", "it says {message}");
        ensure!(message.text.contains("Train…"), "it does not say where they are: {message}");
        page.click("#train").await?;
        let shown = async || page.is_shown("#training").await;
        page.wait_beside_message("the panel is there", shown).await?;
        let status = page.text("#train-images-status").await?;
        ensure!(status.starts_with("3 images, "), "the panel says {status}");
        ensure!(page.enabled("#train-start").await?, "they cannot be trained on");
        Ok(())
    })
    .await
}

/// A run that was paused after its last step has nothing more to train, and no loss to report. It ends
/// in Firefox as well, which has to be asked whether the device is done. One can go on while it is still
/// on its way back to a checkpoint, from which it then trains. Where samples find no memory, a run trains and is kept all
/// the same.
#[tokio::test]
async fn a_run_that_is_at_its_last_step_only_finishes() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let scripts = blank_page(browser, &server).await?;
        let arguments = vec![scripts.into()];
        let script = include_str!("../training-run.js");
        let found = browser.client.execute_async(script, arguments).await?;
        ensure!(found["trained"] == 0 && found["losses"] == 0, "it trains on: {found}");
        ensure!(found["busy"] == json!([true, false]), "the GPU is not left to others: {found}");
        ensure!(found["goesOn"] == "running" && found["again"] == 2, "it does not go on: {found}");
        ensure!(found["lacking"] == 1 && found["kept"] == true, "it needs its samples: {found}");
        ensure!(found["missing"] == 2, "it does not say that there are none: {found}");
        Ok(())
    })
    .await
}
