//! Compiled kernels.

use std::sync::Arc;

use super::gpu::{Gpu, lock};
use super::lower::{Kernel, Lowered, Operand};
use super::platform;

/// A pipeline and its bind group layout.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroupLayout,
}

/// Pipelines by the texts of their kernels. There are a few dozen, so a list is fast enough, and
/// any map would cost every visitor of the page another 6 kB of code.
#[derive(Clone, Debug, Default)]
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

/// The pipelines of kernels, and of all others on this GPU. Each different text is compiled once.
pub fn compile(gpu: &Gpu, lowered: &Lowered) -> Pipelines {
    let mut known = lock(&gpu.pipelines);
    let mut missing: Vec<&Kernel> = Vec::new();
    for kernel in lowered.kernels() {
        let is_new = missing.iter().all(|other| other.source != kernel.source);
        if is_new && known.get(kernel).is_none() {
            missing.push(kernel);
        }
    }
    let compiled = platform::parallel(&missing, |kernel| pipeline(gpu, kernel));
    for (kernel, pipeline) in missing.into_iter().zip(compiled) {
        known.add(kernel.clone(), pipeline);
    }
    known.clone()
}

/// Compiles a kernel.
pub fn pipeline(gpu: &Gpu, kernel: &Kernel) -> Pipeline {
    let device = gpu.device();
    let entries: Vec<_> = (0..)
        .zip(&kernel.operands)
        .map(|(binding, operand)| {
            let uniform = *operand == Operand::Step;
            let ty = match uniform {
                true => wgpu::BufferBindingType::Uniform,
                false => wgpu::BufferBindingType::Storage { read_only: kernel.only_reads(binding) },
            };
            wgpu::BindGroupLayoutEntry {
                binding: binding as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty,
                    has_dynamic_offset: uniform,
                    min_binding_size: None,
                },
                count: None,
            }
        })
        .collect();
    let descriptor = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
    let bindings = device.create_bind_group_layout(&descriptor);
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        bind_group_layouts: &[Some(&bindings)],
        ..Default::default()
    });
    let module = platform::module(device, &kernel.source);
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        // Every kernel writes its workgroup memory before it reads it. (Only native step tables have
        // this choice.)
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    Pipeline { pipeline, bindings }
}
