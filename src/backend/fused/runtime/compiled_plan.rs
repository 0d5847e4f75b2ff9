//! A plan that can be run: its parameters are on the GPU, its kernels are compiled.

use std::sync::Arc;

use super::compiler::Compiler;
use super::gpu::Gpu;
use super::parameters::UploadedParameters;
use super::pipelines::Pipeline;
use crate::backend::fused::codegen::{Kernel, KernelConfig, Lowered, Tiling};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::Plan;

/// A plan that can be run.
#[derive(Debug)]
pub struct CompiledPlan {
    /// The GPU it runs on.
    pub gpu: Gpu,
    /// The plan.
    pub plan: Arc<Plan>,
    /// How its kernels were generated.
    pub config: KernelConfig,
    /// Its parameters.
    pub parameters: Arc<UploadedParameters>,
    /// The kernels that run once per noise level.
    pub levels: Vec<CompiledKernel>,
    /// The kernels of an evaluation.
    pub steps: Vec<CompiledKernel>,
    /// The kernel that follows an evaluation which only computes the score.
    pub update: CompiledKernel,
    /// For each tensor, the number of tiles with moments of their own.
    pub tiles: Vec<usize>,
}

/// A kernel and its pipeline.
#[derive(Debug)]
pub struct CompiledKernel {
    /// The kernel.
    pub kernel: Kernel,
    /// Its pipeline.
    pub pipeline: Pipeline,
}

impl CompiledPlan {
    /// A plan with the kernels `lowered`, which have this tiling. Compiles those that have not been
    /// compiled.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if a launch has more workgroups than the GPU allows.
    pub fn new(
        compiler: &Compiler,
        plan: Arc<Plan>,
        parameters: Arc<UploadedParameters>,
        tiling: Tiling,
        lowered: Lowered,
    ) -> Result<Self, FusedError> {
        let gpu = compiler.gpu().clone();
        for kernel in lowered.kernels() {
            gpu.check_launch(kernel, 1)?;
        }
        let pipelines = compiler.compile_all(&lowered);
        let Lowered { levels, steps, update, tiles } = lowered;
        let with = |kernel: Kernel| {
            let pipeline = pipelines.get(&kernel).expect("all are compiled").clone();
            CompiledKernel { kernel, pipeline }
        };
        let all = |kernels: Vec<Kernel>| kernels.into_iter().map(with).collect();
        let config = KernelConfig { tiling, ..compiler.config() };
        let (levels, steps, update) = (all(levels), all(steps), with(update));
        Ok(Self { gpu, plan, config, parameters, levels, steps, update, tiles })
    }

    /// Whether these are the kernels of its evaluations.
    pub fn runs(&self, lowered: &Lowered) -> bool {
        let (own, other) = (&self.steps, &lowered.steps);
        own.len() == other.len()
            && own.iter().zip(other).all(|(own, other)| own.kernel.source == other.source)
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::{KernelPrecision, Strategy};
    use crate::backend::fused::runtime::Network;
    use crate::backend::fused::tune::self_test;

    #[test]
    fn a_network_with_a_launch_of_too_many_workgroups_is_refused() {
        let network = |most| -> Result<Network, FusedError> {
            let tighten = |limits: &mut wgpu::Limits| {
                limits.max_compute_workgroups_per_dimension = most;
            };
            let gpu = block_on(Gpu::request_limited(tighten)).expect("the adapter allows more");
            self_test::network(&gpu, KernelConfig::new(Strategy::Direct, KernelPrecision::F32))
        };
        let usual = network(65_535).expect("it is small");
        let groups = usual.compiled().steps.iter().flat_map(|step| step.kernel.groups);
        let most = groups.max().expect("it has launches");
        assert!(network(most).is_ok());
        let error = network(most - 1).expect_err("a launch has one workgroup more");
        let FusedError::Limit { limit, needed, .. } = error else { panic!("{error}") };
        assert_eq!((limit, needed), (FusedError::WORKGROUPS, most.into()));
    }
}
