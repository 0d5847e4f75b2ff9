//! The interface for JavaScript. Everything that crosses it is typed: plain data through
//! `serde-wasm-bindgen`, with the TypeScript of [`types`] in the generated `.d.ts`.
//!
//! The page comes in three bundles of this crate, one per engine (`fused`, `reference`, `cpu`),
//! with the same exports; only `fused` also tunes and draws. [`Model`] needs no device, so a page
//! can read a model and check settings before it chooses an engine.

mod drawing;
mod executor;
#[cfg(feature = "fused")]
mod screen;
mod types;
mod verify;

use std::cell::{Cell, RefCell};
#[cfg(feature = "fused")]
use std::rc::Rc;

#[cfg(feature = "fused")]
use js_sys::Array;
use js_sys::{Float32Array, Object, Uint8ClampedArray};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::backend::{Chains, advance_to};
use crate::model_file::{Card, Container, ModelFile};
use crate::net::ImageShape;
use crate::net::weights::Weights;
use crate::pixel::byte;
use crate::sample::parameters::{APPLIES_TO, AppliesTo, DEFAULTS, Defaults, default_strength};
use crate::sample::{Conditioning, Settings, StepTable, View};
use executor::Executor;
#[cfg(feature = "fused")]
use screen::Screen;

/// As fast as wasm's default allocator, with a quarter of its code.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Runs when the wasm module has loaded: makes panics go in full to the console, and to the page (or
/// the worker) as the event `ncsn-panic` of the global object, whose `detail` is the message.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let init = web_sys::CustomEventInit::new();
        init.set_detail(&info.to_string().into());
        let event = web_sys::CustomEvent::new_with_event_init_dict("ncsn-panic", &init);
        // In a panic nobody is left to hear that its report failed.
        let target: web_sys::EventTarget = js_sys::global().unchecked_into();
        if let Ok(event) = event {
            let _ = target.dispatch_event(&event);
        }
    }));
}

/// A model file that has been read and checked.
#[wasm_bindgen]
pub struct Model {
    file: ModelFile,
    /// The card's text in the file: JavaScript parses JSON itself.
    card: String,
}

/// What JavaScript would otherwise have to derive from a card.
#[derive(Serialize)]
struct Derived {
    image_shape: ImageShape,
    parameters: usize,
}

#[wasm_bindgen]
impl Model {
    /// Reads a model file and checks all of it.
    ///
    /// # Errors
    /// An `Error` whose message names what is wrong with the file.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Result<Model, JsError> {
        let container = Container::read(bytes)?;
        let card = container.text(Card::KEY)?.to_owned();
        Ok(Self { file: ModelFile::of(&container)?, card })
    }

    /// A model without its weights, from the first bytes of its file: all that [`Engine::create`]
    /// asks for.
    ///
    /// # Errors
    /// An `Error` if there is no card in these bytes.
    pub fn without_weights(head: &[u8]) -> Result<Model, JsError> {
        let container = Container::without_tensors(head)?;
        let card: Card = container.card(Card::KEY, Card::FORMAT)?;
        card.architecture.check()?;
        // The tensors that a whole file would be checked for may not be there yet.
        if card.architecture.parameters() > ModelFile::MAX_BYTES / 2 {
            return Err(JsError::new("too many parameters"));
        }
        Ok(Self { file: ModelFile { card, weights: Weights::new() }, card: String::new() })
    }

    /// The model's card.
    ///
    /// # Errors
    /// None that a checked card can cause.
    #[wasm_bindgen(unchecked_return_type = "Card")]
    pub fn card(&self) -> Result<JsValue, JsError> {
        let architecture = &self.file.card.architecture;
        let (image_shape, parameters) = (architecture.image_shape(), architecture.parameters());
        let derived = to_js(&Derived { image_shape, parameters })?;
        let card = js_sys::JSON::parse(&self.card);
        let card: Object = card.map_err(|_| JsError::new("the card is not JSON"))?.unchecked_into();
        Ok(Object::assign(&card, derived.unchecked_ref()).into())
    }

    /// The strength for a drawing unless given, from 0 to 1, on the recommended noise schedule.
    pub fn default_strength(&self) -> f32 {
        let card = &self.file.card;
        default_strength(&card.sampler.schedule, card.architecture.image_shape())
    }

    /// σ of every step of these settings, or of those from an init image with a `strength`.
    ///
    /// # Errors
    /// An `Error` that names the impossible setting.
    pub fn schedule(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SamplerSettings")] settings: JsValue,
        strength: Option<f32>,
    ) -> Result<Float32Array, JsError> {
        let table = step_table(settings_from_js(settings)?, strength)?;
        let sigmas: Vec<f32> = table.steps.iter().map(|step| step.sigma).collect();
        Ok(Float32Array::from(&sigmas[..]))
    }
}

