//! Headless Chrome behind chromedriver, with the flags from the repository's `webdriver.json` that
//! wasm-pack uses, too; and Firefox behind geckodriver. The environment variable `CHROME` is the
//! path of a Chrome that chromedriver does not find by itself.
//!
//! Only one browser runs at a time: a software adapter keeps every core busy, and two would merely
//! delay each other.
//!
//! Every visit in Chrome is watched: at its end it must neither have asked another host for anything
//! nor have broken the page's Content Security Policy, unless the test has announced that.
//!
//! If the environment variable `NCSN_WITHOUT_CANVAS` is set, all tests run in a Chrome that cannot
//! show what WebGPU draws into a canvas ([`Adapter::WithoutCanvas`]), where the page copies its
//! images.

use std::{
    cell::{Cell, RefCell},
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tokio::{sync::Mutex, time::sleep};
use url::{ParseError, Url};

/// What the flags that choose the software adapter have in common.
const SOFTWARE: &str = "swiftshader";

/// The flags of `webdriver.json` for how pages are shown.
const SHOWING: [&str; 2] = ["--use-vulkan=swiftshader", "--use-angle=swiftshader"];

/// The flags with which a headless Chrome uses the machine's own GPU: on Linux it would otherwise
/// look for a display.
const HARDWARE: &[&str] = match cfg!(target_os = "linux") {
    true => &["--use-angle=vulkan", "--disable-vulkan-surface"],
    false => &[],
};

/// Which GPU a browser uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// SwiftShader, the software adapter that is part of every Chrome.
    SwiftShader,
    /// The same, in a Chrome that shows pages in another way, so that what is drawn into a canvas
    /// does not arrive: it destroys the device instead. So do Chromes on some machines with Linux.
    WithoutCanvas,
    /// Whatever the browser would choose.
    Default,
}

/// What the console says of something that the page's policy has forbidden.
const VIOLATION: &str = "forbidden by the policy:";

/// How long a page may take for anything. A software adapter compiles shaders for minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Answers once the window has a width and two more frames have begun: with the first comes the new layout, and with that
/// whatever observes sizes. If it never has that width, answers so. Before a page is opened, there is nothing to wait for.
const RESIZED: &str = "const [width, answer] = arguments; \
    const frame = () => new Promise(requestAnimationFrame); \
    (async () => { \
      if (['about:', 'chrome:', 'data:'].includes(location.protocol)) return; \
      for (let frames = 0; frames < 100 && innerWidth !== width; frames++) await frame(); \
      if (innerWidth !== width) throw new Error(`it is ${innerWidth} pixels wide`); \
      await frame(); \
      await frame() \
    })().then(() => answer(), (error) => answer(String(error)))";

/// The hosts of the machine that the browser runs on.
const LOCAL: [&str; 2] = ["127.0.0.1", "localhost"];

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Starts a browser on the software adapter, which may be [without a canvas](self), lets `visit`
/// use it, and always closes it afterwards.
///
/// # Errors
///
/// When the browser cannot be started, and whatever error `visit` returns.
pub async fn with_browser<T>(visit: impl AsyncFnOnce(&Browser) -> Result<T>) -> Result<T> {
    let adapter = match env::var_os("NCSN_WITHOUT_CANVAS") {
        Some(_) => Adapter::WithoutCanvas,
        None => Adapter::SwiftShader,
    };
    with_browser_on(adapter, visit).await
}

/// Like [`with_browser`], on the given adapter.
///
/// # Errors
///
/// As for [`with_browser`].
pub async fn with_browser_on<T>(
    adapter: Adapter,
    visit: impl AsyncFnOnce(&Browser) -> Result<T>,
) -> Result<T> {
    with_chrome(capabilities(adapter)?, visit).await
}

/// Like [`with_browser`], for visitors who have chosen text of twice the usual size in their browser.
///
/// # Errors
///
/// As for [`with_browser`].
pub async fn with_large_text<T>(visit: impl AsyncFnOnce(&Browser) -> Result<T>) -> Result<T> {
    let mut capabilities = capabilities(Adapter::SwiftShader)?;
    capabilities["goog:chromeOptions"]["prefs"] =
        json!({ "webkit.webprefs.default_font_size": 32 });
    with_chrome(capabilities, visit).await
}

