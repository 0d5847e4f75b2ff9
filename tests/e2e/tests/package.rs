//! The npm package as others use it: installed from its tarball, on a plain page and bundled by Vite.
//!
//! Needs `pkg/`, which `cargo xtask package npm` makes, and npm. Bundling needs npm's registry, too.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    axe,
    browser::{Browser, with_browser},
    server::{Breaks, Mount, Quirks, Server},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the test of bundling installs besides.
const VITE: &str = "vite@8.4.0";
const TYPESCRIPT: &str = "typescript@5.9.3";

/// A page that finds the package by an import map.
const PLAIN: &str = r#"<!doctype html><meta charset="utf-8"><title>plain</title>
<script type="importmap">{ "imports": { "ncsn": "./node_modules/ncsn/lib/index.js" } }</script>
<canvas></canvas>"#;

/// A page with elements: one gets its properties before elements are defined, and one has to be
/// scrolled to.
const ELEMENTS: &str = r#"<!doctype html><meta charset="utf-8"><title>elements</title>
<script type="module" src="./node_modules/ncsn/lib/element.js"></script>
<ncsn-sampler id="one" model="models/mnist-fewstep.safetensors" count="4" steps="2" seed="1" autoplay controls></ncsn-sampler>
<ncsn-sampler id="two" model="models/mnist-classes.safetensors" count="2" steps="30" class="7" seed="1" autoplay></ncsn-sampler>
<ncsn-sampler id="early"></ncsn-sampler>
<script>Object.assign(document.getElementById("early"),
  { model: "models/mnist-classes.safetensors", count: 4, steps: 2, classes: "7", seed: "5", autoplay: true });</script>
<div style="height: 300vh"></div>
<ncsn-sampler id="far" model="models/emoji.safetensors" count="1" steps="3" autoplay></ncsn-sampler>"#;

/// A page and a worker for Vite. The worker answers with a file that it has made of its canvas.
const BUNDLED: [(&str, &str); 4] = [
    (
        "index.html",
        r#"<!doctype html><meta charset="utf-8"><title>bundled</title><script type="module" src="./main.js"></script>"#,
    ),
    (
        "main.js",
        "import { loadModel } from 'ncsn';\nimport 'ncsn/element';\n\
         window.sampled = (async () => {\n\
           const address = new URL('models/mnist-fewstep.safetensors', document.baseURI).href;\n\
           const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });\n\
           const answer = new Promise((resolve, reject) => {\n\
             worker.onmessage = ({ data }) => resolve(data);\n\
             worker.onerror = ({ message }) => reject(new Error(message));\n\
           });\n\
           worker.postMessage(address);\n\
           const byWorker = await answer;\n\
           const model = await loadModel(address);\n\
           const frame = await model.sample({ seed: 1, count: 2, steps: 1 }).finish();\n\
           return { page: Array.from(frame.pixels()), worker: byWorker, \
             element: customElements.get('ncsn-sampler') !== undefined };\n\
         })();",
    ),
    (
        "worker.js",
        "import { loadModel } from 'ncsn';\n\
         onmessage = async ({ data }) => {\n\
           const model = await loadModel(data);\n\
           const canvas = new OffscreenCanvas(1, 1);\n\
           for await (const frame of model.sample({ seed: 1, count: 2, steps: 1 }))\n\
             frame.draw(canvas, { columns: 1, gap: 0 });\n\
           const { width, height } = canvas;\n\
           postMessage(Array.from(canvas.getContext('2d').getImageData(0, 0, width, height).data));\n\
         };",
    ),
    (
        "use.ts",
        "import { type Frame, NcsnError, loadModel } from 'ncsn';\nimport 'ncsn/element';\n\
         import wasm from 'ncsn/ncsn_bg.wasm';\n\
         const model = await loadModel('a.safetensors');\n\
         for await (const frame of model.sample({ seed: 1n, class: ['a', 1] })) {\n\
           const blob: Blob = await (frame satisfies Frame).toBlob();\n\
           // @ts-expect-error\n\
           frame.steps = blob;\n\
         }\n\
         // @ts-expect-error\n\
         model.sample({ sampler: 'none' });\n\
         await loadModel(new Blob(), { wasm: wasm satisfies string });\n\
         const element = document.createElement('ncsn-sampler');\n\
         element.addEventListener('error', ({ detail }) => \
           detail instanceof NcsnError && detail.code === 'network');\n\
         element.addEventListener('keydown', ({ key }) => key === 'r' && element.restart());\n\
         const seed: string = (element.seed = 7, element.seed);",
    ),
];

