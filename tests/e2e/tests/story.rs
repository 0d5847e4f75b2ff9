//! "How it works": symbols that explain themselves, and a live figure at each stop; and samplers side
//! by side.

mod common;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use common::{TINY, TINY_FILM, TINY_GPU, open_story, ready, wait_for_film};
use e2e::{
    browser::{Browser, with_browser},
    page::State,
};
use fantoccini::key::Key;
use serde_json::{Value, json};

async fn ask(browser: &Browser, script: &str, argument: impl Into<Value>) -> Result<Value> {
    Ok(browser.client.execute(script, vec![argument.into()]).await?)
}

/// Every letter of a formula says what it is, to a mouse, to a finger and to the keyboard, in a
/// place that is kept for it.
#[tokio::test]
async fn symbols_of_formulas_explain_themselves() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        open_story(browser, &page).await?;
        let silent = "return [...document.querySelectorAll('.notes mi, .notes mover')]\
                      .filter((symbol) => !symbol.closest('[data-meaning*=\": \"]'))\
                      .map((symbol) => symbol.textContent)";
        let silent = ask(browser, silent, Value::Null).await?;
        ensure!(silent == json!([]), "these say nothing: {silent}");
        let stops = "return [...document.querySelectorAll('.notes math')].map((formula) => \
                     formula.parentElement.matches('[role=slider][tabindex=\"0\"]') ? 1 : 0)";
        let stops = ask(browser, stops, Value::Null).await?;
        ensure!(stops == json!(vec![1; 9]), "the tab key stops {stops} times at the formulas");

        for width in [320, 1440] {
            browser.resize(width, 900).await?;
            // Every one of them, with a mouse.
            let all = "const notes = document.querySelector('.notes'); \
                       const before = notes.offsetHeight; \
                       return [...document.querySelectorAll('.notes article')].flatMap((article) => \
                       [...article.querySelectorAll('math [data-meaning]')].map((symbol) => { \
                         const { left, top, width, height } = symbol.getBoundingClientRect(); \
                         symbol.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, \
                           pointerType: 'mouse', clientX: left + width / 2, clientY: top + height / 2 })); \
                         const says = article.querySelector('.symbol').textContent; \
                         return [says === symbol.dataset.meaning, notes.offsetHeight === before] }))";
            let all = ask(browser, all, Value::Null).await?;
            let all = all.as_array().context("no symbols")?;
            ensure!(all.len() > 50, "there are {} symbols", all.len());
            for (at, symbol) in all.iter().enumerate() {
                ensure!(symbol[0] == true, "{width}: symbol {at} says something else");
                ensure!(symbol[1] == true, "{width}: the page moves at symbol {at}");
            }
            ensure!(!page.overflows().await?, "{width}: the page scrolls sideways");
        }

        // By keyboard, and by a tap.
        let says = async || page.text(".notes article:nth-child(2) .symbol").await;
        let focus = "document.querySelector('.notes article:nth-child(2) [tabindex=\"0\"]').focus()";
        browser.client.execute(focus, vec![]).await?;
        ensure!(says().await?.starts_with("s: the score"), "{}", says().await?);
        page.press(" ").await?;
        ensure!(page.state().await? == State::Ready, "the space bar has started the run");
        page.press(&char::from(Key::Right).to_string()).await?;
        ensure!(says().await?.starts_with("x~: a noisy image"), "{}", says().await?);
        page.press(&char::from(Key::End).to_string()).await?;
        page.press(&char::from(Key::Left).to_string()).await?;
        ensure!(says().await?.starts_with("qσ: how probable"), "{}", says().await?);
        page.click(".notes article:nth-child(2) math mi[data-meaning]").await?;
        ensure!(says().await?.starts_with("s: the score"), "{}", says().await?);
        // A mouse that is still there would choose the symbol again.
        page.point_at(".notes article:nth-child(2) h3").await?;
        browser.client.execute("document.activeElement.blur()", vec![]).await?;
        ensure!(says().await?.starts_with("The network answers"), "it stays: {}", says().await?);
        Ok(())
    })
    .await
}

/// What a symbol means depends on its stop and not on the order of the stops.
#[tokio::test]
async fn meanings_of_symbols_belong_to_their_stops() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        let move_it = "document.querySelector('.notes').prepend(\
                       document.querySelector('[data-stop=one-level]').closest('article'))";
        browser.client.execute(move_it, vec![]).await?;
        open_story(browser, &page).await?;
        let first = "return ['one-level', 'noise', 'ways'].map((stop) => \
                     [...document.querySelector(`[data-stop=${stop}]`).closest('article')\
                     .querySelectorAll('math [data-meaning]')].map((symbol) => symbol.dataset.meaning)\
                     .find((label) => label.startsWith('x: ')))";
        let first = ask(browser, first, Value::Null).await?;
        let expected = [
            "x: the chain: an image on its way",
            "x: an image, as a list of pixels from 0 to 1",
            "x: the image on its way",
        ];
        ensure!(first == json!(expected), "they say {first}");
        Ok(())
    })
    .await
}