async fn with_chrome<T>(
    capabilities: Map<String, Value>,
    visit: impl AsyncFnOnce(&Browser) -> Result<T>,
) -> Result<T> {
    let program = Program {
        variable: "CHROMEDRIVER",
        name: "chromedriver",
        // "ChromeDriver was started successfully on port 34567."
        before_port: "successfully on port ",
    };
    with_driver(&program, capabilities, async |browser| {
        let watch = format!(
            "addEventListener('securitypolicyviolation', (event) => console.error(\
             '{VIOLATION}', event.effectiveDirective, event.blockedURI, event.sample, event.sourceFile))"
        );
        browser.before_every_page(&watch).await?;
        let outcome = visit(browser).await?;
        browser.has_kept_to_itself().await?;
        Ok(outcome)
    })
    .await
}

/// Like [`with_browser`], in Firefox, on whatever adapter it finds. Its console cannot be read
/// ([`Browser::console_errors`]), and Chrome's own protocol is not available.
///
/// # Errors
///
/// As for [`with_browser`].
pub async fn with_firefox<T>(visit: impl AsyncFnOnce(&Browser) -> Result<T>) -> Result<T> {
    let program = Program {
        variable: "GECKODRIVER",
        name: "geckodriver",
        // "1795693321123	geckodriver	INFO	Listening on 127.0.0.1:34567"
        before_port: "Listening on 127.0.0.1:",
    };
    let options = json!({
        "args": ["-headless"],
        // The adapter of a machine without a GPU is on the blocklist.
        "prefs": { "dom.webgpu.enabled": true, "gfx.webgpu.ignore-blocklist": true }
    });
    let capabilities = Map::from_iter([("moz:firefoxOptions".to_owned(), options)]);
    with_driver(&program, capabilities, visit).await
}

async fn with_driver<T>(
    program: &Program,
    mut capabilities: Map<String, Value>,
    visit: impl AsyncFnOnce(&Browser) -> Result<T>,
) -> Result<T> {
    let _turn = ONE_AT_A_TIME.lock().await;
    // The page has the browser ask before images are lost that nobody has but the page.
    capabilities.insert("unhandledPromptBehavior".into(), "accept".into());
    let driver = Driver::start(program)?;
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&driver.url)
        .await
        .with_context(|| format!("{} cannot start the browser", program.name))?;
    let browser = Browser {
        client,
        errors: RefCell::default(),
        violations: RefCell::default(),
        hosts: RefCell::default(),
        may_violate: Cell::default(),
    };
    let outcome = visit(&browser).await;
    browser.client.close().await.context("cannot close the browser")?;
    outcome
}

/// A running browser.
pub struct Browser {
    /// The WebDriver session.
    pub client: Client,
    /// Errors of the console that nobody has asked for yet.
    errors: RefCell<Vec<String>>,
    /// What the page's policy has forbidden.
    violations: RefCell<Vec<String>>,
    /// The other hosts that the page may ask.
    hosts: RefCell<Vec<String>>,
    /// Whether the page's policy may forbid something.
    may_violate: Cell<bool>,
}