/// Runs npm, which is a script on Windows.
fn npm(folder: &Path, args: &[&str]) -> Result<Output> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let common = ["--no-audit", "--no-fund", "--loglevel=error"];
    Ok(Command::new(npm).current_dir(folder).args(common).args(args).output()?)
}

fn says(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A folder in which the package is installed from its tarball, or none where there is no npm.
fn installed() -> Result<Option<TempDir>> {
    let package = fs::canonicalize("../../pkg").context("run `cargo xtask package npm` first")?;
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path();
    if npm(folder, &["--version"]).is_err() {
        eprintln!("– the npm package: NOT TESTED, since npm is not installed (https://nodejs.org)");
        return Ok(None);
    }
    let packed = npm(&package, &["pack", "--pack-destination", &folder.to_string_lossy()])?;
    ensure!(packed.status.success(), "npm pack: {}", says(&packed));
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.file_name());
    let tarball = files.last().context("npm pack has made no file")?;
    fs::write(folder.join("package.json"), r#"{ "private": true, "type": "module" }"#)?;
    // Nothing has to be fetched: it depends on nothing.
    let tarball = format!("./{}", tarball.to_string_lossy());
    let output = npm(folder, &["install", "--offline", &tarball])?;
    ensure!(output.status.success(), "npm install: {}", says(&output));
    Ok(Some(temporary))
}

/// Serves a folder together with the page's models.
fn serve(folder: &Path) -> Result<Server> {
    Server::start_mounted(vec![
        Mount { path: "models/", folder: "../../www/models".into() },
        Mount { path: "", folder: folder.into() },
    ])
}

/// Runs an asynchronous script on the current page, which returns an object.
async fn ask(browser: &Browser, script: &str) -> Result<Value> {
    let script = format!(
        "const [answer] = arguments; (async () => {{ {script} }})()\
         .then(answer, (error) => answer({{ error: `${{error.code}}: ${{error.message}}` }}))"
    );
    perform(browser, &script).await
}

/// Runs a script on the current page, which answers with an object.
async fn perform(browser: &Browser, script: &str) -> Result<Value> {
    let answer = browser.client.execute_async(script, vec![]).await?;
    ensure!(answer["error"].is_null(), "{}", answer["error"]);
    Ok(answer)
}

/// Pixels of images, which are of more than one color.
fn pixels(value: &Value) -> Result<Vec<u8>> {
    let bytes: Vec<u8> = serde_json::from_value(value.clone())?;
    let (colors, _) = bytes.as_chunks::<4>();
    ensure!(colors.iter().any(|color| *color != colors[0]), "the images are blank");
    Ok(bytes)
}

/// Everything that the README promises of a model and a sampler, and what goes wrong, by name.
#[tokio::test]
async fn a_plain_page_samples_frame_by_frame() -> Result<()> {
    let Some(temporary) = installed()? else { return Ok(()) };
    let folder = temporary.path();
    fs::write(folder.join("index.html"), PLAIN)?;
    with_browser(async |browser| {
        let server = serve(folder)?;
        browser.client.goto(&server.url("")).await?;
        let answer = perform(browser, include_str!("package.js")).await?;
        ensure!(answer["steps"] == json!([0, 1, 2]), "{answer}");
        let (drawn, finished) = (pixels(&answer["drawn"])?, pixels(&answer["finished"])?);
        ensure!(drawn == finished, "the same seed gives other images");
        ensure!(pixels(&answer["other"])? != finished, "another seed gives the same images");
        ensure!(answer["progress"][1] == answer["progress"][0], "{}", answer["progress"]);
        ensure!(answer["png"] == "image/png 57 × 57", "{}", answer["png"]);
        ensure!(answer["left"] == true, "it goes on after its loop was left");
        let classes = json!(["at random", "at random", "7", "7", "7", "1,2,3"]);
        ensure!(answer["classes"] == classes, "the classes are {}", answer["classes"]);
        let refused = answer["noClasses"].as_array().context("no list")?;
        let all = refused.len() == 12 && refused.iter().all(|code| code == "bad-option");
        ensure!(all, "what is no class is {refused:?}");
        for (at, expected) in [
            "bad-option",
            "bad-option",
            "bad-option",
            "bad-address",
            "bad-model",
            "network",
            "model-too-large",
            "disposed",
            "disposed",
            "AbortError",
            "bad-option",
            "bad-address",
            "bad-option",
            "bad-option: levels",
            "bad-option: no option of sample is called “classes”",
            "bad-option: no part of churn is called “amont”",
            "bad-option: no option of loadModel is called “presicion”",
            "device-lost",
            "out-of-memory",
            "out-of-memory",
            "no-webgpu",
        ]
        .into_iter()
        .enumerate()
        {
            let found = answer["errors"][at].as_str().context("no error")?;
            ensure!(found.starts_with(expected), "{expected} is {found}");
        }
        let network = answer["errors"][5].as_str().unwrap_or_default();
        ensure!(network.contains(&server.url("none.safetensors")), "no address: {network}");
        let churn = &answer["churn"];
        ensure!(churn["amount"] == 3 && churn["noise"] == 1, "the churn is {churn}");
        let foreign = &answer["foreign"];
        ensure!(foreign == "OperationError ", "others on the page get: {foreign}");
        ensure!(answer["devices"] == 1, "{} devices for one page", answer["devices"]);
        ensure!(answer["recovered"] == true, "no other device follows one without memory");
        ensure!(answer["lost"] == "destroyed", "that one keeps what it has: {}", answer["lost"]);
        Ok(())
    })
    .await
}

/// What belongs to the package beside its modules.
#[test]
fn the_tarball_has_license_texts_and_the_wasm_file() -> Result<()> {
    let Some(temporary) = installed()? else { return Ok(()) };
    let package = temporary.path().join("node_modules/ncsn");
    for file in ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "lib/ncsn_bg.wasm"] {
        ensure!(package.join(file).is_file(), "the tarball lacks {file}");
    }
    Ok(())
}

