//! Compiling the kernels of a network whose weights are still on their way.

use super::error::FusedError;
use super::gpu::Gpu;
use super::kernel_config::KernelConfig;
use super::lower::Lowered;
use super::network::{plan, tiled};
use super::pipelines::compile;
use crate::net::Architecture;
use crate::net::weights::{Array, Weights};

/// The kernels of a network: once they are compiled, [`super::Network::loaded`] finds them.
#[derive(Debug)]
pub struct Precompile {
    gpu: Gpu,
    lowered: Lowered,
}

impl Precompile {
    /// The kernels of a network in a setup; `tuning` as for [`super::Network::remembering`].
    ///
    /// # Errors
    /// [`FusedError::Description`] if there is no such network.
    pub fn new(
        gpu: &Gpu,
        architecture: &Architecture,
        config: KernelConfig,
        tuning: &str,
    ) -> Result<Self, FusedError> {
        architecture.check()?;
        // Kernels are the same whatever the weights. (To collect a map would sort, with 4 kB of code.)
        let mut weights = Weights::new();
        for (name, shape) in architecture.tensors() {
            let values = vec![0.0; shape.iter().product()];
            weights.insert(name, Array { shape, values });
        }
        let (.., lowered) = tiled(gpu, &plan(architecture, &weights)?, config, tuning);
        Ok(Self { gpu: gpu.clone(), lowered })
    }

    /// Their texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.lowered.kernels().map(|kernel| &*kernel.source)
    }

    /// Compiles them.
    pub fn compile(&self) {
        compile(&self.gpu, &self.lowered);
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::super::gpu::lock;
    use super::super::kernel_config::Strategy;
    use super::super::network::Network;
    use super::super::precision::Precision;
    use super::*;
    use crate::net::{ImageShape, Preconditioning, UNetDescription};

    #[test]
    fn a_network_finds_all_its_kernels_compiled() {
        let gpu = block_on(Gpu::request()).unwrap_or_else(|error| panic!("{error}"));
        let image_shape = ImageShape { channels: 1, height: 16, width: 16 };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.5 };
        let sizes =
            UNetDescription { widths: vec![8, 16], ..UNetDescription::new(image_shape, scale) };
        let architecture = Architecture::UNet(sizes);
        let config = KernelConfig::new(Strategy::Staged, Precision::Single);
        let precompile =
            Precompile::new(&gpu, &architecture, config, "").expect("there is such a network");
        precompile.compile();
        let compiled = lock(&gpu.pipelines).clone();

        let ones = |shape: Vec<usize>| Array { values: vec![1.0; shape.iter().product()], shape };
        let tensors = architecture.tensors().into_iter();
        let weights = tensors.map(|(name, shape)| (name, ones(shape))).collect();
        let network = Network::loaded(&gpu, &architecture, &weights, config, "").expect("it fits");
        for step in &network.0.steps {
            assert!(compiled.get(&step.kernel).is_some());
            assert!(precompile.texts().any(|text| *text == *step.kernel.source));
        }
    }
}
