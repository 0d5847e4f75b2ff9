//! Compiled kernels.

use std::sync::Arc;

use super::lower::Kernel;

/// A pipeline and its bind group layout.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroupLayout,
}

/// Pipelines by the texts of their kernels. There are a few dozen, so a list is fast enough, and
/// any map would cost every visitor of the page another 6 kB of code.
#[derive(Debug)]
pub struct Pipelines(Vec<(Arc<str>, Pipeline)>);

impl Pipelines {
    pub fn get(&self, kernel: &Kernel) -> Option<&Pipeline> {
        self.0.iter().find(|(text, _)| *text == kernel.source).map(|(_, pipeline)| pipeline)
    }

    /// Adds the pipeline of a kernel that has none yet.
    pub fn add(&mut self, kernel: Kernel, pipeline: Pipeline) {
        self.0.push((kernel.source, pipeline));
    }
}

impl<'a> FromIterator<(&'a Kernel, Pipeline)> for Pipelines {
    fn from_iter<I: IntoIterator<Item = (&'a Kernel, Pipeline)>>(pipelines: I) -> Self {
        let named = |(kernel, pipeline): (&Kernel, _)| (Arc::clone(&kernel.source), pipeline);
        Self(pipelines.into_iter().map(named).collect())
    }
}
