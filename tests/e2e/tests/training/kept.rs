//! Runs that are kept in the browser: they go on after a reload, and neither a full disk nor a
//! damaged file goes unnoticed.

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{Browser, with_browser},
    page::Page,
    server::Server,
};

use crate::common::{dist, wait_for_own_model};
use crate::{
    asks_before_leaving, do_in_page, give_archive, open_panel, set_up, step, wait_for_images,
    wait_for_pause, wait_for_status, wait_for_step_after, with_images,
};

/// Steps of a run that nobody waits for.
const LONG: u32 = 100_000;

/// Begins a long run of a small network, and waits for some steps.
async fn begin(page: &Page<'_>, name: &str) -> Result<()> {
    set_up(page, name, LONG).await?;
    page.choose("#train-network", "small").await?;
    page.click("#train-start").await?;
    wait_for_step_after(page, 0).await?;
    Ok(())
}

/// Pauses the run. It says that it has paused once all is kept.
async fn pause(page: &Page<'_>) -> Result<()> {
    page.wait_until("the run has paused", async || {
        let status = page.text("#train-status").await?;
        if status == "Training." {
            page.click("#train-toggle").await?;
        }
        Ok(status == "Paused.")
    })
    .await
}

/// Pauses the run, checks that its last step is kept, and returns that.
async fn pause_and_keep(browser: &Browser, page: &Page<'_>) -> Result<u32> {
    pause(page).await?;
    let last = step(page).await?;
    is_kept(browser, last).await?;
    Ok(last)
}

/// Checks that the run is kept at this step.
async fn is_kept(browser: &Browser, step: u32) -> Result<()> {
    let check = format!(
        "const kept = JSON.parse(await text(run, 'kept.json')); \
         if (kept.step !== {step}) throw new Error(`it is at ${{kept.step}} instead of {step}`)"
    );
    in_files(browser, &check).await
}

/// Does something with the folder of the private file system that runs are kept in: `act` is the body
/// of an asynchronous function of `all`, that folder, and of `run`, the folder of the run that is
/// kept, with `text(folder, name)` and `write(folder, name, contents)`.
async fn in_files(browser: &Browser, act: &str) -> Result<()> {
    let script = format!(
        "const [answer] = arguments; (async () => {{ \
           const bytes = async (folder, name) => new Uint8Array(await (await \
             (await folder.getFileHandle(name)).getFile()).arrayBuffer()); \
           const text = async (folder, name) => new TextDecoder().decode(await bytes(folder, name)); \
           const write = async (folder, name, contents) => {{ \
             const file = await folder.getFileHandle(name, {{ create: true }}); \
             const stream = await file.createWritable(); \
             await stream.write(contents); await stream.close() }}; \
           const home = await navigator.storage.getDirectory(); \
           const all = await home.getDirectoryHandle('ncsn training'); \
           const id = await text(all, 'current').catch(() => ''); \
           const run = id ? await all.getDirectoryHandle(id) : all; \
           {act} }})().then(() => answer(), (error) => answer(String(error)))"
    );
    do_in_page(browser, &script, vec![]).await
}

/// Loads the page again, and opens the panel, which offers the run.
async fn come_back<'a>(browser: &'a Browser, server: &Server, said: &str) -> Result<Page<'a>> {
    let page = open_panel(browser, server).await?;
    let offered = async || Ok(page.text("#train-kept").await?.contains(said));
    page.wait_until(&format!("{said:?} is offered"), offered).await?;
    Ok(page)
}