impl Browser {
    /// Runs `script` in every page before the page's own scripts.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn before_every_page(&self, script: &str) -> Result<()> {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await
    }

    /// Waits until `holds` is true; `what` describes it.
    ///
    /// # Errors
    ///
    /// With the page's state and the console's messages if it takes too long; any error of `holds`.
    pub async fn wait_until(
        &self,
        what: &str,
        holds: impl AsyncFn() -> Result<bool>,
    ) -> Result<()> {
        let start = Instant::now();
        while !holds().await? {
            if start.elapsed() > PATIENCE {
                let script = "return document.getElementById('status')?.dataset.state ?? null";
                let state = self.client.execute(script, vec![]).await;
                let console = self.console_errors().await;
                bail!(
                    "waiting until {what} in vain: the page is {state:?}, its console says {console:#?}"
                );
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Waits until an asynchronous script answers what is expected; `what` describes that.
    ///
    /// # Errors
    ///
    /// With the last answer if it takes too long; when the driver refuses.
    pub async fn wait_for_answer(
        &self,
        what: &str,
        script: &str,
        arguments: Vec<Value>,
        expected: impl Into<Value>,
    ) -> Result<()> {
        let (expected, last) = (expected.into(), RefCell::new(Value::Null));
        let answers = async || {
            let answer = self.client.execute_async(script, arguments.clone()).await?;
            let is_expected = answer == expected;
            *last.borrow_mut() = answer;
            Ok(is_expected)
        };
        let waited = self.wait_until(what, answers).await;
        waited.with_context(|| format!("a script answers {} and not {expected}", last.borrow()))
    }

    /// Waits until two more frames have begun: by then what was changed is laid out, and whatever observes sizes has acted.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn next_frames(&self) -> Result<()> {
        let script = "const [answer] = arguments; \
                      requestAnimationFrame(() => requestAnimationFrame(() => answer()))";
        self.client.execute_async(script, vec![]).await?;
        Ok(())
    }

    /// Gives the page the size of a device's screen, in CSS pixels, and waits for the layout in it.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        let error = self.client.execute_async(RESIZED, vec![width.into()]).await?;
        ensure!(error.is_null(), "the page does not take its new size: {error}");
        Ok(())
    }

    /// Makes the page think that a visitor prefers `theme`, which is `light` or `dark`.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn prefer(&self, theme: &str) -> Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await
    }

    /// Leaves a page no room to keep anything more, as on a full disk, or all the room that there is again.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn fill_disk(&self, origin: &str, full: bool) -> Result<()> {
        let quota = if full {
            json!({ "origin": origin, "quotaSize": 1 })
        } else {
            json!({ "origin": origin })
        };
        self.devtools("Storage.overrideQuotaForOrigin", quota).await
    }

    /// Announces that the page is going to ask a host that is not its own.
    pub fn expect_host(&self, host: &str) {
        self.hosts.borrow_mut().push(host.to_owned());
    }

    /// Announces that something is going to be tried that the page's policy forbids.
    pub fn expect_violations(&self) {
        self.may_violate.set(true);
    }

    /// What the page's policy has forbidden so far.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn violations(&self) -> Result<Vec<String>> {
        self.read_console().await?;
        Ok(self.violations.borrow().clone())
    }

    /// Kills the process that owns the GPU, as a driver crash would.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn crash_gpu(&self) -> Result<()> {
        self.devtools("Browser.crashGpuProcess", json!({})).await
    }

    /// The errors that reached the console since the last call: uncaught exceptions, failed
    /// requests and `console.error`.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        self.read_console().await?;
        Ok(self.errors.take())
    }

    /// Takes the errors of the console out of the driver's log.
    async fn read_console(&self) -> Result<()> {
        for entry in self.log("browser").await?.iter().filter(|entry| entry["level"] == "SEVERE") {
            let message = entry["message"].as_str().unwrap_or("?").to_owned();
            if message.contains(VIOLATION) {
                self.violations.borrow_mut().push(message.clone());
            }
            self.errors.borrow_mut().push(message);
        }
        Ok(())
    }

    /// Whether the visit has neither asked another host for anything nor broken the page's policy.
    async fn has_kept_to_itself(&self) -> Result<()> {
        let violations = self.violations().await?;
        ensure!(
            violations.is_empty() || self.may_violate.get(),
            "the page breaks its own policy: {violations:#?}"
        );
        let strangers = strangers(&self.log("performance").await?);
        let allowed = self.hosts.borrow();
        let unexpected: Vec<_> = strangers.iter().filter(|host| !allowed.contains(host)).collect();
        ensure!(unexpected.is_empty(), "the page has asked other hosts: {unexpected:?}");
        for host in &*allowed {
            ensure!(strangers.contains(host), "the page has not asked {host}");
        }
        Ok(())
    }

    /// The driver's log of a kind since it was last read.
    async fn log(&self, kind: &str) -> Result<Vec<Value>> {
        let log = self.post("se/log", json!({ "type": kind })).await?;
        Ok(log.as_array().context("the driver's log is not a list")?.clone())
    }

    /// Sends a command of Chrome's own DevTools protocol.
    async fn devtools(&self, command: &str, parameters: Value) -> Result<()> {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await?;
        Ok(())
    }

    async fn post(&self, endpoint: &'static str, body: Value) -> Result<Value> {
        let answer = self.client.issue_cmd(Post { endpoint, body }).await;
        answer.with_context(|| format!("the driver refuses {endpoint}"))
    }
}

/// The hosts that have been asked for something, by the log of the network, except this machine.
fn strangers(log: &[Value]) -> Vec<String> {
    let events: Vec<Value> = log
        .iter()
        .filter_map(|entry| serde_json::from_str(entry["message"].as_str()?).ok())
        .map(|mut entry: Value| entry["message"].take())
        .collect();
    // The policy has stopped these before they were sent.
    let is_stopped = |event: &&Value| event["params"]["blockedReason"] == "csp";
    let stopped: Vec<&Value> =
        events.iter().filter(is_stopped).map(|event| &event["params"]["requestId"]).collect();
    let host = |event: &Value| {
        let sends = ["Network.requestWillBeSent", "Network.webSocketCreated"];
        let params = &event["params"];
        if !sends.contains(&event["method"].as_str()?) || stopped.contains(&&params["requestId"]) {
            return None;
        }
        let url = params["request"]["url"].as_str().or(params["url"].as_str())?;
        let url = Url::parse(url).ok()?;
        // Other schemes, such as `blob:`, ask nobody.
        let host =
            url.host_str().filter(|_| ["http", "https", "ws", "wss"].contains(&url.scheme()))?;
        (!LOCAL.contains(&host)).then(|| host.to_owned())
    };
    events.iter().filter_map(host).collect()
}

