//! What the page runs on: browsers without WebGPU or workers, GPUs that are measured and kept busy.

use std::cell::RefCell;

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::with_browser,
    page::{Page, State},
    server::Server,
};

use crate::{
    common::{TINY, TINY_GPU, blank_page, dist, ready, tiny_with, tiny_without},
    sampling::restart,
};

/// Without WebGPU the page still works, on the CPU; a link to an engine that does not exist changes
/// nothing.
#[tokio::test]
async fn a_browser_without_webgpu_runs_on_the_cpu() -> Result<()> {
    with_browser(async |browser| {
        browser.before_every_page("delete Navigator.prototype.gpu").await?;
        let query = tiny_with("engine=constructor");
        let (page, noise) = ready(browser, &query).await?;
        ensure!(page.text("#adapter").await?.contains("CPU"), "it does not say that it is the CPU");
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        ensure!(page.grid().await? != noise, "annealing has changed nothing");
        Ok(())
    })
    .await
}

/// Chooses the CPU, which cannot be had: the page says why, and the present engine goes on.
async fn cpu_is_refused(page: &Page<'_>, said: &str) -> Result<()> {
    page.choose("#engine", "cpu").await?;
    let told = async || Ok(page.text("#problem").await?.contains(said));
    page.wait_until("the page says why there is no CPU", told).await?;
    page.click("#start").await?;
    page.wait_for(State::Finished).await
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
        let (page, _) = ready(browser, &tiny_without(&["engine"])).await?;
        ensure!(page.text("#adapter").await?.contains("in software"), "there is another engine");
        cpu_is_refused(&page, "no room").await
    })
    .await
}

/// Some browsers end a worker that gets no memory without a word.
#[tokio::test]
async fn where_no_worker_answers_the_gpu_does_the_work() -> Result<()> {
    with_browser(async |browser| {
        // The page waits for minutes, but not in this test.
        let script = "{ const { setTimeout } = window; \
                      window.setTimeout = (act, wait, ...rest) => \
                        setTimeout(act, wait >= 180000 ? 100 : wait, ...rest); \
                      window.Worker = class extends EventTarget { \
                        postMessage() {} terminate() {} } }";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, &tiny_without(&["engine"])).await?;
        ensure!(page.text("#adapter").await?.contains("in software"), "there is another engine");
        cpu_is_refused(&page, "have not started").await
    })
    .await
}

/// A server may stop answering in the middle of a visit.
#[tokio::test]
async fn where_an_engine_does_not_arrive_the_present_one_stays() -> Result<()> {
    with_browser(async |browser| {
        // The page waits for a minute, but not in this test once it is ready.
        let script = "{ const { fetch, setTimeout } = window; \
                      window.setTimeout = (act, wait, ...rest) => \
                        setTimeout(act, wait === 60000 && window.hurries ? 100 : wait, ...rest); \
                      window.fetch = (file, ...rest) => \
                        String(file.url ?? file).endsWith('engines/cpu/ncsn_bg.wasm') \
                          ? new Promise(() => {}) : fetch(file, ...rest) }";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, TINY_GPU).await?;
        browser.client.execute("window.hurries = true", vec![]).await?;
        cpu_is_refused(&page, "did not arrive").await
    })
    .await
}

/// A run that takes long says how long.
#[tokio::test]
async fn a_long_run_says_how_much_time_is_left() -> Result<()> {
    with_browser(async |browser| {
        // However fast the machine is, its clock says that every step takes long.
        let script = "{ const now = performance.now.bind(performance); \
                      performance.now = () => 10000 * now() }";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, &tiny_with("levels=1000")).await?;
        ensure!(!page.is_shown("#left").await?, "before the first steps, nobody can know");
        page.click("#start").await?;
        let says = async || {
            let left = page.text("#left").await?;
            Ok(left.starts_with("about ") && left.ends_with(" left"))
        };
        page.wait_until("it says how long", says).await?;
        page.click("#start").await?;
        let rests = async || Ok(!page.is_shown("#left").await?);
        page.wait_until("while it rests, no time passes", rests).await
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
        // They reach the driver's log some time later.
        let errors = RefCell::new(Vec::new());
        let all = async || {
            let more = browser.console_errors().await?;
            errors.borrow_mut().extend(more);
            Ok(errors.borrow().len() >= 3)
        };
        page.wait_until("three faults are told", all).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let errors = [errors.take(), browser.console_errors().await?].concat();
        ensure!(errors.len() == 3, "there were to be three faults, not {errors:#?}");
        Ok(())
    })
    .await
}

/// A GPU's tiles are measured after a run and remembered.
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
        let (page, _) = ready(browser, &tiny_with("engine=fused&chains=1")).await?;
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

/// Tiles are not measured beside other work on the GPU, such as training, nor twice at a time.
#[tokio::test]
async fn a_gpu_is_measured_once_while_it_is_idle() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let scripts = blank_page(browser, &server).await?;
        let arguments = vec![scripts.into()];
        let found = browser.client.execute_async(include_str!("measuring.js"), arguments).await?;
        ensure!(found["busy"] == 0, "a busy GPU is measured: {found}");
        ensure!(found["most"] == 1 && found["calls"] == 4, "measured otherwise: {found}");
        ensure!(found["found"] == "tiles", "the result is lost: {found}");
        let error = found["error"].as_str().context("no error")?;
        ensure!(error.contains("driver") && found["listeners"] == 0, "after an error: {found}");
        Ok(())
    })
    .await
}

/// How fast a browser reports that a GPU is done must not affect how busy the GPU is.
#[tokio::test]
async fn full_speed_keeps_every_gpu_busy() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let scripts = blank_page(browser, &server).await?;
        let script = include_str!("batching.js");
        let visits = browser.client.execute_async(script, vec![scripts.into()]).await?;
        let visits = visits.as_array().with_context(|| format!("no answer, but {visits}"))?;
        ensure!(!visits.is_empty(), "nothing was simulated");
        for visit in visits {
            let number = |name| visit[name].as_f64().with_context(|| format!("{name} in {visit}"));
            let (step, longest) = (number("step")?, number("longest")?);
            ensure!(number("busy")? > 0.85, "the GPU rests: {visit}");
            ensure!(longest <= f64::max(90.0, 2.0 * step), "too much at a time: {visit}");
            let most = 1000.0 / (longest + number("latency")?);
            ensure!(number("images")? >= 0.9 * most, "too few images: {visit}");
            let most = f64::min(number("latency")?, 10.0) + 10.0;
            ensure!(number("reading")? <= most, "what is read back comes late: {visit}");
        }
        Ok(())
    })
    .await
}
