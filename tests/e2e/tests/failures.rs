//! Every failure that can be provoked from outside: what the page says, and the way out that it
//! offers.

mod common;

use std::{env, fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use common::{
    LONGER, TINY, TINY_GPU, dist, drop_file, of_page, open_card, open_story, ready, settle,
    tiny_with, tiny_without, wait_for_own_model, without_timeout,
};
use e2e::{
    browser::{Adapter, Browser, with_browser, with_browser_on},
    image::Image,
    page::{Page, State},
    server::{HUGE, Quirks, Server, scripts},
};
use tokio::time::sleep;

/// Opens the page in a browser in which `script` has removed something, and expects a message of
/// this kind.
async fn fails(server: Server, query: &str, script: &str, kind: &str) -> Result<()> {
    fails_and(server, query, script, kind, async |_, _| Ok(())).await
}

/// Like [`fails`], and then does what a visitor might do about it.
async fn fails_and(
    server: Server,
    query: &str,
    script: &str,
    kind: &str,
    then: impl AsyncFnOnce(Page<'_>, String) -> Result<()>,
) -> Result<()> {
    with_browser(async |browser| {
        browser.before_every_page(script).await?;
        let page = Page::open(browser, &server, query).await?;
        let text = says(browser, &page, kind).await?;
        then(page, text).await
    })
    .await
}

/// Waits for a message of this kind, and checks that phones and desktops show all of it. Returns
/// its text. If `NCSN_SCREENSHOTS` is set, saves screenshots in that folder.
async fn says(browser: &Browser, page: &Page<'_>, kind: &str) -> Result<String> {
    let message = page.wait_for_message().await?;
    ensure!(message.kind == kind, "expected the message {kind:?}, not {message}");
    for width in [320, 1440] {
        browser.resize(width, 900).await?;
        if let Some(folder) = env::var_os("NCSN_SCREENSHOTS") {
            fs::create_dir_all(&folder)?;
            // Some kinds have more than one message.
            let title =
                page.text("#message-title").await?.replace(|c: char| !c.is_alphanumeric(), "-");
            page.save_screenshot(&Path::new(&folder).join(format!("{kind}-{title}-{width}.png")))
                .await?;
        }
        ensure!(!page.overflows().await?, "{kind}: at {width} pixels the page scrolls sideways");
    }
    for part in ["#message-title", "#message-text"] {
        let text = page.text(part).await?;
        ensure!(!text.contains('\n'), "{kind}: {part} has several lines: {text}");
    }
    Ok(message.text)
}

/// Like [`fails`], for failures of the GPU, with the CPU as the way out.
async fn lacks(query: &str, script: &str, kind: &str) -> Result<()> {
    fails_and(Server::start(dist())?, query, script, kind, async |page, _| to_cpu(&page).await)
        .await
}

/// A script in which a call of WebGPU never settles. The page waits for eight seconds, but not in these tests.
fn never_settles(call: &str) -> String {
    format!(
        "{{ const {{ setTimeout }} = window; let asked = false; \
         {call} = () => {{ asked = true; return new Promise(() => {{}}) }}; \
         window.setTimeout = (act, wait, ...rest) => \
           setTimeout(act, asked && wait === 8000 ? 100 : wait, ...rest) }}"
    )
}

/// Takes the first way out of a message, and expects the CPU there.
async fn to_cpu(page: &Page<'_>) -> Result<()> {
    page.click("#retry").await?;
    page.wait_for_reload().await?;
    let on_cpu = async || Ok(page.text("#adapter").await?.contains("CPU"));
    page.wait_until("it runs on the CPU", on_cpu).await
}

#[tokio::test]
async fn a_missing_model_is_a_failed_download() -> Result<()> {
    let server = Server::start(dist())?;
    fails_and(server, "?model=no-such.safetensors", "", "download", async |page, _| {
        ensure!(page.is_shown("#message-link").await?, "there is no way to another model");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_address_that_is_none_is_a_failed_download() -> Result<()> {
    fails(Server::start(dist())?, "?model=https://", "", "download").await
}

#[tokio::test]
async fn a_missing_wasm_module_is_a_failed_download() -> Result<()> {
    // The page's own model would not help, even if the link names another.
    for query in ["", "?model=www/models/emoji.safetensors"] {
        let server = Server::start_without(dist(), Some(".wasm"))?;
        fails_and(server, query, "", "download", async |page, _| {
            ensure!(!page.is_shown("#message-link").await?, "{query}: it blames the model");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_no_model_is_refused() -> Result<()> {
    let query = format!("?model={}style.css", scripts(dist())?);
    fails(Server::start(dist())?, &query, "", "model").await
}

#[tokio::test]
async fn a_browser_without_webgpu_is_told_so() -> Result<()> {
    lacks(TINY_GPU, "delete Navigator.prototype.gpu", "no-webgpu").await
}

#[tokio::test]
async fn a_machine_without_an_adapter_is_told_so() -> Result<()> {
    lacks(TINY_GPU, "GPU.prototype.requestAdapter = async () => null", "no-adapter").await
}

#[tokio::test]
async fn an_adapter_without_a_needed_feature_is_told_so() -> Result<()> {
    let query = tiny_with("engine=reference");
    let script = "GPUSupportedFeatures.prototype.has = () => false";
    lacks(&query, script, "missing-feature").await
}

#[tokio::test]
async fn an_adapter_with_too_low_a_limit_is_told_so() -> Result<()> {
    let script = "Object.defineProperty(GPUSupportedLimits.prototype, \
                  'maxStorageBuffersPerShaderStage', { get: () => 1 })";
    lacks(TINY_GPU, script, "limit").await
}

#[tokio::test]
async fn a_browser_without_webassembly_is_told_so() -> Result<()> {
    fails(Server::start(dist())?, "", "delete globalThis.WebAssembly", "no-webassembly").await
}

#[tokio::test]
async fn a_kernel_that_the_browser_refuses_leaves_the_choice_of_another_engine() -> Result<()> {
    let script = "const { createShaderModule } = GPUDevice.prototype; \
                  GPUDevice.prototype.createShaderModule = function () { \
                  return createShaderModule.call(this, { code: 'no shader' }) }";
    fails(Server::start(dist())?, "?engine=fused", script, "engine").await
}

/// Runs a page that shows `noise`, and checks that its GPU makes images.
async fn makes_images_on_the_gpu(page: &Page<'_>, noise: Image) -> Result<()> {
    page.click("#start").await?;
    page.wait_for(State::Finished).await?;
    let grid = page.grid().await?;
    ensure!(!grid.is_blank() && grid != noise, "there are no images");
    let adapter = page.text("#adapter").await?;
    ensure!(!adapter.contains("CPU"), "it did not use the GPU, but {adapter}");
    Ok(())
}

/// A driver may refuse what the browser has accepted, which is an error of a kind that wgpu does not know. While the page
/// tests a GPU, the simplest kernels take the place of those that are refused.
#[tokio::test]
async fn kernels_that_the_driver_refuses_are_replaced_by_others() -> Result<()> {
    with_browser(async |browser| {
        // The software adapter, whose kernels need no test, in the guise of a GPU.
        let script = "Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { value: false }); \
                      { const { popErrorScope } = GPUDevice.prototype; \
                      GPUDevice.prototype.popErrorScope = async function () { \
                      await popErrorScope.call(this); window.refused = true; \
                      return new GPUInternalError('no such kernel') } }";
        browser.before_every_page(script).await?;
        let (page, noise) = ready(browser, TINY_GPU).await?;
        let refused = browser.client.execute("return window.refused", vec![]).await?;
        ensure!(refused == true, "no kernel was tested");
        makes_images_on_the_gpu(&page, noise).await
    })
    .await
}

/// Where it refuses one that was not tested, the page can be left for another engine: the wasm module has not crashed.
#[tokio::test]
async fn a_kernel_that_the_driver_refuses_leaves_the_choice_of_another_engine() -> Result<()> {
    let script = "{ const { createComputePipeline } = GPUDevice.prototype; \
                  GPUDevice.prototype.createComputePipeline = function (options) { \
                  this.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', \
                    { error: new GPUInternalError('no such kernel') })); \
                  return createComputePipeline.call(this, options) } }";
    fails_and(Server::start(dist())?, TINY_GPU, script, "engine", async |page, text| {
        ensure!(text.contains("GPUInternalError: no such kernel"), "it says {text}");
        to_cpu(&page).await
    })
    .await
}

#[tokio::test]
async fn an_engine_that_cannot_start_leaves_the_choice_of_another() -> Result<()> {
    let script = "GPUAdapter.prototype.requestDevice = async () => { throw new Error('busy') }";
    fails(Server::start(dist())?, "?engine=fused", script, "engine").await
}

/// On a page that has failed, what is dropped is answered beside the message, and a model is a way out.
#[tokio::test]
async fn a_failed_page_takes_models_and_says_why_it_takes_no_images() -> Result<()> {
    with_browser(async |browser| {
        let query = tiny_with("model=no-such.safetensors");
        let page = Page::open(browser, &Server::start(dist())?, &query).await?;
        says(browser, &page, "download").await?;
        for (name, of, said) in [
            ("a.png", "www/models/mnist.png", "a.png"),
            ("b.txt", "index.html", "b.txt is neither"),
        ] {
            drop_file(browser, name, of).await?;
            let told = async || Ok(page.text("#message-problem").await?.contains(said));
            page.wait_beside_message(&format!("the page says {said:?}"), told).await?;
        }
        drop_file(browser, "mine.safetensors", "www/models/emoji.safetensors").await?;
        wait_for_own_model(&page).await
    })
    .await
}

/// As if the page had just reloaded itself, however slow a machine is.
const RELOADED: &str = "sessionStorage['ncsn reloaded'] = Date.now() + 1e9";

/// Phones lose the GPU in passing, and then the page makes the same images again: only once, or
/// it might never stop.
#[tokio::test]
async fn a_lost_device_is_tried_again_and_then_reported() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, LONGER).await?;
        page.click("#start").await?;
        page.wait_until("it runs", async || Ok(page.steps().await?.done > 0)).await?;
        // A phone has put the page into the background, and takes the GPU away.
        let hide = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })";
        browser.client.execute(hide, vec![]).await?;
        browser.crash_gpu().await?;
        let kind = of_page("return page.fatalErrors.failure?.kind");
        browser.wait_for_answer("the GPU is lost", &kind, vec![], "device-lost").await?;
        sleep(Duration::from_secs(1)).await;
        let show = "const { hidden } = document; delete document.hidden; \
                    document.dispatchEvent(new Event('visibilitychange')); return hidden";
        let waited = browser.client.execute(show, vec![]).await?;
        ensure!(waited == true, "it has tried again out of sight");
        page.wait_for_reload().await?;
        let link = page.query().await?;
        ensure!(link.contains("seed=7") && link.contains("levels=1000"), "it forgot: {link}");
        Ok(())
    })
    .await?;
    with_browser(async |browser| {
        browser.before_every_page(RELOADED).await?;
        let (page, _) = ready(browser, LONGER).await?;
        page.click("#start").await?;
        page.wait_until("it runs", async || Ok(page.steps().await?.done > 0)).await?;
        browser.crash_gpu().await?;
        says(browser, &page, "device-lost").await?;
        to_cpu(&page).await
    })
    .await
}

/// A browser may destroy a device that nobody asked it to. That ends the visit, even if another engine
/// is on its way.
#[tokio::test]
async fn a_device_that_the_browser_destroys_is_lost() -> Result<()> {
    with_browser(async |browser| {
        browser.before_every_page(RELOADED).await?;
        let script = "const { requestDevice } = GPUAdapter.prototype; \
                      GPUAdapter.prototype.requestDevice = async function (...options) { \
                      return window.device = await requestDevice.apply(this, options) }; \
                      if (!location.search.includes('engine=cpu')) \
                        window.Worker = class extends EventTarget { postMessage() { \
                          window.asked = true; \
                          addEventListener('refuse', () => this.dispatchEvent( \
                            new ErrorEvent('error', { message: 'no room' }))) } \
                        terminate() {} }";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, LONGER).await?;
        page.click("#start").await?;
        page.wait_until("it runs", async || Ok(page.steps().await?.done > 0)).await?;
        page.choose("#engine", "cpu").await?;
        let asked =
            async || Ok(browser.client.execute("return window.asked", vec![]).await? == true);
        page.wait_until("the CPU is asked", asked).await?;
        let destroy = "GPUDevice.prototype.destroy.call(window.device)";
        browser.client.execute(destroy, vec![]).await?;
        says(browser, &page, "device-lost").await?;
        let script = "const [answer] = arguments; dispatchEvent(new Event('refuse')); \
                      setTimeout(() => answer(document.getElementById('start').disabled), 500)";
        let still = browser.client.execute_async(script, vec![]).await?;
        ensure!(still == true, "after its end the page can be used");
        to_cpu(&page).await
    })
    .await
}

/// Where what a GPU draws does not reach the screen, the page paints its pixels.
#[tokio::test]
async fn without_a_canvas_for_the_gpu_its_pixels_are_painted() -> Result<()> {
    let runs = async |browser: &Browser| -> Result<()> {
        let (page, noise) = ready(browser, TINY_GPU).await?;
        makes_images_on_the_gpu(&page, noise).await
    };
    with_browser_on(Adapter::WithoutCanvas, runs).await?;
    // Frames get lost in this one, at first or only after some time.
    with_browser(async |browser| {
        let script = "const { configure, getCurrentTexture } = GPUCanvasContext.prototype; \
             const first = location.search.includes('lost=first'); \
             let made; \
             GPUCanvasContext.prototype.configure = function (options) { \
             made = options; return configure.call(this, options) }; \
             GPUCanvasContext.prototype.getCurrentTexture = function () { \
             const { canvas: { id, width, height } } = this; \
             return first || id === 'grid' ? made.device.createTexture({ size: [width, height], \
             format: made.format, usage: GPUTextureUsage.RENDER_ATTACHMENT }) \
             : getCurrentTexture.call(this) }";
        browser.before_every_page(script).await?;
        let server = Server::start(dist())?;
        for lost in ["first", "later"] {
            let query = format!("{TINY_GPU}&lost={lost}");
            let page = Page::open(browser, &server, &query).await?;
            page.wait_for(State::Ready).await?;
            page.click("#start").await?;
            page.wait_for(State::Finished).await?;
            ensure!(!page.grid().await?.is_blank(), "{lost}: there are no images");
        }
        Ok(())
    })
    .await
}

/// A GPU that stops working after the noise is made: what it leaves is not called done.
#[tokio::test]
async fn a_gpu_that_stops_working_is_a_failure() -> Result<()> {
    with_browser(async |browser| {
        // The first pass makes the noise.
        let script = "const { dispatchWorkgroups } = GPUComputePassEncoder.prototype; let first; \
                      GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...size) { \
                        if (!window.broken || (first ??= this) === this) \
                          dispatchWorkgroups.apply(this, size) }";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, TINY_GPU).await?;
        browser.client.execute("window.broken = true", vec![]).await?;
        page.click("#start").await?;
        says(browser, &page, "wrong").await?;
        Ok(())
    })
    .await
}

/// A tab that is hidden has no frames. It waits, and goes on as if nothing had been.
#[tokio::test]
async fn a_hidden_tab_rests_and_goes_on() -> Result<()> {
    with_browser(async |browser| {
        // It is hidden after some steps. (In a block: a constant of that name would be every script's.)
        let script = "{ const { requestAnimationFrame } = window; const waiting = []; let seen = false; \
                      const done = () => parseInt(document.getElementById('step-count').textContent); \
                      window.requestAnimationFrame = (act) => !seen && done() > 2 \
                        ? waiting.push(act) : requestAnimationFrame(act); \
                      window.waits = () => waiting.length > 0; \
                      window.show = () => { seen = true; \
                        for (const act of waiting.splice(0)) requestAnimationFrame(act) } }";
        browser.before_every_page(script).await?;
        // At the speed to watch, no frame brings all of the steps, however fast the engine is.
        let (page, _) = ready(browser, &tiny_with("levels=60&speed=watch")).await?;
        page.click("#start").await?;
        let waits = async || Ok(browser.client.execute("return window.waits()", vec![]).await? == true);
        page.wait_until("it waits for a frame", waits).await?;
        // What was under way is still done.
        let done = of_page("await page.run.turn(async () => {}); return null");
        browser.client.execute_async(&done, vec![]).await?;
        let before = page.steps().await?;
        sleep(Duration::from_secs(1)).await;
        ensure!(page.steps().await? == before, "it goes on: {before:?} was a second ago");
        ensure!(before.done < before.total, "it has not rested: {before:?}");
        ensure!(page.state().await? == State::Running, "it has stopped");
        browser.client.execute("window.show()", vec![]).await?;
        page.wait_for(State::Finished).await?;
        ensure!(!page.grid().await?.is_blank(), "there are no images");
        Ok(())
    })
    .await
}

/// A GPU without room for all images leaves the way of fewer.
#[tokio::test]
async fn a_gpu_that_runs_out_of_memory_offers_fewer_images() -> Result<()> {
    with_browser(async |browser| {
        let script = "const { createBuffer } = GPUDevice.prototype; \
                      GPUDevice.prototype.createBuffer = function (options) { \
                      if (window.full) this.dispatchEvent(new GPUUncapturedErrorEvent( \
                        'uncapturederror', { error: new GPUOutOfMemoryError('no room') })); \
                      return createBuffer.call(this, options) }";
        browser.before_every_page(script).await?;
        let (page, _) = ready(browser, TINY_GPU).await?;
        page.fill("#chains", "8").await?;
        let eight = async || Ok(page.text("#caption-run").await?.starts_with("8 images"));
        page.wait_until("there are to be eight images", eight).await?;
        settle(browser).await?;
        browser.client.execute("window.full = true", vec![]).await?;
        page.fill("#chains", "9").await?;
        let text = says(browser, &page, "limit").await?;
        ensure!(text.contains("memory"), "it says {text}");
        ensure!(page.text("#retry").await?.contains("fewer images"), "there is no way out");
        page.click("#retry").await?;
        page.wait_for_reload().await?;
        page.wait_for(State::Finished).await?;
        let query = page.query().await?;
        ensure!(query.contains("chains=2") && query.contains("seed=7"), "it forgot: {query}");
        Ok(())
    })
    .await
}

/// The tab itself may have too little memory for a model.
#[tokio::test]
async fn a_tab_that_runs_out_of_memory_says_so() -> Result<()> {
    let script = "const never = () => { throw new RangeError('Array buffer allocation failed') }; \
                  window.Uint8Array = new Proxy(Uint8Array, { construct: (type, [of, ...rest]) => \
                  of > 1e6 ? never() : new type(of, ...rest) })";
    fails_and(Server::start(dist())?, TINY_GPU, script, "memory", async |page, text| {
        ensure!(text.contains("memory") && text.contains("tabs"), "it says {text}");
        ensure!(page.text("#retry").await? == "Reload", "there is no way out");
        Ok(())
    })
    .await
}

/// Nothing is called done that cannot be.
#[tokio::test]
async fn images_that_cannot_be_right_are_a_failure() -> Result<()> {
    with_browser(async |browser| {
        let script = "const { getMappedRange } = GPUBuffer.prototype; \
                      GPUBuffer.prototype.getMappedRange = function (...range) { \
                      const bytes = getMappedRange.apply(this, range); \
                      if ('byte' in window) new Uint8Array(bytes).fill(window.byte); return bytes }";
        browser.before_every_page(script).await?;
        for (byte, word) in [(0, "same color"), (0xff, "finite")] {
            let (page, _) = ready(browser, TINY_GPU).await?;
            browser.client.execute("window.byte = arguments[0]", vec![byte.into()]).await?;
            page.click("#start").await?;
            let text = says(browser, &page, "wrong").await?;
            ensure!(text.contains(word), "it does not say what is wrong: {text}");
            to_cpu(&page).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_gpu_that_does_not_answer_is_not_waited_for() -> Result<()> {
    for call in [
        "GPU.prototype.requestAdapter",
        "GPUAdapter.prototype.requestDevice",
        "GPUQueue.prototype.onSubmittedWorkDone",
    ] {
        lacks(TINY_GPU, &never_settles(call), "no-answer").await?;
    }
    // Where the visitor has not asked for the GPU, the CPU takes over.
    with_browser(async |browser| {
        browser.before_every_page(&never_settles("GPU.prototype.requestAdapter")).await?;
        let query = tiny_without(&["engine"]);
        let page = Page::open(browser, &Server::start(dist())?, &query).await?;
        page.wait_for(State::Ready).await?;
        ensure!(page.text("#adapter").await?.contains("CPU"), "it does not run on the CPU");
        let told = async || Ok(page.text("#problem").await?.contains("does not answer"));
        page.wait_until("the page says that the GPU does not answer", told).await
    })
    .await
}

/// Chrome before 127 has no such property, but others.
#[tokio::test]
async fn an_adapter_that_does_not_describe_itself_works() -> Result<()> {
    with_browser(async |browser| {
        let script = "delete GPUAdapter.prototype.info; delete GPUDevice.prototype.adapterInfo; \
                      const value = true; \
                      Object.defineProperty(GPUAdapter.prototype, 'isFallbackAdapter', { value }); \
                      const words = { old: { vendor: 'old' }, unnamed: {}, mute: null }; \
                      const is = new URLSearchParams(location.search).get('adapter'); \
                      GPUAdapter.prototype.requestAdapterInfo = async () => words[is]";
        browser.before_every_page(script).await?;
        for (adapter, name) in [("old", "old"), ("unnamed", "unnamed"), ("mute", "unnamed")] {
            let (page, _) = ready(browser, &format!("{TINY_GPU}&adapter={adapter}")).await?;
            let shown = page.text("#adapter").await?;
            ensure!(shown.contains(name), "{adapter}: it runs on {shown}");
            page.click("#start").await?;
            page.wait_for(State::Finished).await?;
        }
        Ok(())
    })
    .await
}

/// The details name the exception, once, and the CPU is a way out.
async fn told_once(page: &Page<'_>) -> Result<()> {
    let technical = page.technical().await?;
    let times = technical.matches("no such thing").count();
    ensure!(times == 1, "its details say it {times} times: {technical}");
    to_cpu(page).await
}

/// Such an exception settles no promise.
#[tokio::test]
async fn an_exception_inside_the_wasm_module_is_heard_of() -> Result<()> {
    let throws = "{ throw new TypeError('no such thing') }";
    // While the engine is made.
    let script = format!(
        "Object.defineProperty(GPUAdapterInfo.prototype, 'subgroupMinSize', {{ get() {throws} }})"
    );
    fails_and(Server::start(dist())?, TINY_GPU, &script, "panic", async |page, _| {
        told_once(&page).await
    })
    .await?;
    // In the middle of a run.
    with_browser(async |browser| {
        // Browsers hide what is thrown by code that a driver puts into a page that is there
        // already.
        let script = format!(
            "const {{ submit }} = GPUQueue.prototype; \
             GPUQueue.prototype.submit = function (...lists) {{ \
             if (window.broken) {throws} return submit.apply(this, lists) }}"
        );
        browser.before_every_page(&script).await?;
        let (page, _) = ready(browser, TINY_GPU).await?;
        browser.client.execute("window.broken = true", vec![]).await?;
        page.click("#start").await?;
        says(browser, &page, "panic").await?;
        told_once(&page).await
    })
    .await
}

/// What a browser says about a device that it does not give is said once, in its words.
#[tokio::test]
async fn the_reason_for_no_device_is_said_once() -> Result<()> {
    let script =
        "GPUAdapter.prototype.requestDevice = async () => { throw new Error('very busy') }";
    fails_and(Server::start(dist())?, TINY_GPU, script, "engine", async |page, text| {
        ensure!(text.matches("busy").count() == 1 && !text.contains("JsValue"), "it says {text}");
        let technical = page.technical().await?;
        ensure!(!technical.contains("busy"), "its details say it again: {technical}");
        to_cpu(&page).await
    })
    .await
}

/// A page that was built without the CPU's engine offers none.
#[tokio::test]
async fn no_button_leads_to_an_engine_that_is_not_there() -> Result<()> {
    let without = || Server::start_without(dist(), Some("engines/cpu/ncsn.js"));
    // The page does not wait long for the answer that there is none: here, as long as that takes.
    let patient = without_timeout(1500);
    let none = format!("{patient} delete Navigator.prototype.gpu");
    with_browser(async |browser| {
        browser.before_every_page(&none).await?;
        for query in [TINY_GPU.to_owned(), tiny_without(&["engine"])] {
            let page = Page::open(browser, &without()?, &query).await?;
            let text = says(browser, &page, "no-webgpu").await?;
            ensure!(text.contains("cargo xtask build"), "it does not say what is missing: {text}");
            ensure!(!page.is_shown("#retry").await?, "its button leads nowhere");
        }
        Ok(())
    })
    .await?;
    let never = format!("{patient} {}", never_settles("GPU.prototype.requestAdapter"));
    fails_and(without()?, TINY_GPU, &never, "no-answer", async |page, text| {
        ensure!(text.contains("cargo xtask build"), "it does not say what is missing: {text}");
        let label = page.text("#retry").await?;
        ensure!(label == "Try again" && !page.is_shown("#other").await?, "it offers {label}");
        Ok(())
    })
    .await
}

/// Whether there is an engine for the CPU is not waited for: it is offered until a server says that there is none.
#[tokio::test]
async fn a_silent_server_does_not_take_the_cpu_away() -> Result<()> {
    with_browser(async |browser| {
        // The page waits for one and a half seconds, but not here. Only this question can be given up.
        let script = "delete Navigator.prototype.gpu; \
                      { const { fetch, setTimeout } = window; \
                      window.fetch = (url, options) => \
                        options?.signal && String(url).endsWith('engines/cpu/ncsn.js') \
                          ? new Promise((_, refuse) => options.signal.addEventListener('abort', () => { \
                              window.gaveUp = true; refuse(options.signal.reason) })) \
                          : fetch(url, options); \
                      window.setTimeout = (act, wait, ...rest) => \
                        setTimeout(act, wait === 1500 ? 100 : wait, ...rest) }";
        browser.before_every_page(script).await?;
        let page = Page::open(browser, &Server::start(dist())?, TINY_GPU).await?;
        says(browser, &page, "no-webgpu").await?;
        let gave_up = browser.client.execute("return window.gaveUp", vec![]).await?;
        ensure!(gave_up == true, "the page has not asked for the engine");
        to_cpu(&page).await
    })
    .await
}

/// The strictest policy that WebAssembly allows, for everything that the page does.
#[tokio::test]
async fn a_policy_without_anything_inline_allows_the_whole_page() -> Result<()> {
    with_browser(async |browser| {
        // Stricter than the page's own: no model may come from elsewhere.
        let headers =
            "Content-Security-Policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval'\r\n";
        let server = Server::start_with(dist(), Quirks { headers, ..Quirks::default() })?;
        let page = Page::open(browser, &server, TINY_GPU).await?;
        page.wait_for(State::Ready).await?;
        page.click("label:has([value=drawing])").await?;
        page.wait_until("the canvas is there", async || {
            Ok(page.text("#sketch-hint").await?.contains("Draw"))
        })
        .await?;
        page.draw("#sketch-canvas", &[(-0.2, -0.3), (0.2, 0.3)]).await?;
        page.wait_for(State::Finished).await?;
        ensure!(!page.grid().await?.is_blank(), "there are no images");
        page.choose("#engine", "cpu").await?;
        page.wait_until("the engine has changed and is done", async || {
            let on_cpu = page.text("#adapter").await?.contains("CPU");
            Ok(on_cpu && page.state().await? == State::Finished)
        })
        .await?;
        open_story(browser, &page).await?;
        open_card(browser, &page).await?;
        // The curve has the colors of the temperature.
        let color = "return getComputedStyle(document.querySelector('#cooling stop')).stopColor";
        let color = browser.client.execute(color, vec![]).await?;
        ensure!(color.as_str().is_some_and(|color| !color.contains("rgb(0, 0, 0)")), "{color}");
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "errors reached the console: {errors:#?}");
        Ok(())
    })
    .await
}

#[test]
fn nothing_in_the_built_page_is_inline() -> Result<()> {
    let page = fs::read_to_string(dist().join("index.html")).context("run `cargo xtask build`")?;
    ensure!(!page.contains("<style"), "there is an inline style sheet");
    for tag in page.split('<').filter_map(|rest| rest.split('>').next()) {
        let is_script = tag.starts_with("script");
        ensure!(!is_script || tag.contains(" src="), "there is an inline script: <{tag}>");
        let of_scripts = tag.split_whitespace().any(|word| {
            let name = word.split('=').next().unwrap_or_default();
            name == "style" || (name.starts_with("on") && word.contains('='))
        });
        ensure!(!of_scripts, "there is an inline style or handler: <{tag}>");
        ensure!(!tag.contains("javascript:"), "there is an inline script: <{tag}>");
    }
    Ok(())
}

#[tokio::test]
async fn a_policy_that_forbids_webassembly_is_named() -> Result<()> {
    let headers = "Content-Security-Policy: default-src 'self'\r\n";
    let server = Server::start_with(dist(), Quirks { headers, ..Quirks::default() })?;
    with_browser(async |browser| {
        browser.expect_violations();
        let page = Page::open(browser, &server, "").await?;
        says(browser, &page, "policy").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_page_that_was_opened_as_a_file_says_what_to_do() -> Result<()> {
    with_browser(async |browser| {
        let index = dist().join("index.html").canonicalize()?;
        let page = Page::open_at(browser, &format!("file://{}", index.display())).await?;
        let text = says(browser, &page, "file").await?;
        ensure!(text.contains("cargo xtask serve"), "it does not say what to do: {text}");
        Ok(())
    })
    .await
}

/// Browsers run modules only if their media type is that of scripts.
#[tokio::test]
async fn scripts_with_a_wrong_media_type_are_named() -> Result<()> {
    with_browser(async |browser| {
        for kind in ["text/plain", "application/octet-stream"] {
            let quirks = Quirks { media_type: Some((".js", kind)), ..Quirks::default() };
            let page = Page::open(browser, &Server::start_with(dist(), quirks)?, "").await?;
            let text = says(browser, &page, "media-type").await?;
            ensure!(text.contains(kind), "it does not say which: {text}");
            ensure!(text.contains("text/javascript"), "it does not say what is right: {text}");
        }
        // Here no script runs at all.
        let media_type = Some((".js", "text/plain"));
        let headers = "X-Content-Type-Options: nosniff\r\n";
        let server =
            Server::start_with(dist(), Quirks { media_type, headers, ..Quirks::default() })?;
        let page = Page::open(browser, &server, "").await?;
        page.wait_until("the page says that nothing starts", async || {
            page.is_shown("#stuck").await
        })
        .await?;
        let text = page.text("#stuck").await?;
        ensure!(text.contains("text/javascript"), "it does not say what is right: {text}");
        Ok(())
    })
    .await
}

/// The engines' scripts, too, as a server's rules may differ between folders.
#[tokio::test]
async fn the_wasm_modules_script_with_a_wrong_media_type_is_named() -> Result<()> {
    // The folder holds other modules' scripts, too, which the page may do without.
    let html = fs::read_to_string(dist().join("index.html"))?;
    let link = html.split('<').find(|tag| tag.contains("module-script"));
    let script = link
        .and_then(|link| {
            link.split(['"', '\'', ' ', '=', '/', '>']).find(|part| part.ends_with(".js"))
        })
        .context("index.html names no wasm module's script")?
        .to_owned();
    let media_type = Some((&*script.leak(), "text/plain"));
    let server = Server::start_with(dist(), Quirks { media_type, ..Quirks::default() })?;
    fails(server, "", "", "media-type").await
}

/// The page compiles its wasm module whatever the media type is, and so does the CPU's engine with its own.
#[tokio::test]
async fn wasm_modules_with_a_wrong_media_type_run() -> Result<()> {
    with_browser(async |browser| {
        for kind in ["text/plain", "application/octet-stream"] {
            let quirks = Quirks { media_type: Some((".wasm", kind)), ..Quirks::default() };
            let page = Page::open(browser, &Server::start_with(dist(), quirks)?, TINY).await?;
            page.wait_for(State::Ready).await?;
            let adapter = page.text("#adapter").await?;
            ensure!(adapter.contains("CPU"), "{kind}: it runs on {adapter}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_part_of_the_page_that_is_missing_is_named() -> Result<()> {
    let server = Server::start_without(dist(), Some("www/main.js"))?;
    fails_and(server, "", "", "download", async |_, text| {
        ensure!(text.contains("main.js") && text.contains("404"), "it says {text}");
        Ok(())
    })
    .await
}

/// What a link asks for is not lost if the page fails before it has all of that.
#[tokio::test]
async fn a_failure_while_a_link_is_opened_keeps_its_class_and_its_drawing() -> Result<()> {
    let server = Server::start_without(dist(), Some("settings/class-chips.js"))?;
    let query = tiny_with("model=www/models/mnist-classes.safetensors&class=7");
    fails_and(server, &format!("{query}#drawn"), "", "panic", async |page, _| {
        page.click("#retry").await?;
        page.wait_for_reload().await?;
        let link = page.query().await?;
        ensure!(link.contains("class=7") && link.ends_with("#drawn"), "it forgot: {link}");
        Ok(())
    })
    .await
}

/// A model that is too large is not downloaded.
#[tokio::test]
async fn a_model_that_is_too_large_is_refused_at_once() -> Result<()> {
    const MOST: u64 = 1 << 28;
    with_browser(async |browser| {
        for tells in [true, false] {
            let huge = Some((MOST * 4, tells));
            let server = Server::start_with(dist(), Quirks { huge, ..Quirks::default() })?;
            let page = Page::open(browser, &server, &format!("?model={HUGE}")).await?;
            let text = says(browser, &page, "model").await?;
            let [is, may] =
                if tells { ["1073.7 MB", "268.4 MB"] } else { ["more than", "268.4 MB"] };
            ensure!(text.contains(is) && text.contains(may), "it says {text}");
            // Beyond what the page read, the browser and the sockets hold what they had buffered
            // when it hung up: some 35 MB were seen. A page that reads on takes all of it.
            let most = if tells { MOST / 2 } else { MOST + MOST / 2 };
            let sent = server.zeros();
            ensure!(sent < most, "{sent} bytes were sent");
            ensure!(page.is_shown("#message-link").await?, "there is no way to another model");
        }
        Ok(())
    })
    .await
}
