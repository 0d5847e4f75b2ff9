//! The built page in headless Chrome: a whole run, and its controls. What can go wrong is in
//! `failures.rs`.

mod common;

use std::{env, fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use common::{LONGER, TINY, dist, drop_file, ready};
use e2e::{
    browser::{Browser, with_browser, with_firefox},
    image::Image,
    page::{Page, State, Tool},
    server::{Server, scripts},
};
use fantoccini::{Locator, key::Key};
use serde_json::Value;
use tokio::time::sleep;

/// Waits until the chains rest, which may be a step after a pause was requested: until neither the
/// steps nor the image have changed for longer than a step takes.
async fn rest(page: &Page<'_>) -> Result<(u32, Image)> {
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
async fn restart(page: &Page<'_>) -> Result<Image> {
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

/// Chains start from a drawing, or fill in what is erased from it, and a link carries it.
#[tokio::test]
async fn a_drawing_becomes_images_and_can_be_shared() -> Result<()> {
    with_browser(async |browser| {
        // Without a clipboard, the link goes to the address bar. Privacy-protecting browsers return
        // other pixels from a canvas than were put into it.
        let script = "Clipboard.prototype.writeText = () => Promise.reject(); \
                      HTMLCanvasElement.prototype.toDataURL = () => 'data:image/png;base64,iVBOR'";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, TINY).await?;
        let of_noise = page.steps().await?.total;
        page.click("label:has([value=drawing])").await?;
        page.wait_until("the canvas is there", async || {
            Ok(page.text("#sketch-hint").await?.contains("Draw"))
        })
        .await?;
        page.draw("#sketch-canvas", &[(-0.2, -0.3), (0.2, -0.3), (0.0, 0.3)]).await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.steps().await?.total < of_noise, "it has begun at noise alone");
        let drawn = page.grid().await?;

        page.click("#copy").await?;
        page.wait_until("the link is in the address bar", async || {
            Ok(page.text("#copy").await?.contains("address bar"))
        })
        .await?;
        let link = page.query().await?;
        let friend = Page::open(browser, &Server::start(dist())?, &link).await?;
        friend.wait_for(State::Finished).await?;
        let most = friend.grid().await?.largest_difference(&drawn);
        ensure!(most == 0, "the link gives other images, by {most} of 255");

        friend.click("label:has([value=eraser])").await?;
        friend.draw("#sketch-canvas", &[(-0.4, 0.3), (0.4, 0.3)]).await?;
        friend
            .wait_until("a part is to be made up", async || {
                Ok(friend.text("#sketch-hint").await?.contains("made up"))
            })
            .await?;
        friend.wait_for(State::Finished).await?;
        ensure!(friend.steps().await?.total == of_noise, "what is made up begins at noise");
        ensure!(friend.grid().await? != drawn, "erasing has changed nothing");

        // Go back to what the link brought, twice.
        let shows = async |same| {
            friend
                .wait_until("the images are there", async || {
                    let finished = friend.state().await? == State::Finished;
                    Ok(finished && (friend.grid().await? == drawn) == same)
                })
                .await
        };
        friend.click("#sketch-undo").await?;
        shows(true).await?;
        ensure!(!friend.enabled("#sketch-undo").await?, "one can go back to before the link");
        friend.click(".image-buttons button").await?;
        shows(false).await?;
        let undo = format!("{}z{}", char::from(Key::Control), char::from(Key::Null));
        friend.press(&undo).await?;
        shows(true).await?;
        let redo = format!("{}{}z{0}", char::from(Key::Control), char::from(Key::Shift));
        friend.press(&redo).await?;
        shows(false).await?;
        friend.press(&undo).await?;
        shows(true).await?;

        // A link with another drawing, followed within the same page.
        browser.client.execute("location.hash = 'another'", vec![]).await?;
        friend.wait_for_reload().await
    })
    .await
}

/// The images change while the pen is still down, whatever it is, with the same seed.
#[tokio::test]
async fn images_follow_the_pen() -> Result<()> {
    for tool in [Tool::Mouse, Tool::Pen, Tool::Finger] {
        with_browser(async |browser| {
            let (page, noise) = ready(browser, TINY).await?;
            page.click("#draw").await?;
            let there = async || page.is_shown("#sketch-canvas").await;
            page.wait_until("the canvas is there", there).await?;
            let changes = async |before: &Image, what: &str| {
                let what = format!("{what} with {tool:?} changes the images");
                page.wait_until(&what, async || Ok(page.grid().await? != *before)).await?;
                page.wait_for(State::Finished).await?;
                page.grid().await
            };
            let line = [(-0.2, -0.3), (0.2, -0.3)];
            page.draw_with(tool, "#sketch-canvas", &line).await?;
            let first = changes(&noise, "a line").await?;
            page.lift().await?;
            page.draw_with(tool, "#sketch-canvas", &[(0.2, -0.3), (0.0, 0.3)]).await?;
            let second = changes(&first, "another").await?;
            page.lift().await?;
            ensure!(page.text("#caption-run").await?.contains("seed 7"), "it has another seed");
            browser.client.find(Locator::Css("#strength")).await?.send_keys(&Key::Home).await?;
            changes(&second, "less strength").await?;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// However fast a pen is, one redraw is under way and one waits.
#[tokio::test]
async fn redraws_do_not_queue() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let scripts = scripts(dist())?;
        browser.client.goto(&server.url(&format!("{scripts}style.css"))).await?;
        let script = "const [url, answer] = arguments; \
                      import(url).then(async ({ Live }) => { \
                        let [drawing, under, most, shown] = [0, 0, 0, []]; \
                        const live = new Live(async () => { \
                          most = Math.max(most, ++under); \
                          shown.push(drawing); \
                          await new Promise((done) => setTimeout(done, 30)); \
                          under -= 1; \
                        }); \
                        for (; drawing < 100; drawing++) { \
                          live.ask(); \
                          if (drawing % 10 === 0) await new Promise((done) => setTimeout(done)); \
                        } \
                        live.ask(); \
                        await new Promise((done) => setTimeout(done, 500)); \
                        answer({ most, shown }); \
                      })";
        let url = server.url(&format!("{scripts}live.js"));
        let answer = browser.client.execute_async(script, vec![url.into()]).await?;
        ensure!(answer["most"] == 1, "several redraws at a time: {answer}");
        let shown = answer["shown"].as_array().context("nothing was drawn")?;
        ensure!(shown.last() == Some(&100.into()), "the last drawing is not shown: {answer}");
        ensure!(shown.len() < 60, "redraws have queued: {answer}");
        Ok(())
    })
    .await
}

/// Whoever has not chosen settings gets nine images in few steps while drawing, and the usual ones
/// otherwise.
#[tokio::test]
async fn drawing_takes_few_steps_unless_one_has_chosen_others() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let settings = async || {
            let script = "return document.querySelector('#presets :checked')?.id + \
                          ' ' + document.getElementById('chains').value";
            Ok::<_, anyhow::Error>(browser.client.execute(script, vec![]).await?)
        };
        for (query, usual, drawing) in [
            ("?engine=fused&autostart=0", "recommended 36", "quick 9"),
            ("?engine=fused&autostart=0&chains=4", "recommended 4", "quick 4"),
            (TINY, "undefined 4", "undefined 4"),
        ] {
            let page = Page::open(browser, &server, query).await?;
            page.wait_for(State::Ready).await?;
            ensure!(settings().await? == usual, "{query}: {} at first", settings().await?);
            page.click("#draw").await?;
            let there = async || page.is_shown("#sketch-canvas").await;
            page.wait_until("the canvas is there", there).await?;
            ensure!(settings().await? == drawing, "{query}: {} for a drawing", settings().await?);
            page.click("#draw").await?;
            ensure!(settings().await? == usual, "{query}: {} afterwards", settings().await?);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_a_sketch_canvas_chains_go_on_from_noise() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start_without(dist(), Some("sketch-canvas.js"))?;
        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        page.click("label:has([value=drawing])").await?;
        let told = async || Ok(page.text("#problem").await?.contains("canvas"));
        page.wait_until("the page says that there is no canvas", told).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.text("#caption-run").await?.ends_with("seed 7"), "it is of a drawing");
        Ok(())
    })
    .await
}