/// The wasm file may have another name and place, as after bundling. Whoever waits is told if the module
/// stops, wherever its file is.
#[tokio::test]
async fn the_wasm_file_may_be_elsewhere() -> Result<()> {
    let Some(temporary) = installed()? else { return Ok(()) };
    let folder = temporary.path();
    fs::write(folder.join("index.html"), PLAIN)?;
    fs::copy(folder.join("node_modules/ncsn/lib/ncsn_bg.wasm"), folder.join("0123.wasm"))?;
    // Pages are not told about errors of scripts that a driver runs.
    let stop = "GPUDevice.prototype.createCommandEncoder = () => { throw new Error('as a test') }";
    fs::write(folder.join("stop.js"), stop)?;
    with_browser(async |browser| {
        let server = serve(folder)?;
        browser.client.goto(&server.url("")).await?;
        let script = "const { loadModel } = await import('ncsn'); \
                      const address = 'models/mnist-fewstep.safetensors'; \
                      const load = (wasm) => loadModel(address, { wasm }); \
                      const missing = await load('none.wasm').catch(({ message }) => message); \
                      const sampler = (await load('0123.wasm')).sample({ count: 1, steps: 1 }); \
                      await sampler.next(); \
                      await import(new URL('stop.js', document.baseURI)); \
                      const { code } = await sampler.finish().catch((error) => error); \
                      return { missing, code }";
        let answer = ask(browser, script).await?;
        let missing = answer["missing"].as_str().unwrap_or_default();
        ensure!(missing.contains(&server.url("none.wasm")), "no address: {missing}");
        ensure!(answer["code"] == "crashed", "it is {}", answer["code"]);
        Ok(())
    })
    .await
}

