//! A network on the GPU: its parameters and its pipelines.

use std::sync::{Arc, Mutex};

use super::buffers::Buffers;
use super::error::FusedError;
use super::gpu::{Gpu, lock};
use super::lower::{Kernel, Operand, Style, lower};
use super::plan::Plan;
use super::render::Renderer;
use super::run::{Flow, Run};
use super::step::StepRow;
use super::{platform, refinenet, unet};
use crate::net::Architecture;
use crate::net::weights::Weights;

/// More workgroup memory than this keeps GPUs from running several workgroups side by side.
const MEMORY: usize = 1 << 14;

/// A score network, ready to run. Clones share it.
#[derive(Clone, Debug)]
pub struct Network(pub(super) Arc<Parts>);

/// What a network consists of.
#[derive(Debug)]
pub(super) struct Parts {
    pub gpu: Gpu,
    pub plan: Plan,
    pub parameters: wgpu::Buffer,
    /// What runs once for each noise level.
    pub levels: Vec<Compiled>,
    /// What each step runs.
    pub steps: Vec<Compiled>,
    /// What follows a step that only asks.
    pub mover: Compiled,
    /// For each tensor how many parts of moments each channel has.
    pub tiles: Vec<usize>,
    /// The buffers of runs, also of those that are over: a restart finds its own again.
    pub buffers: Mutex<Vec<Arc<Buffers>>>,
    /// One for each format of targets so far.
    pub renderers: Mutex<Vec<Arc<Renderer>>>,
}

/// A kernel and its pipeline.
#[derive(Debug)]
pub(super) struct Compiled {
    pub kernel: Kernel,
    pub pipeline: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroupLayout,
}

impl Network {
    /// Uploads the weights and compiles the kernels.
    ///
    /// # Errors
    /// [`FusedError`] where the weights are not those of the architecture, or the GPU is too small
    /// for them, or refuses.
    pub async fn new(
        gpu: &Gpu,
        architecture: &Architecture,
        weights: &Weights,
    ) -> Result<Self, FusedError> {
        let style = if gpu.is_software() { Style::Direct } else { Style::Staged };
        Self::styled(gpu, architecture, weights, style).await
    }

    /// As [`Self::new`], with kernels of a given style.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub async fn styled(
        gpu: &Gpu,
        architecture: &Architecture,
        weights: &Weights,
        style: Style,
    ) -> Result<Self, FusedError> {
        architecture.check()?;
        let mut plan = match architecture {
            Architecture::UNet(sizes) => unet::plan(sizes, weights)?,
            Architecture::RefineNet(sizes) => refinenet::plan(sizes, weights)?,
        };
        let memory = gpu.device().limits().max_compute_workgroup_storage_size as usize;
        let lowered = lower(&plan, style, memory.min(MEMORY));

        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        // The GPU has them now.
        let values = std::mem::take(&mut plan.parameters);
        let parameters = gpu.buffer("the weights", 4 * values.len() as u64, usage)?;
        gpu.queue().write_buffer(&parameters, 0, bytemuck::cast_slice(&values));

        let [levels, steps] = compile(gpu, [lowered.levels, lowered.steps]);
        let (pipeline, bindings) = pipeline(gpu, &lowered.mover);
        let mover = Compiled { kernel: lowered.mover, pipeline, bindings };
        gpu.idle().await?;
        let (gpu, tiles) = (gpu.clone(), lowered.tiles);
        let (buffers, renderers) = Default::default();
        Ok(Self(Arc::new(Parts {
            gpu,
            plan,
            parameters,
            levels,
            steps,
            mover,
            tiles,
            buffers,
            renderers,
        })))
    }

    /// The score `s(x, σ)` of N pictures, N × C × H × W like `x`. `sigmas` holds one σ > 0 for each
    /// picture, or a single one for all.
    ///
    /// # Errors
    /// [`FusedError`] where the shapes do not fit, or the GPU fails.
    pub async fn score(&self, x: &[f32], sigmas: &[f32]) -> Result<Vec<f32>, FusedError> {
        let dimension = self.0.plan.picture.dimension();
        if x.is_empty() || !x.len().is_multiple_of(dimension) {
            return Err(FusedError::Pictures { values: x.len(), dimension });
        }
        let pictures = x.len() / dimension;
        if sigmas.len() != 1 && sigmas.len() != pictures {
            return Err(FusedError::Sigmas { sigmas: sigmas.len(), pictures });
        }
        let mut score = Vec::with_capacity(x.len());
        // As many at once as there is room for noise levels.
        let batch = pictures.min(Run::LEVELS);
        let mut run = Run::new(self, batch)?;
        for (x, first) in x.chunks(batch * dimension).zip((0..).step_by(batch)) {
            let count = x.len() / dimension;
            let shared = sigmas.len() == 1;
            let sigmas = if shared { sigmas } else { &sigmas[first..first + count] };
            let step = StepRow { row_stride: u32::from(!shared), ..StepRow::ask(0, 0.0, 1.0) };
            run.write_picture(x);
            run.write_steps(0, &[step]);
            run.submit_levels(sigmas);
            run.submit([(Flow::Look, 0)]);
            score.extend(self.0.gpu.read(run.seen(), x.len()).await?);
        }
        Ok(score)
    }

    /// What draws its pictures on targets of a format.
    pub(super) fn renderer(
        &self,
        format: wgpu::TextureFormat,
    ) -> Result<Arc<Renderer>, FusedError> {
        let mut renderers = lock(&self.0.renderers);
        if let Some(renderer) = renderers.iter().find(|renderer| renderer.format() == format) {
            return Ok(Arc::clone(renderer));
        }
        let renderer = Arc::new(Renderer::new(&self.0.gpu, self.0.plan.picture, format)?);
        renderers.push(Arc::clone(&renderer));
        Ok(renderer)
    }

    /// The GPU it is on.
    pub fn gpu(&self) -> &Gpu {
        &self.0.gpu
    }

    /// Floating-point operations of one evaluation for one picture: two for each multiplication of
    /// the convolutions and of the attention. What is done for padding does not count.
    pub fn operations(&self) -> u64 {
        self.0.plan.operations()
    }

    /// How many kernels one evaluation launches.
    pub fn launches(&self) -> usize {
        self.0.steps.len()
    }
}

/// Compiles kernels, each different text once.
fn compile<const N: usize>(gpu: &Gpu, lists: [Vec<Kernel>; N]) -> [Vec<Compiled>; N] {
    let mut different: Vec<&Kernel> = Vec::new();
    for kernel in lists.iter().flatten() {
        if different.iter().all(|other| other.source != kernel.source) {
            different.push(kernel);
        }
    }
    let compiled = platform::parallel(&different, |kernel| pipeline(gpu, kernel));
    let sources: Vec<String> = different.iter().map(|kernel| kernel.source.clone()).collect();
    lists.map(|kernels| {
        let with = |kernel: Kernel| {
            let number = sources.iter().position(|source| *source == kernel.source);
            let (pipeline, bindings) = compiled[number.expect("every text is there")].clone();
            Compiled { kernel, pipeline, bindings }
        };
        kernels.into_iter().map(with).collect()
    })
}

pub(super) fn pipeline(
    gpu: &Gpu,
    kernel: &Kernel,
) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
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
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(kernel.source.as_str().into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    (pipeline, bindings)
}
