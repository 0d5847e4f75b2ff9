//! A training step as shaders: the launches of a [`TrainingPlan`], and those before and after them
//! that make the batch and change the weights.

mod gradient;
mod kernel;
mod stable;
mod weights;

use std::ops::Range;

use super::lowering::{GROUP, Lowering};
use super::text::Text;
use crate::backend::fused::codegen::kernel::{Kernel, Operand, TrainingBuffer};
use crate::backend::fused::codegen::kernel_config::KernelConfig;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::training::{Backward, ClassGradient, TrainingPlan};
use crate::backend::fused::plan::{Conv, Embedding, Id, Launch, Target};
pub use gradient::attention_memory;
pub use kernel::TrainingKernel;
use kernel::{Extent, FLAT_GROUP, per_image};
pub use stable::StableTargets;
use weights::Partials;

/// The kernels of a training step.
#[derive(Debug)]
pub struct LoweredTraining {
    /// From the images' bytes to the gradient with respect to all weights, for a part of a batch.
    pub part: Vec<TrainingKernel>,
    /// From that gradient to new weights and their moving average.
    pub update: Vec<TrainingKernel>,
    /// From the weights to the parameters of all launches: before the first part, and after each
    /// update.
    pub gather: TrainingKernel,
    /// What ends every submission of steps.
    pub count: TrainingKernel,
    /// For each tensor, the number of tiles with moments of their own.
    pub tiles: Vec<usize>,
    /// The numbers of [`TrainingBuffer::Partials`].
    pub partials: usize,
    /// The numbers of [`TrainingBuffer::Squares`].
    pub squares: usize,
    /// For each weight, see `kernels/training/reduce.wgsl`.
    pub origins: Vec<[u32; 4]>,
    /// For each number of the parameters, see `kernels/training/gather.wgsl`.
    pub places: Vec<u32>,
}

impl LoweredTraining {
    /// All kernels.
    pub fn kernels(&self) -> impl Iterator<Item = &TrainingKernel> {
        self.part.iter().chain(&self.update).chain([&self.gather, &self.count])
    }
}

/// Turns the plan of a training step into kernels whose workgroups share at most `memory` bytes, or
/// [`attention_memory`] if that is more.
/// `slices` are the ranges of the parameters' slices in a buffer, in numbers; `stable` are the stable
/// targets, if they are learned.
pub fn lower_training(
    training: &TrainingPlan,
    config: KernelConfig,
    memory: usize,
    slices: &[Range<usize>],
    stable: Option<StableTargets>,
) -> LoweredTraining {
    let plan = &training.plan;
    let tiles = vec![0; plan.tensors.len()];
    let norms = vec![None; plan.tensors.len()];
    let memory = memory.min(config.tiling.memory);
    let mut lowering = Lowering { plan, config, memory, norms, tiles, keeps_norms: true };
    let load = |launch: &Launch| match *launch {
        Launch::Load { to, patch } => Some((to, patch)),
        _ => None,
    };
    let patches = plan.steps.iter().find_map(load);
    let mut part: Vec<_> =
        patches.into_iter().map(|(to, patch)| lowering.batch(to, patch)).collect();
    part.extend(stable.into_iter().flat_map(|stable| lowering.stable(stable)));
    part.extend(lowering.embed(training));
    part.extend(plan.levels.iter().map(|launch| lowering.forward(launch)));
    for launch in plan.steps.iter().filter(|launch| load(launch).is_none()) {
        part.push(lowering.forward(launch));
        if let Launch::Conv(Conv { to: Target::Tensor(id), .. }) = *launch
            && lowering.reduces_moments(id)
        {
            part.push(per_image("moments", lowering.reduce_moments(id)));
        }
    }
    let mut partials: Vec<Partials> = Vec::new();
    for launch in &training.backward {
        part.push(lowering.backward(launch, training, &mut partials));
    }
    let squares = weights::shares(training.weights);
    part.push(lowering.reduce(training, squares));
    let update = vec![lowering.adam(training, squares)];
    let origins = weights::origins(training, &partials);
    let places = weights::places(training, slices);
    let gather = lowering.gather(&places);
    let partials = partials.iter().map(|own| own.size * own.splits).sum();
    LoweredTraining {
        part,
        update,
        gather,
        count: lowering.count(),
        tiles: lowering.tiles,
        partials,
        squares,
        origins,
        places,
    }
}

