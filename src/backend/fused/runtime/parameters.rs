//! A network's parameters on the GPU, all in one buffer.

use std::borrow::Cow;
use std::ops::Range;

use half::f16;

use super::gpu::Gpu;
use crate::backend::fused::codegen::Precision;
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::Parameters;

/// The parameters of a plan on the GPU.
#[derive(Debug)]
pub struct UploadedParameters {
    /// All of them.
    pub buffer: wgpu::Buffer,
    /// Where each slice begins and ends, in bytes.
    pub places: Vec<Range<u64>>,
}

impl UploadedParameters {
    /// Moves parameters to the GPU.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if they are more than the GPU allows in a buffer.
    pub fn new(
        gpu: &Gpu,
        all: &mut [Parameters],
        precision: Precision,
    ) -> Result<Self, FusedError> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let places = places(all, precision);
        let size = places.last().map_or(0, |last| last.end);
        let buffer = gpu.buffer("the weights", size, usage)?;
        for (parameters, place) in all.iter_mut().zip(&places) {
            gpu.queue().write_buffer(&buffer, place.start, &bytes(parameters, precision));
            parameters.values = Vec::new();
        }
        Ok(Self { buffer, places })
    }
}

impl Drop for UploadedParameters {
    /// Frees the buffer now; a browser would wait for its next garbage collection.
    fn drop(&mut self) {
        self.buffer.destroy();
    }
}

/// Slices of a buffer are bound at multiples of this.
const ALIGNMENT: usize = 256;

/// The byte range in one buffer of each of the parameters.
fn places(all: &[Parameters], precision: Precision) -> Vec<Range<u64>> {
    let mut end = 0usize;
    let place = |parameters: &Parameters| {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + precision.unless_exact(parameters.exact).bytes() * parameters.values.len();
        start as u64..end as u64
    };
    all.iter().map(place).collect()
}

/// The bytes of parameters as kernels read them. They fill whole words, since channels are padded
/// to a multiple of four.
fn bytes(parameters: &Parameters, precision: Precision) -> Cow<'_, [u8]> {
    let round = |&value: &f32| f16::from_f32(value.clamp(-Precision::MOST, Precision::MOST));
    match precision.unless_exact(parameters.exact) {
        Precision::Half => {
            let halves: Vec<u16> =
                parameters.values.iter().map(|value| round(value).to_bits()).collect();
            Cow::Owned(bytemuck::pod_collect_to_vec(&halves))
        }
        Precision::Single => Cow::Borrowed(bytemuck::cast_slice(&parameters.values)),
    }
}