/// Each stop begins with a plain sentence. Numbers of papers lead to a list of them, with BibTeX for
/// each, and leave the address alone, whose end is the drawing. Code is linked where the page knows
/// its repository, and training is one click away.
#[tokio::test]
async fn the_story_leads_to_papers_code_and_training() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        let leads = "return [...document.querySelectorAll('.notes article')].every((article) => \
                     article.querySelector('h3 + p.lead')?.textContent.endsWith('.'))";
        ensure!(ask(browser, leads, Value::Null).await? == true, "a stop has no plain sentence");
        let name = "document.querySelector('meta[name=repository]').content = arguments[0]";
        ask(browser, name, "https://code.example/us/it/").await?;
        open_story(browser, &page).await?;

        let papers = "return [...document.querySelectorAll('.papers li')].map((paper) => [ \
                      paper.querySelector('a').href.startsWith('https://'), \
                      document.querySelector(`[href=\"#${paper.id}\"]`) !== null])";
        let papers = ask(browser, papers, Value::Null).await?;
        let papers = papers.as_array().context("there are no papers")?;
        for (at, paper) in papers.iter().enumerate() {
            ensure!(*paper == json!([true, true]), "paper {} has no link, or none to it", at + 1);
        }
        let entries = "return document.querySelector('.footer pre').textContent.match(/^@/gm).length";
        let entries = ask(browser, entries, Value::Null).await?;
        ensure!(entries == json!(papers.len()), "{entries} of {} are in BibTeX", papers.len());
        let lost = "return [...document.querySelectorAll('.cite')].map((cite) => \
                    [cite.textContent, cite.getAttribute('href')]).filter(([text, href]) => \
                    text !== `[${href.slice('#paper-'.length)}]` || !document.querySelector(href))";
        let lost = ask(browser, lost, Value::Null).await?;
        ensure!(lost == json!([]), "these lead elsewhere: {lost}");
        page.click(".cite[href='#paper-3']").await?;
        let focus = "return document.activeElement.id";
        let focus = ask(browser, focus, Value::Null).await?;
        ensure!(focus == "paper-3", "the number leads to {focus}");
        ensure!(page.query().await? == format!("{TINY}#"), "the address has changed");

        let code = "return [...document.querySelectorAll('.notes .more a:has(code)')].map((link) => \
                    link.href)";
        let code = ask(browser, code, Value::Null).await?;
        let code: Vec<String> = serde_json::from_value(code)?;
        ensure!(code.len() == 8, "{} of 8 stops lead to code", code.len());
        for link in code {
            let path = link.strip_prefix("https://code.example/us/it/tree/HEAD/");
            let path = path.with_context(|| format!("a stop leads to {link}"))?;
            ensure!(Path::new("../..").join(path).exists(), "there is no {path}");
        }

        page.click("[data-train]").await?;
        page.wait_until("the panel is open", async || page.is_shown("#train-zone").await).await
    })
    .await
}

/// Whoever goes to the end of the page at once, as by the key, passes the title of the story, which is live all the same.
#[tokio::test]
async fn the_end_of_the_page_is_a_part_of_the_story() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        let jump = "scrollTo({ top: document.body.scrollHeight, behavior: 'instant' }); \
                    return document.getElementById('how-title').getBoundingClientRect().bottom < 0";
        let passed = browser.client.execute(jump, vec![]).await?;
        ensure!(passed == true, "the title is in the window");
        let live = async || page.is_shown("#toy2d").await;
        page.wait_until("the story is live", live).await
    })
    .await
}

/// A link to a paper, opened in a window of its own, is no link to a drawing.
#[tokio::test]
async fn a_place_on_the_page_is_no_drawing() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, &format!("{TINY}#paper-3")).await?;
        ensure!(page.text("#problem").await?.is_empty(), "{}", page.text("#problem").await?);
        ensure!(page.text("#caption-run").await?.ends_with("seed 7"), "it is of a drawing");
        Ok(())
    })
    .await
}