/// The settings that not all samplers have.
#[derive(Serialize)]
struct SamplerParameters {
    applies_to: AppliesTo,
    defaults: Defaults,
}

/// Which samplers have the settings that not all have, and what those are unless given.
///
/// # Errors
/// None.
#[wasm_bindgen(unchecked_return_type = "SamplerParameters")]
pub fn sampler_parameters() -> Result<JsValue, JsError> {
    to_js(&SamplerParameters { applies_to: APPLIES_TO, defaults: DEFAULTS })
}

/// A model on a device.
#[wasm_bindgen]
pub struct Engine {
    executor: Box<dyn Executor>,
    image_shape: ImageShape,
    /// The mean of the pixels of chains at their start.
    mean: f32,
    /// The canvas that it is attached to.
    #[cfg(feature = "fused")]
    screen: Rc<RefCell<Option<Screen>>>,
}

#[wasm_bindgen]
impl Engine {
    /// Acquires the device of the engine `name`, which the fused engine also tests.
    ///
    /// The fused engine keeps weights and activations in f16 if the GPU is good at that and it need
    /// not be `exact`. `tuning` is what [`Engine::tune`] returned before; it is ignored if that was
    /// for another GPU, model or version.
    ///
    /// # Errors
    /// An `Error` whose message says why there is no such device, or what it lacks for the model.
    pub async fn create(
        #[wasm_bindgen(unchecked_param_type = "EngineName")] name: String,
        model: &Model,
        exact: Option<bool>,
        tuning: Option<String>,
    ) -> Result<Engine, JsError> {
        let card = &model.file.card;
        let (image_shape, mean) = (card.architecture.image_shape(), card.start_mean());
        let (exact, tuning) = (exact.unwrap_or(false), tuning.unwrap_or_default());
        let executor = executor::create(&name, exact, tuning).await?;
        Ok(Self {
            executor,
            image_shape,
            mean,
            #[cfg(feature = "fused")]
            screen: Rc::default(),
        })
    }

    /// The WGSL of the kernels that [`Engine::load`] is going to ask for one after the other. Some
    /// browsers compile them sooner if a page asks for all at once, and then know them.
    ///
    /// # Errors
    /// An `Error` if the engine has no kernels of its own.
    #[cfg(feature = "fused")]
    #[wasm_bindgen(unchecked_return_type = "string[]")]
    pub fn kernels(&self, model: &Model) -> Result<Array, JsError> {
        let texts = Array::new();
        for text in self.executor.precompile(&model.file.card.architecture)?.texts() {
            texts.push(&text.into());
        }
        Ok(texts)
    }

    /// Compiles the kernels of a model whose weights are still on their way.
    ///
    /// # Errors
    /// As [`Engine::kernels`].
    #[cfg(feature = "fused")]
    pub fn compile(&self, model: &Model) -> Result<(), JsError> {
        self.executor.precompile(&model.file.card.architecture)?.compile();
        Ok(())
    }

    /// Puts the weights on the device.
    ///
    /// # Errors
    /// An `Error` that says what the device lacks for the model.
    pub fn load(&mut self, model: &Model) -> Result<(), JsError> {
        self.executor.load(&model.file)
    }

    /// The precision of weights and activations: `"f16"` or `"f32"`.
    #[wasm_bindgen(unchecked_return_type = "Precision")]
    pub fn precision(&self) -> String {
        self.executor.precision().to_owned()
    }

    /// Does a piece of the search for the fastest kernels on this GPU, for `chains` chains at a
    /// time: some tenths of a second at most. Call it again until it returns a line to remember;
    /// chains started after that are faster.
    ///
    /// # Errors
    /// An `Error` if the device fails.
    #[cfg(feature = "fused")]
    pub async fn tune(&self, chains: u32) -> Result<Option<String>, JsError> {
        self.executor.tune(chains as usize).await
    }

