//! What the GPU can do at most: a large product of f32 matrices in plain, hand-tuned WGSL. The
//! faster of two kernels counts: one with workgroup memory, which suits GPUs, and one without
//! barriers, which suits software adapters.

use std::time::{Duration, Instant};

use anyhow::Result;
use ncsn::backend::fused::Gpu;
use ncsn::random::Key;
use pollster::block_on;

/// Measures floating-point operations per second.
pub fn measure(gpu: &Gpu, limit: Duration) -> Result<f64> {
    let side = if gpu.is_software() { 512 } else { 4096 };
    let matrices = matrices(gpu, side);
    let time = |source: &str, tile: u32, limit| {
        time(gpu, &matrices, source, [side / tile, side / tile], limit)
    };
    // GPUs that were idle take a moment to raise their clocks.
    time(&staged(side), 128, Duration::from_secs(1))?;
    let staged = time(&staged(side), 128, limit)?;
    let direct = time(&direct(side), 64, limit)?;
    Ok(2.0 * f64::from(side).powi(3) / staged.min(direct))
}

/// Two factors of noise, and room for their product. Zeros would switch few transistors, and a GPU
/// whose power is limited would run faster than with the numbers of a network.
fn matrices(gpu: &Gpu, side: u32) -> [wgpu::Buffer; 3] {
    let mut noise = vec![0.0f32; (side * side) as usize];
    [0, 1, 2].map(|stream| {
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4 * u64::from(side * side),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Key { seed: 1, stream, step: 0 }.fill_normal(&mut noise);
        gpu.queue().write_buffer(&buffer, 0, bytemuck::cast_slice(&noise));
        buffer
    })
}

/// 128 × 128 results per workgroup, 8 × 8 per invocation, from 16 columns of A and rows of B at a
/// time.
fn staged(side: u32) -> String {
    let mut text = format!(
        "@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
const N = {}u;
var<workgroup> left: array<array<f32, 128>, 16>;
var<workgroup> right: array<array<vec4f, 32>, 16>;
@compute @workgroup_size(16, 16)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u,
        @builtin(local_invocation_index) index: u32) {{
    let x = local.x;
    let y = local.y;
",
        side / 4
    );
    for i in 0..16 {
        text += &format!("var sum{i} = vec4f();\n");
    }
    text += "for (var k = 0u; k < N * 4; k += 16) {\nworkgroupBarrier();\n";
    for half in 0..2 {
        text += &format!(
            "{{ let i = index + {}u; let v = a[(group.y * 128 + i / 4) * N + k / 4 + i % 4];
            let at = i % 4 * 4; let row = i / 4;
            left[at][row] = v.x; left[at + 1][row] = v.y; left[at + 2][row] = v.z; left[at + 3][row] = v.w;
            right[i / 32][i % 32] = b[(k + i / 32) * N + group.x * 32 + i % 32]; }}\n",
            half * 256
        );
    }
    text += "workgroupBarrier();\nfor (var i = 0u; i < 16; i++) {
        let r0 = right[i][x]; let r1 = right[i][x + 16];\n";
    for row in 0..8 {
        let at =
            if row < 4 { format!("y * 4 + {row}") } else { format!("64 + y * 4 + {}", row - 4) };
        text += &format!("let l{row} = left[i][{at}];\n");
        text += &format!("sum{} += l{row} * r0; sum{} += l{row} * r1;\n", 2 * row, 2 * row + 1);
    }
    text += "}}\n";
    for row in 0..8 {
        let at =
            if row < 4 { format!("y * 4 + {row}") } else { format!("64 + y * 4 + {}", row - 4) };
        text += &format!(
            "{{ let at = (group.y * 128 + {at}) * N + group.x * 32 + x; c[at] = sum{}; c[at + 16] = sum{}; }}\n",
            2 * row,
            2 * row + 1
        );
    }
    text + "}\n"
}

/// 64 × 64 results per workgroup of 64, 8 × 8 per invocation, eight columns apart.
fn direct(side: u32) -> String {
    let mut text = format!(
        "@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
const N = {side}u;
@compute @workgroup_size(8, 8)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {{
    let x = group.x * 64 + local.x;
    let y = (group.y * 8 + local.y) * 8;
"
    );
    let each =
        |f: &dyn Fn(u32, u32) -> String| -> String { (0..64).map(|i| f(i / 8, i % 8)).collect() };
    text += &each(&|r, s| format!("var sum{r}x{s} = 0.0;\n"));
    text += "for (var k = 0u; k < N; k++) {\n";
    for i in 0..8 {
        text += &format!("let l{i} = a[(y + {i}) * N + k]; let r{i} = b[k * N + x + 8 * {i}];\n");
    }
    text += &each(&|r, s| format!("sum{r}x{s} += l{r} * r{s};\n"));
    text += "}\n";
    text += &each(&|r, s| format!("c[(y + {r}) * N + x + 8 * {s}] = sum{r}x{s};\n"));
    text + "}\n"
}

/// Seconds per product: the fastest of as many as fit in the limit.
fn time(
    gpu: &Gpu,
    matrices: &[wgpu::Buffer; 3],
    source: &str,
    groups: [u32; 2],
    limit: Duration,
) -> Result<f64> {
    let device = gpu.device();
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source.into()),
    };
    // SAFETY: the loops are bounded by constants, and all indices are below the matrices' sizes.
    let module = unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    };
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: None,
        compilation_options: Default::default(),
        cache: None,
    });
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[0, 1, 2].map(|binding| wgpu::BindGroupEntry {
            binding,
            resource: matrices[binding as usize].as_entire_binding(),
        }),
    });
    let begun = Instant::now();
    let mut best = f64::INFINITY;
    let repeats = if gpu.is_software() { 1 } else { 4 };
    while begun.elapsed() < limit {
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        for _ in 0..repeats {
            pass.dispatch_workgroups(groups[0], groups[1], 1);
        }
        drop(pass);
        let submitted = Instant::now();
        gpu.queue().submit([encoder.finish()]);
        block_on(gpu.idle())?;
        best = best.min(submitted.elapsed().as_secs_f64() / f64::from(repeats));
    }
    Ok(best)
}
