//! Where things are, on every screen.

use std::{env, fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::{with_browser, with_large_text},
    page::{Page, State},
    server::Server,
};
use tokio::time::sleep;

use crate::common::{TINY, dist, drop_file, open_sketch, ready, tiny_with};

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
            // The CPU's engine starts later, and its images arrive later.
            for engine in ["fused", "cpu"] {
                let query = tiny_with(&format!("engine={engine}&autostart=1"));
                let page = Page::open(browser, &server, &query).await?;
                page.wait_for(State::Finished).await?;
                sleep(Duration::from_millis(500)).await;
                let sum = "return window.shifts.reduce((sum, value) => sum + value, 0)";
                let sum = browser.client.execute(sum, vec![]).await?;
                let sum = sum.as_f64().context("no sum of shifts")?;
                ensure!(sum < 0.01, "{engine}, {width} pixels: the layout shifts by {sum}");
            }
        }
        Ok(())
    })
    .await
}

/// The screens of phones, a tablet and a desktop, in CSS pixels.
const SCREENS: [(u32, u32); 5] = [(320, 640), (390, 844), (844, 390), (820, 1180), (1440, 900)];

/// Screens of 1440 × 900 and of 1280 × 720 pixels for visitors who see everything twice as large.
const ENLARGED: [(u32, u32); 2] = [(720, 450), (640, 360)];

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
                open_sketch(&page).await?;
            }
            for (width, height) in SCREENS.into_iter().chain(ENLARGED) {
                browser.resize(width, height).await?;
                for theme in ["light", "dark"] {
                    let Some(folder) = env::var_os("NCSN_SCREENSHOTS") else { continue };
                    browser.prefer(theme).await?;
                    // A theme comes in gradually.
                    sleep(Duration::from_millis(500)).await;
                    fs::create_dir_all(&folder)?;
                    let file = format!("page{canvas}-{width}-{theme}.png");
                    page.save_screenshot(&Path::new(&folder).join(file)).await?;
                }
                let what = format!("{width} pixels{canvas}: nothing scrolls sideways");
                page.wait_until(&what, async || Ok(!page.overflows().await?)).await?;
                let script = "const [grid, frame] = ['grid', 'grid-frame'] \
                              .map((id) => document.getElementById(id).getBoundingClientRect()); \
                              const off = grid.top + grid.bottom - frame.top - frame.bottom; \
                              return frame.height <= innerHeight && Math.abs(off) <= 2";
                let fits = async || Ok(browser.client.execute(script, vec![]).await? == true);
                let what =
                    format!("{width} pixels{canvas}: the grid is in the middle of the screen");
                page.wait_until(&what, fits).await?;
            }
        }
        Ok(())
    })
    .await
}

/// Nor may it with text of twice the usual size.
#[tokio::test]
async fn large_text_fits_every_screen() -> Result<()> {
    with_large_text(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        for panel in ["#seed", "#denoise"] {
            page.unfold(panel).await?;
        }
        for (width, height) in SCREENS {
            browser.resize(width, height).await?;
            let what = format!("{width} pixels: nothing scrolls sideways");
            page.wait_until(&what, async || Ok(!page.overflows().await?)).await?;
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

/// On a phone, the buttons of the run and the curve are in sight with the images that they change.
#[tokio::test]
async fn on_a_phone_the_images_are_in_sight_with_what_changes_them() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        for (width, height) in [(320, 640), (390, 664), (390, 844)] {
            browser.resize(width, height).await?;
            let script = "document.getElementById('grid-frame').scrollIntoView()";
            browser.client.execute(script, vec![]).await?;
            for part in ["#grid", "#start", "#timeline"] {
                let what = format!("{part} is in a window of {width} × {height}");
                page.wait_until(&what, async || page.in_sight(part).await).await?;
            }
        }
        Ok(())
    })
    .await
}

/// On a phone, what is wrong is said at the bottom of the window, and everything can be scrolled above that.
#[tokio::test]
async fn a_problem_covers_nothing_for_good() -> Result<()> {
    with_browser(async |browser| {
        let (page, _) = ready(browser, TINY).await?;
        browser.resize(390, 844).await?;
        drop_file(browser, "notes.txt", "index.html").await?;
        page.wait_until("the page says what is wrong", async || page.is_shown("#problem").await)
            .await?;
        // What comes into sight may be made only then, which moves the end.
        let script = "scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' }); \
                      const [end, bar] = [document.querySelector('main'), \
                        document.getElementById('problem-bar')].map((e) => e.getBoundingClientRect()); \
                      return bar.height > 0 && Math.abs(bar.bottom - innerHeight) <= 1 \
                        && end.bottom <= bar.top + 1";
        let above = async || Ok(browser.client.execute(script, vec![]).await? == true);
        page.wait_until("the end of the page is above the bar", above).await
    })
    .await
}

/// Visitors who draw on a phone or a tablet can see the result.
#[tokio::test]
async fn the_sketch_canvas_and_the_images_are_in_sight_together() -> Result<()> {
    with_browser(async |browser| {
        for (width, height) in SCREENS {
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
