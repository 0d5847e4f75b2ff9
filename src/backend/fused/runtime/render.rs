//! Draws images from a buffer onto a texture, without reading them back.

use super::gpu::Gpu;
use super::owned_buffer::OwnedBuffer;
use crate::backend::fused::codegen::render_shader;
use crate::backend::fused::error::FusedError;
use crate::net::ImageShape;

/// Draws images as a grid.
#[derive(Debug)]
pub struct Renderer {
    format: wgpu::TextureFormat,
    pipeline: wgpu::RenderPipeline,
    grid: OwnedBuffer,
}

impl Renderer {
    /// For images of this shape and targets of this format.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if a buffer is too large.
    pub fn new(
        gpu: &Gpu,
        image_shape: ImageShape,
        format: wgpu::TextureFormat,
    ) -> Result<Self, FusedError> {
        let module = gpu.device().create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(render_shader(image_shape).into()),
        });
        let pipeline = gpu.device().create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: None,
            layout: None,
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("cover"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("shade"),
                compilation_options: Default::default(),
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        Ok(Self { format, pipeline, grid: gpu.buffer("the grid", 32, usage)? })
    }

    /// The format of its targets.
    pub fn format(&self) -> wgpu::TextureFormat {
        self.format
    }

    /// Draws `count` images, `columns` to a row and `gap` of their pixels apart, over all of
    /// `target`.
    pub fn draw(
        &self,
        gpu: &Gpu,
        images: &wgpu::Buffer,
        count: usize,
        [columns, gap]: [usize; 2],
        target: &wgpu::TextureView,
    ) {
        let columns = columns.clamp(1, count.max(1));
        let size = target.texture().size();
        let grid = [columns, count.div_ceil(columns), count, gap].map(|number| number as u32);
        let grid = [&grid[..], &[size.width, size.height, 0, 0]].concat();
        gpu.queue().write_buffer(&self.grid, 0, bytemuck::cast_slice(&grid));
        // Not cached: the images change buffers, and this runs only once a frame.
        let group = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[(0, images), (1, &*self.grid)].map(|(binding, buffer)| {
                wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }
            }),
        });
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations::default(),
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.draw(0..3, 0..1);
        drop(pass);
        gpu.queue().submit([encoder.finish()]);
    }
}
