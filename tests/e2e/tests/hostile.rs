//! What strangers may put into links, model files and names, and what other scripts may try: nothing
//! of it is executed, nothing is asked of other hosts, and the page says what it has left out.

mod common;

use std::{env, fs, process, time::Duration};

use anyhow::{Context, Result, ensure};
use common::{
    TINY, dist, drop_file, first_noise, open_card, open_sketch, ready, ready_on, remove_own_model,
    tiny_with, wait_for_own_model,
};
use e2e::{
    browser::{Browser, with_browser},
    page::{Page, State},
    server::{Mount, Server},
};
use serde_json::{Value, json};
use tokio::time::timeout;

/// Runs where it is taken for markup.
const MARKUP: &str = "\"'><img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>";

/// Every parameter of a link but those that say how long a run is, and the model.
const PARAMETERS: [&str; 24] = [
    "seed",
    "to",
    "chains",
    "sampler",
    "levels",
    "steps_each",
    "step_lr",
    "denoise",
    "snr",
    "rho",
    "churn",
    "sigma_max",
    "sigma_min",
    "guide_min",
    "guide_max",
    "speed",
    "view",
    "precision",
    "class",
    "guidance",
    "of",
    "keep",
    "strength",
    "wander",
];

/// Whether something that was put into the page as text has become part of it.
async fn nothing_ran(browser: &Browser) -> Result<()> {
    let script = "return [window.ran ?? null, document.querySelector('[src=x], [onerror]') !== null, \
                  document.querySelectorAll('script').length, \
                  Object.getOwnPropertyNames(Object.prototype).includes('ran')]";
    let found = browser.client.execute(script, vec![]).await?;
    ensure!(found == json!([null, false, 2, false]), "something has come into the page: {found}");
    Ok(())
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn a_hostile_link_runs_nothing_and_shows_images() -> Result<()> {
    let long = "9".repeat(5000);
    let values = [
        MARKUP,
        "javascript:window.ran=1",
        "__proto__",
        "-1e999",
        "\u{202e}\u{0}\u{feff}${window.ran=1}%",
        &long,
        "",
    ];
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        for value in values {
            let value = encoded(value);
            let bad = PARAMETERS.map(|name| format!("{name}={value}")).join("&");
            let query = format!("?engine=cpu&autostart=0&{bad}&__proto__={value}#{value}");
            let page = Page::open(browser, &server, &query).await?;
            first_noise(&page).await.with_context(|| format!("{value}: no noise"))?;
            nothing_ran(browser).await?;
            browser.resize(320, 640).await?;
            ensure!(!page.overflows().await?, "{value}: the page scrolls sideways");
        }
        Ok(())
    })
    .await
}

/// However near to the drawing images are to stay, there is a schedule for it, and the page finds it
/// at once.
#[tokio::test]
async fn a_link_to_images_without_noise_does_not_freeze_the_page() -> Result<()> {
    const PATIENCE: Duration = Duration::from_secs(300);
    let drawing = include_str!("page/drawing.txt").trim();
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        for (engine, strength) in [("fused", "0"), ("cpu", ""), ("cpu", "1e-30"), ("cpu", "0.001")]
        {
            let query = format!("?engine={engine}&autostart=0&strength={strength}#{drawing}");
            let shows = async {
                let page = Page::open(browser, &server, &query).await?;
                let shows = async || {
                    let loaded = page.state().await? != State::Loading;
                    Ok(loaded && !page.grid().await?.is_blank())
                };
                page.wait_until("the images show", shows).await
            };
            let shows = timeout(PATIENCE, shows).await;
            shows.with_context(|| format!("strength={strength}: the page does not answer"))??;
        }
        // By hand, while the canvas is closed and opened again.
        let (page, _) = ready(browser, "?engine=cpu&autostart=0&chains=4").await?;
        open_sketch(&page).await?;
        let script = "const slider = document.getElementById('strength'); \
                      slider.value = 0; slider.dispatchEvent(new Event('input'))";
        browser.client.execute(script, vec![]).await?;
        page.click("#draw").await?;
        let again = timeout(PATIENCE, open_sketch(&page)).await;
        again.context("the page does not answer")?
    })
    .await
}

