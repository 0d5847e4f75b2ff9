//! The fused executor, and the canvas that it draws into.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::HtmlCanvasElement;

use crate::backend::fused::{
    Compiler, FusedChains, Gpu, Network, Precision, Precompile, Tuner, best_kernel_config,
};
use crate::model_file::ModelFile;
use crate::net::Architecture;
use crate::sample::{Conditioning, Step, StepTable, View};

/// A GPU, and a network on it once its weights are there.
pub(in crate::web) struct Fused {
    compiler: Compiler,
    /// What was measured earlier.
    tuning: String,
    network: Option<RefCell<Network>>,
    /// The measurement of its tiles, while it lasts.
    tuner: Cell<Option<Box<Tuner>>>,
    /// Whether its tiles have been measured, now or earlier.
    tuned: Cell<bool>,
    screen: Rc<RefCell<Option<Screen>>>,
}

#[wasm_bindgen]
extern "C" {
    /// The browser's format of canvases. (wgpu would compare the answer with those of all textures,
    /// in a kilobyte of code.)
    #[wasm_bindgen(js_namespace = ["navigator", "gpu"], js_name = getPreferredCanvasFormat)]
    fn preferred_format() -> String;
}

/// A canvas for WebGPU.
struct Screen {
    canvas: HtmlCanvasElement,
    surface: wgpu::Surface<'static>,
    configuration: wgpu::SurfaceConfiguration,
}

impl Fused {
    /// Has the GPU test itself.
    pub(super) async fn create(exact: bool, tuning: String) -> Result<Self, JsError> {
        let gpu = Gpu::request().await?;
        let wanted = if exact { Precision::Single } else { Precision::Half };
        let compiler = Compiler::new(&gpu, best_kernel_config(&gpu, wanted).await)?;
        let (network, tuner, tuned) = (None, Cell::default(), Cell::default());
        Ok(Self { compiler, tuning, network, tuner, tuned, screen: Rc::default() })
    }

    pub(super) fn precompile(&self, architecture: &Architecture) -> Result<Precompile, JsError> {
        Ok(Precompile::new(&self.compiler, architecture, &self.tuning)?)
    }

    pub(super) fn load(&mut self, ModelFile { card, weights }: &ModelFile) -> Result<(), JsError> {
        let network = Network::load(&self.compiler, &card.architecture, weights, &self.tuning)?;
        self.tuned.set(network.tuning() == self.tuning);
        self.network = Some(RefCell::new(network));
        Ok(())
    }

    fn network(&self) -> Result<&RefCell<Network>, JsError> {
        self.network.as_ref().ok_or_else(super::not_loaded)
    }

    pub(super) fn precision(&self) -> &'static str {
        self.compiler.config().precision.scalar()
    }

    pub(super) async fn tune(&self, chains: usize) -> Result<Option<String>, JsError> {
        let network = self.network()?;
        if !self.tuned.get() {
            let new = || Box::new(Tuner::new(&network.borrow(), chains));
            let mut tuner = self.tuner.take().unwrap_or_else(new);
            if tuner.step().await? {
                self.tuner.set(Some(tuner));
                return Ok(None);
            }
            network.replace(tuner.finish());
            self.tuned.set(true);
        }
        Ok(Some(network.borrow().tuning()))
    }

    pub(super) fn attach(&self, canvas: HtmlCanvasElement) -> Result<(), JsError> {
        let target = wgpu::SurfaceTarget::Canvas(canvas.clone());
        let surface = self.compiler.gpu().instance().create_surface(target)?;
        let format = match &*preferred_format() {
            "rgba8unorm" => wgpu::TextureFormat::Rgba8Unorm,
            _ => wgpu::TextureFormat::Bgra8Unorm,
        };
        let configuration = wgpu::SurfaceConfiguration {
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            format,
            color_space: wgpu::SurfaceColorSpace::Auto,
            // The first frame finds out.
            width: 0,
            height: 0,
            present_mode: wgpu::PresentMode::Fifo,
            desired_maximum_frame_latency: 2,
            // The page shows between the images.
            alpha_mode: wgpu::CompositeAlphaMode::PreMultiplied,
            view_formats: Vec::new(),
        };
        self.screen.replace(Some(Screen { canvas, surface, configuration }));
        Ok(())
    }

    pub(super) fn start(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Chains, JsError> {
        let network = self.network()?.borrow();
        let chains = FusedChains::conditioned(&network, table, conditioning, seed, numbers)?;
        Ok(Chains { gpu: network.gpu().clone(), chains, screen: Rc::clone(&self.screen) })
    }
}

impl Drop for Fused {
    /// Its chains are finished by then. Destroys the device, which might otherwise be lost later:
    /// the page would take that for the loss of the device in use.
    fn drop(&mut self) {
        self.compiler.gpu().device().destroy();
    }
}

/// Chains in progress.
pub(in crate::web) struct Chains {
    gpu: Gpu,
    chains: FusedChains,
    screen: Rc<RefCell<Option<Screen>>>,
}

impl Chains {
    pub(super) fn step_table(&self) -> &StepTable {
        self.chains.step_table()
    }

    pub(super) fn done(&self) -> usize {
        self.chains.done()
    }

    pub(super) fn next(&self) -> Option<Step> {
        self.chains.next()
    }

    pub(super) async fn advance(&mut self, steps: usize) -> Result<(), JsError> {
        let end = (self.done() + steps).min(self.step_table().steps.len());
        while self.done() < end {
            if self.chains.submit(end - self.done()) == 0 {
                // Enough is in flight.
                self.chains.wait().await?;
            }
        }
        Ok(self.chains.wait().await?)
    }

    pub(super) async fn values(&mut self, view: View) -> Result<Vec<f32>, JsError> {
        Ok(match view {
            View::Noisy => self.chains.noisy().await?,
            View::Denoised => self.chains.denoised().await?,
        })
    }

    pub(super) fn render(&mut self, view: View, columns: usize, gap: usize) -> Result<(), JsError> {
        let mut screen = self.screen.borrow_mut();
        let screen = screen.as_mut().ok_or_else(|| JsError::new("attach a canvas first"))?;
        let frame = screen.frame(&self.gpu)?;
        let target = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
        self.chains.render(view, columns, gap, &target)?;
        self.gpu.queue().present(frame);
        Ok(())
    }
}

impl Screen {
    /// The next frame to draw on, as large as the canvas is now.
    fn frame(&mut self, gpu: &Gpu) -> Result<wgpu::SurfaceTexture, JsError> {
        let size = (self.canvas.width().max(1), self.canvas.height().max(1));
        if size != (self.configuration.width, self.configuration.height) {
            (self.configuration.width, self.configuration.height) = size;
            self.surface.configure(gpu.device(), &self.configuration);
        }
        use wgpu::CurrentSurfaceTexture as Current;
        let reason = match self.surface.get_current_texture() {
            Current::Success(frame) | Current::Suboptimal(frame) => return Ok(frame),
            Current::Lost => "it was lost",
            Current::Validation => "the GPU refuses it",
            Current::Timeout | Current::Occluded | Current::Outdated => "it is not ready",
        };
        Err(JsError::new(&format!("cannot draw into the canvas: {reason}")))
    }
}
