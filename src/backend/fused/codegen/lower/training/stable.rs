//! Stable targets as shaders.

use super::kernel::{Extent, FLAT_GROUP, TrainingKernel, per_image};
use crate::backend::fused::codegen::kernel::{Operand, TrainingBuffer};
use crate::backend::fused::codegen::lower::lowering::{GROUP, Lowering};
use crate::backend::fused::codegen::lower::text::Text;
use crate::backend::fused::codegen::wgsl::include_kernel;

/// Among at least this many images, each invocation compares its own with several noisy ones, so
/// that the data set is read less often. Among fewer, there would be too few invocations.
const MANY: usize = 1 << 12;
const SEVERAL: usize = 8;

/// The stable target field: what the network learns instead of the noise that was added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StableTargets {
    /// The σ from which targets are stable.
    pub from: f32,
    /// The number of training images, without mirrored ones.
    pub originals: usize,
    /// Whether the mirrored images count, too.
    pub mirrored: bool,
    /// The number of classes that the network is told.
    pub classes: usize,
}

impl StableTargets {
    /// The number of images that means are over.
    pub fn references(&self) -> usize {
        self.originals * if self.mirrored { 2 } else { 1 }
    }
}

impl Lowering<'_> {
    /// The kernels that replace the added noise; see `kernels/training/stable_*.wgsl`.
    pub fn stable(&self, stable: StableTargets) -> [TrainingKernel; 3] {
        let buffer = Operand::Training;
        let kernel = |template, group| {
            let mut kernel = Text::new(template);
            self.image_shape(&mut kernel.values, 1);
            kernel.values.size("GROUP", group);
            kernel.values.size("ORIGINALS", stable.originals);
            kernel.values.size("REFERENCES", stable.references());
            kernel.values.flag("MIRRORED", stable.mirrored);
            if stable.classes > 0 {
                kernel.values.size("CLASSES", stable.classes);
            }
            kernel.values.float("FROM", stable.from);
            kernel.read_as("examples", "Example", buffer(TrainingBuffer::Examples));
            kernel.training = true;
            kernel
        };
        let pixels = |mut kernel: Text| {
            kernel.read_as("data", "u32", buffer(TrainingBuffer::Data));
            kernel.read("image", Operand::Image);
            kernel.helper(include_kernel!("../../kernels/training/data_pixel.wgsl"))
        };
        let dimension = self.plan.image_shape.dimension();
        let template = include_kernel!("../../kernels/training/stable_logits.wgsl");
        let mut logits = pixels(kernel(template, GROUP));
        // Whole words at a time, if each image begins with one.
        let words = dimension.is_multiple_of(4);
        logits.values.flag("WORDS", words);
        logits.values.size("BYTES", if words { 4 } else { 1 });
        // Of the images of all classes, a noisy image of a class is compared with few.
        let several = stable.classes == 0 && stable.references() >= MANY;
        let noisy = if several { SEVERAL } else { 1 };
        logits.values.size("NOISY", noisy);
        if stable.classes > 0 {
            logits.read_as("labels", "u32", buffer(TrainingBuffer::Labels));
        }
        logits.write("logits", "f32", buffer(TrainingBuffer::Logits));
        let template = include_kernel!("../../kernels/training/stable_select.wgsl");
        let mut select = kernel(template, FLAT_GROUP);
        select.read("logits", buffer(TrainingBuffer::Logits));
        select.write("selected", "vec2u", buffer(TrainingBuffer::Selected));
        select.write("selected_counts", "u32", buffer(TrainingBuffer::SelectedCounts));
        let template = include_kernel!("../../kernels/training/stable_noise.wgsl");
        let mut noise = pixels(kernel(template, GROUP));
        noise.read_as("selected", "vec2u", buffer(TrainingBuffer::Selected));
        noise.read_as("selected_counts", "u32", buffer(TrainingBuffer::SelectedCounts));
        noise.write("noise", "f32", buffer(TrainingBuffer::Noise));
        let logits = logits.finish([stable.references().div_ceil(GROUP), 1]);
        let extent = Extent::Blocks(noisy as u32);
        [
            TrainingKernel { extent, ..per_image("stable targets", logits) },
            per_image("stable targets", select.finish([1, 1])),
            per_image("stable targets", noise.finish([dimension.div_ceil(GROUP), 1])),
        ]
    }
}
