//! Tests whether a GPU computes the right gradients, before it is trusted with a run.
//!
//! The gradients of a small network with the staged kernels must be those with the simplest ones,
//! as in `self_test.rs`.

use super::best_kernel_config;
use crate::backend::fused::codegen::{KernelConfig, Precision, Strategy};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::runtime::{
    Compiler, DataSet, ExampleRow, Gpu, PartRow, Training, TrainingState, TrainingStep,
};
use crate::net::{ImageShape, Preconditioning, UNetDescription};
use crate::random::Key;

const IMAGE: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };
const BATCH: usize = 2;

/// The largest difference allowed, relative to the largest gradient.
const TOLERANCE: f32 = 1e-3;

/// The best kernel config to train with, in f32, after checking that the GPU computes right
/// gradients with it.
///
/// # Errors
/// [`FusedError::Gradients`] if it does not.
pub async fn check_training(gpu: &Gpu) -> Result<KernelConfig, FusedError> {
    let best = best_kernel_config(gpu, Precision::Single).await;
    match gpu.catch_errors(compare(gpu, best)).await {
        Some(true) => Ok(best),
        _ => Err(FusedError::Gradients),
    }
}

async fn compare(gpu: &Gpu, best: KernelConfig) -> Result<bool, FusedError> {
    let direct = KernelConfig::new(Strategy::Direct, Precision::Single);
    let expected = gradients(gpu, direct).await?;
    let found = gradients(gpu, best).await?;
    let most = expected.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= TOLERANCE * most;
    Ok(most > 0.0 && most.is_finite() && found.iter().zip(&expected).all(near))
}

async fn gradients(gpu: &Gpu, config: KernelConfig) -> Result<Vec<f32>, FusedError> {
    let preconditioning = Preconditioning { mean: 0.5, sigma_data: 0.3 };
    let sizes = UNetDescription {
        widths: vec![8, 16],
        attention: vec![false, true],
        groups: 4,
        heads: 2,
        embedding: 8,
        ..UNetDescription::new(IMAGE, preconditioning)
    };
    let key = Key { seed: 17, stream: 0, step: 0 };
    let count = (BATCH * IMAGE.dimension()) as u32;
    let bytes: Vec<u8> = (0..count).map(|i| (256.0 * key.uniform(i)) as u8).collect();
    let data =
        DataSet { bytes: &bytes, labels: &[], images: BATCH, stable_from: None, mirrored: false };
    let compiler = Compiler::new(gpu, config)?;
    let mut training = Training::new(&compiler, &sizes, &data, BATCH, 1)?;
    let mut weights = vec![0.0; training.weights()];
    Key { seed: 18, ..key }.fill_normal(&mut weights);
    weights.iter_mut().for_each(|weight| *weight *= 0.1);
    let moments = vec![[0.0; 2]; weights.len()];
    training.write(&TrainingState { average: weights.clone(), weights, moments });
    let example = |image| {
        let sigma = 0.5f32;
        let c = preconditioning.at(sigma);
        ExampleRow {
            image,
            class_row: 0,
            sigma,
            ln_sigma: sigma.ln(),
            weight: 1.0,
            c_in: c.c_in,
            c_skip: c.c_skip,
            c_out: c.c_out,
        }
    };
    let images = BATCH as u32;
    let part = PartRow { images, batch: images, most: 1.0, ..bytemuck::Zeroable::zeroed() };
    let examples = (0..images).map(example).collect();
    training.submit(&[TrainingStep { parts: vec![part], examples }])?;
    training.gradients().await
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;

    #[test]
    fn a_healthy_gpu_is_trusted_with_training() {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        assert!(block_on(check_training(&gpu)).is_ok());
        assert_eq!(gpu.check(), Ok(()));
    }
}