/// A command that only chromedriver knows.
#[derive(Debug)]
struct Post {
    endpoint: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Post {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.endpoint))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// The repository's flags, plus the logs of the console and the network.
fn capabilities(adapter: Adapter) -> Result<Map<String, Value>> {
    let mut capabilities: Map<String, Value> =
        serde_json::from_str(include_str!("../../../webdriver.json")).context("webdriver.json")?;
    let args = capabilities["goog:chromeOptions"]["args"].as_array_mut();
    let args = args.context("webdriver.json has no arguments for Chrome")?;
    match adapter {
        Adapter::SwiftShader => {}
        Adapter::WithoutCanvas => {
            args.retain(|arg| !arg.as_str().is_some_and(|arg| SHOWING.contains(&arg)));
        }
        Adapter::Default => {
            args.retain(|arg| !arg.as_str().is_some_and(|arg| arg.ends_with(SOFTWARE)));
            args.extend(HARDWARE.iter().map(|&arg| arg.into()));
        }
    }
    if let Some(binary) = env::var_os("CHROME") {
        let binary = binary.to_string_lossy();
        capabilities["goog:chromeOptions"]["binary"] = binary.into();
    }
    capabilities["goog:chromeOptions"]["perfLoggingPrefs"] =
        json!({ "enableNetwork": true, "enablePage": false });
    let logs = json!({ "browser": "ALL", "performance": "ALL" });
    capabilities.insert("goog:loggingPrefs".into(), logs);
    Ok(capabilities)
}

/// A program that drives browsers.
struct Program {
    /// The environment variable that holds its path.
    variable: &'static str,
    /// Its name if that is not set.
    name: &'static str,
    /// What it prints before the number of its port.
    before_port: &'static str,
}

/// How often to start a driver that finds no port.
const STARTS: usize = 5;

/// A process that drives a browser and is killed when this is dropped.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    /// Starts the driver on a free port of its choice.
    fn start(program: &Program) -> Result<Self> {
        // chromedriver takes a port that is free for IPv4, then asks for the same one for IPv6,
        // where it may be taken. In that case it exits, and another start finds another port.
        for _ in 0..STARTS {
            if let Some(driver) = Self::start_once(program)? {
                return Ok(driver);
            }
        }
        bail!("{} ended before it opened a port, {STARTS} times", program.name)
    }

    /// `None` if the driver ended before it had a port.
    fn start_once(program: &Program) -> Result<Option<Self>> {
        let Program { variable, name, before_port } = *program;
        let path = env::var_os(variable).unwrap_or_else(|| name.into());
        let process = Command::new(&path).arg("--port=0").stdout(Stdio::piped()).spawn();
        let process = process.with_context(|| format!("cannot start {}", path.display()))?;
        let mut driver = Self { process, url: String::new() };
        let stdout = driver.process.stdout.take();
        let stdout = stdout.with_context(|| format!("{name} has no output"))?;
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split_once(before_port)?.1.trim_end_matches('.').parse::<u16>().ok()
        });
        let Some(port) = port else { return Ok(None) };
        // If nobody read on, the driver would block on a full pipe.
        thread::spawn(move || lines.for_each(drop));
        driver.url = format!("http://127.0.0.1:{port}");
        Ok(Some(driver))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have exited by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_other_hosts_are_found_in_the_log() {
        let event = |method: &str, params: Value| {
            let event = json!({ "message": { "method": method, "params": params } });
            json!({ "message": event.to_string() })
        };
        let sent = |id: u32, url: &str| {
            let params = json!({ "requestId": id, "request": { "url": url } });
            event("Network.requestWillBeSent", params)
        };
        let log = [
            sent(1, "https://cdn.example/a.js"),
            sent(2, "http://127.0.0.1:1234/some/path/"),
            sent(3, "blob:http://cdn.example/1"),
            sent(4, "https://stopped.example/"),
            event("Network.loadingFailed", json!({ "requestId": 4, "blockedReason": "csp" })),
            event("Network.webSocketCreated", json!({ "requestId": 5, "url": "wss://a.example/" })),
            event("Network.dataReceived", json!({ "requestId": 6, "url": "https://b.example/" })),
        ];
        assert_eq!(strangers(&log), ["cdn.example", "a.example"]);
    }
}