/// The page says so if its images are not those of whoever made the link.
#[tokio::test]
async fn a_link_whose_drawing_cannot_be_shown_says_so() -> Result<()> {
    // The first half of a drawing, and one with only its first letters left.
    let whole = include_str!("drawing.txt").trim();
    for (missing, drawing) in
        [(None, &whole[..whole.len() / 2]), (None, "iVBOR"), (Some("sketch-canvas.js"), whole)]
    {
        with_browser(async |browser| {
            let server = Server::start_without(dist(), missing)?;
            let page = Page::open(browser, &server, &format!("{TINY}#{drawing}")).await?;
            page.wait_for(State::Ready).await?;
            let told = async || Ok(page.text("#problem").await?.contains("noise"));
            page.wait_until("the page says that these are other images", told).await
        })
        .await?;
    }
    // The format of older links: the whole PNG.
    with_browser(async |browser| {
        let (page, _) = ready(browser, &format!("{TINY}#{whole}")).await?;
        ensure!(page.text("#problem").await?.is_empty(), "an older link cannot be read");
        ensure!(page.text("#caption-run").await?.ends_with("a drawing"), "it is of noise");
        Ok(())
    })
    .await
}

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

/// Links from before `speed` and `strength` had these names.
#[tokio::test]
async fn older_links_keep_their_meaning() -> Result<()> {
    with_browser(async |browser| {
        let drawing = include_str!("drawing.txt").trim();
        let older = TINY.replace("speed=full", "pace=full&wander=0.25");
        let (page, _) = ready(browser, &format!("{older}#{drawing}")).await?;
        let script = "return ['speed', 'strength'].map((id) => document.getElementById(id).value)";
        let values = browser.client.execute(script, vec![]).await?;
        ensure!(values == serde_json::json!(["full", "0.25"]), "the link means {values}");
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

/// Without WebGPU the page still works, on the CPU; a link to an engine that does not exist changes
/// nothing.
#[tokio::test]
async fn a_browser_without_webgpu_runs_on_the_cpu() -> Result<()> {
    with_browser(async |browser| {
        browser.before_every_page("delete Navigator.prototype.gpu").await?;
        let query = TINY.replace("engine=fused", "engine=constructor");
        let (page, noise) = ready(browser, &query).await?;
        ensure!(page.text("#adapter").await?.contains("CPU"), "it does not say that it is the CPU");
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.grid().await? != noise, "annealing has changed nothing");
        Ok(())
    })
    .await
}

/// A machine may lack the memory for a worker, or a policy may forbid workers.
#[tokio::test]
async fn where_no_worker_starts_the_gpu_does_the_work() -> Result<()> {
    with_browser(async |browser| {
        let script = "window.Worker = class extends EventTarget { postMessage() { \
                      this.dispatchEvent(new ErrorEvent('error', { message: 'no room' })) } \
                      terminate() {} }";
        browser.before_every_page(script).await?;
        // With the software adapter, the page would leave the work to the CPU by default.
        let (page, _) = ready(browser, &TINY.replace("engine=fused&", "")).await?;
        ensure!(page.text("#adapter").await?.contains("in software"), "there is another engine");
        page.choose("#engine", "cpu").await?;
        let told = async || Ok(page.text("#problem").await?.contains("no room"));
        page.wait_until("the page says why there is no CPU", told).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await
    })
    .await
}

/// Browsers inside apps, and extensions, run scripts in every page, and some fail to fetch things
/// while the wasm module is loading.
#[tokio::test]
async fn a_fault_of_another_script_is_none_of_the_pages() -> Result<()> {
    with_browser(async |browser| {
        let script = "addEventListener('load', () => { \
                      setTimeout(() => { throw new ReferenceError('AutofillCallbackHandler') }); \
                      Promise.reject(new Error('no wallet')) }); \
                      const inVain = new TypeError('Failed to fetch'); \
                      inVain.stack = 'TypeError: Failed to fetch\\n at chrome-extension://a/b.js:1:2'; \
                      addEventListener('DOMContentLoaded', () => Promise.reject(inVain))";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, TINY).await?;
        let errors = browser.console_errors().await?;
        ensure!(errors.len() == 3, "there were to be three faults, not {errors:#?}");
        page.click("#start").await?;
        page.wait_for(State::Finished).await
    })
    .await
}

/// A GPU's tiles are measured after an anneal and remembered.
#[tokio::test]
#[ignore = "a software adapter takes minutes to compile and time all tiles of a GPU"]
async fn a_gpu_is_measured_while_nobody_waits() -> Result<()> {
    with_browser(async |browser| {
        // The software adapter, which would not be measured, in the guise of a GPU.
        let info = "{ vendor: 'a', architecture: 'gpu', description: '', isFallbackAdapter: false, \
                    subgroupMinSize: 4, subgroupMaxSize: 4 }";
        let script = format!(
            "Object.defineProperty(GPUAdapter.prototype, 'info', {{ get: () => ({info}) }})"
        );
        browser.before_every_page(&script).await?;
        let (page, _) = ready(browser, &TINY.replace("chains=4", "chains=1")).await?;
        let adapter = page.text("#adapter").await?;
        ensure!(adapter.contains("a gpu") && adapter.contains("f32"), "{adapter}");
        ensure!(page.stored("tiles").await?.is_empty(), "it has measured before the first image");
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let first = page.grid().await?;
        // While a piece is being timed, a number is stored there; before the first line, nothing.
        let measured = async || Ok(page.stored("a gpu").await?.iter().any(|line| line.len() > 1));
        page.wait_until("it has measured", measured).await?;
        let most = restart(&page).await?.largest_difference(&first);
        ensure!(most <= 2, "with other tiles pixels differ by {most} of 255");
        Ok(())
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

/// The levels that a model recommends are for the recommended sampler. Others start with all levels
/// that the model was trained at, and with a step size to match.
#[tokio::test]
async fn another_sampler_begins_with_levels_that_suit_it() -> Result<()> {
    with_browser(async |browser| {
        let query = TINY.replace("&sampler=consistent", "");
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
        let steps = [recommended, trained].map(|[_, smallest, step]| step / smallest.powi(2));
        ensure!((steps[0] / steps[1] - 1.0).abs() < 1e-3, "ε/σ_L² has become {steps:?}");
        page.choose("#sampler", "ancestral").await?;
        ensure!(schedule().await? == recommended, "what is recommended does not come back");
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
        for (field, wrong, label) in [("#sigma-max", "0", "Largest"), ("#seed", "abc", "Seed")] {
            page.fill(field, wrong).await?;
            page.click("#start").await?;
            ensure!(page.text("#problem").await?.contains(label), "{field}: it does not say what");
            ensure!(page.in_sight("#problem").await?, "{field}: what it says is out of sight");
            ensure!(marked(field).await?, "{field} is not marked");
        }
        sleep(Duration::from_secs(1)).await;
        let query = page.query().await?;
        ensure!(query.contains("seed=8") && !query.contains("abc"), "the address is {query}");
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
    ];
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        for (bad, word) in cases {
            // The later of two equal parameters does not count.
            let query = TINY.replace('?', &format!("?{bad}&"));
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

/// WCAG 2.1.4: whoever speaks to a computer would otherwise press keys by saying words.
#[tokio::test]
async fn shortcuts_are_listed_and_can_be_switched_off() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        let listed = async || page.is_shown("#shortcuts-on").await;
        page.press("?").await?;
        page.wait_until("the list is there", listed).await?;
        let list = page.text("dialog").await?;
        for word in ["new images", "space", "restart"] {
            ensure!(list.contains(word), "{word} is not listed in {list}");
        }
        page.click("dialog button").await?;
        page.press(".").await?;
        page.wait_until("it has stepped", async || Ok(page.steps().await?.done == 1)).await?;

        page.click("#help").await?;
        page.wait_until("the list is there again", listed).await?;
        page.click("#shortcuts-on").await?;
        page.click("dialog button").await?;
        ensure!(!page.is_shown("#start kbd").await?, "the buttons still show keys");
        browser.client.refresh().await?;
        page.wait_for(State::Ready).await?;
        page.press(".").await?;
        page.press("n").await?;
        sleep(Duration::from_secs(1)).await;
        ensure!(page.steps().await?.done == 0, "a key has an effect");
        ensure!(page.text("#caption-run").await?.ends_with("seed 7"), "n has an effect");
        page.press("?").await?;
        page.click("#help").await?;
        page.wait_until("the list is there again", listed).await?;
        page.click("#shortcuts-on").await?;
        page.click("dialog button").await?;
        page.press(".").await?;
        page.wait_until("it steps again", async || Ok(page.steps().await?.done == 1)).await
    })
    .await
}

/// Fields that the sampler does not have are not there, and the quality that is chosen is marked.
#[tokio::test]
async fn only_settings_that_apply_are_shown() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &TINY.replace("&sampler=consistent&levels=3", "")).await?;
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
        let query = TINY.replace("chains=4", "chains=1").replace("levels=3", "levels=1");
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

/// Nothing jumps while the page gathers its parts.
#[tokio::test]
async fn nothing_moves_while_the_page_loads() -> Result<()> {
    with_browser(async |browser| {
        let script = "window.shifts = []; new PerformanceObserver((list) => { \
                      for (const { value, hadRecentInput } of list.getEntries()) \
                      if (!hadRecentInput) window.shifts.push(value) \
                      }).observe({ type: 'layout-shift', buffered: true })";
        browser.before_every_page(script).await?;
        let server = Server::start(dist())?;
        for (width, height) in [(320, 640), (390, 844), (820, 1180), (1440, 900)] {
            browser.resize(width, height).await?;
            let query = TINY.replace("autostart=0", "autostart=1");
            let page = Page::open(browser, &server, &query).await?;
            page.wait_for(State::Finished).await?;
            sleep(Duration::from_millis(500)).await;
            let sum = "return window.shifts.reduce((sum, value) => sum + value, 0)";
            let sum = browser.client.execute(sum, vec![]).await?;
            let sum = sum.as_f64().context("no sum of shifts")?;
            ensure!(sum < 0.01, "at {width} pixels the layout shifts by {sum}");
        }
        Ok(())
    })
    .await
}

/// The curve is a slider through the steps, for the mouse and the keyboard.
#[tokio::test]
async fn one_can_go_back_through_a_run() -> Result<()> {
    with_browser(async |browser| {
        let (page, noise) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let images = page.grid().await?;
        let steps = async || Ok::<_, anyhow::Error>(page.steps().await?.done);
        browser.client.execute("document.getElementById('timeline').focus()", vec![]).await?;
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
        let focus = "document.getElementById('timeline').focus()";
        browser.client.execute(focus, vec![]).await?;
        page.press(&char::from(Key::Home).to_string()).await?;
        page.draw_with(Tool::Mouse, "#compare", &[(0.0, 0.0)]).await?;
        ensure!(steps().await? == 3, "holding the button shows step {}", steps().await?);
        page.lift().await?;
        ensure!(steps().await? == 0, "letting it go shows step {}", steps().await?);

        // Whatever acts on the chains shows them again.
        browser.client.execute(focus, vec![]).await?;
        page.press(&char::from(Key::Home).to_string()).await?;
        page.click("label:has([value=denoised])").await?;
        page.wait_until("the present is shown", async || Ok(steps().await? == 3)).await
    })
    .await
}

/// A GIF of the run, decoded by the browser: as many frames as steps, the last with the images.
#[tokio::test]
async fn a_run_can_be_saved_as_a_gif() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
        // The page's policy lets nothing read what is behind the links to files.
        let script = "window.saved = []; window.blobs = {}; const { createObjectURL } = URL; \
                      URL.createObjectURL = (blob) => { const url = createObjectURL.call(URL, blob); \
                        window.blobs[url] = blob; return url }; \
                      HTMLAnchorElement.prototype.click = function () { \
                      window.saved.push({ name: this.download, url: this.href }) }";
        browser.client.execute(script, vec![]).await?;
        page.click("#more").await?;
        page.wait_until("the ways are there", async || page.is_shown("#save-gif").await).await?;
        for (count, button) in [(1, "#save-gif"), (2, "#save-one")] {
            page.click(button).await?;
            // The status may still be that of the file before.
            let done = async || {
                let saved = browser.client.execute("return window.saved.length", vec![]).await?;
                Ok(saved == count && page.text("dialog [role=status]").await?.starts_with("Saved"))
            };
            page.wait_until("it is saved", done).await?;
        }
        // The last frame without its margin, at one pixel for each pixel of an image, as `Image`
        // has it.
        let script = "const answer = arguments[0]; (async () => { \
                      const [gif, one] = window.saved; \
                      const data = await window.blobs[gif.url].arrayBuffer(); \
                      const decoder = new ImageDecoder({ data, type: 'image/gif' }); \
                      await decoder.tracks.ready; \
                      await decoder.completed; \
                      const frames = decoder.tracks.selectedTrack.frameCount; \
                      const { image } = await decoder.decode({ frameIndex: frames - 1 }); \
                      const { width, dataset: { gap } } = document.getElementById('grid'); \
                      const side = width + 2 * gap; \
                      const copy = new OffscreenCanvas(side, side).getContext('2d'); \
                      copy.imageSmoothingEnabled = false; \
                      copy.drawImage(image, 0, 0, side, side); \
                      const single = await createImageBitmap(window.blobs[one.url]); \
                      answer({ frames, names: [gif.name, one.name], single: single.width, \
                      pixels: Array.from(copy.getImageData(0, 0, side, side).data) }) \
                      })().catch((error) => answer({ error: String(error) }))";
        let mut answer = browser.client.execute_async(script, vec![]).await?;
        ensure!(
            answer["frames"] == 4,
            "there are {} frames: {}",
            answer["frames"],
            answer["error"]
        );
        let names =
            serde_json::json!(["digits-seed-7-run.gif", "digits-seed-7-image-1-step-3.png"]);
        ensure!(answer["names"] == names, "the files are {}", answer["names"]);
        ensure!(answer["single"].as_u64().is_some_and(|side| side % 28 == 0), "of another size");
        let last = Image::from_json(answer["pixels"].take())?;
        let most = last.largest_difference(&grid);
        ensure!(most <= 8, "the last frame differs from the images by {most} of 255");
        Ok(())
    })
    .await
}

