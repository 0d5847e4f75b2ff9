//! Compiles the kernels of networks for a GPU, and keeps their pipelines.

use std::sync::{Arc, Mutex};

use super::gpu::{Gpu, lock};
use super::pipelines::{self, Pipeline, Pipelines};
use super::platform;
use crate::backend::fused::codegen::{
    Kernel, KernelConfig, KernelPrecision, Lowered, Tiling, lower,
};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::Plan;

/// Compiles the kernels of networks for a GPU. Each different text is compiled once; clones share
/// the pipelines.
#[derive(Clone, Debug)]
pub struct Compiler {
    gpu: Gpu,
    config: KernelConfig,
    pipelines: Arc<Mutex<Pipelines>>,
    /// Whether kernels are compiled on several threads.
    parallel: bool,
    /// The kernels that are compiled in place of those with these texts.
    #[cfg(all(test, not(target_family = "wasm")))]
    replaced: Vec<(Arc<str>, Kernel)>,
}

/// The kernels of a plan with the tiles that were chosen for it.
#[derive(Debug)]
pub struct Tuned {
    /// The tiles.
    pub tiling: Tiling,
    /// Identifies what a measurement of tiles is valid for: this adapter, and the texts of the
    /// kernels with the default tiles, which contain all sizes of the network and change with the
    /// version of this crate. Most browsers do not name the adapter here; there the page tells
    /// adapters apart.
    pub key: String,
    /// The kernels.
    pub lowered: Lowered,
}

impl Compiler {
    /// A compiler that has compiled nothing yet. [`best_kernel_config`] finds out which kernels
    /// suit the GPU.
    ///
    /// # Errors
    /// [`FusedError::Feature`] if the adapter lacks the precision.
    ///
    /// [`best_kernel_config`]: crate::backend::fused::best_kernel_config
    pub fn new(gpu: &Gpu, config: KernelConfig) -> Result<Self, FusedError> {
        if config.precision == KernelPrecision::F16 && !gpu.has_half() {
            return Err(FusedError::Feature("shader-f16"));
        }
        Ok(Self {
            gpu: gpu.clone(),
            config,
            pipelines: Arc::default(),
            parallel: true,
            #[cfg(all(test, not(target_family = "wasm")))]
            replaced: Vec::new(),
        })
    }

    /// The same compiler, but it compiles on the thread that asks for it, so that
    /// [`Gpu::catch_errors`] catches what a driver has against a kernel.
    pub(in crate::backend::fused) fn on_this_thread(self) -> Self {
        Self { parallel: false, ..self }
    }

    /// The GPU it compiles for.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// How it generates kernels.
    pub fn config(&self) -> KernelConfig {
        self.config
    }

    /// A compiler with the same pipelines, which keeps to itself what it compiles from now on.
    pub(in crate::backend::fused) fn fork(&self) -> Self {
        let pipelines = Arc::new(Mutex::new(lock(&self.pipelines).clone()));
        Self { pipelines, ..self.clone() }
    }

    /// The kernels of a plan with a tiling.
    pub(in crate::backend::fused) fn lower(&self, plan: &Plan, tiling: Tiling) -> Lowered {
        let memory = self.gpu.device().limits().max_compute_workgroup_storage_size as usize;
        lower(plan, KernelConfig { tiling, ..self.config }, memory)
    }

    /// The kernels of a plan with the tiles that `tuning` names, if it is of this plan and GPU.
    pub(in crate::backend::fused) fn tuned(&self, plan: &Plan, tuning: &str) -> Tuned {
        let KernelConfig { strategy, precision, tiling } = self.config;
        let default = KernelConfig::new(strategy, precision).tiling;
        let mut lowered = self.lower(plan, default);
        let key = key(&self.gpu, &lowered);
        let tiling = tuning
            .strip_prefix(&key)
            .and_then(|name| Tiling::named(strategy, name.trim_start()))
            .unwrap_or(tiling);
        if tiling != default {
            lowered = self.lower(plan, tiling);
        }
        Tuned { tiling, key, lowered }
    }

