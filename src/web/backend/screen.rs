//! The canvas that chains draw into.

use wasm_bindgen::JsError;
use web_sys::HtmlCanvasElement;

use crate::backend::fused::Gpu;
use crate::backend::{Chains, View};

/// A canvas for WebGPU.
pub(in crate::web) struct Screen {
    gpu: Gpu,
    canvas: HtmlCanvasElement,
    surface: wgpu::Surface<'static>,
    configuration: wgpu::SurfaceConfiguration,
}

impl Screen {
    /// Takes a canvas, which must not have a context of another kind, for a GPU.
    pub(in crate::web) fn new(gpu: &Gpu, canvas: HtmlCanvasElement) -> Result<Self, JsError> {
        let target = wgpu::SurfaceTarget::Canvas(canvas.clone());
        let surface = gpu.instance().create_surface(target)?;
        let configuration = wgpu::SurfaceConfiguration {
            // The page shows between the images.
            alpha_mode: wgpu::CompositeAlphaMode::PreMultiplied,
            // The first frame finds out its size.
            ..gpu.surface_configuration(&surface)?
        };
        Ok(Self { gpu: gpu.clone(), canvas, surface, configuration })
    }

    /// Shows the images of chains on the same GPU: see [`Chains::draw`].
    pub(in crate::web) fn show(
        &mut self,
        chains: &mut dyn Chains,
        view: View,
        columns: usize,
        gap: usize,
    ) -> Result<(), JsError> {
        let frame = self.frame()?;
        let target = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
        chains.draw(view, columns, gap, &target)?;
        self.gpu.queue().present(frame);
        Ok(())
    }

    /// The next frame to draw on, as large as the canvas is now.
    fn frame(&mut self) -> Result<wgpu::SurfaceTexture, JsError> {
        let size = (self.canvas.width().max(1), self.canvas.height().max(1));
        if size != (self.configuration.width, self.configuration.height) {
            (self.configuration.width, self.configuration.height) = size;
            self.surface.configure(self.gpu.device(), &self.configuration);
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
