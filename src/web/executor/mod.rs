//! The executors that this bundle was built with, behind one interface.

#[cfg(any(feature = "reference", feature = "cpu"))]
mod burn;
#[cfg(feature = "fused")]
mod fused;

use std::ops::Range;

use wasm_bindgen::JsError;

#[cfg(feature = "fused")]
use crate::backend::fused::Precompile;
use crate::model_file::ModelFile;
#[cfg(feature = "fused")]
use crate::net::Architecture;
use crate::sample::{Conditioning, Step, StepTable, View};

/// Why chains cannot start.
fn not_loaded() -> JsError {
    JsError::new("load a model first")
}

/// A device, and a network on it once its weights are there.
pub(super) enum Executor {
    #[cfg(feature = "fused")]
    Fused(fused::Fused),
    #[cfg(any(feature = "reference", feature = "cpu"))]
    Burn(Box<burn::Burn>),
}

impl Executor {
    /// The executor of that name.
    pub(super) async fn create(name: &str, exact: bool, tuning: String) -> Result<Self, JsError> {
        #[cfg(not(feature = "fused"))]
        let _ = (exact, tuning);
        match name {
            #[cfg(feature = "fused")]
            "fused" => Ok(Self::Fused(fused::Fused::create(exact, tuning).await?)),
            #[cfg(feature = "reference")]
            "reference" => Ok(Self::Burn(Box::new(burn::Burn::on(burn::gpu().await?)))),
            #[cfg(feature = "cpu")]
            "cpu" => Ok(Self::Burn(Box::new(burn::Burn::on(::burn::tensor::Device::flex())))),
            _ => Err(JsError::new(&format!("there is no engine `{name}` in this program"))),
        }
    }

    /// The kernels of a network whose weights are still on their way.
    #[cfg(feature = "fused")]
    pub(super) fn precompile(&self, architecture: &Architecture) -> Result<Precompile, JsError> {
        match self {
            Self::Fused(fused) => fused.precompile(architecture),
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(_) => Err(JsError::new("this engine compiles its kernels as it runs")),
        }
    }

    /// Puts the weights on the device.
    pub(super) fn load(&mut self, model: &ModelFile) -> Result<(), JsError> {
        match self {
            #[cfg(feature = "fused")]
            Self::Fused(fused) => fused.load(model),
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(burn) => burn.load(model),
        }
    }

    /// The precision of weights and activations.
    pub(super) fn precision(&self) -> &'static str {
        match self {
            #[cfg(feature = "fused")]
            Self::Fused(fused) => fused.precision(),
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(_) => "f32",
        }
    }

    /// Does a piece of the search for the fastest tiles. Returns what to remember, once it is over.
    #[cfg(feature = "fused")]
    pub(super) async fn tune(&self, chains: usize) -> Result<Option<String>, JsError> {
        match self {
            Self::Fused(fused) => fused.tune(chains).await,
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(_) => Ok(Some(String::new())),
        }
    }

    /// Makes chains draw into a canvas from now on.
    #[cfg(feature = "fused")]
    pub(super) fn attach(&self, canvas: web_sys::HtmlCanvasElement) -> Result<(), JsError> {
        match self {
            Self::Fused(fused) => fused.attach(canvas),
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(_) => Err(JsError::new("this engine cannot draw; ask for pixels instead")),
        }
    }

    pub(super) fn start(
        &self,
        table: StepTable,
        conditioning: &Conditioning,
        seed: u64,
        numbers: Range<usize>,
    ) -> Result<Chains, JsError> {
        Ok(match self {
            #[cfg(feature = "fused")]
            Self::Fused(fused) => {
                Chains::Fused(Box::new(fused.start(table, conditioning, seed, numbers)?))
            }
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(burn) => {
                Chains::Burn(Box::new(burn.start(table, conditioning, seed, numbers)?))
            }
        })
    }
}

/// Chains in progress.
pub(super) enum Chains {
    #[cfg(feature = "fused")]
    Fused(Box<fused::Chains>),
    #[cfg(any(feature = "reference", feature = "cpu"))]
    Burn(Box<crate::sample::Chain>),
}

/// The same call on whichever executor it is.
macro_rules! either {
    ($self:ident, $chain:ident => $call:expr) => {
        match $self {
            #[cfg(feature = "fused")]
            Chains::Fused($chain) => $call,
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Chains::Burn($chain) => $call,
        }
    };
}

impl Chains {
    pub(super) fn step_table(&self) -> &StepTable {
        either!(self, chain => chain.step_table())
    }

    pub(super) fn done(&self) -> usize {
        either!(self, chain => chain.done())
    }

    pub(super) fn next(&self) -> Option<Step> {
        either!(self, chain => chain.next())
    }

    /// Takes up to `steps` steps and waits for them.
    pub(super) async fn advance(&mut self, steps: usize) -> Result<(), JsError> {
        match self {
            #[cfg(feature = "fused")]
            Self::Fused(chain) => chain.advance(steps).await,
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(chain) => burn::advance(chain, steps).await,
        }
    }

    /// The images, chains × C × H × W.
    pub(super) async fn values(&mut self, view: View) -> Result<Vec<f32>, JsError> {
        match self {
            #[cfg(feature = "fused")]
            Self::Fused(chain) => chain.values(view).await,
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(chain) => burn::values(chain, view).await,
        }
    }

    /// Draws the images into the canvas.
    #[cfg(feature = "fused")]
    pub(super) fn render(&mut self, view: View, columns: usize, gap: usize) -> Result<(), JsError> {
        match self {
            Self::Fused(chain) => chain.render(view, columns, gap),
            #[cfg(any(feature = "reference", feature = "cpu"))]
            Self::Burn(_) => Err(JsError::new("this engine cannot draw; ask for pixels instead")),
        }
    }
}
