//! Mixed precision: the network computes in a narrow type, everything else in f32.
//!
//! The weights that are kept, their gradients, Adam's moments, the moving average, what
//! preconditioning does and the loss stay in f32, so that small updates are not rounded away
//! (Micikevicius et al. 2018, *Mixed Precision Training*). bf16 has the range of f32, so the loss
//! needs no scaling.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

/// What the network computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits with the range of 32: for GPUs that have it.
    Bf16,
}

impl Precision {
    pub(super) fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
        }
    }

    /// The network with its weights in this type; gradients go through to the weights it had.
    pub(super) fn cast<M: Module>(self, network: M) -> M {
        match self {
            Self::F32 => network,
            Self::Bf16 => network.map(&mut Cast(self.dtype())),
        }
    }
}

struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}
