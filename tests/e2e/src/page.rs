//! The page, used through what it shows and the controls it offers.

use std::{cell::RefCell, fmt, path::Path};

use anyhow::{Context, Result, bail, ensure};
use fantoccini::{
    Locator,
    actions::{
        InputSource, MOUSE_BUTTON_LEFT, MouseActions, PenActions, PointerAction, TouchActions,
    },
    elements::Element,
};
use serde_json::Value;

use crate::{browser::Browser, image::Image, server::Server};

/// What the page says it is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Fetching and compiling the wasm module and the model.
    Loading,
    /// Everything is loaded, and the chains hold their first noise.
    Ready,
    /// Annealing.
    Running,
    /// Stopped between two steps.
    Paused,
    /// All steps are done.
    Finished,
    /// Something failed, as `#message` explains.
    Error,
}

impl State {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "loading" => Self::Loading,
            "ready" => Self::Ready,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "finished" => Self::Finished,
            "error" => Self::Error,
            _ => bail!("`#status` has the unknown state {text:?}"),
        })
    }
}

/// The number of steps done, and of all steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Steps done.
    pub done: u32,
    /// Steps of the run.
    pub total: u32,
}

/// The message that a visitor sees after a failure.
#[derive(Debug)]
pub struct Message {
    /// The kind of failure, from `data-kind`.
    pub kind: String,
    /// The text of the message.
    pub text: String,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

/// What a visitor draws with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// A mouse.
    Mouse,
    /// A pen on a tablet.
    Pen,
    /// A finger on a touch screen.
    Finger,
}

/// The page in a browser.
pub struct Page<'a> {
    browser: &'a Browser,
}

impl<'a> Page<'a> {
    /// Opens the page with `query`, such as `?seed=7`, or nothing.
    ///
    /// # Errors
    ///
    /// When the browser cannot open it.
    pub async fn open(browser: &'a Browser, server: &Server, query: &str) -> Result<Self> {
        Self::open_at(browser, &server.url(query)).await
    }

    /// Opens the page at an address that is not a server's.
    ///
    /// # Errors
    ///
    /// When the browser cannot open it.
    pub async fn open_at(browser: &'a Browser, url: &str) -> Result<Self> {
        browser.client.goto(url).await.context("cannot open the page")?;
        Ok(Self { browser })
    }

    /// What the page says it is doing now. It is loading while it has no `#status`.
    ///
    /// # Errors
    ///
    /// When `#status` says something unknown.
    pub async fn state(&self) -> Result<State> {
        // In one command, as the page may reload itself between two.
        let script = "return document.getElementById('status')?.dataset.state ?? 'loading'";
        let state = self.browser.client.execute(script, vec![]).await?;
        State::parse(state.as_str().context("`data-state` is no text")?)
    }

    /// Waits until the page is in `wanted`.
    ///
    /// # Errors
    ///
    /// With the page's own message when it reports an error instead; when it takes too long.
    pub async fn wait_for(&self, wanted: State) -> Result<()> {
        let is_there = async || Ok(self.state().await? == wanted);
        self.wait_until(&format!("the page is {wanted:?}"), is_there).await
    }

    /// Waits until `holds` is true; `what` describes it.
    ///
    /// # Errors
    ///
    /// With the page's own message if it reports an error first; with the console's if it takes too
    /// long; any error of `holds`.
    pub async fn wait_until(
        &self,
        what: &str,
        holds: impl AsyncFn() -> Result<bool>,
    ) -> Result<()> {
        let holds_now = async || {
            // Check this before `holds`, which may be waiting for this very error.
            let state = self.state().await?;
            if holds().await? {
                return Ok(true);
            }
            if state == State::Error {
                bail!("waiting until {what}, the page shows {}", self.message().await?);
            }
            Ok(false)
        };
        self.wait_beside_message(what, holds_now).await
    }

    /// As [`Page::wait_until`], on a page that shows a failure already.
    ///
    /// # Errors
    ///
    /// With the console's messages if it takes too long; any error of `holds`.
    pub async fn wait_beside_message(
        &self,
        what: &str,
        holds: impl AsyncFn() -> Result<bool>,
    ) -> Result<()> {
        self.browser.wait_until(what, holds).await
    }

