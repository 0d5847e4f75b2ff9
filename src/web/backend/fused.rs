//! The fused backend on the visitor's GPU.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, Range};
use std::rc::Rc;

use wasm_bindgen::JsError;
use web_sys::HtmlCanvasElement;

use super::interface::{Backend, Tuning, not_loaded};
use super::screen::Screen;
use crate::backend::fused::{
    Compiler, Gpu, KernelPrecision, Network, Precompile, Tuner, best_kernel_config,
};
use crate::backend::{ChainSource, Chains};
use crate::model_file::ModelFile;
use crate::net::Architecture;
use crate::sample::{Conditioning, StepTable};

/// A GPU, and a network on it once its weights are there.
pub(super) struct Fused {
    compiler: Rc<Shared>,
    /// What was measured, now or in an earlier visit: see [`Network::tuning`].
    tuning: RefCell<String>,
    network: Option<RefCell<Network>>,
    /// The measurement of its tiles, while it lasts.
    tuner: Cell<Option<Box<Tuner>>>,
    /// Whether its tiles have been measured, now or earlier.
    tuned: Cell<bool>,
}

impl Fused {
    /// Acquires the visitor's GPU and tests which kernels it computes correctly.
    pub(super) async fn create(exact: bool, tuning: String) -> Result<Self, JsError> {
        let gpu = Gpu::request().await?;
        let wanted = if exact { KernelPrecision::F32 } else { KernelPrecision::F16 };
        let compiler = Compiler::new(&gpu, best_kernel_config(&gpu, wanted).await)?;
        Ok(Self::on(Rc::new(Shared(compiler)), tuning))
    }

    fn on(compiler: Rc<Shared>, tuning: String) -> Self {
        let (network, tuner, tuned) = (None, Cell::default(), Cell::default());
        Self { compiler, tuning: RefCell::new(tuning), network, tuner, tuned }
    }

    fn network(&self) -> Result<&RefCell<Network>, JsError> {
        self.network.as_ref().ok_or_else(not_loaded)
    }

    async fn tune_on(&self, chains: usize) -> Result<Option<String>, JsError> {
        let network = self.network()?;
        if !self.tuned.get() {
            let new = || Box::new(Tuner::new(&network.borrow(), chains));
            let mut tuner = self.tuner.take().unwrap_or_else(new);
            if tuner.step().await? {
                self.tuner.set(Some(tuner));
                return Ok(None);
            }
            let fastest = tuner.finish();
            self.tuning.replace(fastest.tuning());
            network.replace(fastest);
            self.tuned.set(true);
        }
        Ok(Some(network.borrow().tuning()))
    }
}

impl Backend for Fused {
    fn load(&mut self, ModelFile { card, weights }: &ModelFile) -> Result<(), JsError> {
        let tuning: &str = self.tuning.get_mut();
        let network = Network::load(&self.compiler, &card.architecture, weights, tuning)?;
        self.tuned.set(network.tuning() == tuning);
        self.network = Some(RefCell::new(network));
        // One that is under way would end with the network, and the weights, that it began with.
        self.tuner.set(None);
        Ok(())
    }

    fn precision(&self) -> &'static str {
        self.compiler.config().precision.scalar()
    }

    fn start(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Box<dyn Chains>, JsError> {
        Ok(self.network()?.borrow().chains(table, conditioning, seed, numbers)?)
    }

    fn precompile(&self, architecture: &Architecture) -> Result<Precompile, JsError> {
        Ok(Precompile::new(&self.compiler, architecture, &self.tuning.borrow())?)
    }

    fn tune(&self, chains: usize) -> Tuning<'_> {
        Box::pin(self.tune_on(chains))
    }

    fn beside(&self, tuning: String) -> Result<Box<dyn Backend>, JsError> {
        Ok(Box::new(Self::on(Rc::clone(&self.compiler), tuning)))
    }

    fn screen(&self, canvas: HtmlCanvasElement) -> Result<Screen, JsError> {
        Screen::new(self.compiler.gpu(), canvas)
    }
}

/// The compiler for a device that one or more engines use.
struct Shared(Compiler);

impl Deref for Shared {
    type Target = Compiler;

    fn deref(&self) -> &Compiler {
        &self.0
    }
}

impl Drop for Shared {
    /// The chains of its engines are finished by then. Destroys the device, which might otherwise be
    /// lost later: the page would take that for the loss of the device in use.
    fn drop(&mut self) {
        self.0.gpu().device().destroy();
    }
}
