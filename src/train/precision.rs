//! Mixed precision: the network computes in a narrow type, everything else in f32.
//!
//! The stored weights, their gradients, Adam's moments, the moving average, the preconditioning and
//! the loss stay in f32, so that small updates are not rounded away (Micikevicius et al. 2018,
//! *Mixed Precision Training*). bf16 has the range of f32, so the loss needs no scaling.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{FloatDType, Tensor};
use serde::{Deserialize, Serialize};

/// The precision that the network computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits with the range of 32, for devices that support it.
    Bf16,
}

impl Precision {
    pub(super) fn dtype(self) -> FloatDType {
        match self {
            Self::F32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
        }
    }

    /// Casts the network's weights to this type; gradients flow back to the original weights.
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
