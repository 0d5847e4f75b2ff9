//! What JavaScript sees. Everything that crosses is typed: plain data through
//! `serde-wasm-bindgen`, with the TypeScript of [`types`] in the generated `.d.ts`.

mod types;

use std::cell::{Cell, RefCell};

use burn::module::Module;
use burn::tensor::Device;
use js_sys::{Float32Array, Uint8ClampedArray};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::model_file::{Card, ModelFile};
use crate::net::{Network, Picture, weights};
use crate::sample::{self, Settings};

/// Runs when the program has loaded: panics go whole to the console, and to the page as the event
/// `ncsn-panic` of `window`, whose `detail` is the message.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let init = web_sys::CustomEventInit::new();
        init.set_detail(&info.to_string().into());
        let event = web_sys::CustomEvent::new_with_event_init_dict("ncsn-panic", &init);
        // In a panic there is nobody left to tell that the telling failed.
        if let (Some(window), Ok(event)) = (web_sys::window(), event) {
            let _ = window.dispatch_event(&event);
        }
    }));
}

thread_local! {
    /// Burn can be given a device only once a page; every engine shares it.
    static DEVICE: RefCell<Option<Device>> = const { RefCell::new(None) };
}

async fn device() -> Result<Device, JsError> {
    if let Some(device) = DEVICE.with_borrow(Clone::clone) {
        return Ok(device);
    }
    // Few tasks a submission: the first picture must not wait until a long queue is recorded.
    let device = Device::wgpu_options().tasks_max(32).init_async().await;
    let device = device.map_err(|error| JsError::new(&format!("no GPU device: {error}")))?;
    DEVICE.set(Some(device.clone()));
    Ok(device)
}

/// A model on the GPU.
#[wasm_bindgen]
pub struct Engine {
    card: Card,
    network: Network,
    device: Device,
}

/// A [`Card`] with what JavaScript would otherwise have to work out.
#[derive(Serialize)]
struct CardView<'a> {
    #[serde(flatten)]
    card: &'a Card,
    picture: Picture,
    parameters: usize,
}

#[wasm_bindgen]
impl Engine {
    /// Checks a model file and puts it on the GPU, which is initialised once a page.
    ///
    /// # Errors
    /// An `Error` whose message names what is wrong with the file, or why there is no device.
    pub async fn create(model: Vec<u8>) -> Result<Engine, JsError> {
        let model = ModelFile::read(&model)?;
        let device = device().await?;
        let network = Network::new(&model.card.architecture, &device)?;
        let network = weights::apply(network, model.weights, &device).no_grad();
        Ok(Self { card: model.card, network, device })
    }

    /// What the model is.
    ///
    /// # Errors
    /// None that a checked card can cause.
    #[wasm_bindgen(unchecked_return_type = "Card")]
    pub fn card(&self) -> Result<JsValue, JsError> {
        let architecture = &self.card.architecture;
        let (picture, parameters) = (architecture.picture(), architecture.parameters());
        to_js(&CardView { card: &self.card, picture, parameters })
    }

    /// σ of every step that these settings lead to.
    ///
    /// # Errors
    /// An `Error` that names the impossible setting.
    pub fn schedule(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SamplerSettings")] settings: JsValue,
    ) -> Result<Float32Array, JsError> {
        let program = settings_from_js(settings)?.program()?;
        let sigmas: Vec<f32> = program.steps.iter().map(|step| step.sigma).collect();
        Ok(Float32Array::from(&sigmas[..]))
    }

    /// Starts `chains` chains: nothing is computed yet but where they begin.
    ///
    /// # Errors
    /// An `Error` that names the impossible setting.
    pub fn start(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SamplerSettings")] settings: JsValue,
        seed: u64,
        chains: u32,
    ) -> Result<Chain, JsError> {
        const MOST: u32 = 1024;
        if !(1..=MOST).contains(&chains) {
            let message = format!("the number of chains must be from 1 to {MOST}, but is {chains}");
            return Err(JsError::new(&message));
        }
        let settings = settings_from_js(settings)?;
        let (program, picture) = (settings.program()?, self.card.architecture.picture());
        let chain = sample::Chain::new(
            self.network.clone(),
            picture,
            program,
            seed,
            0..chains as usize,
            &self.device,
        );
        let levels = settings.ladder.levels;
        Ok(Chain { chain: RefCell::new(chain), levels, picture, busy: Cell::new(false) })
    }
}

