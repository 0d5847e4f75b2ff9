//! The gradients of normalizations and of attention as shaders.

use crate::backend::fused::codegen::kernel::{Kernel, Operand};
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::lower::lowering::{GROUP, Lowering, MOMENTS, activates};
use crate::backend::fused::codegen::lower::text::Text;
use crate::backend::fused::codegen::strategy::Strategy;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::training::{Backward, NormGradient, TrainingPlan};
use crate::backend::fused::plan::{Activation, Id, Norm, Scaling};

/// If staged, the channels of a workgroup that sums over positions, and the invocations for each.
const SUM_LANES: usize = 16;
const SUM_PARTS: usize = 16;

/// If staged, the invocations of a workgroup that normalizes.
const NORM_GROUP: usize = 256;

/// If staged, the positions of an invocation.
const BLOCK: usize = 8;

/// The numbers that an invocation of a staged normalization writes.
const NUMBERS: usize = 8;

impl Lowering<'_> {
    /// A normalization that is a launch of its own: see `kernels/training/norm_staged.wgsl`, or
    /// `kernels/norm.wgsl` if direct, or for a mere activation.
    pub fn kept_norm(&self, norm: &Norm) -> Kernel {
        let channels = self.shape(norm.to).channels();
        let fits = MOMENTS * channels <= self.memory;
        let staged = self.config.strategy == Strategy::Staged && fits;
        if !staged || matches!(norm.scaling, Scaling::None) {
            return self.norm(norm);
        }
        let mut kernel = Text::new(include_kernel!("../../kernels/training/norm_staged.wgsl"));
        let positions = self.shape(norm.to).positions();
        let block = (NUMBERS * NORM_GROUP / channels).clamp(1, positions);
        kernel.values.size("GROUP", NORM_GROUP);
        kernel.values.size("BLOCK", block);
        activates(&mut kernel.values, "", norm.activation);
        self.scaling(&mut kernel, norm);
        for (t, &id) in norm.from.iter().enumerate() {
            self.read(&mut kernel, format!("source{t}"), KernelPrecision::scalar, id);
        }
        self.write(&mut kernel, KernelPrecision::scalar, norm.to);
        kernel.values.flag("KEEPS", true);
        kernel.write("normalization_of", "vec2f", Operand::Normalization(norm.to));
        let kernel = kernel
            .helper(include_kernel!("../../kernels/moments.wgsl"))
            .helper(include_kernel!("../../kernels/normalization.wgsl"))
            .helper(include_kernel!("../../kernels/activation.wgsl"));
        kernel.finish([positions.div_ceil(block), 1])
    }

    /// Adds the derivative of an activation to a kernel: see `kernels/training/derivative.wgsl`.
    pub fn derivative(&self, kernel: &mut Text, of: Activation) {
        activates(&mut kernel.values, "OF_", of);
        kernel.add_helper(include_kernel!("../../kernels/training/derivative.wgsl"));
    }

    /// See `kernels/training/norm_sums.wgsl`.
    pub fn norm_sums(&self, gradient: &NormGradient, training: &TrainingPlan) -> Kernel {
        let NormGradient { norm, gradient, sums } = gradient;
        let channels = self.shape(norm.to).channels();
        let mut kernel = Text::new(include_kernel!("../../kernels/training/norm_sums.wgsl"));
        let staged = self.config.strategy == Strategy::Staged;
        let lanes = if staged { SUM_LANES } else { GROUP.min(channels) };
        kernel.values.size("LANES", lanes);
        if staged {
            kernel.values.size("PARTS", SUM_PARTS);
        }
        self.derivative(&mut kernel, norm.activation);
        self.affine(&mut kernel, norm);
        for (t, &id) in norm.from.iter().enumerate() {
            self.read(&mut kernel, format!("source{t}"), KernelPrecision::scalar, id);
        }
        kernel.read("gradient", Operand::Tensor(*gradient));
        kernel.read_as("normalization", "vec2f", Operand::Normalization(norm.to));
        if let Some((id, column)) = *sums {
            kernel.values.size("SUMS", training.row(id));
            kernel.values.size("COLUMN", column);
            kernel.write("sums", "f32", Operand::Tensor(id));
        }
        kernel.finish([channels.div_ceil(lanes), 1])
    }

    /// See `kernels/training/norm_input.wgsl`.
    pub fn norm_input(
        &self,
        gradient: &NormGradient,
        source: usize,
        others: &[Id],
        to: Id,
        training: &TrainingPlan,
    ) -> Kernel {
        let NormGradient { norm, gradient, sums } = gradient;
        let id = norm.from[source];
        let shape = self.shape(id);
        let (channels, positions) = (shape.channels(), shape.positions());
        let mut kernel = Text::new(include_kernel!("../../kernels/training/norm_input.wgsl"));
        let group = GROUP.min(channels);
        let block = if self.config.strategy == Strategy::Staged { BLOCK } else { positions };
        let begin = norm.from[..source].iter().map(|&id| self.shape(id).channels()).sum();
        kernel.values.size("GROUP", group);
        kernel.values.size("BLOCK", block);
        kernel.values.size("CHANNELS", channels);
        kernel.values.size("BEGIN", begin);
        kernel.values.size("REAL", shape.segments.iter().sum());
        kernel.values.size("OTHERS", others.len());
        self.derivative(&mut kernel, norm.activation);
        self.affine(&mut kernel, norm);
        self.read(&mut kernel, "source", KernelPrecision::scalar, id);
        kernel.read("gradient", Operand::Tensor(*gradient));
        if let (Some((id, column)), false) = (*sums, matches!(norm.scaling, Scaling::None)) {
            kernel.values.size("SUMS", training.row(id));
            kernel.values.size("COLUMN", column);
            kernel.read("sums", Operand::Tensor(id));
            kernel.read_as("normalization", "vec2f", Operand::Normalization(norm.to));
        }
        for (r, &other) in others.iter().enumerate() {
            kernel.read(format!("other{r}"), Operand::Tensor(other));
        }
        kernel.write("to", "f32", Operand::Tensor(to));
        kernel.finish([channels.div_ceil(group), positions.div_ceil(block)])
    }

    /// See `kernels/training/attention_input.wgsl`; it needs [`attention_memory`].
    pub fn attention_input(&self, qkv: Id, heads: usize, gradient: Id, to: Id) -> Kernel {
        let mut kernel = Text::new(include_kernel!("../../kernels/training/attention_input.wgsl"));
        let (element, ..) = self.heads(&mut kernel.values, qkv, heads, gradient);
        kernel.values.size("GROUP", self.shape(gradient).positions().min(GROUP));
        self.read(&mut kernel, "qkv", element, qkv);
        self.read(&mut kernel, "gradient", element, gradient);
        kernel.write("to", element(KernelPrecision::F32), Operand::Tensor(to));
        kernel.finish([heads, 1])
    }
}

/// The most bytes of workgroup memory that the gradient of an attention layer needs, whatever the
/// tiles: two numbers for each position.
pub fn attention_memory(training: &TrainingPlan) -> usize {
    let positions = |launch: &Backward| match *launch {
        Backward::Attention { gradient, .. } => training.plan.tensors[gradient].shape.positions(),
        _ => 0,
    };
    size_of::<[f32; 2]>() * training.backward.iter().map(positions).max().unwrap_or(0)
}
