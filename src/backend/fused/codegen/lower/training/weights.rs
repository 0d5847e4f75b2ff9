//! The gradient with respect to weights, and the optimizer's step, as shaders.

use std::ops::Range;

use super::kernel::{FLAT_GROUP, TrainingKernel, once};
use crate::backend::fused::codegen::kernel::{Kernel, Operand, TrainingBuffer};
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::lower::lowering::Lowering;
use crate::backend::fused::codegen::lower::text::Text;
use crate::backend::fused::codegen::strategy::Strategy;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::training::{ClassGradient, TrainingPlan};
use crate::backend::fused::plan::{Conv, Id, Slice};

/// Invocations of a workgroup that share a part of all weights, a power of two; and the least
/// weights of a part.
const SHARE_GROUP: usize = 64;
const SHARE: usize = 1 << 10;
/// The most such parts.
const MOST_SHARES: usize = 1 << 10;

/// The number of parts of so many weights.
pub fn shares(weights: usize) -> usize {
    weights.div_ceil(SHARE).clamp(1, MOST_SHARES)
}

/// The most invocations of a workgroup that have columns of their own, and the most that it has.
const LANES: usize = 16;
const INVOCATIONS: usize = 64;

/// How many invocations keep a software adapter busy, and how many a GPU.
const BUSY: [usize; 2] = [1 << 9, 1 << 15];
/// The most invocations that share the rows of all images.
const MOST_SPLITS: usize = 64;

/// The most workgroups on one axis that every device has.
const MOST_GROUPS: usize = 65_535;

/// A place in [`super::LoweredTraining::places`] that is padding.
const NONE: u32 = u32::MAX;

/// The parts of the gradient with respect to the parameters of one convolution.
#[derive(Clone, Copy, Debug)]
pub struct Partials {
    slice: Slice,
    /// The place of the first.
    pub first: usize,
    /// How many of its numbers are for weights; those for biases follow.
    weights: usize,
    /// How many numbers a part has.
    pub size: usize,
    /// How many parts there are.
    pub splits: usize,
}

impl Lowering<'_> {
    /// See `kernels/training/conv_weights.wgsl`. Its parts begin at `first`.
    pub fn conv_weights(&self, conv: &Conv, gradient: Id, first: usize) -> (Kernel, Partials) {
        let mut kernel = Text::new(include_kernel!("../../kernels/training/conv_weights.wgsl"));
        let quads = conv.columns / 4;
        let group_lanes = quads.min(LANES);
        let group_rows = INVOCATIONS / group_lanes;
        let [height, width] = conv.grid;
        let values = &mut kernel.values;
        values.size("GROUP_LANES", group_lanes);
        values.size("GROUP_ROWS", group_rows);
        values.size("OUTPUTS", conv.columns);
        values.size("FOLD", conv.fold);
        values.size("CHANNELS", conv.columns / (conv.fold * conv.fold));
        values.size("HEIGHT", height);
        values.size("WIDTH", width);
        values.size("SPAN", 4);
        let weights = self.terms(values, conv);
        let mut row = 0;
        for (t, term) in conv.terms.iter().enumerate() {
            let shape = self.shape(term.source);
            let channels = shape.channels();
            let mut size = |name: &str, value| kernel.values.size(format!("{name}_{t}"), value);
            size("QUADS", channels / 4);
            size("ROW", row);
            size("LEAD", term.kernel - 1);
            // Only neighboring taps slide, and a convolution narrower than its taps has none.
            let slides = term.stride == 1 && term.dilation == 1 && shape.width > term.kernel;
            kernel.values.flag(format!("SLIDES_{t}"), slides && term.kernel > 1);
            row += term.kernel * channels / 4;
            self.read(&mut kernel, format!("source{t}"), KernelPrecision::quad, term.source);
        }
        // All biases have the same gradient: that of the first term's position.
        let biased = conv.biases > 0;
        kernel.values.flag("BIAS_0", biased);
        let size = weights + if biased { conv.columns } else { 0 };
        let busy = BUSY[usize::from(self.config.strategy == Strategy::Staged)];
        let splits = busy.div_ceil(row * quads).clamp(1, MOST_SPLITS);
        kernel.values.size("FIRST", first);
        kernel.values.size("SIZE", size);
        kernel.values.size("SPLITS", splits);
        kernel.read_as("gradient", "vec4f", Operand::Tensor(gradient));
        kernel.write("partials", "vec4f", Operand::Training(TrainingBuffer::Partials));
        kernel.training = true;
        let groups = [quads.div_ceil(group_lanes), row.div_ceil(group_rows)];
        let partials = Partials { slice: conv.parameters, first, weights, size, splits };
        (kernel.finish(groups), partials)
    }

    /// See `kernels/training/reduce.wgsl`.
    pub fn reduce(&self, training: &TrainingPlan, squares: usize) -> TrainingKernel {
        let mut kernel = Text::new(include_kernel!("../../kernels/training/reduce.wgsl"));
        let (affine, _) = training.affine_gradients;
        kernel.values.size("GROUP", SHARE_GROUP);
        kernel.values.size("SHARE", training.weights.div_ceil(squares));
        kernel.values.size("COUNT", training.weights);
        kernel.values.size("GROUPS", squares);
        kernel.values.size("AFFINE", self.shape(affine).channels());
        let buffer = Operand::Training;
        kernel.read_as("origins", "vec4u", buffer(TrainingBuffer::Origins));
        kernel.read("partials", buffer(TrainingBuffer::Partials));
        kernel.read("affine", Operand::Tensor(affine));
        if let Some(ClassGradient { gradient, .. }) = training.class_gradient {
            kernel.values.flag("CLASSES", true);
            kernel.values.size("CLASS", self.shape(gradient).channels());
            kernel.read("class_gradient", Operand::Tensor(gradient));
            kernel.read_as("examples", "Example", buffer(TrainingBuffer::Examples));
        }
        kernel.write("gradients", "f32", buffer(TrainingBuffer::Gradients));
        kernel.write("squares", "f32", buffer(TrainingBuffer::Squares));
        kernel.training = true;
        let kernel = kernel.helper(include_kernel!("../../kernels/workgroup_sum.wgsl"));
        once("reduction", kernel.finish([squares, 1]))
    }

    /// See `kernels/training/adam.wgsl`.
    pub fn adam(&self, training: &TrainingPlan, squares: usize) -> TrainingKernel {
        let mut kernel = Text::new(include_kernel!("../../kernels/training/adam.wgsl"));
        kernel.values.size("GROUP", SHARE_GROUP);
        kernel.values.size("SHARE", training.weights.div_ceil(squares));
        kernel.values.size("COUNT", training.weights);
        kernel.values.size("GROUPS", squares);
        let buffer = Operand::Training;
        kernel.read("gradients", buffer(TrainingBuffer::Gradients));
        kernel.read("squares", buffer(TrainingBuffer::Squares));
        kernel.read("losses", buffer(TrainingBuffer::Losses));
        kernel.write("weights", "f32", buffer(TrainingBuffer::Weights));
        kernel.write("moments", "vec2f", buffer(TrainingBuffer::Moments));
        kernel.write("average", "f32", buffer(TrainingBuffer::Average));
        kernel.write("report", "f32", buffer(TrainingBuffer::Report));
        kernel.training = true;
        let kernel = kernel.helper(include_kernel!("../../kernels/workgroup_sum.wgsl"));
        once("Adam", kernel.finish([squares, 1]))
    }

    /// See `kernels/count.wgsl`.
    pub fn count(&self) -> TrainingKernel {
        let mut kernel = Text::new(include_kernel!("../../kernels/count.wgsl"));
        kernel.write("report", "f32", Operand::Training(TrainingBuffer::Report));
        once("counting", kernel.finish([1, 1]))
    }

    /// See `kernels/training/gather.wgsl`.
    pub fn gather(&self, places: &[u32]) -> TrainingKernel {
        let mut kernel = Text::new(include_kernel!("../../kernels/training/gather.wgsl"));
        kernel.values.size("GROUP", FLAT_GROUP);
        kernel.values.size("COUNT", places.len());
        kernel.values.size("NONE", NONE as usize);
        let buffer = Operand::Training;
        kernel.read_as("places", "u32", buffer(TrainingBuffer::Places));
        kernel.read("weights", buffer(TrainingBuffer::Weights));
        kernel.write("parameters", "f32", buffer(TrainingBuffer::Parameters));
        once("gathering", kernel.finish(flat(places.len())))
    }
}

