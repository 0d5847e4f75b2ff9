//! Compiled kernels.

use std::ops::Range;
use std::sync::Arc;

use super::gpu::Gpu;
use super::platform;
use crate::backend::fused::codegen::{Access, Binding, Kernel, Operand};

/// A pipeline and its bind group layout.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The pipeline.
    pub pipeline: wgpu::ComputePipeline,
    /// The layout of its bind group.
    pub bindings: wgpu::BindGroupLayout,
}

impl Pipeline {
    /// The bind group of its kernel, whose operands are bound to these buffers.
    pub fn bind<'a>(
        &self,
        gpu: &Gpu,
        kernel: &Kernel,
        buffer: impl Fn(&Operand) -> wgpu::BufferBinding<'a>,
    ) -> wgpu::BindGroup {
        let entry = |(binding, operand): (u32, &Operand)| {
            let resource = wgpu::BindingResource::Buffer(buffer(operand));
            wgpu::BindGroupEntry { binding, resource }
        };
        let entries: Vec<_> = (0..).zip(kernel.operands()).map(entry).collect();
        gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.bindings,
            entries: &entries,
        })
    }
}

/// A part of a buffer, in bytes.
pub fn part(buffer: &wgpu::Buffer, bytes: Range<u64>) -> wgpu::BufferBinding<'_> {
    let size = wgpu::BufferSize::new(bytes.end - bytes.start);
    wgpu::BufferBinding { buffer, offset: bytes.start, size }
}

/// Pipelines by the texts of their kernels. There are a few dozen, so a list is fast enough.
#[derive(Clone, Debug, Default)]
pub struct Pipelines(Vec<(Arc<str>, Pipeline)>);

impl Pipelines {
    /// The pipeline of a kernel, if it has been compiled.
    pub fn get(&self, kernel: &Kernel) -> Option<&Pipeline> {
        self.0.iter().find(|(text, _)| *text == kernel.source).map(|(_, pipeline)| pipeline)
    }

    /// Adds the pipeline of a kernel that has none yet.
    pub fn add(&mut self, kernel: &Kernel, pipeline: Pipeline) {
        self.0.push((Arc::clone(&kernel.source), pipeline));
    }

    /// Forgets the pipeline of a kernel.
    #[cfg(all(test, not(target_family = "wasm")))]
    pub fn forget(&mut self, kernel: &Kernel) {
        self.0.retain(|(text, _)| *text != kernel.source);
    }
}

/// Compiles a kernel on this thread.
pub fn compile(gpu: &Gpu, kernel: &Kernel) -> Pipeline {
    let device = gpu.device();
    let entry = |(binding, &Binding { access, .. }): (u32, &Binding)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: match access {
                Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
                Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
                Access::Row => wgpu::BufferBindingType::Uniform,
            },
            has_dynamic_offset: access == Access::Row,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = (0..).zip(&kernel.bindings).map(entry).collect();
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
        // Every kernel writes its workgroup memory before it reads it. (Browsers ignore this.)
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    Pipeline { pipeline, bindings }
}
