//! What a training run computes, before it has any memory for that.

use std::ops::Range;

use super::data_set::DataSet;
use crate::backend::fused::codegen::{
    KernelConfig, KernelPrecision, LoweredTraining, attention_memory, lower_training,
};
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::training::TrainingPlan;
use crate::backend::fused::runtime::compiler::Compiler;
use crate::backend::fused::runtime::parameters::slices;
use crate::net::UNetDescription;

/// The kernels of a run. They follow from the network and the data set, and are the same for every
/// batch.
#[derive(Debug)]
pub struct RunKernels {
    /// How they are generated: in f32, in which alone gradients are computed.
    pub config: KernelConfig,
    /// The plan of a step.
    pub training: TrainingPlan,
    /// The parameters' slices in a buffer, in numbers.
    pub slices: Vec<Range<usize>>,
    /// The kernels.
    pub lowered: LoweredTraining,
}

impl RunKernels {
    /// The kernels of a run, as a compiler generates them.
    ///
    /// # Errors
    /// [`FusedError::Description`] if there is no such network, [`FusedError::Count`] if the
    /// data set is not of its images, [`FusedError::Limit`] if the images are more than 4 GiB, or a
    /// workgroup's memory is larger than the GPU allows.
    pub fn new(
        compiler: &Compiler,
        sizes: &UNetDescription,
        data: &DataSet<'_>,
    ) -> Result<Self, FusedError> {
        data.check(sizes)?;
        let training = TrainingPlan::new(sizes)?;
        let memory = compiler.gpu().device().limits().max_compute_workgroup_storage_size;
        FusedError::check_limit(
            "the gradient of attention",
            "maxComputeWorkgroupStorageSize",
            attention_memory(&training) as u64,
            memory.into(),
        )?;
        let config = KernelConfig { precision: KernelPrecision::F32, ..compiler.config() };
        let parameters = training.plan.parameters.iter().zip(&training.places);
        let counts = parameters.map(|(parameters, places)| (places.len(), parameters.exact));
        let numbers = |bytes: Range<u64>| bytes.start as usize / 4..bytes.end as usize / 4;
        let slices: Vec<_> = slices(counts, config.precision).into_iter().map(numbers).collect();
        let stable = data.stable_targets(sizes.classes);
        let lowered = lower_training(&training, config, memory as usize, &slices, stable);
        Ok(Self { config, training, slices, lowered })
    }
}