    /// As [`Page::wait_beside_message`], while one page gives way to another: between two there is none to answer, so
    /// whatever fails is tried again.
    ///
    /// # Errors
    ///
    /// With the console's messages if it takes too long, and what failed last.
    pub async fn wait_across_pages(
        &self,
        what: &str,
        holds: impl AsyncFn() -> Result<bool>,
    ) -> Result<()> {
        let last = RefCell::new(None);
        let holds_now = async || match holds().await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                *last.borrow_mut() = Some(error);
                Ok(false)
            }
        };
        let waited = self.wait_beside_message(what, holds_now).await;
        match last.into_inner() {
            Some(error) => waited.with_context(|| format!("the last try that failed: {error:#}")),
            None => waited,
        }
    }

    /// The text of the element that `selector` finds.
    ///
    /// # Errors
    ///
    /// When there is no such element.
    pub async fn text(&self, selector: &str) -> Result<String> {
        Ok(self.element(selector).await?.text().await?)
    }

    /// Whether the button or field that `selector` finds can be used.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn enabled(&self, selector: &str) -> Result<bool> {
        Ok(self.element(selector).await?.is_enabled().await?)
    }

    /// Whether a visitor who scrolls there sees what `selector` finds. If there is none, that may be
    /// made later.
    ///
    /// # Errors
    ///
    /// When the driver does not answer.
    pub async fn is_shown(&self, selector: &str) -> Result<bool> {
        let found = self.browser.client.find_all(Locator::Css(selector)).await?;
        match found.first() {
            Some(element) => Ok(element.is_displayed().await?),
            None => Ok(false),
        }
    }

    /// How many elements `selector` finds.
    ///
    /// # Errors
    ///
    /// When the driver does not answer.
    pub async fn count(&self, selector: &str) -> Result<usize> {
        Ok(self.browser.client.find_all(Locator::Css(selector)).await?.len())
    }

    /// Clicks on what `selector` finds.
    ///
    /// # Errors
    ///
    /// When it is missing, hidden or covered.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let button = self.in_the_middle(selector).await?;
        button.click().await.with_context(|| format!("cannot click on {selector}"))
    }

    /// Replaces the contents of an input and leaves it, as with the tab key. Unfolds the panel that
    /// it is in.
    ///
    /// # Errors
    ///
    /// When there is no such input.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.unfold(selector).await?;
        let input = self.element(selector).await?;
        input.clear().await?;
        input.send_keys(&format!("{text}\t")).await?;
        Ok(())
    }

    /// Clicks on the panel that contains what `selector` finds, if that is folded away.
    ///
    /// # Errors
    ///
    /// When there is no such element.
    pub async fn unfold(&self, selector: &str) -> Result<()> {
        let script = "return arguments[0].closest('details:not([open])')?.id ?? ''";
        let element = serde_json::to_value(self.element(selector).await?)?;
        let panel = self.browser.client.execute(script, vec![element]).await?;
        match panel.as_str() {
            None | Some("") => Ok(()),
            Some(panel) => self.click(&format!("#{panel} > summary")).await,
        }
    }

    /// Presses a key, wherever the focus is.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn press(&self, key: &str) -> Result<()> {
        let element = self.browser.client.active_element().await?;
        let pressed = element.send_keys(key).await;
        pressed.with_context(|| format!("cannot press {key} at the element with the focus"))
    }

    /// Chooses an option of a list by its value. Unfolds the panel that it is in.
    ///
    /// # Errors
    ///
    /// When there is no such list or option.
    pub async fn choose(&self, selector: &str, value: &str) -> Result<()> {
        self.unfold(selector).await?;
        Ok(self.element(selector).await?.select_by_value(value).await?)
    }

    /// Moves the mouse to what `selector` finds.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub async fn point_at(&self, selector: &str) -> Result<()> {
        let element = self.in_the_middle(selector).await?;
        let to = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        let mouse = MouseActions::new("mouse".into()).then(to);
        Ok(self.browser.client.perform_actions(mouse).await?)
    }

    /// Draws a line with the mouse on the element that `selector` finds, through points given as
    /// fractions of its width and height from its center.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub async fn draw(&self, selector: &str, points: &[(f64, f64)]) -> Result<()> {
        // The driver would lift it where it went down.
        self.drag(Tool::Mouse, selector, points, true).await?;
        self.lift().await
    }

    /// As [`Self::draw`], with a mouse, a pen or a finger, which is still there afterwards.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub async fn draw_with(&self, tool: Tool, selector: &str, points: &[(f64, f64)]) -> Result<()> {
        self.drag(tool, selector, points, false).await
    }

    async fn drag(
        &self,
        tool: Tool,
        selector: &str,
        points: &[(f64, f64)],
        lifts: bool,
    ) -> Result<()> {
        let element = self.in_the_middle(selector).await?;
        let (.., width, height) = element.rectangle().await?;
        let moves = points.iter().map(|(x, y)| PointerAction::MoveToElement {
            element: element.clone(),
            duration: None,
            x: x * width,
            y: y * height,
        });
        let mut actions: Vec<PointerAction> = moves.collect();
        actions.insert(1, PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        if lifts {
            actions.push(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        }
        let client = &self.browser.client;
        match tool {
            Tool::Mouse => {
                let hand = MouseActions::new("mouse".into());
                client.perform_actions(actions.into_iter().fold(hand, MouseActions::then)).await?
            }
            Tool::Pen => {
                let hand = PenActions::new("pen".into());
                client.perform_actions(actions.into_iter().fold(hand, PenActions::then)).await?
            }
            Tool::Finger => {
                let hand = TouchActions::new("finger".into());
                client.perform_actions(actions.into_iter().fold(hand, TouchActions::then)).await?
            }
        }
        Ok(())
    }

    /// Lifts whatever has been drawn with.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn lift(&self) -> Result<()> {
        Ok(self.browser.client.release_actions().await?)
    }

    /// The part of the address after the page itself: settings and drawing.
    ///
    /// # Errors
    ///
    /// When the driver does not answer.
    pub async fn query(&self) -> Result<String> {
        let url = self.browser.client.current_url().await?;
        let drawing = url.fragment().unwrap_or_default();
        Ok(format!("?{}#{drawing}", url.query().unwrap_or_default()))
    }

    /// The steps that `#step-count` shows, as in "12 of 120".
    ///
    /// # Errors
    ///
    /// When it shows something else.
    pub async fn steps(&self) -> Result<Steps> {
        let text = self.text("#step-count").await?.replace(',', "");
        let numbers = text.split_once("of").and_then(|(done, total)| {
            Some(Steps { done: done.trim().parse().ok()?, total: total.trim().parse().ok()? })
        });
        numbers.with_context(|| format!("`#step-count` shows {text:?}, not \"12 of 120\""))
    }

    /// The contents of the grid of chains.
    ///
    /// # Errors
    ///
    /// When there is no grid.
    pub async fn grid(&self) -> Result<Image> {
        self.saved("#save", None).await
    }

    /// One image of the grid, by its number from 1, as the dialog of more ways to save has it.
    ///
    /// # Errors
    ///
    /// When it cannot be saved.
    pub async fn saved_one(&self, number: u32, side: u32) -> Result<Image> {
        self.click("#more").await?;
        self.wait_until("the ways are there", async || self.is_shown("#save-one").await).await?;
        let client = &self.browser.client;
        let choose = "document.getElementById('save-number').value = arguments[0]";
        client.execute(choose, vec![number.into()]).await?;
        let image = self.saved("#save-one", Some([side, side])).await?;
        client.execute("document.getElementById('save-dialog').close()", vec![]).await?;
        Ok(image)
    }

    /// The name of the file that the grid is saved as. No file is saved any more on this page.
    ///
    /// # Errors
    ///
    /// When nothing is saved.
    pub async fn saved_name(&self) -> Result<String> {
        let client = &self.browser.client;
        let script = "HTMLAnchorElement.prototype.click = function () { \
                      window.saved = this.download }";
        client.execute(script, vec![]).await?;
        self.click("#save").await?;
        let saved = async || client.execute("return window.saved", vec![]).await;
        self.wait_until("it is saved", async || Ok(!saved().await?.is_null())).await?;
        let name = saved().await?;
        Ok(name.as_str().context("no name")?.to_owned())
    }

    /// What a button saves, at this width and height, or those of the grid with its margin.
    async fn saved(&self, button: &str, size: Option<[u32; 2]>) -> Result<Image> {
        let arguments = vec![button.into(), serde_json::to_value(size)?];
        Image::from_json(self.browser.client.execute_async(Image::SCRIPT, arguments).await?)
    }

    /// Waits until the page shows a failure, and returns its message.
    ///
    /// # Errors
    ///
    /// When no failure shows, or its message has no visible text.
    pub async fn wait_for_message(&self) -> Result<Message> {
        self.wait_for(State::Error).await?;
        ensure!(self.element("#message").await?.is_displayed().await?, "the message is hidden");
        let message = self.message().await?;
        ensure!(!message.text.trim().is_empty(), "the message {:?} has no words", message.kind);
        Ok(message)
    }

    /// The technical details of the message, which are folded up.
    ///
    /// # Errors
    ///
    /// When there is no message.
    pub async fn technical(&self) -> Result<String> {
        let element = self.element("#message-technical").await?;
        Ok(element.prop("textContent").await?.unwrap_or_default())
    }

    /// The values that the page has stored in the browser under names containing `part`.
    ///
    /// # Errors
    ///
    /// When the page does not answer.
    pub async fn stored(&self, part: &str) -> Result<Vec<String>> {
        let script = "return Object.keys(localStorage).filter((key) => key.includes(arguments[0]))\
                      .map((key) => localStorage[key])";
        let found = self.browser.client.execute(script, vec![part.into()]).await?;
        Ok(serde_json::from_value(found)?)
    }

    /// Waits until the page has reloaded itself.
    ///
    /// # Errors
    ///
    /// When it takes too long.
    pub async fn wait_for_reload(&self) -> Result<()> {
        let script = "return document.readyState !== 'loading' && \
                      performance.getEntriesByType('navigation')[0].type === 'reload'";
        let reloaded = async || Ok(self.browser.client.execute(script, vec![]).await? == true);
        self.wait_across_pages("the page has loaded itself again", reloaded).await
    }

    /// Whether the contents are wider than the window, so that a visitor has to scroll sideways.
    ///
    /// # Errors
    ///
    /// When the page does not answer.
    pub async fn overflows(&self) -> Result<bool> {
        let script = "const { scrollWidth, clientWidth } = document.documentElement; \
                      return scrollWidth > clientWidth";
        Ok(self.browser.client.execute(script, vec![]).await? == Value::Bool(true))
    }

    /// Whether the whole element that `selector` finds is in the window.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub async fn in_sight(&self, selector: &str) -> Result<bool> {
        let script = "const { top, bottom, height } = arguments[0].getBoundingClientRect(); \
                      return height > 0 && top >= 0 && bottom <= innerHeight";
        let element = serde_json::to_value(self.element(selector).await?)?;
        Ok(self.browser.client.execute(script, vec![element]).await? == Value::Bool(true))
    }

    /// Writes the contents of the window to a PNG file.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub async fn save_screenshot(&self, path: &Path) -> Result<()> {
        let png = self.browser.client.screenshot().await?;
        std::fs::write(path, png).with_context(|| format!("cannot write {}", path.display()))
    }

    async fn message(&self) -> Result<Message> {
        let element = self.element("#message").await?;
        let kind = element.attr("data-kind").await?.unwrap_or_default();
        Ok(Message { kind, text: element.text().await? })
    }

    /// Finds an element and scrolls it to the middle of the window: pointers only reach what is in
    /// the window, and text may cover its bottom.
    async fn in_the_middle(&self, selector: &str) -> Result<Element> {
        let element = self.element(selector).await?;
        let script = "arguments[0].scrollIntoView({ block: 'center' })";
        self.browser.client.execute(script, vec![serde_json::to_value(&element)?]).await?;
        Ok(element)
    }

    async fn element(&self, selector: &str) -> Result<Element> {
        let found = self.browser.client.find(Locator::Css(selector)).await;
        found.with_context(|| format!("the page has no {selector}"))
    }
}
