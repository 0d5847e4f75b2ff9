//! Assembles a kernel's text and bindings.

use crate::backend::fused::codegen::kernel::{Access, Binding, Kernel, Operand};
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::template::Values;
use crate::backend::fused::codegen::wgsl::include_kernel;

/// A kernel under construction.
pub struct Text {
    template: String,
    helpers: String,
    /// The values of the template's names.
    pub values: Values,
    /// The declarations of the bindings.
    declarations: String,
    bindings: Vec<Binding>,
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
            declarations: String::new(),
            bindings: Vec::new(),
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
        self.bind(Access::Read, name.as_ref(), element, operand);
    }

    /// Binds the noise levels. The step's row determines the level of each image.
    pub fn levels(&mut self) {
        if self.bindings.iter().all(|binding| binding.operand != Operand::Levels) {
            self.read_as("levels", "vec4f", Operand::Levels);
        }
        self.step = true;
    }

    /// Binds an operand as elements to write.
    pub fn write(&mut self, name: &str, element: &str, operand: Operand) {
        self.bind(Access::Write, name, element, operand);
    }

    fn bind(&mut self, access: Access, name: &str, element: &str, operand: Operand) {
        let binding = self.bindings.len();
        self.half |=
            [KernelPrecision::F16.scalar(), KernelPrecision::F16.quad()].contains(&element);
        let mode = if access == Access::Write { "read_write" } else { "read" };
        self.declarations += &format!(
            "@group(0) @binding({binding}) var<storage, {mode}> {name}: array<{element}>;\n"
        );
        self.bindings.push(Binding { operand, access });
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
            let binding = self.bindings.len();
            self.declarations +=
                &format!("@group(0) @binding({binding}) var<uniform> step: Step;\n");
            self.declarations += include_kernel!("../kernels/step.wgsl");
            self.bindings.push(Binding { operand: Operand::Step, access: Access::Row });
        }
        #[cfg(feature = "training")]
        if self.training {
            let binding = self.bindings.len();
            self.declarations +=
                &format!("@group(0) @binding({binding}) var<uniform> training: Training;\n");
            self.declarations += include_kernel!("../kernels/training/training.wgsl");
            self.bindings.push(Binding { operand: Operand::Part, access: Access::Row });
        }
        let [helpers, body] = [&self.helpers, &self.template].map(|text| self.values.expand(text));
        let enable = if self.half { "enable f16;\n" } else { "" };
        let source =
            enable.to_owned() + &self.values.constants() + &self.declarations + &helpers + &body;
        let groups = groups.map(|count| count as u32);
        Kernel { source: source.into(), bindings: self.bindings, groups }
    }
}