/// A file of a hub is fetched once, and again only if it has changed.
#[tokio::test]
async fn models_of_a_hub_are_kept() -> Result<()> {
    let Some(temporary) = installed()? else { return Ok(()) };
    let folder = temporary.path();
    fs::write(folder.join("index.html"), PLAIN)?;
    let hub = folder.join("hub/me/digits/resolve/main");
    fs::create_dir_all(hub.join("few"))?;
    let model = hub.join("few/steps.safetensors");
    fs::copy("../../www/models/mnist-fewstep.safetensors", &model)?;
    with_browser(async |browser| {
        let quirks = Quirks { hub: true, ..Quirks::default() };
        let mount = Mount { path: "", folder: folder.join("hub") };
        let (server, hub) = (serve(folder)?, Server::start_mounted_with(vec![mount], quirks)?);
        browser.client.goto(&server.url("")).await?;
        let load = |name: &str| {
            format!(
                "const {{ loadModel }} = await import('ncsn'); \
                 const model = await loadModel('hf:me/digits{name}', {{ hub: '{}' }}); \
                 return {{ name: model.name }}",
                hub.url("")
            )
        };
        let path = "/few/steps.safetensors";
        for expected in [1, 0] {
            ask(browser, &load(path)).await?;
            let sent = hub.take_sent().len();
            ensure!(sent == expected, "it was sent {sent} times instead of {expected}");
        }
        fs::copy("../../www/models/mnist.safetensors", &model)?;
        ask(browser, &load(&format!("{path}@main"))).await?;
        ensure!(hub.take_sent().len() == 1, "a newer file is not fetched");
        let error = ask(browser, &load("@v2")).await.err().map(|error| error.to_string());
        let address = hub.url("me/digits/resolve/v2/model.safetensors");
        ensure!(error.as_ref().is_some_and(|text| text.contains(&address)), "it says {error:?}");
        hub.stop()?;
        ask(browser, &load(path)).await?;
        Ok(())
    })
    .await
}

/// Of a download that breaks off, only the rest is asked for.
#[tokio::test]
async fn a_download_of_the_package_goes_on_where_it_broke_off() -> Result<()> {
    const FILE: &str = "mnist-fewstep.safetensors";
    let Some(temporary) = installed()? else { return Ok(()) };
    let folder = temporary.path();
    fs::write(folder.join("index.html"), PLAIN)?;
    with_browser(async |browser| {
        let breaks = Some(Breaks { file: FILE, times: 1, parts: true });
        let models = Mount { path: "models/", folder: "../../www/models".into() };
        let page = Mount { path: "", folder: folder.into() };
        let quirks = Quirks { breaks, ..Quirks::default() };
        let server = Server::start_mounted_with(vec![models, page], quirks)?;
        browser.client.goto(&server.url("")).await?;
        let load = "window.came = 0; \
                    window.loading = import('ncsn').then(({ loadModel }) => loadModel( \
                      'models/mnist-fewstep.safetensors', \
                      { onProgress: (loaded) => (window.came = loaded) })); \
                    const over = () => (window.over = true); \
                    window.loading.then(over, over)";
        browser.client.execute(load, vec![]).await?;
        // The connection breaks off when all that came through it has reached the package.
        let is_over = async || {
            let script = "return [window.came, window.over === true]";
            let (came, over): (u64, bool) =
                serde_json::from_value(browser.client.execute(script, vec![]).await?)?;
            server.has_arrived(came);
            Ok(over)
        };
        browser.wait_until("the download is over", is_over).await?;
        ask(browser, "const { name } = await window.loading; return { name }").await?;
        let whole = fs::metadata(Path::new("../../www/models").join(FILE))?.len();
        ensure!(server.broken() == (1, whole), "of {whole} bytes: {:?}", server.broken());
        Ok(())
    })
    .await
}

