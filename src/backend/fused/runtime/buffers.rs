//! The buffers and bind groups for running a network on a batch, all created up front.

use super::buffer_plan::BufferPlan;
use super::error::FusedError;
use super::gpu::Gpu;
use super::lower::Operand;
use super::network::{Compiled, Parts};
use super::run::Run;
use super::step::StepRow;

/// The buffers of the noisy images before and after a step; they swap roles at each step.
pub const IMAGES: [usize; 2] = [0, 1];
/// The buffer of the last look's result.
pub const DENOISED: usize = 2;
/// The buffers of the score of a step and of the one before; they swap roles likewise.
pub const SCORES: [usize; 2] = [3, 4];

/// What a network needs for one batch size.
#[derive(Debug)]
pub struct Buffers {
    /// The number of images.
    pub batch: usize,
    /// See [`IMAGES`], [`DENOISED`] and [`SCORES`].
    pub images: [wgpu::Buffer; 5],
    /// What shaders need for each noise level: see [`super::sigma_embedding::SigmaEmbedding::at`].
    pub levels: wgpu::Buffer,
    /// The features of each noise level, if σ is embedded.
    pub features: Option<wgpu::Buffer>,
    /// What σ's embedding has made of them: the scales and shifts of normalisations.
    table: Option<wgpu::Buffer>,
    /// Rows of [`StepRow`], `stride` bytes apart.
    pub steps: wgpu::Buffer,
    /// The spacing of the rows: a multiple of the alignment of dynamic offsets.
    pub stride: usize,
    /// For each pixel its observed value, and 1 if it was observed.
    pub observation: wgpu::Buffer,
    /// The weights of the two seeds in each image's noise.
    pub mixtures: wgpu::Buffer,
    /// The intermediate tensors of the level kernels and of the step kernels.
    activations: Vec<wgpu::Buffer>,
    /// The bind groups of the kernels that run once per noise level.
    pub level_groups: Vec<wgpu::BindGroup>,
    /// The bind groups of a step, by the image buffer it reads and then by the one it writes.
    pub step_groups: [[Vec<wgpu::BindGroup>; 5]; 2],
    /// The bind groups of the mover, by the image buffer and then by the score buffer it reads.
    pub update_groups: Vec<[wgpu::BindGroup; 2]>,
}

/// Which buffers of images a launch is bound to.
#[derive(Clone, Copy)]
struct Binding {
    from: usize,
    to: usize,
    scores: [usize; 2],
}

/// The tensors of some launches, and the buffers that hold them in turns.
struct Activations {
    layout: BufferPlan,
    buffers: Vec<wgpu::Buffer>,
}

impl Buffers {
    /// Allocates everything.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(parts: &Parts, batch: usize) -> Result<Self, FusedError> {
        let (gpu, plan) = (&parts.gpu, &parts.plan);
        let limits = gpu.device().limits();
        let most = limits.max_compute_workgroups_per_dimension;
        if batch as u64 > u64::from(most) {
            return Err(FusedError::Limit {
                what: "the batch",
                limit: "maxComputeWorkgroupsPerDimension",
                needed: batch as u64,
                available: u64::from(most),
            });
        }
        let dimension = plan.image_shape.dimension();
        let image_shape = || storage(gpu, "the images", 4 * batch * dimension);
        let alignment = limits.min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<StepRow>().next_multiple_of(alignment);
        // One more, for looks.
        let size = ((Run::STEPS + 1) * stride) as u64;
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;