#[tokio::test]
async fn a_hostile_address_of_a_model_is_refused() -> Result<()> {
    let data = "data:application/octet-stream;base64,AAAA";
    let long = format!("a{}.safetensors", "/b".repeat(4000));
    let cases = [
        ("javascript:window.ran=1", "download"),
        (data, "download"),
        ("blob:https://elsewhere.example/1", "download"),
        ("file:///etc/passwd", "download"),
        ("https://[", "download"),
        (&long, "download"),
        (&format!("{MARKUP}.safetensors"), "download"),
        ("own:", "model"),
        (&format!("own:{MARKUP}"), "model"),
        ("own:../../www/models/mnist.safetensors", "model"),
    ];
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        for (address, kind) in cases {
            let query = format!("?engine=cpu&model={}", encoded(address));
            let page = Page::open(browser, &server, &query).await?;
            let message = page.wait_for_message().await?;
            ensure!(message.kind == kind, "{address}: {message}");
            ensure!(message.text.len() < 1500, "{address}: it says very much");
            nothing_ran(browser).await?;
            browser.resize(320, 640).await?;
            ensure!(!page.overflows().await?, "{address}: the page scrolls sideways");
        }
        Ok(())
    })
    .await
}

/// The tiles, whose card has all that cards may have, with another one.
fn with_card(change: impl FnOnce(&mut Value) -> Result<()>) -> Result<Vec<u8>> {
    let file = fs::read(dist().join("www/models/tiles.safetensors"))?;
    let (length, rest) = file.split_first_chunk::<8>().context("it is no model")?;
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header)?;
    let mut card: Value =
        serde_json::from_str(header["__metadata__"]["card"].as_str().context("no card")?)?;
    change(&mut card)?;
    header["__metadata__"]["card"] = card.to_string().into();
    let mut header = header.to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    Ok([&(header.len() as u64).to_le_bytes(), header.as_bytes(), tensors].concat())
}