/// Elements on one page, which are changed, scrolled to, and removed. They also recover from the loss of
/// the GPU.
#[tokio::test]
async fn elements_share_a_device_and_stop_when_they_are_removed() -> Result<()> {
    let Some(temporary) = installed()? else { return Ok(()) };
    let folder = temporary.path();
    fs::write(folder.join("index.html"), ELEMENTS)?;
    with_browser(async |browser| {
        let script = "window.devices = []; \
                      const { requestDevice } = GPUAdapter.prototype; \
                      GPUAdapter.prototype.requestDevice = async function (...options) { \
                        const device = await requestDevice.apply(this, options); \
                        devices.push(device); \
                        return device; }";
        browser.before_every_page(script).await?;
        let server = serve(folder)?;
        browser.client.goto(&server.url("")).await?;
        let answer = perform(browser, include_str!("elements.js")).await?;
        ensure!(pixels(&answer["first"])? != pixels(&answer["changed"])?, "steps change nothing");
        ensure!(answer["devices"] == json!([1, 2]), "the devices are {}", answer["devices"]);
        ensure!(answer["label"] == "4 images by mnist-fewstep", "it is {}", answer["label"]);
        ensure!(answer["running"] == "running idle", "it is {}", answer["running"]);
        ensure!(answer["loads"] == 1, "one model is announced {} times", answer["loads"]);
        ensure!(answer["after"] == 0, "{} frames after its removal", answer["after"]);
        ensure!(answer["far"] == "idle", "out of sight it is {}", answer["far"]);
        ensure!(answer["closed"] == "destroyed", "the device is {}", answer["closed"]);
        ensure!(answer["alert"].as_str().is_some_and(|text| text.contains("404")), "{answer}");
        ensure!(answer["quiet"] == "idle", "the old error stays: {}", answer["quiet"]);
        ensure!(answer["code"] == "device-lost", "it was {}", answer["code"]);
        ensure!(answer["early"] == json!([4, true, []]), "it has {}", answer["early"]);
        ensure!(answer["moved"] == "finished true", "when it is moved: {}", answer["moved"]);
        ensure!(answer["ariaLabel"] == "Digits", "it is {}", answer["ariaLabel"]);
        ensure!(answer["missing"] == "bad-address failed", "it is {}", answer["missing"]);
        ensure!(answer["paused"] == "paused null", "with less motion: {}", answer["paused"]);
        let reflected = json!(["https://hub", "1,2", "heun", "0"]);
        ensure!(answer["reflected"] == reflected, "the attributes are {}", answer["reflected"]);
        ensure!(answer["unset"] == json!([]), "these attributes stay: {}", answer["unset"]);
        let [asked, by_class] = [&answer["asked"], &answer["byClass"]];
        ensure!(pixels(asked)? == pixels(by_class)?, "`class` and `classes` give other images");
        ensure!(answer["atRandom"] != *asked, "the class changes nothing");
        ensure!(
            answer["styled"] == "finished",
            "for a style sheet's class it is {}",
            answer["styled"]
        );
        let seeds = &answer["seeds"];
        ensure!(seeds[0] == seeds[1], "the same seed gives other images");
        ensure!(seeds[1] != seeds[2], "another seed gives the same images");
        let on_the_way = &answer["onTheWay"];
        ensure!(seeds[2] != on_the_way[0], "a seed that is set while it is moved is lost");
        ensure!(on_the_way[0] == on_the_way[1], "played while it is moved, it forgets the seed");
        ensure!(answer["narrow"] == true, "its images are wider than it");
        Ok(())
    })
    .await
}

/// axe finds nothing wrong with elements, with images or before there are any.
#[tokio::test]
async fn axe_finds_nothing_in_elements() -> Result<()> {
    let Some(axe) = axe::script()? else { return Ok(()) };
    let Some(temporary) = installed()? else { return Ok(()) };
    let folder = temporary.path();
    fs::write(folder.join("index.html"), ELEMENTS)?;
    with_browser(async |browser| {
        let server = serve(folder)?;
        browser.client.goto(&server.url("")).await?;
        browser.client.execute(&axe, vec![]).await?;
        let finish = "const one = document.getElementById('one'); \
                      if (one.state !== 'finished') \
                        await new Promise((resolve) => one.addEventListener('finish', resolve)); \
                      return {}";
        ask(browser, finish).await?;
        axe::is_clean(browser, Some("ncsn-sampler"), "elements").await
    })
    .await
}

/// A fresh project, without a plugin or a configuration.
#[tokio::test]
async fn a_bundler_needs_no_plugin() -> Result<()> {
    let Some(temporary) = installed()? else { return Ok(()) };
    let folder = temporary.path();
    for (name, text) in BUNDLED {
        fs::write(folder.join(name), text)?;
    }
    if !npm(folder, &["install", VITE, TYPESCRIPT])?.status.success() {
        eprintln!(
            "– the npm package, bundled: NOT TESTED: cannot install {VITE}; is there a network?"
        );
        return Ok(());
    }
    // What the package's types need of newer libraries, they ask for themselves.
    let library = ["--lib", "es2022,dom,dom.iterable"];
    let types = ["--strict", "--noEmit", "--target", "esnext", "--module", "esnext"];
    let types =
        [&["exec", "--", "tsc", "use.ts", "--moduleResolution", "bundler"][..], &types, &library];
    for arguments in [&types.concat()[..], &["exec", "--", "vite", "build", "--base", "./"]] {
        let output = npm(folder, arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {}", says(&output));
    }
    with_browser(async |browser| {
        let server = serve(&folder.join("dist"))?;
        browser.client.goto(&server.url("")).await?;
        let answer = ask(browser, "return window.sampled").await?;
        ensure!(answer["element"] == true, "the element is not defined");
        ensure!(pixels(&answer["page"])? == pixels(&answer["worker"])?, "the worker's differ");
        Ok(())
    })
    .await
}