    /// Makes chains draw straight into a canvas, which must not have a context of another kind.
    ///
    /// # Errors
    /// An `Error` if this engine cannot draw; use [`Chain::pixels`] instead.
    #[cfg(feature = "fused")]
    pub fn attach(&self, canvas: web_sys::HtmlCanvasElement) -> Result<(), JsError> {
        self.screen.replace(Some(self.executor.screen(canvas)?));
        Ok(())
    }

    /// Starts the chains number `first` to `first + chains − 1`: only where they begin is computed
    /// yet. A chain is the same whichever others run beside it.
    ///
    /// With a `drawing` (RGBA, height × width × 4 bytes) and `strength`, chains start from it as
    /// an init image with that strength: from 0, where nothing may change, to 1, where noise of σ₁
    /// covers it. Without `strength`, its opaque pixels are kept exactly and the rest is filled in.
    ///
    /// # Errors
    /// An `Error` that names the impossible setting.
    pub fn start(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SamplerSettings")] settings: JsValue,
        seed: u64,
        first: u32,
        chains: u32,
        drawing: Option<Vec<u8>>,
        strength: Option<f32>,
    ) -> Result<Chain, JsError> {
        const MOST: u32 = 1024;
        if !(1..=MOST).contains(&chains) {
            return Err(JsError::new(&format!("there must be from 1 to {MOST} chains")));
        }
        let settings = settings_from_js(settings)?;
        let numbers = first as usize..first as usize + chains as usize;
        let conditioning = match drawing {
            Some(rgba) => drawing::conditioning(self.image_shape, &rgba, strength.is_some())?,
            None => Conditioning::default(),
        };
        let table = step_table(settings, strength)?.around(self.mean);
        let may_be_even = verify::may_be_even(&conditioning);
        let chains = self.executor.start(table, &conditioning, seed, numbers)?;
        Ok(Chain {
            progress: Cell::new(Progress::of(&*chains, settings.schedule.levels)),
            chains: RefCell::new(chains),
            image_shape: self.image_shape,
            may_be_even,
            busy: Cell::new(false),
            #[cfg(feature = "fused")]
            screen: Rc::clone(&self.screen),
        })
    }
}

/// Chains in progress on a device.
#[wasm_bindgen]
pub struct Chain {
    chains: RefCell<Box<dyn Chains>>,
    /// Their progress after the last steps, readable while more are taken.
    progress: Cell<Progress>,
    image_shape: ImageShape,
    /// Whether an image that is the same all over can be right.
    may_be_even: bool,
    busy: Cell<bool>,
    #[cfg(feature = "fused")]
    screen: Rc<RefCell<Option<Screen>>>,
}

/// The progress of chains.
#[derive(Clone, Copy, Serialize)]
struct Progress {
    step: usize,
    steps: usize,
    sigma: f32,
    level: usize,
    levels: usize,
    done: bool,
}

impl Progress {
    fn of(chains: &dyn Chains, levels: usize) -> Self {
        let steps = &chains.step_table().steps;
        let step = chains.next().or(steps.last().copied());
        Self {
            step: chains.done(),
            steps: steps.len(),
            sigma: step.map_or(0.0, |step| step.sigma),
            level: step.map_or(0, |step| step.level),
            levels,
            done: chains.next().is_none(),
        }
    }
}

#[wasm_bindgen]
impl Chain {
    /// The progress of the chains. Cheap: it does not involve the device, and may be called while
    /// another call waits for it.
    ///
    /// # Errors
    /// None.
    #[wasm_bindgen(unchecked_return_type = "Progress")]
    pub fn progress(&self) -> Result<JsValue, JsError> {
        to_js(&self.progress.get())
    }

    /// Takes up to `steps` steps and waits until the device has done them.
    ///
    /// # Errors
    /// An `Error` if the last call has not settled yet, or the device fails.
    #[wasm_bindgen(unchecked_return_type = "Progress")]
    #[expect(clippy::await_holding_refcell_ref, reason = "`turn` lets in one caller at a time")]
    pub async fn advance(&self, steps: u32) -> Result<JsValue, JsError> {
        let _turn = self.turn()?;
        let mut chains = self.chains.borrow_mut();
        let stop = chains.done().saturating_add(steps as usize);
        advance_to(&mut **chains, stop, |_| ()).await?;
        chains.wait().await?;
        self.progress.set(Progress::of(&**chains, self.progress.get().levels));
        self.progress()
    }

