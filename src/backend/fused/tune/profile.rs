//! How long each launch of a network takes by itself.

use std::sync::Arc;

use crate::backend::fused::error::FusedError;
use crate::backend::fused::runtime::Network;

/// A launch and its time.
#[derive(Clone, Debug)]
pub struct Timed {
    /// Its shader, whose constants say what it computes.
    pub source: Arc<str>,
    /// Its workgroups.
    pub groups: [u32; 3],
    /// Seconds, including the wait for its end before the next launch can begin.
    pub seconds: f64,
}

/// Times each launch of an evaluation of `batch` images, from runs of `repeats` of it and of
/// twice as many, so that the time for submitting them is left out.
///
/// # Errors
/// [`FusedError`] if the batch does not fit on the GPU, or that fails.
pub async fn profile(
    network: &Network,
    batch: usize,
    repeats: usize,
) -> Result<Vec<Timed>, FusedError> {
    let gpu = network.gpu();
    let mut recorder = network.evaluator(batch)?;
    recorder.evaluate();
    let mut all = Vec::with_capacity(network.launches());
    for (index, compiled) in network.compiled().steps.iter().enumerate() {
        let seconds = gpu.time(repeats, |times| recorder.repeat(index, times)).await?;
        let [x, y] = compiled.kernel.groups;
        let source = Arc::clone(&compiled.kernel.source);
        all.push(Timed { source, groups: [x, y, batch as u32], seconds });
    }
    Ok(all)
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::super::self_test;
    use super::profile;
    use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
    use crate::backend::fused::runtime::TestGpu;

    #[test]
    fn every_launch_is_timed_for_the_whole_batch() {
        let gpu = TestGpu::request();
        let config = KernelConfig::new(Strategy::Staged, KernelPrecision::F32);
        let network = self_test::network(&gpu, config).expect("it is small");
        let launches = block_on(profile(&network, 3, 2)).expect("the GPU is healthy");
        assert_eq!(launches.len(), network.launches());
        for (launch, compiled) in launches.iter().zip(&network.compiled().steps) {
            assert_eq!(launch.source, compiled.kernel.source);
            assert_eq!(launch.groups[2], 3);
            assert!(launch.seconds.is_finite());
        }
    }
}
