//! Tables of uniforms, of which a launch of a kernel reads one row.

use std::marker::PhantomData;

use bytemuck::Pod;

use super::gpu::Gpu;
use super::owned_buffer::OwnedBuffer;
use super::pipelines::part;
use crate::backend::fused::error::FusedError;

/// A table of rows on the GPU. A launch selects its row by a dynamic offset, so rows are as far apart
/// as the GPU wants such offsets to be.
#[derive(Debug)]
pub struct RowTable<R> {
    buffer: OwnedBuffer,
    /// Bytes from each row to the next.
    stride: usize,
    row: PhantomData<R>,
}

impl<R: Pod> RowTable<R> {
    /// A table of so many rows, all of them zero.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if it is larger than the GPU allows.
    pub fn new(gpu: &Gpu, what: &'static str, rows: usize) -> Result<Self, FusedError> {
        let alignment = gpu.device().limits().min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<R>().next_multiple_of(alignment);
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = gpu.buffer(what, rows as u64 * stride as u64, usage)?;
        Ok(Self { buffer, stride, row: PhantomData })
    }

    /// Replaces the rows from number `first` on.
    pub fn write(&self, gpu: &Gpu, first: usize, rows: &[R]) {
        let mut bytes = vec![0; rows.len() * self.stride];
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(self.stride)) {
            bytes[..size_of::<R>()].copy_from_slice(bytemuck::bytes_of(row));
        }
        gpu.queue().write_buffer(&self.buffer, self.offset(first).into(), &bytes);
    }

    /// The dynamic offset of a row.
    pub fn offset(&self, row: usize) -> u32 {
        (row * self.stride) as u32
    }

    /// What a kernel that reads a row is bound to.
    pub fn binding(&self) -> wgpu::BufferBinding<'_> {
        part(&self.buffer, 0..size_of::<R>() as u64)
    }
}
