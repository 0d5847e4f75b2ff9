//! The built page without a network: after a visit, all that was fetched is there, and a new version
//! replaces the old one as a whole.

mod common;

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use common::{dist, open_sketch, tiny_with};
use e2e::{
    browser::{Browser, with_browser},
    page::{Page, State},
    server::{Mount, Server, scripts},
};
use serde_json::Value;
use walkdir::WalkDir;

/// The page's first model, and another one.
const MODEL: &str = "www/models/mnist.safetensors";
const OTHER: &str = "www/models/mnist-fewstep.safetensors";

/// Answers the names of all caches.
const NAMES: &str = "const [answer] = arguments; \
                     caches.keys().then((names) => answer(names.sort().join()), \
                       (error) => answer(String(error)))";

/// A run of one image in two steps.
fn one() -> String {
    tiny_with("engine=fused&chains=1&levels=2")
}

/// The same by the other model.
fn other() -> String {
    format!("{}&model={OTHER}", one())
}

/// The version of a built page.
fn version(dist: &Path) -> Result<String> {
    let scripts = scripts(dist)?;
    Ok(scripts.split('/').next().context("no version")?.to_owned())
}

/// Waits until the worker of this version has kept the page and this model.
async fn kept(browser: &Browser, version: &str, model: &str) -> Result<()> {
    let script = "const [version, model, answer] = arguments; \
        (async () => { \
          await navigator.serviceWorker.ready; \
          const start = `ncsn at ${new URL('.', document.baseURI)} `; \
          const names = (await caches.keys()).filter((name) => name.startsWith(start)); \
          const versions = names.map((name) => name.slice(start.length)); \
          const models = await caches.open('ncsn models'); \
          const page = await (await caches.open(start + version)).match('./'); \
          const worker = navigator.serviceWorker.controller?.state; \
          const there = await models.match(new URL(model, document.baseURI).href); \
          return [versions.join(), worker, Boolean(page), Boolean(there)].join(' '); \
        })().then(answer, (error) => answer(String(error)))";
    let expected = format!("{version} activated true true");
    let arguments = vec![version.into(), model.into()];
    browser.wait_for_answer("page and model are kept", script, arguments, expected).await
}

/// Opens the built page, waits until its worker has kept it, and returns its version, too.
async fn visited<'a>(
    browser: &'a Browser,
    server: &Server,
    dist: &Path,
) -> Result<(Page<'a>, String)> {
    let page = Page::open(browser, server, &one()).await?;
    page.wait_for(State::Ready).await?;
    let version = version(dist)?;
    kept(browser, &version, MODEL).await?;
    Ok((page, version))
}

/// Runs to the end.
async fn run(page: &Page<'_>) -> Result<e2e::image::Image> {
    page.wait_for(State::Ready).await?;
    page.click("#start").await?;
    page.wait_for(State::Finished).await?;
    page.grid().await
}

#[tokio::test]
async fn what_was_fetched_works_without_a_network() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let (query, other) = (one(), other());
        let page = Page::open(browser, &server, &query).await?;
        let first = run(&page).await?;
        let version = version(dist())?;
        kept(browser, &version, MODEL).await?;
        // By now the worker sees what is fetched: another model, and the panel for drawing.
        let page = Page::open(browser, &server, &other).await?;
        let few = run(&page).await?;
        open_sketch(&page).await?;
        kept(browser, &version, OTHER).await?;

        server.stop()?;
        for (query, expected) in [(&query, &first), (&other, &few)] {
            let page = Page::open(browser, &server, query).await?;
            ensure!(run(&page).await? == *expected, "{query}: other images without a network");
            open_sketch(&page).await?;
        }
        let page = Page::open(browser, &server, "?model=www/models/emoji.safetensors").await?;
        let message = page.wait_for_message().await?;
        ensure!(message.text.contains("emoji.safetensors"), "what was never fetched: {message}");
        Ok(())
    })
    .await
}

/// The workers of the CPU's engine fetch it by themselves, on a first visit before there is a service
/// worker to see that.
#[tokio::test]
async fn the_engine_of_the_cpu_works_without_a_network() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let query = tiny_with("engine=cpu&chains=1&levels=2");
        let page = Page::open(browser, &server, &query).await?;
        page.wait_for(State::Ready).await?;
        let version = version(dist())?;
        kept(browser, &version, MODEL).await?;
        let script = "const [version, answer] = arguments; \
            const name = `ncsn at ${new URL('.', document.baseURI)} ${version}`; \
            caches.open(name).then(async (cache) => { \
              const kept = (await cache.keys()).map(({ url }) => url); \
              const wanted = ['engine/worker.js', 'engines/cpu/ncsn.js', 'engines/cpu/ncsn_bg.wasm']; \
              return wanted.filter((file) => !kept.some((url) => url.endsWith(`/www/${file}`))).join(); \
            }).then(answer, (error) => answer(String(error)))";
        let arguments = vec![version.into()];
        browser.wait_for_answer("nothing of the engine is missing", script, arguments, "").await?;
        // What else a run needs may have come before there was a worker, which was told of it but has to fetch it. On
        // another visit it sees all that.
        let page = Page::open(browser, &server, &query).await?;
        let first = run(&page).await?;

        server.stop()?;
        let page = Page::open(browser, &server, &query).await?;
        ensure!(run(&page).await? == first, "other images without a network");
        Ok(())
    })
    .await
}

