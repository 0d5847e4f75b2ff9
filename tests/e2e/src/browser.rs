//! Headless Chrome behind chromedriver, with the flags from the repository's `webdriver.json` that
//! wasm-pack uses, too; and Firefox behind geckodriver. The environment variable `CHROME` is the path
//! of a Chrome that chromedriver does not find by itself.
//!
//! Only one browser runs at a time: a software adapter keeps every core busy, and two would merely
//! delay each other.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};
use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
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

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Starts a browser on the software adapter, lets `visit` use it, and always closes it afterwards.
///
/// # Errors
///
/// When the browser cannot be started, and whatever error `visit` returns.
pub async fn with_browser<T>(visit: impl AsyncFnOnce(&Browser) -> Result<T>) -> Result<T> {
    with_browser_on(Adapter::SwiftShader, visit).await
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
    let program = Program {
        variable: "CHROMEDRIVER",
        name: "chromedriver",
        // "ChromeDriver was started successfully on port 34567."
        before_port: "successfully on port ",
    };
    with_driver(&program, capabilities(adapter)?, visit).await
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
    capabilities: Map<String, Value>,
    visit: impl AsyncFnOnce(&Browser) -> Result<T>,
) -> Result<T> {
    let _turn = ONE_AT_A_TIME.lock().await;
    let driver = Driver::start(program)?;
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&driver.url)
        .await
        .with_context(|| format!("{} cannot start the browser", program.name))?;
    let browser = Browser { client };
    let outcome = visit(&browser).await;
    browser.client.close().await.context("cannot close the browser")?;
    outcome
}

/// A running browser.
pub struct Browser {
    /// The WebDriver session.
    pub client: Client,
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

    /// Gives the page the size of a device's screen, in CSS pixels.
    ///
    /// # Errors
    ///
    /// When the driver refuses.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await
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
        let log = self.post("se/log", json!({ "type": "browser" })).await?;
        let entries = log.as_array().context("the driver's log is not a list")?;
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        Ok(errors.map(|entry| entry["message"].as_str().unwrap_or("?").to_owned()).collect())
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

/// The repository's flags, plus the console's log.
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
    capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
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