        let lasting = plan.embedding.map(|ids| ids.map(Operand::Tensor));
        let lasts = |operand: &Operand| lasting.iter().flatten().any(|lasts| lasts == operand);
        let of_levels = Activations::new(parts, &parts.levels, Run::LEVELS, lasts)?;
        let of_steps = Activations::new(parts, &parts.steps, batch, |_| false)?;
        let place = |operand| of_levels.find(&operand).cloned();
        let [features, table] = lasting.map_or([None, None], |operands| operands.map(place));
        let mut all = Self {
            batch,
            images: [
                image_shape()?,
                image_shape()?,
                image_shape()?,
                image_shape()?,
                image_shape()?,
            ],
            levels: storage(gpu, "the noise levels", 16 * Run::LEVELS)?,
            features,
            table,
            steps: gpu.buffer("the steps", size, usage)?,
            stride,
            observation: storage(gpu, "the observation", 8 * dimension)?,
            mixtures: storage(gpu, "the mixtures", 8 * batch)?,
            activations: [&of_levels.buffers[..], &of_steps.buffers].concat(),
            level_groups: Vec::new(),
            step_groups: Default::default(),
            update_groups: Vec::new(),
        };
        all.bind_all(parts, &of_levels, &of_steps);
        Ok(all)
    }

    /// Makes the bind groups.
    fn bind_all(&mut self, parts: &Parts, of_levels: &Activations, of_steps: &Activations) {
        let binding = Binding { from: 0, to: 1, scores: SCORES };
        let level_group = |compiled| self.bind(parts, compiled, of_levels, binding);
        let level_groups = parts.levels.iter().map(level_group).collect();
        let step_group = |compiled: &Compiled, from, to| {
            self.bind(parts, compiled, of_steps, Binding { from, to, ..binding })
        };
        // Most launches see no images, and are bound to the same whatever the flow.
        let inner = |compiled: &Compiled| {
            let sees = |operand| matches!(operand, &Operand::Image | &Operand::Next);
            let inner = !compiled.kernel.operands.iter().any(sees);
            inner.then(|| step_group(compiled, 0, 1))
        };
        let inner: Vec<Option<wgpu::BindGroup>> = parts.steps.iter().map(inner).collect();
        let step_groups = IMAGES.map(|from| {
            [0, 1, 2, 3, 4].map(|to| {
                // Nothing is written where it is read.
                let to = if to == from { DENOISED } else { to };
                let group = |(compiled, inner): (&Compiled, &Option<wgpu::BindGroup>)| {
                    inner.clone().unwrap_or_else(|| step_group(compiled, from, to))
                };
                parts.steps.iter().zip(&inner).map(group).collect()
            })
        });
        let update_groups = IMAGES.map(|from| {
            [SCORES, [SCORES[1], SCORES[0]]].map(|scores| {
                let binding = Binding { from, to: IMAGES[1 - from], scores };
                self.bind(parts, &parts.update, of_steps, binding)
            })
        });
        (self.level_groups, self.step_groups) = (level_groups, step_groups);
        self.update_groups = update_groups.to_vec();
    }

    /// The bind group of a launch.
    fn bind(
        &self,
        parts: &Parts,
        compiled: &Compiled,
        activations: &Activations,
        Binding { from, to, scores }: Binding,
    ) -> wgpu::BindGroup {
        let entry = |(index, operand): (u32, &Operand)| {
            let (mut offset, mut size) = (0, None);
            let buffer = match operand {
                Operand::Parameters(slice) => {
                    let place = &parts.parameters.places[*slice];
                    offset = place.start;
                    size = wgpu::BufferSize::new(place.end - place.start);
                    &parts.parameters.buffer
                }
                Operand::Table => self.table.as_ref().unwrap_or(&self.levels),
                Operand::Levels => &self.levels,
                Operand::Image => &self.images[from],
                Operand::Next => &self.images[to],
                Operand::Score => &self.images[scores[0]],
                Operand::Before => &self.images[scores[1]],
                Operand::Observation => &self.observation,
                Operand::Mixtures => &self.mixtures,
                Operand::Step => {
                    size = wgpu::BufferSize::new(size_of::<StepRow>() as u64);
                    &self.steps
                }
                Operand::Tensor(_) | Operand::Statistics(_) | Operand::Summary(_) => {
                    activations.find(operand).unwrap_or(&self.levels)
                }
            };
            let resource =
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size });
            wgpu::BindGroupEntry { binding: index, resource }
        };
        let entries: Vec<_> = (0..).zip(&compiled.kernel.operands).map(entry).collect();
        parts.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &compiled.pipeline.bindings,
            entries: &entries,
        })
    }
}

impl Activations {
    /// Those of kernels that run for `count` images, or noise levels, at once.
    fn new(
        parts: &Parts,
        list: &[Compiled],
        count: usize,
        lasts: impl Fn(&Operand) -> bool,
    ) -> Result<Self, FusedError> {
        let plan = &parts.plan;
        let size = |operand: &Operand| match *operand {
            Operand::Tensor(id) => {
                let tensor = &plan.tensors[id];
                let number = tensor.precision(parts.config.precision).bytes();
                number * tensor.shape.positions() * tensor.shape.channels()
            }
            Operand::Statistics(id) => 8 * parts.tiles[id] * plan.tensors[id].shape.channels(),
            Operand::Summary(id) => 8 * plan.tensors[id].shape.channels(),
            _ => 0,
        };
        let kernels: Vec<_> = list.iter().map(|compiled| compiled.kernel.clone()).collect();
        let layout = BufferPlan::new(&kernels, size, lasts);
        let buffer = |size| storage(&parts.gpu, "the activations", size * count);
        let buffers = layout.sizes.iter().map(buffer).collect::<Result<_, _>>()?;
        Ok(Self { layout, buffers })
    }

    fn find(&self, operand: &Operand) -> Option<&wgpu::Buffer> {
        self.layout.find(operand).map(|slot| &self.buffers[slot])
    }
}

fn storage(gpu: &Gpu, what: &'static str, bytes: usize) -> Result<wgpu::Buffer, FusedError> {
    use wgpu::BufferUsages as Usage;
    gpu.buffer(what, bytes as u64, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
}

impl Drop for Buffers {
    /// Frees the buffers now; a browser would wait for its next garbage collection.
    fn drop(&mut self) {
        let Self { images, levels, steps, observation, mixtures, activations, .. } = self;
        let others = [&*levels, steps, observation, mixtures];
        images.iter().chain(activations.iter()).chain(others).for_each(wgpu::Buffer::destroy);
    }
}