/// A video of the run, played by the browser: its last frame shows the images. The page itself must
/// not play it, as its policy allows media from its own host alone, but a file beside it may.
#[tokio::test]
async fn a_run_can_be_saved_as_a_video() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
        let script = "HTMLAnchorElement.prototype.click = function () { \
                      window.saved = { name: this.download, url: this.href } }";
        browser.client.execute(script, vec![]).await?;
        page.click("#more").await?;
        page.wait_until("the ways are there", async || page.is_shown("#save-webm").await).await?;
        page.click("#save-webm").await?;
        let done = async || Ok(page.text("dialog [role=status]").await?.starts_with("Saved"));
        page.wait_until("it is saved", done).await?;
        let script = "const answer = arguments[0]; (async () => { \
                      const frame = document.createElement('iframe'); \
                      frame.src = document.querySelector('link[rel=stylesheet]').href; \
                      await new Promise((done) => { \
                        frame.onload = done; document.body.append(frame) }); \
                      const video = frame.contentDocument.createElement('video'); \
                      video.src = window.saved.url; \
                      await new Promise((done, failed) => { \
                        video.onloadeddata = done; \
                        video.onerror = () => failed(video.error.message) }); \
                      const { duration } = video; \
                      video.currentTime = duration - 0.5; \
                      await new Promise((done) => (video.onseeked = done)); \
                      await new Promise((done) => { \
                        video.requestVideoFrameCallback(done); setTimeout(done, 3000) }); \
                      const { width, dataset: { gap } } = document.getElementById('grid'); \
                      const side = width + 2 * gap; \
                      const copy = new OffscreenCanvas(side, side).getContext('2d'); \
                      copy.imageSmoothingEnabled = false; \
                      copy.drawImage(video, 0, 0, side, side); \
                      answer({ duration, name: window.saved.name, whole: video.videoWidth % side, \
                      pixels: Array.from(copy.getImageData(0, 0, side, side).data) }) \
                      })().catch((error) => answer({ error: String(error) }))";
        let mut answer = browser.client.execute_async(script, vec![]).await?;
        ensure!(answer["error"].is_null(), "it does not play: {}", answer["error"]);
        ensure!(answer["name"] == "digits-seed-7-run.webm", "its name is {}", answer["name"]);
        ensure!(answer["whole"] == 0, "pixels of images are not squares");
        // Four frames in four seconds, of which the last is there for two.
        let duration = answer["duration"].as_f64().context("it has no duration")?;
        ensure!((duration - 5.0).abs() < 0.1, "it lasts {duration} s");
        let last = Image::from_json(answer["pixels"].take())?;
        let most = last.largest_difference(&grid);
        ensure!(most <= 24, "the last frame differs from the images by {most} of 255");
        Ok(())
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
        let large = browser.client.execute(script, vec![]).await?;
        let large: Vec<u8> = serde_json::from_value(large)?;

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

        let script = "const answer = arguments[0]; const { createObjectURL } = URL; \
                      HTMLAnchorElement.prototype.click = () => {}; \
                      URL.createObjectURL = (blob) => { createImageBitmap(blob).then((one) => { \
                        const copy = new OffscreenCanvas(28, 28).getContext('2d'); \
                        copy.imageSmoothingEnabled = false; \
                        copy.drawImage(one, 0, 0, 28, 28); \
                        answer(Array.from(copy.getImageData(0, 0, 28, 28).data)) }); \
                        return createObjectURL.call(URL, blob) }; \
                      document.getElementById('save-number').value = 2; \
                      document.getElementById('save-one').click()";
        page.click("#more").await?;
        page.wait_until("the ways are there", async || page.is_shown("#save-one").await).await?;
        let saved = browser.client.execute_async(script, vec![]).await?;
        let saved: Vec<u8> = serde_json::from_value(saved)?;
        let most = saved.iter().zip(&large).map(|(a, b)| a.abs_diff(*b)).max();
        ensure!(saved.len() == large.len() && most <= Some(2), "it differs by {most:?} of 255");
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
        let (page, _) = ready(browser, &TINY.replace("levels=3", "levels=8")).await?;
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
        told("page.safetensors is no model").await?;
        ensure!(page.query().await?.starts_with(TINY), "the page has left its model");

        drop("mine & yours.safetensors", "www/models/emoji.safetensors").await?;
        // Between two pages there is none to answer.
        let there = "return location.search.includes('own') && \
                     document.getElementById('status').dataset.state !== 'loading'";
        while browser.client.execute(there, vec![]).await.ok() != Some(Value::Bool(true)) {
            sleep(Duration::from_millis(50)).await;
        }
        let shown = async || {
            let script =
                "return document.title + document.querySelector('[aria-current]').textContent";
            Ok::<_, anyhow::Error>(browser.client.execute(script, vec![]).await?)
        };
        let expected = "mine & yours: images out of noisemine & yours";
        ensure!(shown().await? == expected, "it shows {}", shown().await?);

        // In another browser the link cannot work, and says why.
        let other = "?model=own%3Aelsewhere.safetensors";
        let missing = Page::open(browser, &server, other).await?;
        let message = missing.wait_for_message().await?;
        ensure!(message.kind == "model" && message.text.contains("another browser"), "{message}");

        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        ensure!(page.text("#models").await?.contains("mine & yours"), "it was forgotten");
        page.click("#own-model").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#own-dialog").await).await?;
        page.click("#own-dialog [aria-label^=Remove]").await?;
        let removed = async || Ok(page.text("#own-dialog [role=alert]").await?.contains("removed"));
        page.wait_until("it is removed", removed).await?;
        browser.client.refresh().await?;
        page.wait_for(State::Ready).await?;
        ensure!(!page.text("#models").await?.contains("mine"), "it is still there");

        // An image is something to start from.
        drop("a.png", "www/models/mnist.png").await?;
        page.wait_until("it is on the canvas", async || {
            Ok(page.text("#caption-run").await?.ends_with("from a drawing"))
        })
        .await
    })
    .await
}