/// Workgroups for a kernel that goes through `count` things, each invocation one.
fn flat(count: usize) -> [usize; 2] {
    let groups = count.div_ceil(FLAT_GROUP).max(1);
    [groups.min(MOST_GROUPS), groups.div_ceil(MOST_GROUPS)]
}

/// See [`super::LoweredTraining::origins`].
pub fn origins(training: &TrainingPlan, partials: &[Partials]) -> Vec<[u32; 4]> {
    /// What the gradient with respect to a weight is the sum of.
    const SPLITS: u32 = 0;
    const IMAGES: u32 = 1;
    const CLASS: u32 = 2;
    let mut origins = vec![[0; 4]; training.weights];
    for &Partials { slice, first, weights, size, splits } in partials {
        for (at, place) in (0..).zip(&training.places[slice]) {
            let Some(place) = *place else { continue };
            // Further biases have the gradient of the first.
            let at = if at < size { at } else { weights + (at - weights) % (size - weights) };
            origins[place as usize] = [(first + at) as u32, size as u32, splits as u32, SPLITS];
        }
    }
    let (_, slices) = &training.affine_gradients;
    for &(slice, column) in slices {
        for (at, place) in (column..).zip(&training.places[slice]) {
            if let Some(place) = *place {
                origins[place as usize] = [at as u32, 0, 0, IMAGES];
            }
        }
    }
    if let Some(ClassGradient { gradient, first, rows }) = training.class_gradient {
        let size = training.plan.tensors[gradient].shape.segments[0];
        for (index, origin) in origins[first..][..rows * size].iter_mut().enumerate() {
            *origin = [(index % size) as u32, (index / size) as u32, 0, CLASS];
        }
    }
    origins
}

/// See [`super::LoweredTraining::places`].
pub fn places(training: &TrainingPlan, slices: &[Range<usize>]) -> Vec<u32> {
    let mut places = vec![NONE; slices.last().map_or(0, |last| last.end)];
    for (own, slice) in training.places.iter().zip(slices) {
        for (place, own) in places[slice.clone()].iter_mut().zip(own) {
            *place = own.unwrap_or(NONE);
        }
    }
    places
}