/// Each stop has a figure that answers to what one does, and that nothing makes room for later.
#[tokio::test]
async fn every_stop_has_a_live_figure() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY_GPU).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        wait_for_film(browser, TINY_FILM).await?;
        let height = "return document.querySelector('.notes').offsetHeight";
        let before = ask(browser, height, Value::Null).await?;
        open_story(browser, &page).await?;
        let after = ask(browser, height, Value::Null).await?;
        ensure!(before == after, "the figures move the page from {before} to {after}");
        let names = "return [...document.querySelectorAll('.notes article')].map((article) => \
                     article.querySelector('.stop')?.dataset.stop)";
        let names = ask(browser, names, Value::Null).await?;
        let expected =
            ["noise", "score", "matching", "one-level", "annealed", "guess", "ways", "guidance"];
        ensure!(names == json!(expected), "the figures are {names}");

        let select = |name: &str, part: &str| format!("[data-stop={name}] {part}");
        let show = async |name: &str| -> Result<()> {
            let script = "document.querySelector(`[data-stop=${arguments[0]}]`)\
                          .scrollIntoView({ block: 'center' })";
            ask(browser, script, name).await?;
            browser.next_frames().await
        };
        let pixels = async |name: &str| {
            let script =
                "return document.querySelector(`[data-stop=${arguments[0]}] canvas`).toDataURL()";
            ask(browser, script, name).await
        };
        let slide = async |name: &str, to: &str| -> Result<Value> {
            let script = "const [name, to] = arguments[0].split(' '); \
                          const slider = document.querySelector(`[data-stop=${name}] input`); \
                          slider.value = to; slider.dispatchEvent(new Event('input'))";
            ask(browser, script, format!("{name} {to}")).await?;
            pixels(name).await
        };
        for name in ["noise", "score", "matching", "guidance"] {
            show(name).await?;
            let (low, high) = (slide(name, "0.1").await?, slide(name, "0.9").await?);
            ensure!(low != high, "{name}: the slider changes nothing");
            ensure!(slide(name, "0.1").await? == low, "{name}: the slider leads elsewhere");
        }
        // The shares are counted while the chains run, and end where they should.
        for (name, expected) in [("one-level", 35..=65), ("annealed", 68..=92)] {
            show(name).await?;
            let first = pixels(name).await?;
            page.click(&select(name, "button")).await?;
            let share = async || -> Result<u32> {
                let text = page.text(&select(name, ".hint")).await?;
                let share = text.split('\u{202f}').next().and_then(|share| share.parse().ok());
                share.with_context(|| format!("no share in {text:?}"))
            };
            let cold = async || {
                let script = "return document.querySelector(`[data-stop=${arguments[0]}]`)\
                              .style.getPropertyValue('--coldness')";
                Ok::<_, anyhow::Error>(ask(browser, script, name).await? == "100.0%")
            };
            page.wait_until("the chains have come to their ends", async || {
                Ok(cold().await?
                    && expected.contains(&share().await?)
                    && pixels(name).await? != first)
            })
            .await?;
        }
        show("ways").await?;
        let first = pixels("ways").await?;
        page.choose(&select("ways", "select"), "ancestral").await?;
        let other = async || Ok(pixels("ways").await? != first);
        page.wait_until("another sampler has other ways", other).await?;
        let hint = page.text(&select("ways", ".hint")).await?;
        ensure!(hint.contains("fresh noise on the way"), "it is the flow: {hint}");

        // The page's own network.
        show("guess").await?;
        page.click(&select("guess", "button")).await?;
        let made = async || Ok(page.text(&select("guess", ".hint")).await?.starts_with("Drag"));
        page.wait_until("the network has guessed", made).await?;
        let last = pixels("guess").await?;
        ensure!(slide("guess", "0").await? != last, "it guesses the same of noise");
        ensure!(slide("guess", "1").await? == last, "the slider leads elsewhere");
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "errors reached the console: {errors:#?}");
        Ok(())
    })
    .await
}