/// An image is compared with training images from a file: the ideal denoiser ends at one of them.
/// Another file is refused with the reason.
#[tokio::test]
async fn an_image_is_compared_with_training_images() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &TINY.replace("levels=3", "levels=12")).await?;
        page.press("e").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#enlarged").await).await?;
        page.click("#why-no-copy summary").await?;
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
        ensure!(text.contains("it ends 0.00 away"), "{text}");
        let nearest = text.split("training images is ").nth(1).and_then(|s| s.split(' ').next());
        let nearest: f64 = nearest.context("no distance")?.parse()?;
        ensure!(nearest > 3.0, "noise is only {nearest} away from an image");
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

/// What is kept of a drawing may be its gray values or the means of its squares.
#[tokio::test]
async fn a_drawing_can_be_colored_in_or_refined() -> Result<()> {
    with_browser(async |browser| {
        let query = format!("{TINY}&model=www/models/emoji.safetensors");
        let (page, _) = ready(browser, &query).await?;
        page.click("#draw").await?;
        let there = async || page.is_shown("#sketch-canvas").await;
        page.wait_until("the canvas is there", there).await?;
        page.draw("#sketch-canvas", &[(-0.2, -0.3), (0.2, -0.3), (0.0, 0.3)]).await?;
        page.wait_for(State::Finished).await?;
        // The largest difference of an image from the drawing, of gray values and of means.
        let script = "const [answer] = arguments; const { createObjectURL } = URL; \
                      const drawing = document.getElementById('sketch-canvas') \
                        .getContext('2d').getImageData(0, 0, 32, 32).data; \
                      HTMLAnchorElement.prototype.click = () => {}; \
                      URL.createObjectURL = (blob) => { URL.createObjectURL = createObjectURL; \
                        createImageBitmap(blob).then((one) => { \
                          const copy = new OffscreenCanvas(32, 32).getContext('2d'); \
                          copy.imageSmoothingEnabled = false; \
                          copy.drawImage(one, 0, 0, 32, 32); \
                          const { data } = copy.getImageData(0, 0, 32, 32); \
                          document.querySelector('dialog').close(); \
                          const gray = (of, at) => (of[4 * at] + of[4 * at + 1] + of[4 * at + 2]) / 3; \
                          let most = 0; \
                          for (let at = 0; at < 1024; at++) \
                            most = Math.max(most, Math.abs(gray(data, at) - gray(drawing, at))); \
                          const means = (of) => { const sums = new Float64Array(64); \
                            for (let at = 0; at < 1024; at++) \
                              sums[(at >> 7) * 8 + ((at % 32) >> 2)] += gray(of, at) / 16; \
                            return sums }; \
                          const [a, b] = [means(data), means(drawing)]; \
                          answer([most, Math.max(...a.map((mean, at) => Math.abs(mean - b[at])))]) }); \
                        return createObjectURL.call(URL, blob) }; \
                      document.getElementById('save-one').click()";
        let differences = async |use_as: &str| -> Result<[f64; 2]> {
            page.choose("#keep", use_as).await?;
            let kept = async || Ok(page.text("#sketch-hint").await?.contains("made up"));
            page.wait_until("the page says what is kept", kept).await?;
            sleep(Duration::from_millis(200)).await;
            page.wait_for(State::Finished).await?;
            page.click("#more").await?;
            page.wait_until("the ways are there", async || page.is_shown("#save-one").await)
                .await?;
            let found = browser.client.execute_async(script, vec![]).await?;
            Ok(serde_json::from_value(found)?)
        };
        // What lies outside [0, 1] is clamped in the file, so means of squares are less exact.
        let [gray, _] = differences("gray").await?;
        ensure!(gray < 40.0, "gray values differ by {gray} of 255");
        let [other, means] = differences("blocks").await?;
        ensure!(other > 40.0 && means < 20.0, "means differ by {means}, and pixels by {other}");
        let kept = async || Ok(page.query().await?.contains("keep=blocks"));
        page.wait_until("the link says what is kept", kept).await
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
        let widths = browser.client.execute(script, vec![]).await?;
        let widths: Vec<u32> = serde_json::from_value(widths)?;
        ensure!(widths.len() > 2 && !widths.contains(&0), "their widths are {widths:?}");
        Ok(())
    })
    .await
}