    /// Compiles a kernel on this thread; returns whether that was still to be done.
    pub(in crate::backend::fused) fn compile(&self, kernel: &Kernel) -> bool {
        let mut known = lock(&self.pipelines);
        let is_new = known.get(kernel).is_none();
        if is_new {
            known.add(kernel, self.pipeline(kernel));
        }
        is_new
    }

    /// A kernel's pipeline.
    fn pipeline(&self, kernel: &Kernel) -> Pipeline {
        #[cfg(all(test, not(target_family = "wasm")))]
        let kernel = {
            let replaced = self.replaced.iter().find(|(text, _)| *text == kernel.source);
            replaced.map_or(kernel, |(_, by)| by)
        };
        pipelines::compile(&self.gpu, kernel)
    }

    /// Makes sure that the text of another kernel is compiled in place of this kernel's.
    #[cfg(all(test, not(target_family = "wasm")))]
    pub(in crate::backend::fused) fn replace(&mut self, kernel: &Kernel, by: &str) {
        lock(&self.pipelines).forget(kernel);
        let by = Kernel { source: by.into(), ..kernel.clone() };
        self.replaced.push((Arc::clone(&kernel.source), by));
    }

    /// Makes sure that this kernel returns before it writes anything.
    #[cfg(all(test, not(target_family = "wasm")))]
    pub(in crate::backend::fused) fn idle(&mut self, kernel: &Kernel) {
        let (before, main) = kernel.source.split_once("fn main(").expect("the entry point");
        let (parameters, body) = main.split_once(") {").expect("its body");
        let idle = format!("{before}fn main({parameters}) {{\nif true {{ return; }}{body}");
        self.replace(kernel, &idle);
    }

    /// Compiles the kernels of a plan; see [`Self::compile_kernels`].
    pub(in crate::backend::fused) fn compile_all(&self, lowered: &Lowered) -> Pipelines {
        self.compile_kernels(lowered.kernels())
    }

    /// Compiles kernels, side by side unless [`Self::on_this_thread`]. Returns the pipelines of these
    /// and of all others so far.
    pub(in crate::backend::fused) fn compile_kernels<'a>(
        &self,
        kernels: impl Iterator<Item = &'a Kernel>,
    ) -> Pipelines {
        let mut known = lock(&self.pipelines);
        let mut missing: Vec<&Kernel> = Vec::new();
        for kernel in kernels {
            let is_new = missing.iter().all(|other| other.source != kernel.source);
            if is_new && known.get(kernel).is_none() {
                missing.push(kernel);
            }
        }
        let compile = |kernel: &&Kernel| self.pipeline(kernel);
        let compiled: Vec<Pipeline> = match self.parallel {
            true => platform::parallel(&missing, compile),
            false => missing.iter().map(compile).collect(),
        };
        for (kernel, pipeline) in missing.into_iter().zip(compiled) {
            known.add(kernel, pipeline);
        }
        known.clone()
    }
}

/// See [`Tuned::key`]. (The hash is Fowler, Noll and Vo's.)
fn key(gpu: &Gpu, lowered: &Lowered) -> String {
    let (adapter, texts) = (gpu.adapter(), lowered.kernels().map(|kernel| kernel.source.bytes()));
    let bytes = adapter.bytes().chain(texts.flatten());
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.fold(0xcbf2_9ce4_8422_2325, mix))
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::Strategy;
    use crate::backend::fused::runtime::TestGpu;

    /// Errors are caught only on the thread on which they are raised.
    #[test]
    fn what_speaks_against_a_kernel_is_caught_if_it_is_compiled_on_this_thread() {
        let gpu = TestGpu::request();
        let config = KernelConfig::new(Strategy::Staged, KernelPrecision::F32);
        let compiler = Compiler::new(&gpu, config).expect("every GPU has f32").on_this_thread();
        let broken = |number: usize| {
            let source = format!("@compute fn main() {{ this is no WGSL, {number} }}");
            Kernel { source: source.into(), bindings: Vec::new(), groups: [1, 1] }
        };
        let kernels = [0, 1, 2, 3].map(broken);
        let compile = async { Ok(compiler.compile_kernels(kernels.iter())) };
        assert!(block_on(gpu.catch_errors(compile)).is_none());
    }
}