/// A byte of a kept model that has changed is noticed, whether the page has kept it or its worker: the
/// model is missing then, and without a network that is what the page says.
#[tokio::test]
async fn a_damaged_model_is_missing_without_a_network() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let (_, version) = visited(browser, &server, dist()).await?;
        // From now on only the worker keeps models, or the page might do so once more after the damage.
        let script = "{ const { put } = Cache.prototype; \
                      Cache.prototype.put = async function (...file) { \
                        if (window.damages) await put.apply(this, file) } }";
        browser.before_every_page(script).await?;
        let page = Page::open(browser, &server, &other()).await?;
        page.wait_for(State::Ready).await?;
        kept(browser, &version, OTHER).await?;
        let damage = "const [model, answer] = arguments; (async () => { \
            window.damages = true; \
            const cache = await caches.open('ncsn models'); \
            const found = await cache.match(new URL(model, document.baseURI)); \
            const bytes = new Uint8Array(await found.arrayBuffer()); \
            bytes[bytes.length - 1] ^= 1; \
            await cache.put(new URL(model, document.baseURI), \
              new Response(bytes, { headers: found.headers })); \
            })().then(() => answer(), (error) => answer(String(error)))";
        for model in [MODEL, OTHER] {
            let error = browser.client.execute_async(damage, vec![model.into()]).await?;
            ensure!(error.is_null(), "{model} was not damaged: {error}");
        }

        server.stop()?;
        for (query, model) in [(one(), MODEL), (other(), OTHER)] {
            let page = Page::open(browser, &server, &query).await?;
            let message = page.wait_for_message().await?;
            ensure!(message.kind == "download" && message.text.contains(model), "{message}");
        }
        let script = "const [answer] = arguments; caches.open('ncsn models').then((cache) => \
                      cache.keys()).then((keys) => answer(keys.map(({ url }) => url) \
                      .filter((url) => url.endsWith('.safetensors'))), (error) => answer(String(error)))";
        let left = browser.client.execute_async(script, vec![]).await?;
        ensure!(left == Value::Array(vec![]), "the browser keeps {left}");
        Ok(())
    })
    .await
}

/// What the service worker cannot keep, it still passes on.
#[tokio::test]
async fn a_full_disk_does_not_keep_files_from_the_page() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let (page, version) = visited(browser, &server, dist()).await?;
        let origin = browser.client.current_url().await?.origin().ascii_serialization();
        browser.fill_disk(&origin, true).await?;
        let script = "const [answer] = arguments; caches.open('ncsn models').then((cache) => \
                        cache.put('./none', new Response('x'.repeat(1000)))).then( \
                        () => answer('kept'), ({ name }) => answer(name))";
        let refusal = browser.client.execute_async(script, vec![]).await?;
        ensure!(refusal == "QuotaExceededError", "the disk is not full: {refusal}");

        // A script that was not fetched before, and another model.
        open_sketch(&page).await?;
        let page = Page::open(browser, &server, &other()).await?;
        run(&page).await?;
        browser.fill_disk(&origin, false).await?;
        Page::open(browser, &server, &other()).await?;
        kept(browser, &version, OTHER).await
    })
    .await
}

/// Models that were kept long ago make room for others.
#[tokio::test]
async fn models_are_kept_up_to_a_number_of_bytes() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        visited(browser, &server, dist()).await?;
        // As large as a model may be, by what their headers say.
        let script = "const [answer] = arguments; (async () => { \
                      const cache = await caches.open('ncsn models'); \
                      const headers = { 'content-length': String(2 ** 28) }; \
                      for (const name of ['older', 'newer']) \
                        await cache.put(`./${name}.safetensors`, new Response('x', { headers })); \
                      })().then(() => answer(), (error) => answer(String(error)))";
        let error = browser.client.execute_async(script, vec![]).await?;
        ensure!(error.is_null(), "nothing was kept: {error}");
        let page = Page::open(browser, &server, &other()).await?;
        page.wait_for(State::Ready).await?;
        let script = "const [answer] = arguments; caches.open('ncsn models').then(async (cache) => { \
                      const names = (await cache.keys()).map(({ url }) => url.split('/').at(-1)); \
                      return names.filter((name) => name.endsWith('.safetensors')).sort().join() \
                      }).then(answer, (error) => answer(String(error)))";
        let expected = "mnist-fewstep.safetensors,newer.safetensors";
        browser.wait_for_answer("older models are gone", script, vec![], expected).await
    })
    .await
}