/// How fast a browser reports that a GPU is done must not affect how busy the GPU is.
#[tokio::test]
async fn full_speed_keeps_every_gpu_busy() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        // Any file of this server will do as a page, and this one does nothing meanwhile.
        let scripts = scripts(dist())?;
        browser.client.goto(&server.url(&format!("{scripts}style.css"))).await?;
        let script = include_str!("batching.js");
        let visits =
            browser.client.execute_async(script, vec![server.url(&scripts).into()]).await?;
        let visits = visits.as_array().with_context(|| format!("no answer, but {visits}"))?;
        ensure!(!visits.is_empty(), "nothing was simulated");
        for visit in visits {
            let number = |name| visit[name].as_f64().with_context(|| format!("{name} in {visit}"));
            let (step, longest) = (number("step")?, number("longest")?);
            ensure!(number("busy")? > 0.85, "the GPU rests: {visit}");
            ensure!(longest <= f64::max(90.0, 2.0 * step), "too much at a time: {visit}");
            let most = 1000.0 / (longest + number("latency")?);
            ensure!(number("images")? >= 0.9 * most, "too few images: {visit}");
        }
        Ok(())
    })
    .await
}

/// Nothing may overflow the screen of a phone, a tablet or a desktop, with or without the canvas.
/// If `NCSN_SCREENSHOTS` is set, saves screenshots of all in that folder.
#[tokio::test]
async fn fits_every_screen() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        for canvas in ["", "-draw"] {
            if !canvas.is_empty() {
                page.click("#draw").await?;
                let there = async || page.is_shown("#sketch-canvas").await;
                page.wait_until("the canvas is there", there).await?;
            }
            for (width, height) in [(320, 640), (390, 844), (844, 390), (820, 1180), (1440, 900)] {
                browser.resize(width, height).await?;
                for theme in ["light", "dark"] {
                    browser.prefer(theme).await?;
                    // The page's new layout takes a frame or two.
                    sleep(Duration::from_millis(500)).await;
                    let Some(folder) = env::var_os("NCSN_SCREENSHOTS") else { continue };
                    fs::create_dir_all(&folder)?;
                    let file = format!("page{canvas}-{width}-{theme}.png");
                    page.save_screenshot(&Path::new(&folder).join(file)).await?;
                }
                ensure!(!page.overflows().await?, "{width} pixels{canvas}: it scrolls sideways");
                let script =
                    "return document.getElementById('grid-frame').offsetHeight <= innerHeight";
                let whole = browser.client.execute(script, vec![]).await?;
                ensure!(
                    whole == true,
                    "{width} pixels{canvas}: the grid is taller than the screen"
                );
            }
        }
        Ok(())
    })
    .await
}