impl Lowering<'_> {
    /// A launch of an evaluation.
    fn forward(&mut self, launch: &Launch) -> TrainingKernel {
        let name = match launch {
            Launch::Load { .. } => "load",
            Launch::Norm(_) => "normalization",
            Launch::Conv(_) => "convolution",
            Launch::Attention { .. } => "attention",
            Launch::Pool { .. } => "pooling",
        };
        let operations = self.plan.operations_of(launch);
        let kernel = match launch {
            Launch::Norm(norm) => self.kept_norm(norm),
            launch => self.launch(launch),
        };
        TrainingKernel { operations, ..per_image(name, kernel) }
    }

    /// A backward launch; adds where a gradient with respect to weights is to `partials`.
    fn backward(
        &mut self,
        launch: &Backward,
        training: &TrainingPlan,
        partials: &mut Vec<Partials>,
    ) -> TrainingKernel {
        match launch {
            Backward::Loss { to, patch } => per_image("loss", self.loss(*to, *patch)),
            Backward::Conv(conv) => {
                let launch = self.forward(&Launch::Conv(conv.clone()));
                TrainingKernel { name: "convolution, input", ..launch }
            }
            Backward::Weights { conv, gradient } => {
                let first = partials.last().map_or(0, |last| last.first + last.size * last.splits);
                let (kernel, own) = self.conv_weights(conv, *gradient, first);
                partials.push(own);
                let extent = Extent::Fixed(own.splits as u32);
                let operations = self.plan.operations_of(&Launch::Conv(conv.clone()));
                TrainingKernel { name: "convolution, weights", kernel, extent, operations }
            }
            Backward::NormSums(norm) => {
                per_image("normalization, sums", self.norm_sums(norm, training))
            }
            Backward::NormInput { norm, source, others, to } => {
                let kernel = self.norm_input(norm, *source, others, *to, training);
                per_image("normalization, input", kernel)
            }
            Backward::Attention { qkv, heads, gradient, to } => {
                let kernel = self.attention_input(*qkv, *heads, *gradient, *to);
                let forward = Launch::Attention { qkv: *qkv, heads: *heads, to: *gradient };
                // Logits and changes twice for queries and once for keys, and three products.
                let operations = 9 * self.plan.operations_of(&forward) / 2;
                TrainingKernel { operations, ..per_image("attention, input", kernel) }
            }
        }
    }

    /// See `kernels/training/batch.wgsl`: the images, also as the tensor `patches` of patches of
    /// this side.
    fn batch(&self, patches: Id, patch: usize) -> TrainingKernel {
        let mut kernel = Text::new(include_kernel!("../../kernels/training/batch.wgsl"));
        self.image_shape(&mut kernel.values, patch);
        kernel.values.size("GROUP", GROUP);
        kernel.values.size("CHANNELS", self.shape(patches).channels());
        kernel.read_as("data", "u32", Operand::Training(TrainingBuffer::Data));
        kernel.read_as("examples", "Example", Operand::Training(TrainingBuffer::Examples));
        kernel.write("to", "f32", Operand::Image);
        kernel.write("noise", "f32", Operand::Training(TrainingBuffer::Noise));
        kernel.write("patches", "f32", Operand::Tensor(patches));
        kernel.training = true;
        let pixels = self.shape(patches).positions() * self.shape(patches).channels();
        let kernel = kernel
            .helper(include_kernel!("../../kernels/random.wgsl"))
            .helper(include_kernel!("../../kernels/patch.wgsl"))
            .helper(include_kernel!("../../kernels/training/data_pixel.wgsl"));
        per_image("batch", kernel.finish([pixels.div_ceil(GROUP), 1]))
    }

    /// See `kernels/training/embed.wgsl`; `None` if σ is not embedded.
    fn embed(&self, training: &TrainingPlan) -> Option<TrainingKernel> {
        let Embedding { features, class, .. } = self.plan.embedding?;
        let mut kernel = Text::new(include_kernel!("../../kernels/training/embed.wgsl"));
        let (size, stride) = (self.shape(features).segments[0], self.shape(features).channels());
        kernel.values.size("GROUP", GROUP);
        kernel.values.size("SIZE", size);
        kernel.values.size("STRIDE", stride);
        kernel.values.size("PADDING", stride - size);
        kernel.values.size("PAIRS", size / 2);
        kernel.read_as("examples", "Example", Operand::Training(TrainingBuffer::Examples));
        kernel.read("frequencies", Operand::Training(TrainingBuffer::Frequencies));
        if let Some(ClassGradient { first, .. }) = training.class_gradient {
            kernel.values.flag("CLASSES", true);
            kernel.values.size("CLASS_ROWS", first);
            kernel.read("weights", Operand::Training(TrainingBuffer::Weights));
        }
        kernel.write("features", "f32", Operand::Tensor(features));
        if let Some(class) = class {
            kernel.write("class_rows", "f32", Operand::Tensor(class));
        }
        kernel.write("levels", "vec4f", Operand::Levels);
        kernel.training = true;
        let kernel = kernel.helper(include_kernel!("../../kernels/random.wgsl"));
        Some(per_image("embedding", kernel.finish([size.div_ceil(GROUP), 1])))
    }

    /// See `kernels/training/loss.wgsl`.
    fn loss(&self, to: Id, patch: usize) -> Kernel {
        let mut kernel = Text::new(include_kernel!("../../kernels/training/loss.wgsl"));
        self.image_shape(&mut kernel.values, patch);
        kernel.values.size("CHANNELS", self.shape(to).channels());
        kernel.values.size("GROUP", FLAT_GROUP);
        kernel.read("score", Operand::Next);
        kernel.read("noise", Operand::Training(TrainingBuffer::Noise));
        kernel.read_as("examples", "Example", Operand::Training(TrainingBuffer::Examples));
        kernel.write("to", "f32", Operand::Tensor(to));
        kernel.write("losses", "f32", Operand::Training(TrainingBuffer::Losses));
        kernel.training = true;
        kernel
            .helper(include_kernel!("../../kernels/patch.wgsl"))
            .helper(include_kernel!("../../kernels/workgroup_sum.wgsl"))
            .finish([1, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
    use crate::backend::fused::codegen::lower::check_bindings;
    use crate::backend::fused::codegen::strategy::Strategy;
    use crate::net::{ImageShape, Preconditioning, UNetDescription};

    /// A step of the default network for images of this side.
    fn lowered(side: usize, strategy: Strategy, stable: Option<StableTargets>) -> LoweredTraining {
        let image_shape = ImageShape { channels: 1, height: side, width: side };
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.3 };
        let training = TrainingPlan::new(&UNetDescription::new(image_shape, scale));
        let training = training.expect("there is such a network");
        let mut end = 0;
        let slices: Vec<Range<usize>> = training
            .places
            .iter()
            .map(|places| {
                let start = end;
                end += places.len();
                start..end
            })
            .collect();
        let config = KernelConfig::new(strategy, KernelPrecision::F32);
        lower_training(&training, config, 1 << 14, &slices, stable)
    }

    /// What a step costs beside its arithmetic; docs/adr/training-on-gpus.md states the numbers.
    #[test]
    fn a_step_of_the_default_network_is_few_launches() {
        let stable = StableTargets { from: 0.5, originals: 50, mirrored: true, classes: 0 };
        for strategy in [Strategy::Direct, Strategy::Staged] {
            for (stable, launches) in [(None, 116), (Some(stable), 119)] {
                let kernels = lowered(28, strategy, stable).kernels().count();
                // One more counts a submission, of whatever number of steps.
                assert_eq!(kernels, launches + 1, "{strategy:?}, {stable:?}");
            }
        }
    }

    #[test]
    fn every_kernel_of_a_step_fits_every_device() {
        let stable = StableTargets { from: 0.5, originals: 50, mirrored: true, classes: 2 };
        for strategy in [Strategy::Direct, Strategy::Staged] {
            for side in [28, 64] {
                let lowered = lowered(side, strategy, Some(stable));
                lowered.kernels().for_each(|launch| check_bindings(&launch.kernel));
            }
        }
    }

    #[test]
    fn workgroups_do_not_all_read_the_moments_of_many_tiles() {
        for strategy in [Strategy::Direct, Strategy::Staged] {
            let reductions = |side| {
                let launches = lowered(side, strategy, None).part.into_iter();
                launches.filter(|launch| launch.name == "moments").count()
            };
            assert_eq!(reductions(28), 0, "{strategy:?}");
            assert!(reductions(64) > 0, "{strategy:?}");
        }
    }

    /// Otherwise an invocation goes through all channels of σ's embedding, one after the other.
    #[test]
    fn staged_convolutions_share_their_inputs_also_at_a_single_position() {
        let launches = lowered(28, Strategy::Staged, None).part;
        let convolves = |name| ["convolution", "convolution, input"].contains(&name);
        for launch in launches.iter().filter(|launch| convolves(launch.name)) {
            let source = &launch.kernel.source;
            assert!(source.contains("var<workgroup> stage"), "{source}");
        }
    }
}