    /// The images as RGBA, one after the other: chains × height × width × 4 bytes. `"noisy"` is
    /// x̃, `"denoised"` the denoised image D(x̃, σ), which costs one more evaluation.
    ///
    /// # Errors
    /// An `Error` if the last call has not settled yet, or the device fails.
    #[expect(clippy::await_holding_refcell_ref, reason = "`turn` lets in one caller at a time")]
    pub async fn pixels(
        &self,
        #[wasm_bindgen(unchecked_param_type = "View")] view: String,
    ) -> Result<Uint8ClampedArray, JsError> {
        let _turn = self.turn()?;
        let values = self.chains.borrow_mut().read(view_from_js(&view)?).await?;
        Ok(Uint8ClampedArray::from(&rgba(&values, self.image_shape)[..]))
    }

    /// Looks at the images as they stand, before anyone calls them done. Returns what is wrong if
    /// they cannot be right: `"infinite"` if a value is not finite, `"even"` if all of an image is
    /// the same (and does not come from a drawing that is).
    ///
    /// # Errors
    /// An `Error` if the last call has not settled yet, or the device fails.
    #[expect(clippy::await_holding_refcell_ref, reason = "`turn` lets in one caller at a time")]
    #[wasm_bindgen(unchecked_return_type = "Fault | undefined")]
    pub async fn verify(&self) -> Result<Option<String>, JsError> {
        let _turn = self.turn()?;
        let values = self.chains.borrow_mut().read(View::Noisy).await?;
        let fault = verify::fault(&values, self.image_shape.dimension(), self.may_be_even);
        Ok(fault.map(str::to_owned))
    }

    /// Draws the images into the canvas that the engine is attached to: `columns` to a row, `gap`
    /// pixels apart. Nothing comes back to the host.
    ///
    /// # Errors
    /// An `Error` if the last call has not settled yet, there is no canvas, or the device fails.
    #[cfg(feature = "fused")]
    pub fn render(
        &self,
        #[wasm_bindgen(unchecked_param_type = "View")] view: String,
        columns: u32,
        gap: u32,
    ) -> Result<(), JsError> {
        let _turn = self.turn()?;
        let view = view_from_js(&view)?;
        let (mut screen, mut chains) = (self.screen.borrow_mut(), self.chains.borrow_mut());
        let screen = screen.as_mut().ok_or_else(|| JsError::new("attach a canvas first"))?;
        screen.show(&mut **chains, view, columns as usize, gap as usize)
    }

    /// Lets one call at a time wait for the device.
    fn turn(&self) -> Result<Turn<'_>, JsError> {
        if self.busy.replace(true) {
            return Err(JsError::new("await the last call on this chain before the next"));
        }
        Ok(Turn(&self.busy))
    }
}

/// Held while a call waits for the device.
struct Turn<'a>(&'a Cell<bool>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Images of C × H × W floats, 1 or 3 channels (or the first three of more), as RGBA.
fn rgba(values: &[f32], image_shape: ImageShape) -> Vec<u8> {
    let plane = image_shape.height * image_shape.width;
    let mut bytes = Vec::with_capacity(values.len() / image_shape.channels * 4);
    for image_values in values.chunks_exact(image_shape.dimension()) {
        for pixel in 0..plane {
            let channel = |c: usize| byte(image_values[c * plane + pixel]);
            let [r, g, b] = if image_shape.channels < 3 { [0; 3] } else { [0, 1, 2] }.map(channel);
            bytes.extend([r, g, b, 255]);
        }
    }
    bytes
}

fn view_from_js(name: &str) -> Result<View, JsError> {
    match name {
        "noisy" => Ok(View::Noisy),
        "denoised" => Ok(View::Denoised),
        _ => Err(JsError::new(&format!("no such view: {name}"))),
    }
}

/// [`Settings::step_table_from`] with an unchecked `strength`.
fn step_table(settings: Settings, strength: Option<f32>) -> Result<StepTable, JsError> {
    match strength {
        Some(strength) if !(0.0..=1.0).contains(&strength) => {
            Err(JsError::new(&format!("strength must be from 0 to 1, but is {strength}")))
        }
        _ => Ok(settings.step_table_from(strength)?),
    }
}

fn settings_from_js(settings: JsValue) -> Result<Settings, JsError> {
    Ok(serde_wasm_bindgen::from_value(settings)?)
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsError> {
    Ok(serde_wasm_bindgen::to_value(value)?)
}
