//! Assembles a kernel's text and bindings.

#[cfg(feature = "training")]
use crate::backend::fused::codegen::kernel::TrainingBuffer;
use crate::backend::fused::codegen::kernel::{Kernel, Operand};
use crate::backend::fused::codegen::precision::Precision;
use crate::backend::fused::codegen::template::Values;
use crate::backend::fused::codegen::wgsl::include_kernel;

/// A kernel under construction.
pub struct Text {
    template: String,
    helpers: String,
    /// The values of the template's names.
    pub values: Values,
    bindings: String,
    operands: Vec<Operand>,
    written: usize,
    half: bool,
    /// Whether it reads the step's row.
    pub step: bool,
    /// Whether it reads the row of a part of a training step.
    #[cfg(feature = "training")]
    pub training: bool,
}

impl Text {
    /// A kernel with this template as its entry point.
    pub fn new(template: &'static str) -> Self {
        Self {
            template: template.to_owned(),
            helpers: String::new(),
            values: Values::default(),
            bindings: String::new(),
            operands: Vec::new(),
            written: 0,
            half: false,
            step: false,
            #[cfg(feature = "training")]
            training: false,
        }
    }

    /// Binds an operand as numbers to read.
    pub fn read(&mut self, name: impl AsRef<str>, operand: Operand) {
        self.read_as(name, "f32", operand);
    }

    /// Binds an operand as elements to read.
    pub fn read_as(&mut self, name: impl AsRef<str>, element: &str, operand: Operand) {
        self.bind("read", name.as_ref(), element, operand);
    }

    /// Binds the noise levels. The step's row determines the level of each image.
    pub fn levels(&mut self) {
        if !self.operands.contains(&Operand::Levels) {
            self.read_as("levels", "vec4f", Operand::Levels);
        }
        self.step = true;
    }

    /// Binds an operand as elements to write.
    pub fn write(&mut self, name: &str, element: &str, operand: Operand) {
        self.written += 1;
        self.bind("read_write", name, element, operand);
    }

    fn bind(&mut self, access: &str, name: &str, element: &str, operand: Operand) {
        let binding = self.operands.len();
        self.half |= [Precision::Half.scalar(), Precision::Half.quad()].contains(&element);
        self.bindings += &format!(
            "@group(0) @binding({binding}) var<storage, {access}> {name}: array<{element}>;\n"
        );
        self.operands.push(operand);
    }

    /// Continues the entry point.
    pub fn then(mut self, template: &'static str) -> Self {
        self.template += template;
        self
    }

    /// Adds functions that the entry point calls.
    pub fn helper(mut self, template: &'static str) -> Self {
        self.add_helper(template);
        self
    }

    /// As [`Self::helper`], in place.
    pub fn add_helper(&mut self, template: &'static str) {
        self.helpers += template;
    }

    /// Finishes the kernel; `groups` are its workgroups for one image.
    pub fn finish(mut self, groups: [usize; 2]) -> Kernel {
        if self.step {
            self.bindings +=
                &format!("@group(0) @binding({}) var<uniform> step: Step;\n", self.operands.len());
            self.bindings += include_kernel!("../kernels/step.wgsl");
            self.operands.push(Operand::Step);
        }
        #[cfg(feature = "training")]
        if self.training {
            let binding = self.operands.len();
            self.bindings +=
                &format!("@group(0) @binding({binding}) var<uniform> training: Training;\n");
            self.bindings += include_kernel!("../kernels/training/training.wgsl");
            self.operands.push(Operand::Training(TrainingBuffer::Row));
        }
        let [helpers, body] = [&self.helpers, &self.template].map(|text| self.values.expand(text));
        let enable = if self.half { "enable f16;\n" } else { "" };
        let source =
            enable.to_owned() + &self.values.constants() + &self.bindings + &helpers + &body;
        let groups = groups.map(|count| count as u32);
        Kernel { source: source.into(), operands: self.operands, written: self.written, groups }
    }
}
