//! Samplers, and what conditions and guides chains.
//!
//! A sampler is a pure function from settings to a [`StepTable`]: a list of steps, each of which
//! says at which σ to evaluate the score and what to do with it. There is one file for each paper,
//! and each sampler reads like its algorithm there; [`exact_langevin`], which comes from no paper,
//! has its derivation in its file. A [`Conditioning`] says what else chains must do: where to begin,
//! what to agree with. A backend ([`crate::backend`]) runs step tables and contains no sampler.

pub(crate) mod bounds;
pub mod class_conditioning;
pub mod conditioning;
mod conditioning_error;
pub mod consistency;
pub mod consistent_annealed;
pub mod dpm_solver;
pub mod edm;
pub mod exact_langevin;
#[cfg(feature = "burn")]
pub mod guidance;
pub mod guidance_scale;
pub mod langevin;
pub mod observation;
pub mod parameters;
pub mod sampler;
pub mod score_sde;
pub mod settings;
pub mod step_table;
pub mod unipc;

pub use class_conditioning::ClassConditioning;
pub use conditioning::Conditioning;
pub use conditioning_error::ConditioningError;
#[cfg(feature = "burn")]
pub use guidance::Guide;
pub use guidance_scale::GuidanceScale;
pub use observation::Observation;
pub use sampler::Sampler;
pub use settings::Settings;
pub use settings::recommendation::Suited;
pub use settings::validation::SettingsError;
pub use step_table::{Start, Step, StepTable, Update};
