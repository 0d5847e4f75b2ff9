//! Compiles the kernels of a network while its weights are being downloaded.

use super::compiler::Compiler;
use crate::backend::fused::codegen::Lowered;
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::network;
use crate::net::Architecture;
use crate::net::weights::{Array, Weights};

/// The kernels of a network. Once they are compiled, [`super::Network::load`] with the same
/// compiler finds them.
#[derive(Debug)]
pub struct Precompile {
    compiler: Compiler,
    lowered: Lowered,
}

impl Precompile {
    /// The kernels of a network; `tuning` as for [`super::Network::load`].
    ///
    /// # Errors
    /// [`FusedError::Description`] if there is no such network.
    pub fn new(
        compiler: &Compiler,
        architecture: &Architecture,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        architecture.check()?;
        // Kernels do not depend on the values of weights. (A loop, since collecting into a map
        // sorts, and the code for that adds 2.6 kB to the page.)
        let mut weights = Weights::new();
        for (name, shape) in architecture.tensors() {
            let values = vec![0.0; shape.iter().product()];
            weights.insert(name, Array { shape, values });
        }
        let lowered = compiler.tuned(&network::plan(architecture, &weights)?, tuning).lowered;
        Ok(Self { compiler: compiler.clone(), lowered })
    }

    /// Their texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.lowered.kernels().map(|kernel| &*kernel.source)
    }

    /// Compiles them.
    pub fn compile(&self) {
        self.compiler.compile_all(&self.lowered);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::super::network::Network;
    use super::super::test_gpu::TestGpu;
    use super::*;
    use crate::backend::fused::codegen::{KernelConfig, KernelPrecision, Strategy};
    use crate::net::{ImageShape, Preconditioning, UNetDescription};

    #[test]
    fn a_network_finds_all_its_kernels_compiled() {
        let gpu = TestGpu::request();
        let image_shape = ImageShape { channels: 1, height: 16, width: 16 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.5 };
        let sizes =
            UNetDescription { widths: vec![8, 16], ..UNetDescription::new(image_shape, scale) };
        let architecture = Architecture::UNet(sizes);
        let config = KernelConfig::new(Strategy::Staged, KernelPrecision::F32);
        let compiler = Compiler::new(&gpu, config).expect("every GPU has f32");
        let precompile =
            Precompile::new(&compiler, &architecture, "").expect("there is such a network");
        precompile.compile();

        let ones = |shape: Vec<usize>| Array { values: vec![1.0; shape.iter().product()], shape };
        let tensors = architecture.tensors().into_iter();
        let weights = tensors.map(|(name, shape)| (name, ones(shape))).collect();
        let before = compiler.fork();
        let network = Network::load(&compiler, &architecture, &weights, "").expect("it fits");
        for step in &network.compiled().steps {
            assert!(!before.compile(&step.kernel), "it was compiled before");
            assert!(precompile.texts().any(|text| *text == *step.kernel.source));
        }
    }
}
