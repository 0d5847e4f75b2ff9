//! Visits to the bench page: a task goes to it as a file, and its result comes back.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use e2e::{
    browser::{Adapter, Browser, with_browser_on},
    server::{Mount, Server},
};
use ncsn::{
    model_file::Card,
    net::ImageShape,
    sample::{Settings, Start, Update},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    addresses::{DIST, MODEL, NODE_MODULES, WORK, address},
    engines::Engine,
    size,
};

/// The folder of the bench page, from the root of the checkout, where `cargo xtask bench web` runs
/// this.
const HERE: &str = "benches/web";

const SEED: u32 = 7;

/// A sampler for all engines: ours take its settings, others its steps.
#[derive(Serialize)]
pub struct Sampler {
    settings: Settings,
    start: Normal,
    /// The steps that the settings lead to.
    pub steps: Vec<Step>,
}

#[derive(Serialize)]
struct Normal {
    mean: f32,
    sigma: f32,
}

/// `x ← x + drift · s(x, σ) + previous · s₋ + noise · z`, where s₋ is the score of the previous
/// step.
#[derive(Serialize)]
pub struct Step {
    sigma: f32,
    drift: f32,
    previous: f32,
    noise: f32,
}

impl Step {
    fn new(step: &ncsn::sample::Step) -> Result<Self> {
        match step.update {
            Update::Affine { drift, previous, noise } => {
                Ok(Self { sigma: step.sigma, drift, previous, noise })
            }
            Update::Multistep { .. } | Update::Corrector { .. } => {
                bail!("the bench page knows only steps along one or two scores")
            }
        }
    }
}

impl Sampler {
    /// The step table of these settings for the model of this card.
    pub fn new(card: &Card, settings: Settings) -> Result<Self> {
        let table = card.step_table(&settings, None)?;
        let Start::Normal { mean, sigma } = table.start else {
            bail!("the bench page starts chains at a normal distribution only");
        };
        let steps = table.steps.iter().map(Step::new).collect::<Result<_>>()?;
        Ok(Self { settings, start: Normal { mean, sigma }, steps })
    }
}

/// How far an engine's pixels are from the first engine's, as a fraction of the pixels' range.
#[derive(Debug, Serialize, Deserialize)]
pub struct Difference {
    pub name: String,
    pub largest: f64,
    pub mean: f64,
}

/// An engine's first image, in milliseconds since navigation.
#[derive(Debug, Serialize, Deserialize)]
pub struct FirstImage {
    pub ready: f64,
    #[serde(rename(deserialize = "firstEvaluation"))]
    pub first_evaluation: f64,
    /// The number of steps taken within the budget.
    pub steps: usize,
    /// `None` if the budget ended first.
    pub image: Option<f64>,
}

/// What it takes until an engine has painted.
#[derive(Debug, Serialize)]
pub struct Load {
    pub name: String,
    pub times: FirstImage,
    /// Scripts and wasm.
    pub module: size::Bytes,
    pub model: size::Bytes,
}

/// The times of one engine at one batch size, in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cell {
    pub name: String,
    pub batch: usize,
    /// The first evaluation at this batch size; `None` if the engine was skipped.
    pub first: Option<f64>,
    /// The evaluations after it.
    pub times: Vec<f64>,
    /// The number of sampler steps that were timed together.
    pub steps: usize,
    /// The time that they took.
    pub sampling: f64,
}

/// What the engines did in training.
#[derive(Debug, Serialize, Deserialize)]
pub struct Training {
    /// From the same weights, images and noise.
    pub losses: Vec<Losses>,
    pub runs: Vec<Run>,
}

/// The losses of an engine's first steps; about 1 for a network that always answers 0.
#[derive(Debug, Serialize, Deserialize)]
pub struct Losses {
    pub name: String,
    pub losses: Vec<f64>,
}

/// One engine in training, with times in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    pub name: String,
    /// Until a step could be taken.
    pub ready: f64,
    /// The first step.
    pub first: f64,
    /// The number of steps in a round.
    pub steps: usize,
    /// The rounds, after two steps.
    pub times: Vec<f64>,
    /// The losses of the first step and of the last round.
    pub loss: [f64; 2],
}

/// The bench page on a server, ready to be visited.
pub struct Visits {
    server: Server,
    work: PathBuf,
    adapter: Adapter,
}

