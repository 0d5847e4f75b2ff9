//! Chains in progress, for pages.

use std::cell::{Cell, RefCell, RefMut};
#[cfg(feature = "fused")]
use std::rc::Rc;

use js_sys::{Float32Array, Uint8ClampedArray};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[cfg(feature = "fused")]
use super::backend::Screen;
use super::convert::{to_js, view_from_js};
use super::verify::Expected;
use crate::backend::{self, View, advance_to};
use crate::net::ImageShape;
use crate::pixel::byte;

/// A batch of chains in progress on a device.
#[wasm_bindgen]
pub struct Chains {
    /// Borrowed while a call waits for the device.
    chains: RefCell<Box<dyn backend::Chains>>,
    /// Their progress after the last steps, readable while more are taken.
    progress: Cell<Progress>,
    image_shape: ImageShape,
    expected: Expected,
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
    fn of(chains: &dyn backend::Chains, levels: usize) -> Self {
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

impl Chains {
    /// Chains at their start.
    pub(super) fn new(
        chains: Box<dyn backend::Chains>,
        levels: usize,
        image_shape: ImageShape,
        expected: Expected,
        #[cfg(feature = "fused")] screen: Rc<RefCell<Option<Screen>>>,
    ) -> Self {
        Self {
            progress: Cell::new(Progress::of(&*chains, levels)),
            chains: RefCell::new(chains),
            image_shape,
            expected,
            #[cfg(feature = "fused")]
            screen,
        }
    }
}

#[wasm_bindgen]
impl Chains {
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
        let mut chains = self.turn()?;
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
        let mut chains = self.turn()?;
        let values = chains.read(view_from_js(&view)?).await?;
        Ok(Uint8ClampedArray::from(&rgba(&values, self.image_shape)[..]))
    }

    /// The same images as numbers, neither rounded nor clamped: chains × channels × height × width
    /// values. With both views, σ s(x̃, σ) = (D(x̃, σ) − x̃) / σ is the score in units of 1/σ.
    ///
    /// # Errors
    /// As [`Chains::pixels`].
    #[expect(clippy::await_holding_refcell_ref, reason = "`turn` lets in one caller at a time")]
    pub async fn values(
        &self,
        #[wasm_bindgen(unchecked_param_type = "View")] view: String,
    ) -> Result<Float32Array, JsError> {
        let mut chains = self.turn()?;
        let values = chains.read(view_from_js(&view)?).await?;
        Ok(Float32Array::from(&values[..]))
    }

    /// Checks the images as they are, before they are shown as finished. Returns what is wrong if
    /// they cannot be right: `"infinite"` if a value is not finite, `"even"` if all of an image is
    /// the same (and does not come from a drawing that is), `"unchanged"` if there were steps, but an
    /// image is still the noise that it began as.
    ///
    /// # Errors
    /// An `Error` if the last call has not settled yet, or the device fails.
    #[expect(clippy::await_holding_refcell_ref, reason = "`turn` lets in one caller at a time")]
    #[wasm_bindgen(unchecked_return_type = "Fault | undefined")]
    pub async fn verify(&self) -> Result<Option<String>, JsError> {
        let mut chains = self.turn()?;
        if self.progress.get().step == 0 {
            return Ok(None);
        }
        let values = chains.read(View::Noisy).await?;
        Ok(self.expected.fault(&values).map(str::to_owned))
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
        let mut chains = self.turn()?;
        let view = view_from_js(&view)?;
        let mut screen = self.screen.borrow_mut();
        let screen = screen.as_mut().ok_or_else(|| JsError::new("attach a canvas first"))?;
        screen.show(&mut **chains, view, columns as usize, gap as usize)
    }

    /// Lets one call at a time wait for the device.
    fn turn(&self) -> Result<RefMut<'_, Box<dyn backend::Chains>>, JsError> {
        let waits = |_| JsError::new("await the last call on this chain before the next");
        self.chains.try_borrow_mut().map_err(waits)
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
