//! Chooses how kernels are generated for a GPU.

use super::self_test;
use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
use crate::backend::fused::runtime::Gpu;

/// The best kernel config for a GPU: staged, in the wanted precision or else in f32, if that passes
/// the self-test. Otherwise, and on software adapters, where they are the fastest, the direct
/// kernels in f32.
pub async fn best_kernel_config(gpu: &Gpu, wanted: KernelPrecision) -> KernelConfig {
    let precisions = match wanted {
        KernelPrecision::F16 => &[KernelPrecision::F16, KernelPrecision::F32][..],
        KernelPrecision::F32 => &[KernelPrecision::F32],
    };
    for &precision in precisions {
        if !gpu.is_software() && self_test::passes(gpu, precision).await {
            return KernelConfig::new(Strategy::Staged, precision);
        }
    }
    KernelConfig::new(Strategy::Direct, KernelPrecision::F32)
}
