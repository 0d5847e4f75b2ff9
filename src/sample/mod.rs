//! Samplers, and what chains can be told besides.
//!
//! A sampler is a pure function from settings to a [`StepTable`]: a list of steps, each of which
//! says at which σ to evaluate the score and what to do with it. There is one file per paper, and
//! each sampler reads like its algorithm there. A [`Conditioning`] says what else chains must do:
//! where to begin, what to agree with. A backend ([`crate::backend`]) runs step tables and knows no
//! sampler.

pub(crate) mod bounds;
pub mod class_conditioning;
pub mod conditioning;
mod conditioning_error;
pub mod consistency;
pub mod consistent_annealed;
pub mod diffusion;
pub mod dpm_solver;
pub mod edm;
#[cfg(feature = "burn")]
pub mod guidance;
pub mod guidance_scale;
pub mod langevin;
pub mod observation;
pub mod parameters;
pub mod sampler;
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
