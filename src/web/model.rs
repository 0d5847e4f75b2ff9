//! Model files, for pages.

use js_sys::{Float32Array, Object};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::convert::{settings_from_js, to_js};
use crate::model_file::{Card, Container, ModelFile};
use crate::net::ImageShape;
use crate::net::weights::Weights;
use crate::noise::NoiseSchedule;
use crate::sample::parameters::default_strength;
use crate::sample::{Sampler, Settings};

/// A model file that has been read and checked.
#[wasm_bindgen]
pub struct Model {
    pub(super) file: ModelFile,
    /// The card's text in the file: JavaScript parses JSON itself.
    card: String,
}

/// What JavaScript would otherwise have to derive from a card.
#[derive(Serialize)]
struct Derived {
    image_shape: ImageShape,
    parameters: usize,
}

/// What [`Settings::for_sampler`] leaves at no default. (`Settings` itself, of which the noise schedule
/// is a flattened part, would add to the page.)
#[derive(Serialize)]
struct SettingsToBegin {
    sampler: &'static str,
    sigma_max: f32,
    sigma_min: f32,
    levels: usize,
    steps_each: usize,
    step_lr: f32,
    denoise: bool,
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
        let card = container.text::<Card>()?.to_owned();
        Ok(Self { file: ModelFile::of(&container)?, card })
    }

    /// A model without its weights, from the first bytes of its file: all that
    /// [`Engine::create`](super::Engine::create) asks for.
    ///
    /// # Errors
    /// An `Error` if there is no card in these bytes.
    pub fn without_weights(head: &[u8]) -> Result<Model, JsError> {
        let container = Container::without_tensors(head)?;
        let card: Card = container.card()?;
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

    /// The settings to begin with for another sampler than the one that the card recommends.
    /// `sigma_max` and `sigma_min` are the ends that the network was trained for, if the card says
    /// so: that part of cards is only parsed natively.
    ///
    /// # Errors
    /// An `Error` if there is no such sampler.
    #[wasm_bindgen(unchecked_return_type = "SamplerSettings")]
    pub fn settings_for(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SamplerName")] sampler: String,
        sigma_max: Option<f32>,
        sigma_min: Option<f32>,
    ) -> Result<JsValue, JsError> {
        let found = Sampler::named(&sampler);
        let found = found.ok_or_else(|| JsError::new(&format!("no such sampler: {sampler}")))?;
        let card = &self.file.card;
        let mut schedule = card.schedule();
        schedule.sigma_max = sigma_max.unwrap_or(schedule.sigma_max);
        schedule.sigma_min = sigma_min.unwrap_or(schedule.sigma_min);
        let settings = Settings::for_network(&card.architecture, schedule).for_sampler(found);
        let NoiseSchedule { sigma_max, sigma_min, levels } = settings.schedule;
        let Settings { steps_each, step_lr, denoise, .. } = settings;
        let sampler = found.name();
        to_js(&SettingsToBegin {
            sampler,
            sigma_max,
            sigma_min,
            levels,
            steps_each,
            step_lr,
            denoise,
        })
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
        let table = settings_from_js(settings)?.step_table_from(strength)?;
        let sigmas: Vec<f32> = table.steps.iter().map(|step| step.sigma).collect();
        Ok(Float32Array::from(&sigmas[..]))
    }
}