impl Visits {
    /// Serves the page, our engines, the other runtimes, and the folder with models and tasks.
    pub fn new(dist: &Path, node_modules: &Path, work: &Path, adapter: Adapter) -> Result<Self> {
        let page = Path::new(HERE).join("page");
        let mount = |path, folder: &Path| Mount { path, folder: folder.into() };
        let server = Server::start_mounted(vec![
            mount("bench/", &page),
            mount(DIST, dist),
            mount(NODE_MODULES, node_modules),
            mount(WORK, work),
        ])?;
        Ok(Self { server, work: work.into(), adapter })
    }

    /// The GPU's name.
    pub async fn adapter_name(&self) -> Result<String> {
        with_browser_on(self.adapter, async |browser| {
            // WebGPU is only available on a page from this machine.
            browser.client.goto(&self.server.url("bench/idle.html")).await?;
            let script = "const [done] = arguments; \
                navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }).then( \
                    ({ info }) => done(info.description || info.device || `${info.vendor} ${info.architecture}`), \
                    (error) => done(String(error)))";
            let name = browser.client.execute_async(script, vec![]).await?;
            Ok(name.as_str().unwrap_or("unknown").to_owned())
        })
        .await
    }

    /// Compares the images that the engines paint.
    pub async fn compare(
        &self,
        engines: &[Engine],
        table: &Sampler,
        batch: usize,
    ) -> Result<Vec<Difference>> {
        let task = json!({
            "kind": "compare", "engines": engines, "stepTable": table, "batch": batch, "seed": SEED
        });
        self.visit(&task).await
    }

    /// Times an engine from navigation to one finished image, in a fresh browser.
    pub async fn first_image(&self, engine: &Engine, table: &Sampler, budget: f64) -> Result<Load> {
        self.server.take_sent();
        let task = json!({
            "kind": "first-image", "engine": engine, "stepTable": table, "batch": 1,
            "seed": SEED, "budget": budget
        });
        let times = self.visit(&task).await?;
        let page = Path::new(HERE);
        let (mut module, mut model) = (size::Bytes::default(), size::Bytes::default());
        for path in self.server.take_sent() {
            if path.starts_with(&self.work) {
                if path.extension().is_some_and(|extension| extension != "json") {
                    model += size::of(&path)?;
                }
            } else if !path.starts_with(page) {
                module += size::of(&path)?;
            }
        }
        Ok(Load { name: engine.name.clone(), times, module, model })
    }

    /// Times evaluations of all engines in turn.
    pub async fn warm(
        &self,
        engines: &[Engine],
        table: &Sampler,
        batches: &[usize],
        budget: f64,
    ) -> Result<Vec<Cell>> {
        let task = json!({
            "kind": "warm", "engines": engines, "stepTable": table, "batches": batches,
            "seed": SEED, "budget": budget
        });
        self.visit(&task).await
    }

    /// Times training steps of all engines in turn, from scratch. The model is for comparing losses.
    pub async fn training(
        &self,
        engines: &[Engine],
        shape: ImageShape,
        batch: usize,
        budget: f64,
    ) -> Result<Training> {
        let task = json!({
            "kind": "training", "engines": engines, "model": address(WORK, MODEL), "shape": shape,
            "batch": batch, "seed": SEED, "budget": budget
        });
        self.visit(&task).await
    }

    /// Opens the page with a task in a fresh browser, shows its progress and returns its result.
    async fn visit<T: DeserializeOwned>(&self, task: &Value) -> Result<T> {
        fs::write(self.work.join("task.json"), task.to_string())?;
        let task = address(WORK, "task.json");
        let url = self.server.url(&format!("bench/index.html?task={task}"));
        let result = with_browser_on(self.adapter, async |browser| {
            browser.client.goto(&url).await.context("cannot open the bench page")?;
            watch(browser).await
        });
        serde_json::from_value(result.await?).context("the bench page's result")
    }
}

/// Shows the page's progress until it is done.
async fn watch(browser: &Browser) -> Result<Value> {
    let mut shown = 0;
    loop {
        let mut bench = browser.client.execute("return window.bench ?? null", vec![]).await?;
        let lines = bench["lines"].as_array().map_or(&[][..], Vec::as_slice);
        for line in &lines[shown.min(lines.len())..] {
            eprintln!("  {}", line.as_str().unwrap_or_default());
        }
        shown = lines.len();
        if let Some(error) = bench["error"].as_str().filter(|error| !error.is_empty()) {
            bail!("the bench page failed: {error}\n{:#?}", browser.console_errors().await?);
        }
        if bench["done"] == Value::Bool(true) {
            return Ok(bench["result"].take());
        }
        // Each question costs the page a little, so they are rare while it measures.
        sleep(Duration::from_secs(1)).await;
    }
}
