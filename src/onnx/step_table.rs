//! A step table as JSON, so that a sampler in another language is a loop over its rows.
//!
//! ```json
//! {"start": {"mean": 0.13, "sigma": 20.0},
//!  "steps": [{"sigma": 20.0, "drift": 85.1, "previous": 0.0, "noise": 13.9}]}
//! ```
//!
//! Rows mean what [`Update`] says. A multistep row has `earlier`, a₁ and a₂, instead of `previous`;
//! a corrector's has only `snr`. Chains that start uniformly have `low` and `high`.

use serde_json::{Value, json};

use crate::sample::{Start, StepTable, Update};

pub(super) fn to_json(table: &StepTable) -> Value {
    let start = match table.start {
        Start::Normal { mean, sigma } => json!({ "mean": mean, "sigma": sigma }),
        Start::Uniform { low, high } => json!({ "low": low, "high": high }),
    };
    let row = |update, sigma: f32| match update {
        Update::Affine { drift, previous, noise } => {
            json!({ "sigma": sigma, "drift": drift, "previous": previous, "noise": noise })
        }
        Update::Multistep { drift, earlier, noise } => {
            json!({ "sigma": sigma, "drift": drift, "earlier": earlier, "noise": noise })
        }
        Update::Corrector { snr } => json!({ "sigma": sigma, "snr": snr }),
    };
    let steps: Vec<_> = table.steps.iter().map(|step| row(step.update, step.sigma)).collect();
    json!({ "start": start, "steps": steps })
}