/// On wide and on low screens, the images stay in sight while the controls scroll.
#[tokio::test]
async fn the_images_stay_beside_the_settings() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        for panel in ["#seed", "#denoise"] {
            page.unfold(panel).await?;
        }
        for (width, height) in [(1440, 900), (1024, 600), (844, 390)] {
            browser.resize(width, height).await?;
            let script = "document.getElementById('engine').scrollIntoView({ block: 'end' })";
            browser.client.execute(script, vec![]).await?;
            let what = format!("the images are in a window of {width} × {height}");
            page.wait_until(&what, async || page.in_sight("#grid").await).await?;
        }
        Ok(())
    })
    .await
}

/// Visitors who draw on a phone or a tablet can see the result.
#[tokio::test]
async fn the_sketch_canvas_and_the_images_are_in_sight_together() -> Result<()> {
    with_browser(async |browser| {
        for (width, height) in [(320, 640), (390, 844), (820, 1180), (844, 390), (1440, 900)] {
            browser.resize(width, height).await?;
            let (page, _) = ready(browser, TINY).await?;
            page.click("#draw").await?;
            let both = async || {
                Ok(page.in_sight("#sketch-canvas").await? && page.in_sight("#grid").await?)
            };
            let what = format!("canvas and images are in a window of {width} × {height}");
            page.wait_until(&what, both).await?;
        }
        Ok(())
    })
    .await
}