/// Copies the built page into a folder, and returns its version.
fn copy_page(folder: &Path) -> Result<String> {
    for entry in WalkDir::new(dist()) {
        let entry = entry?;
        let to = folder.join(entry.path().strip_prefix(dist())?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    version(folder)
}

/// Makes another version of the page in a folder, and returns its name.
fn make_new(folder: &Path, old: &str) -> Result<String> {
    let new: String = old.chars().rev().collect();
    fs::rename(folder.join(old), folder.join(&new))?;
    for name in ["index.html", "service-worker.js", "manifest.webmanifest"] {
        let text = fs::read_to_string(folder.join(name))?;
        fs::write(folder.join(name), text.replace(old, &new))?;
    }
    Ok(new)
}

#[tokio::test]
async fn a_new_version_replaces_the_old_one() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path();
    copy_page(folder)?;
    with_browser(async |browser| {
        let server = Server::start(folder)?;
        let (_, old) = visited(browser, &server, folder).await?;

        let new = make_new(folder, &old)?;
        let page = Page::open(browser, &server, &one()).await?;
        page.wait_for(State::Ready).await?;
        let script = "return document.querySelector('script[type=module]').getAttribute('src')";
        let shown = browser.client.execute(script, vec![]).await?;
        ensure!(shown == format!("./{new}/www/main.js"), "it shows {shown}");
        // The old version goes when no window shows it: this one is above the page.
        browser.client.goto(&server.url("../")).await?;
        let expected = format!("ncsn at {} {new},ncsn models", server.url(""));
        browser.wait_for_answer("the old version is gone", NAMES, vec![], expected).await?;
        Page::open(browser, &server, &one()).await?.wait_for(State::Ready).await?;
        kept(browser, &new, MODEL).await?;
        server.stop()?;
        let page = Page::open(browser, &server, &one()).await?;
        page.wait_for(State::Ready).await
    })
    .await
}

/// Copies of the page in several folders of a host leave each other alone, also in a cache that earlier versions shared.
#[tokio::test]
async fn copies_of_the_page_do_not_disturb_each_other() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path();
    let first = copy_page(folder)?;
    let second = make_new(folder, &first)?;
    with_browser(async |browser| {
        let server = Server::start_mounted(vec![
            Mount { path: "a/", folder: dist().into() },
            Mount { path: "b/", folder: folder.into() },
        ])?;
        // A third copy shares the cache of an earlier version with the first one.
        browser.client.goto(&server.url("none")).await?;
        let former = "const [answer] = arguments; (async () => { \
            const former = await caches.open('ncsn page 0'); \
            for (const file of ['a/', 'a/0/www/main.js', 'a/ncsn.js', 'a/c/', 'a/c/0/www/main.js']) \
              await former.put(file, new Response('')); \
            await (await caches.open('ncsn page 1')).put('a/', new Response('')); \
            })().then(() => answer(), (error) => answer(String(error)))";
        let error = browser.client.execute_async(former, vec![]).await?;
        ensure!(error.is_null(), "nothing was kept: {error}");

        let copies = [("a/", &first), ("b/", &second)].map(|(copy, version)| {
            (format!("{copy}{}", one()), format!("ncsn at {} {version}", server.url(copy)), version)
        });
        for (address, _, version) in &copies {
            Page::open(browser, &server, address).await?.wait_for(State::Ready).await?;
            kept(browser, version, MODEL).await?;
        }
        let [(_, a, _), (_, b, _)] = &copies;
        let expected = format!("{a},{b},ncsn models,ncsn page 0");
        browser.wait_for_answer("both copies are kept", NAMES, vec![], expected).await?;
        let left = "const [answer] = arguments; caches.open('ncsn page 0').then(async (cache) => \
                    (await cache.keys()).map(({ url }) => url).join()) \
                    .then(answer, (error) => answer(String(error)))";
        let left = browser.client.execute_async(left, vec![]).await?;
        let expected = ["a/c/", "a/c/0/www/main.js"].map(|file| server.url(file)).join(",");
        ensure!(left == expected, "of the third copy there is {left}");

        server.stop()?;
        for (address, ..) in &copies {
            Page::open(browser, &server, address).await?.wait_for(State::Ready).await?;
        }
        Ok(())
    })
    .await
}