/// A folder of its own for files that a test makes.
fn folder(name: &str) -> Result<std::path::PathBuf> {
    let folder = env::temp_dir().join(format!("ncsn-{name}-{}", process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// All that a card says is text, however much it is.
#[tokio::test]
async fn a_hostile_card_is_only_text() -> Result<()> {
    let hostile = with_card(|card| {
        let text = format!("{MARKUP}\u{202e}{}", "W".repeat(2000));
        for part in [
            "/name",
            "/licence",
            "/training/data",
            "/training/from",
            "/training/device",
            "/quality/features/name",
            "/classes/3/name",
        ] {
            *card.pointer_mut(part).context(part)? = text.clone().into();
        }
        card["classes"][4]["name"] = "__proto__".into();
        Ok(())
    })?;
    let folder = folder("hostile")?;
    fs::write(folder.join("hostile.safetensors"), hostile)?;
    let server = Server::start_mounted(vec![
        Mount { path: "more/", folder: folder.clone() },
        Mount { path: "", folder: dist().into() },
    ])?;
    with_browser(async |browser| {
        let query = tiny_with("model=more/hostile.safetensors");
        let (page, _) = ready_on(&server, browser, &query).await?;
        open_card(browser, &page).await?;
        ensure!(page.text("#card").await?.contains("<script>"), "the card leaves something out");
        nothing_ran(browser).await?;
        for width in [320, 820, 1440] {
            browser.resize(width, 900).await?;
            ensure!(!page.overflows().await?, "{width}: the page scrolls sideways");
        }
        // A class, and the name of a file.
        page.click("#chips label:nth-of-type(6)").await?;
        page.wait_for(State::Ready).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let name = page.saved_name().await?;
        let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        ensure!(name.chars().all(plain) && name.len() < 200, "the file's name is {name}");
        nothing_ran(browser).await
    })
    .await?;
    Ok(fs::remove_dir_all(folder)?)
}

/// The names of a visitor's own files come from elsewhere, too.
#[tokio::test]
async fn a_hostile_name_of_a_file_is_only_text() -> Result<()> {
    with_browser(async |browser| {
        let server = Server::start(dist())?;
        let page = Page::open(browser, &server, TINY).await?;
        page.wait_for(State::Ready).await?;
        let name = format!("{MARKUP}\n__proto__\u{202e}{}.safetensors", "W".repeat(150));
        drop_file(browser, &format!("{name}.txt"), "index.html").await?;
        let told = async || Ok(page.text("#problem").await?.contains("<script>"));
        page.wait_until("the page says that this is no model", told).await?;
        nothing_ran(browser).await?;
        let links = "return document.querySelectorAll('#models a').length";
        let before = browser.client.execute(links, vec![]).await?.as_u64();
        drop_file(browser, &name, "www/models/emoji.safetensors").await?;
        wait_for_own_model(&page).await?;
        nothing_ran(browser).await?;
        let after = browser.client.execute(links, vec![]).await?.as_u64();
        ensure!(after == before.map(|count| count + 1), "{before:?} links have become {after:?}");
        page.click("#own-model").await?;
        page.wait_until("the dialog is there", async || page.is_shown("#own-dialog").await).await?;
        for width in [320, 1440] {
            browser.resize(width, 900).await?;
            ensure!(!page.overflows().await?, "{width}: the page scrolls sideways");
        }
        page.click("#own-dialog form button").await?;
        remove_own_model(&page).await?;
        nothing_ran(browser).await
    })
    .await
}

/// What another script tries to bring into the page is stopped by the page's own policy, wherever
/// it is hosted, and the page goes on.
#[tokio::test]
async fn the_policy_stops_what_is_not_the_pages() -> Result<()> {
    with_browser(async |browser| {
        browser.expect_violations();
        // Privileged code of drivers may do more than a page: the attempts come from a page's script.
        let attempts = "addEventListener('try-it', async () => { \
            const tried = {}; \
            const attempt = async (name, act) => { \
              try { tried[name] = String(await act()) } catch (error) { tried[name] = error.name } }; \
            const loads = (element) => new Promise((resolve) => { \
              element.onload = () => resolve('loaded'); element.onerror = () => resolve('stopped'); \
              document.body.append(element) }); \
            const far = 'https://elsewhere.example/'; \
            await attempt('script', () => loads(Object.assign(document.createElement('script'), { src: far }))); \
            await attempt('text', () => document.body.append( \
              Object.assign(document.createElement('script'), { text: 'window.ran = 1' }))); \
            await attempt('image', () => loads(Object.assign(document.createElement('img'), { src: far + 'x.png' }))); \
            await attempt('frame', () => document.body.append( \
              Object.assign(document.createElement('iframe'), { src: far }))); \
            await attempt('style', () => loads(Object.assign( \
              document.createElement('link'), { rel: 'stylesheet', href: far + 'x.css' }))); \
            await attempt('markup', () => { document.body.innerHTML += '<b onclick=\"ran=1\">' }); \
            await attempt('eval', () => eval('window.ran = 1')); \
            await attempt('function', () => new Function('window.ran = 1')()); \
            await attempt('worker', () => new Worker('data:text/javascript,')); \
            await attempt('policy', () => trustedTypes.createPolicy('other', {})); \
            await attempt('base', () => { document.head.append( \
              Object.assign(document.createElement('base'), { href: far })); return document.baseURI }); \
            window.tried = tried })";
        browser.before_every_page(attempts).await?;
        let (page, _) = ready(browser, TINY).await?;
        browser.client.execute("dispatchEvent(new Event('try-it'))", vec![]).await?;
        let tried = async || browser.client.execute("return window.tried ?? null", vec![]).await;
        page.wait_until("all is tried", async || Ok(!tried().await?.is_null())).await?;
        let tried = tried().await?;
        for name in ["text", "markup", "worker", "policy", "script"] {
            ensure!(tried[name] == "TypeError", "{name}: {}", tried[name]);
        }
        for name in ["eval", "function"] {
            ensure!(tried[name] == "EvalError", "{name}: {}", tried[name]);
        }
        for name in ["image", "style"] {
            ensure!(tried[name] == "stopped", "{name}: {}", tried[name]);
        }
        let base = tried["base"].as_str().unwrap_or_default();
        ensure!(base.starts_with("http://127.0.0.1"), "addresses now begin with {base}");
        ensure!(browser.client.execute("return window.ran ?? null", vec![]).await?.is_null(), "it ran");
        // They reach the driver's log some time later.
        for directive in ["img-src", "style-src-elem", "frame-src", "base-uri", "trusted-types"] {
            let is_told = async || Ok(browser.violations().await?.join("\n").contains(directive));
            page.wait_until(&format!("a violation of {directive} is told"), is_told).await?;
        }
        page.click("#start").await?;
        page.wait_for(State::Finished).await
    })
    .await
}

/// A policy that a host sends with the page, as SECURITY.md has it, adds nothing that breaks it.
#[tokio::test]
async fn the_page_and_the_documentation_have_the_same_policy() -> Result<()> {
    let page = fs::read_to_string(dist().join("index.html"))?;
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1);
    let policy = policy.and_then(|rest| rest.split('"').next()).context("there is no policy")?;
    let documented = fs::read_to_string("../../SECURITY.md")?;
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(plain(&documented).contains(&plain(policy)), "SECURITY.md has another than {policy}");
    ensure!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    Ok(())
}
