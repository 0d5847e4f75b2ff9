//! The shader's generator against the same functions in Rust, on the adapter at hand.

use pollster::block_on;

use super::pipelines::{self, Pipeline};
use super::test_gpu::TestGpu;
use crate::backend::fused::codegen::{Access, Binding, Kernel, Operand};
use crate::random::{Key, pcg4d};

const COUNT: usize = 1 << 16;

const MAIN: &str = "
@group(0) @binding(0) var<storage, read_write> words: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> normals: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    words[id.x] = pcg4d(words[id.x]);
    normals[id.x] = box_muller(words[id.x]);
}";

#[test]
fn the_shader_draws_the_same_numbers() {
    let gpu = TestGpu::request();
    let usage =
        wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |bytes| gpu.buffer("a test", bytes as u64, usage).expect("small");
    let (words, normals) = (buffer(16 * COUNT), buffer(4 * COUNT));
    let key = |index: usize| {
        let (stream, step) = (index as u32 % 7, u32::MAX - index as u32 % 11);
        (Key { seed: 0x9abc_def0_1234_5678, stream, step }, index as u32)
    };
    let inputs: Vec<[u32; 4]> = (0..COUNT).map(key).map(|(key, index)| key.words(index)).collect();
    gpu.queue().write_buffer(&words, 0, bytemuck::cast_slice(&inputs));

    let written = |id| Binding { operand: Operand::Tensor(id), access: Access::Write };
    let kernel = Kernel {
        source: [include_str!("../codegen/kernels/random.wgsl"), MAIN].concat().into(),
        bindings: [0, 1].map(written).into(),
        groups: [COUNT as u32 / 64, 1],
    };
    let Pipeline { pipeline, bindings } = pipelines::compile(&gpu, &kernel);
    let group = gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &bindings,
        entries: &[(0, &words), (1, &normals)].map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding,
            resource: buffer.as_entire_binding(),
        }),
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(kernel.groups[0], 1, 1);
    drop(pass);
    gpu.queue().submit([encoder.finish()]);

    let found = block_on(gpu.read(&words, 4 * COUNT)).expect("read back");
    let found: Vec<u32> = found.into_iter().map(f32::to_bits).collect();
    let expected: Vec<u32> = inputs.iter().flat_map(|&words| pcg4d(words)).collect();
    assert!(found == expected, "the hash differs");

    let found = block_on(gpu.read(&normals, COUNT)).expect("read back");
    for (index, z) in found.iter().enumerate() {
        let (key, index) = key(index);
        let expected = key.normal(index);
        assert!((z - expected).abs() < 2e-6 * expected.abs().max(1.0), "{z} {expected}");
    }
    // The moments of a normal distribution, within five standard errors each.
    let moment = |p: i32| found.iter().map(|&z| f64::from(z).powi(p)).sum::<f64>() / COUNT as f64;
    for (p, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        let bound = 5.0 * f64::sqrt(variance / COUNT as f64);
        assert!((moment(p) - expected).abs() < bound, "moment {p} is {}", moment(p));
    }
}
