//! Samplers, and the executors that run them.
//!
//! A sampler is a pure function from settings to a [`Program`]: a list of steps, each of which says
//! at which σ to evaluate the score and what to do with it. There is one file per paper, and each
//! sampler reads like its algorithm there. A [`Steering`] says what else chains must do: where to
//! begin, what to agree with. Executors run programs and know no sampler: [`host`] on anything that
//! implements [`crate::score::Score`], [`chain`] on a network on a Burn device.

#[cfg(feature = "burn")]
pub mod chain;
pub mod consistent;
pub mod diffusion;
pub mod edm;
#[cfg(feature = "burn")]
pub mod guide;
pub mod host;
pub mod langevin;
pub mod observation;
pub mod program;
pub mod settings;
pub mod steering;
pub mod strength;
pub mod view;

#[cfg(feature = "burn")]
pub use chain::Chain;
#[cfg(feature = "burn")]
pub use guide::Guide;
pub use observation::Observation;
pub use program::{Program, Start, Step, Update};
pub use settings::{Sampler, Settings, SettingsError};
pub use steering::Steering;
pub use strength::Strength;
pub use view::View;
