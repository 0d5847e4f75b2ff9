//! A network's parameters on the GPU, all in one buffer.

use std::borrow::Cow;
use std::ops::Range;

use half::f16;

use super::gpu::Gpu;
use super::owned_buffer::OwnedBuffer;
use crate::backend::fused::codegen::KernelPrecision;
use crate::backend::fused::error::FusedError;
use crate::backend::fused::plan::Parameters;

/// The parameters of a plan on the GPU.
#[derive(Debug)]
pub struct UploadedParameters {
    /// All of them.
    pub buffer: OwnedBuffer,
    /// Where each slice begins and ends, in bytes.
    pub places: Vec<Range<u64>>,
}

impl UploadedParameters {
    /// Moves parameters to the GPU.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if all of them are more than the GPU allows in a buffer, or those of
    /// one launch more than it allows in a binding.
    pub fn new(
        gpu: &Gpu,
        all: &mut [Parameters],
        precision: KernelPrecision,
    ) -> Result<Self, FusedError> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let sizes = all.iter().map(|parameters| (parameters.values.len(), parameters.exact));
        let places = slices(sizes, precision);
        let largest = places.iter().map(|place| place.end - place.start).max().unwrap_or(0);
        gpu.check_binding("the weights of a layer", largest)?;
        let size = places.last().map_or(0, |last| last.end);
        let buffer = gpu.buffer("the weights", size, usage)?;
        for (parameters, place) in all.iter_mut().zip(&places) {
            gpu.queue().write_buffer(&buffer, place.start, &bytes(parameters, precision));
            parameters.values = Vec::new();
        }
        Ok(Self { buffer, places })
    }
}

/// Slices of a buffer are bound at multiples of this.
const ALIGNMENT: usize = 256;

/// The byte ranges in one buffer of slices of so many numbers, each with whether it is in f32
/// whatever the precision.
pub fn slices(
    sizes: impl Iterator<Item = (usize, bool)>,
    precision: KernelPrecision,
) -> Vec<Range<u64>> {
    let mut end = 0usize;
    let slice = |(count, exact): (usize, bool)| {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + precision.unless_exact(exact).bytes() * count;
        start as u64..end as u64
    };
    sizes.map(slice).collect()
}

/// The bytes of parameters as kernels read them. They fill whole words, since channels are padded
/// to a multiple of four.
fn bytes(parameters: &Parameters, precision: KernelPrecision) -> Cow<'_, [u8]> {
    let round =
        |&value: &f32| f16::from_f32(value.clamp(-KernelPrecision::MOST, KernelPrecision::MOST));
    match precision.unless_exact(parameters.exact) {
        KernelPrecision::F16 => {
            let halves: Vec<u16> =
                parameters.values.iter().map(|value| round(value).to_bits()).collect();
            Cow::Owned(bytemuck::pod_collect_to_vec(&halves))
        }
        KernelPrecision::F32 => Cow::Borrowed(bytemuck::cast_slice(&parameters.values)),
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::backend::fused::codegen::{KernelConfig, Strategy};
    use crate::backend::fused::tune::self_test;

    /// The weights of the network of `self_test.rs` take 14.6 kB, those of its largest layer 9.3 kB.
    #[test]
    fn each_launch_is_bound_to_its_own_weights_alone() {
        let network = |most| {
            let tighten = |limits: &mut wgpu::Limits| limits.max_storage_buffer_binding_size = most;
            let gpu = block_on(Gpu::request_limited(tighten)).expect("the adapter allows more");
            let config = KernelConfig::new(Strategy::Direct, KernelPrecision::F32);
            self_test::network(&gpu, config)
        };
        let network_of_small_layers = network(10_000).expect("each layer fits");
        block_on(self_test::scores(&network_of_small_layers)).expect("it is valid");
        let error = network(9_000).expect_err("one layer does not fit");
        let FusedError::Limit { limit, available, .. } = error else { panic!("{error}") };
        assert_eq!((limit, available), ("maxStorageBufferBindingSize", 9_000));
    }
}