/// From two to four samplers make the same images side by side.
#[tokio::test]
async fn samplers_are_compared_side_by_side() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        page.click("#start").await?;
        page.wait_for(State::Finished).await?;
        let grid = page.grid().await?;
        page.unfold("#sampler").await?;
        page.click("#compare-samplers").await?;
        page.wait_until("the view is there", async || page.is_shown("#side-by-side").await).await?;
        let done = async || Ok(page.text("#side-by-side [role=status]").await? == "Done.");
        // Heun's method takes long on a software adapter.
        page.choose(".compared article:nth-child(2) select", "unipc").await?;
        page.wait_until("both are done", done).await?;
        let columns = async || {
            let script = "return [...document.querySelectorAll('.compared article')].map((column) => [ \
                          column.querySelector('select').value, \
                          column.querySelector('.reading span').textContent, \
                          column.querySelector('output').textContent, \
                          column.querySelector('canvas').toDataURL()])";
            let found = ask(browser, script, Value::Null).await?;
            Ok::<_, anyhow::Error>(serde_json::from_value::<Vec<[String; 4]>>(found)?)
        };
        let [own, other] = columns().await?.try_into().ok().context("not two columns")?;
        ensure!(own[0] == "consistent" && own[1] == "3 evaluations", "{} {}", own[0], own[1]);
        ensure!(other[0] == "unipc" && other[1] == "10 evaluations", "{} {}", other[0], other[1]);
        ensure!(own[2] == "done" && other[2] == "done" && own[3] != other[3], "{}", other[2]);

        // The same sampler gives the same images, which are those of the page.
        page.choose(".compared article:nth-child(2) select", "consistent").await?;
        let same = async || {
            let columns = columns().await?;
            Ok(columns.len() == 2 && columns[0][3] == columns[1][3] && done().await?)
        };
        page.wait_until("the same sampler has the same images", same).await?;
        ensure!(columns().await?[0] == own, "they have changed");
        let first = "const { data } = document.querySelector('.compared canvas').getContext('2d')\
                     .getImageData(0, 0, 28, 28); return Array.from(data)";
        let first: Vec<u8> = serde_json::from_value(ask(browser, first, Value::Null).await?)?;
        let first = first.as_chunks::<4>().0;
        // The grid has a margin.
        let gap = "return Number(document.getElementById('grid').dataset.gap)";
        let gap = ask(browser, gap, Value::Null).await?.as_u64().context("no gap")? as usize;
        let most = (0..28 * 28).flat_map(|at| {
            let (x, y) = (at % 28 + gap, at / 28 + gap);
            let pixel = grid.pixel(x, y, 2 * 28 + 3 * gap);
            first[at].into_iter().zip(pixel).map(|(a, b): (u8, u8)| a.abs_diff(b))
        });
        ensure!(most.max() <= Some(2), "these are other images than the page's");

        for count in [3, 4] {
            ensure!(page.enabled("#compare-more").await?, "there are {count} at the most");
            page.click("#compare-more").await?;
            ensure!(columns().await?.len() == count, "there are not {count}");
        }
        ensure!(!page.enabled("#compare-more").await?, "there may be five");
        for (width, height) in [(320, 640), (390, 844), (820, 1180), (1440, 900)] {
            browser.resize(width, height).await?;
            let script = "const { scrollWidth, clientWidth } = document.getElementById('side-by-side'); \
                          return scrollWidth <= clientWidth";
            ensure!(ask(browser, script, Value::Null).await? == true, "{width}: it scrolls sideways");
        }
        for _ in 0..2 {
            page.click(".compared article:last-child .icon").await?;
        }
        ensure!(!page.enabled(".compared .icon").await?, "there may be one alone");
        page.press(&char::from(Key::Escape).to_string()).await?;
        page.wait_until("it is closed", async || Ok(!page.is_shown("#side-by-side").await?)).await?;
        ensure!(page.grid().await? == grid, "the page's images have changed");
        let errors = browser.console_errors().await?;
        ensure!(errors.is_empty(), "errors reached the console: {errors:#?}");
        Ok(())
    })
    .await
}

/// What the page is, and everything one can choose, have room at the top, in wide fonts as well.
#[tokio::test]
async fn the_header_has_room_for_everything() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        for font in ["", "\"DejaVu Sans\", Verdana, sans-serif"] {
            let script = "document.documentElement.style.setProperty('--sans', arguments[0])";
            ask(browser, script, font).await?;
            for (width, lines, rows) in [(768, 2, 2), (820, 2, 2), (1024, 1, 1), (1280, 1, 1), (1440, 1, 1)] {
                browser.resize(width, 900).await?;
                let script = "const text = document.querySelector('.title p'); \
                              const places = [...document.querySelectorAll('.models a, .choices button')]; \
                              return [Math.round(text.offsetHeight / parseFloat(getComputedStyle(text).lineHeight)), \
                              new Set(places.map((choice) => choice.offsetTop)).size]";
                let found = ask(browser, script, Value::Null).await?;
                ensure!(
                    found == json!([lines, rows]),
                    "{width} pixels{font}: lines and rows are {found}"
                );
                // Images get their new size with the next frames.
                let fits = async || Ok(!page.overflows().await?);
                page.wait_until(&format!("{width} pixels{font}: nothing scrolls sideways"), fits).await?;
            }
        }
        Ok(())
    })
    .await
}