/// Chains under way on the GPU.
#[wasm_bindgen]
pub struct Chain {
    chain: RefCell<sample::Chain>,
    levels: usize,
    picture: Picture,
    busy: Cell<bool>,
}

/// How far chains have come.
#[derive(Serialize)]
struct Progress {
    step: usize,
    steps: usize,
    sigma: f32,
    level: usize,
    levels: usize,
    done: bool,
}

#[wasm_bindgen]
impl Chain {
    /// How far the chains have come. Cheap; asks nothing of the GPU.
    ///
    /// # Errors
    /// None.
    #[wasm_bindgen(unchecked_return_type = "Progress")]
    pub fn progress(&self) -> Result<JsValue, JsError> {
        let chain = self.chain.borrow();
        let steps = &chain.program().steps;
        let step = chain.next().or(steps.last().copied());
        to_js(&Progress {
            step: chain.done(),
            steps: steps.len(),
            sigma: step.map_or(0.0, |step| step.sigma),
            level: step.map_or(0, |step| step.level),
            levels: self.levels,
            done: chain.next().is_none(),
        })
    }

    /// Takes up to `steps` steps and waits until the GPU has taken them.
    ///
    /// # Errors
    /// An `Error` where the last call has not settled yet, or the GPU fails.
    #[wasm_bindgen(unchecked_return_type = "Progress")]
    pub async fn advance(&self, steps: u32) -> Result<JsValue, JsError> {
        let _turn = self.turn()?;
        let mark = {
            let mut chain = self.chain.borrow_mut();
            for _ in 0..steps {
                if !chain.step() {
                    break;
                }
            }
            chain.mark()
        };
        // One number comes back, so that the queue cannot grow without bound.
        mark.into_data_async().await.map_err(gpu_error)?;
        self.progress()
    }

    /// The pictures as RGBA, one after the other: chains × height × width × 4 bytes. `"noisy"` is
    /// x̃, `"denoised"` the picture D(x̃, σ) that the network believes in, which costs one more
    /// evaluation.
    ///
    /// # Errors
    /// An `Error` where the last call has not settled yet, or the GPU fails.
    pub async fn pixels(
        &self,
        #[wasm_bindgen(unchecked_param_type = "View")] view: String,
    ) -> Result<Uint8ClampedArray, JsError> {
        let _turn = self.turn()?;
        let pictures = match view.as_str() {
            "noisy" => self.chain.borrow().noisy(),
            "denoised" => self.chain.borrow().denoised(),
            _ => return Err(JsError::new(&format!("no such view: {view}"))),
        };
        let data = pictures.into_data_async().await.map_err(gpu_error)?;
        let values: Vec<f32> = data.iter::<f32>().collect();
        Ok(Uint8ClampedArray::from(&rgba(&values, self.picture)[..]))
    }

    /// At most one call may be waiting for the GPU.
    fn turn(&self) -> Result<Turn<'_>, JsError> {
        if self.busy.replace(true) {
            return Err(JsError::new("await the last call on this chain before the next"));
        }
        Ok(Turn(&self.busy))
    }
}

/// Held while a call waits for the GPU.
struct Turn<'a>(&'a Cell<bool>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Pictures of C × H × W floats, 1 or 3 channels (of more, the first three), as RGBA.
fn rgba(values: &[f32], picture: Picture) -> Vec<u8> {
    let plane = picture.height * picture.width;
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    let mut bytes = Vec::with_capacity(values.len() / picture.channels * 4);
    for picture_values in values.chunks_exact(picture.dimension()) {
        for pixel in 0..plane {
            let channel = |c: usize| byte(picture_values[c * plane + pixel]);
            let [r, g, b] = if picture.channels < 3 { [0; 3] } else { [0, 1, 2] }.map(channel);
            bytes.extend([r, g, b, 255]);
        }
    }
    bytes
}

fn settings_from_js(settings: JsValue) -> Result<Settings, JsError> {
    Ok(serde_wasm_bindgen::from_value(settings)?)
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsError> {
    // As JSON would be: plain objects rather than `Map`s, for structs that are flattened too.
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    Ok(value.serialize(&serializer)?)
}

fn gpu_error(error: impl std::fmt::Debug) -> JsError {
    JsError::new(&format!("the GPU failed: {error:?}"))
}
