//! Models on devices, for pages.

#[cfg(feature = "fused")]
use std::cell::RefCell;
#[cfg(feature = "fused")]
use std::rc::Rc;

#[cfg(feature = "fused")]
use js_sys::Array;
use wasm_bindgen::prelude::*;

#[cfg(feature = "fused")]
use super::backend::Screen;
use super::backend::{self, Backend};
use super::chain_options::ChainOptions;
use super::chains::Chains;
use super::convert::settings_from_js;
use super::drawing;
use super::model::Model;
use super::verify::Expected;
use crate::backend::BackendError;
use crate::net::ImageShape;
use crate::sample::Conditioning;

/// A model on a device.
#[wasm_bindgen]
pub struct Engine {
    backend: Box<dyn Backend>,
    images: Images,
    /// The canvas that it is attached to.
    #[cfg(feature = "fused")]
    screen: Rc<RefCell<Option<Screen>>>,
}

/// What a model's images are like.
struct Images {
    shape: ImageShape,
    /// The mean of the pixels of chains at their start.
    mean: f32,
    /// The number of training images of each class of the model.
    class_counts: Vec<u32>,
}

impl Images {
    fn of(model: &Model) -> Self {
        let card = &model.file.card;
        Self {
            shape: card.architecture.image_shape(),
            mean: card.start_mean(),
            class_counts: card.classes.iter().map(|class| class.images).collect(),
        }
    }
}

impl Engine {
    fn of(model: &Model, backend: Box<dyn Backend>) -> Self {
        Self {
            backend,
            images: Images::of(model),
            #[cfg(feature = "fused")]
            screen: Rc::default(),
        }
    }
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
        let (exact, tuning) = (exact.unwrap_or(false), tuning.unwrap_or_default());
        Ok(Self::of(model, backend::create(&name, exact, tuning).await?))
    }

    /// An engine for another model on the same device, which lasts as long as any of its engines.
    /// Both have the same precision, and share the kernels that they have in common.
    ///
    /// # Errors
    /// An `Error` if this engine shares no device.
    #[cfg(feature = "fused")]
    pub fn beside(&self, model: &Model, tuning: Option<String>) -> Result<Engine, JsError> {
        Ok(Self::of(model, self.backend.beside(tuning.unwrap_or_default())?))
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
        for text in self.backend.precompile(&model.file.card.architecture)?.texts() {
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
        self.backend.precompile(&model.file.card.architecture)?.compile();
        Ok(())
    }

    /// Puts the weights on the device. Chains that start from now on are of this model, whichever the
    /// engine was created for.
    ///
    /// # Errors
    /// An `Error` that says what the device lacks for the model.
    pub fn load(&mut self, model: &Model) -> Result<(), JsError> {
        self.backend.load(&model.file)?;
        self.images = Images::of(model);
        Ok(())
    }

    /// The precision of weights and activations: `"f16"` or `"f32"`.
    #[wasm_bindgen(unchecked_return_type = "Precision")]
    pub fn precision(&self) -> String {
        self.backend.precision().to_owned()
    }

    /// Does a piece of the search for the fastest kernels on this GPU, for `chains` chains at a
    /// time: some tenths of a second at most. Call it again until it returns a line to remember;
    /// chains started after that are faster.
    ///
    /// # Errors
    /// An `Error` if the device fails.
    #[cfg(feature = "fused")]
    pub async fn tune(&self, chains: u32) -> Result<Option<String>, JsError> {
        self.backend.tune(chains as usize).await
    }

    /// Makes chains draw straight into a canvas, which must not have a context of another kind.
    ///
    /// # Errors
    /// An `Error` if this engine cannot draw; use [`Chains::pixels`] instead.
    #[cfg(feature = "fused")]
    pub fn attach(&self, canvas: web_sys::HtmlCanvasElement) -> Result<(), JsError> {
        self.screen.replace(Some(self.backend.screen(canvas)?));
        Ok(())
    }

    /// Starts the chains number `first` to `first + chains − 1`: only where they begin is computed
    /// yet. A chain is the same whichever others run beside it.
    ///
    /// With a `drawing` (RGBA, height × width × 4 bytes) and `strength`, chains start from it as
    /// an init image with that strength: from 0, where nothing may change, to 1, where noise of σ₁
    /// covers it. Without `strength`, what `options` keep of it is kept exactly: its opaque pixels,
    /// unless they say otherwise.
    ///
    /// `options` also say what the chains of a class-conditional model show, which other models
    /// ignore, and whether chains are points of a path from one seed to another.
    ///
    /// # Errors
    /// An `Error` that names the impossible setting.
    #[expect(clippy::too_many_arguments, reason = "JavaScript has no named arguments")]
    pub fn start(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SamplerSettings")] settings: JsValue,
        seed: u64,
        first: u32,
        chains: u32,
        drawing: Option<Vec<u8>>,
        strength: Option<f32>,
        #[wasm_bindgen(unchecked_param_type = "ChainOptions | undefined")] options: JsValue,
    ) -> Result<Chains, JsError> {
        const MOST: u32 = 1024;
        if !(1..=MOST).contains(&chains) {
            return Err(JsError::new(&format!("there must be from 1 to {MOST} chains")));
        }
        let (first, count) = (first as usize, chains as usize);
        // A range of wasm's 32-bit `usize` cannot hold what the backend would refuse.
        let end = first.checked_add(count).ok_or(BackendError::Chains { first, count })?;
        let (settings, numbers) = (settings_from_js(settings)?, first..end);
        let options: Option<ChainOptions> = serde_wasm_bindgen::from_value(options)?;
        let options = options.unwrap_or_default();
        let images = &self.images;
        let mut conditioning = match drawing {
            Some(rgba) => {
                let keep = options.keep.unwrap_or_default();
                drawing::conditioning(images.shape, &rgba, strength.is_some(), keep)?
            }
            None => Conditioning::default(),
        };
        conditioning.path = options.path(numbers.end);
        conditioning.classes = options.conditioning(&images.class_counts, seed, numbers.clone());
        let table = settings.step_table_from(strength)?.around(images.mean);
        let start = table.start;
        let chains = self.backend.start(table, &conditioning, seed, numbers.clone())?;
        // The backend has checked the conditioning.
        let dimension = images.shape.dimension();
        let expected = Expected::new(dimension, start, &conditioning, seed, numbers);
        Ok(Chains::new(
            chains,
            settings.schedule.levels,
            images.shape,
            expected,
            #[cfg(feature = "fused")]
            Rc::clone(&self.screen),
        ))
    }
}