/// A run goes on where it was after a reload, and one can go back to the checkpoint of that place, which
/// is kept then. So does a run that an earlier version of the page has kept. A checkpoint with a wrong bit
/// is refused.
#[tokio::test]
async fn a_kept_run_goes_on_unless_it_is_damaged() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = with_images(browser, &server).await?;
        ensure!(asks_before_leaving(browser).await?, "images that nobody has kept would be lost");
        begin(&page, "discs").await?;
        let first = pause_and_keep(browser, &page).await?;
        ensure!(!asks_before_leaving(browser).await?, "the images are kept, and it asks");

        let said = format!("Your model discs, step {first} of {LONG}, is kept in this browser.");
        let page = come_back(browser, &server, &said).await?;
        // Without a device it cannot go on, and is still offered.
        let refuse = "window.requestDevice = GPUAdapter.prototype.requestDevice; \
                      GPUAdapter.prototype.requestDevice = async () => { throw new Error('busy') }";
        browser.client.execute(refuse, vec![]).await?;
        page.click("#train-kept button").await?;
        let told = async || page.is_shown("#train-problem").await;
        page.wait_until("the panel says what is wrong", told).await?;
        ensure!(page.text("#train-kept").await?.contains(&said), "the run is not offered any more");
        let grant = "GPUAdapter.prototype.requestDevice = window.requestDevice";
        browser.client.execute(grant, vec![]).await?;
        page.click("#train-kept button").await?;
        wait_for_step_after(&page, first).await?;
        pause_and_keep(browser, &page).await?;
        // Back to where it came from.
        let undo = async || Ok(page.text("#train-back").await?.starts_with("Undo to step"));
        page.wait_until("there is a step to go back to", undo).await?;
        while step(&page).await? > first {
            let before = step(&page).await?;
            page.click("#train-back").await?;
            let back = async || Ok(step(&page).await? < before);
            page.wait_until("it is at an earlier step", back).await?;
        }
        ensure!(step(&page).await? == first, "it went back beyond its beginning");
        wait_for_pause(&page).await?;
        is_kept(browser, first).await?;
        ensure!(!page.enabled("#train-back").await?, "there is nothing before");

        // As earlier versions of the page kept it: in one folder for all, without the seconds and the
        // checksums.
        let earlier = "const { slot, sums, ...kept } = JSON.parse(await text(run, 'kept.json')); \
                       if (!sums || !slot) throw new Error('there are no checksums'); \
                       const checkpoint = await bytes(run, `checkpoint${slot}`); \
                       await write(all, 'checkpoint', new Blob([checkpoint.subarray(0, 8), \
                         checkpoint.subarray(16)])); \
                       await write(all, 'model.safetensors', await bytes(run, `model${slot}.safetensors`)); \
                       await write(all, 'images', await bytes(run, 'images')); \
                       await write(all, 'id', id); \
                       await write(all, 'kept.json', JSON.stringify(kept)); \
                       await all.removeEntry(id, { recursive: true }); \
                       await all.removeEntry('current')";
        in_files(browser, earlier).await?;
        let said = format!("step {first} of {LONG}, is kept");
        let page = come_back(browser, &server, &said).await?;
        page.click("#train-kept button").await?;
        wait_for_step_after(&page, first).await?;
        let last = pause_and_keep(browser, &page).await?;

        let damage = "const { slot } = JSON.parse(await text(run, 'kept.json')); \
                      const checkpoint = await bytes(run, `checkpoint${slot}`); \
                      checkpoint[checkpoint.length - 4] ^= 1; \
                      await write(run, `checkpoint${slot}`, checkpoint)";
        in_files(browser, damage).await?;
        let page = come_back(browser, &server, &format!("step {last} of {LONG}, is kept")).await?;
        page.click("#train-kept button").await?;
        let told = async || Ok(page.text("#train-kept").await?.contains("checkpoint is damaged"));
        page.wait_until("the page says that it is damaged", told).await?;
        page.click("#train-kept button").await?;
        wait_for_status(&page, "Training").await?;
        wait_for_step_after(&page, 0).await?;
        pause_and_keep(browser, &page).await?;
        // It has taken the place of the damaged one.
        let alone = "const names = []; for await (const name of all.keys()) names.push(name); \
                     if (names.sort().join() !== [id, 'current'].sort().join()) throw new Error(names)";
        in_files(browser, alone).await
    })
    .await
}

/// A run that is left in the moment in which it is paused is kept as it was then. Whoever uses its model on the page is
/// asked before images are lost that came later.
#[tokio::test]
async fn a_run_that_is_paused_and_left_at_once_is_kept() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = with_images(browser, &server).await?;
        begin(&page, "discs").await?;
        let script = "const part = (name) => document.getElementById(`train-${name}`); \
                      if (part('status').textContent !== 'Training.') return null; \
                      part('toggle').click(); part('leave').click(); \
                      return parseInt(part('step').textContent)";
        let left = loop {
            wait_for_status(&page, "Training").await?;
            // The page may just have paused it by itself, which it does once, to ask whether to go on.
            if let Some(left) = browser.client.execute(script, vec![]).await?.as_u64() {
                break left;
            }
        };
        let form = async || page.is_shown("#train-start").await;
        page.wait_until("the form is there", form).await?;
        let offered = async || page.is_shown("#train-kept").await;
        page.wait_until("the run is offered", offered).await?;
        let text = page.text("#train-kept").await?;
        let kept = text.split("step ").nth(1).and_then(|rest| rest.split(' ').next());
        let kept: u64 = kept.context("no step")?.parse()?;
        ensure!(kept >= left, "it was left at step {left}, and kept at {kept}");

        give_archive(browser, 3, "").await?;
        wait_for_images(&page, "23 images").await?;
        let script = "addEventListener('beforeunload', (event) => { \
                        sessionStorage.asked = event.defaultPrevented }); \
                      [...document.querySelectorAll('#train-kept button')] \
                        .find((button) => button.textContent === 'Use on this page').click()";
        browser.client.execute(script, vec![]).await?;
        wait_for_own_model(&page).await?;
        let asked = browser.client.execute("return sessionStorage.asked", vec![]).await?;
        ensure!(asked == "true", "the three images were lost without a question");
        Ok(())
    })
    .await
}

/// Where there is no room for a new run, it trains all the same and says so, and the earlier one stays.
#[tokio::test]
async fn a_full_disk_costs_no_run() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = with_images(browser, &server).await?;
        begin(&page, "discs").await?;
        let first = pause_and_keep(browser, &page).await?;
        page.click("#train-leave").await?;
        let form = async || page.is_shown("#train-start").await;
        page.wait_until("the form is there", form).await?;

        let full = "FileSystemFileHandle.prototype.createWritable = async () => { \
                    throw new DOMException('quota exceeded', 'QuotaExceededError') }";
        browser.client.execute(full, vec![]).await?;
        begin(&page, "others").await?;
        pause(&page).await?;
        let note = page.text("#train-note").await?;
        ensure!(note.contains("cannot keep the run") && note.contains("quota"), "it says {note}");
        ensure!(page.enabled("#train-download").await?, "the model cannot be downloaded");
        ensure!(asks_before_leaving(browser).await?, "the run would be lost without a question");
        page.click("#train-leave").await?;
        let asks = async || Ok(page.text("#train-trouble").await?.contains("has not kept"));
        page.wait_until("the panel asks", asks).await?;
        page.click("#train-trouble button:last-child").await?;
        ensure!(page.is_shown("#train-toggle").await?, "the run has ended");

        let said = format!("Your model discs, step {first} of {LONG}, is kept in this browser.");
        come_back(browser, &server, &said).await?;
        Ok(())
    })
    .await
}
