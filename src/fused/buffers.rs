//! The buffers and bind groups for running a network on a batch, all created up front.

use super::error::FusedError;
use super::lower::Operand;
use super::memory::Layout;
use super::network::{Compiled, Parts};
use super::run::Run;
use super::step::StepRow;

/// The buffers of the noisy pictures before and after a step; they swap roles at each step.
pub const PICTURES: [usize; 2] = [0, 1];
/// The buffer of the last look's result.
pub const SEEN: usize = 2;
/// The buffers of the score of a step and of the one before; they swap roles likewise.
pub const SCORES: [usize; 2] = [3, 4];

/// What a network needs for one batch size.
#[derive(Debug)]
pub struct Buffers {
    /// The number of pictures.
    pub batch: usize,
    /// See [`PICTURES`], [`SEEN`] and [`SCORES`].
    pub pictures: [wgpu::Buffer; 5],
    /// What shaders need for each noise level: see [`super::conditioning::Conditioning::at`].
    pub levels: wgpu::Buffer,
    /// The features of each noise level, if σ is embedded.
    pub features: Option<wgpu::Buffer>,
    /// Rows of [`StepRow`], `stride` bytes apart.
    pub steps: wgpu::Buffer,
    /// The spacing of the rows: a multiple of the alignment of dynamic offsets.
    pub stride: usize,
    /// For each pixel its observed value, and 1 if it was observed.
    pub observation: wgpu::Buffer,
    /// The weights of the two seeds in each picture's noise.
    pub mixtures: wgpu::Buffer,
    /// The intermediate tensors of the level kernels and of the step kernels.
    activations: Vec<wgpu::Buffer>,
    /// The bind groups of the kernels that run once per noise level.
    pub level_groups: Vec<wgpu::BindGroup>,
    /// The bind groups of a step, by the picture buffer it reads and then by the one it writes.
    pub step_groups: [[Vec<wgpu::BindGroup>; 5]; 2],
    /// The bind groups of the mover, by the picture buffer and then by the score buffer it reads.
    pub move_groups: [[wgpu::BindGroup; 2]; 2],
}

/// Which buffers of pictures a launch is bound to.
#[derive(Clone, Copy)]
struct Binding {
    from: usize,
    to: usize,
    scores: [usize; 2],
}

impl Buffers {
    /// Allocates everything.
    ///
    /// # Errors
    /// [`FusedError::Limit`] if the batch or a buffer is larger than the GPU allows.
    pub fn new(parts: &Parts, batch: usize) -> Result<Self, FusedError> {
        use wgpu::BufferUsages as Usage;
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
        let storage = |what, bytes: usize| {
            gpu.buffer(what, bytes as u64, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
        };
        let dimension = plan.picture.dimension();
        let picture = || storage("the pictures", 4 * batch * dimension);
        let pictures = [picture()?, picture()?, picture()?, picture()?, picture()?];
        let levels = storage("the noise levels", 16 * Run::LEVELS)?;
        let observation = storage("the observation", 8 * dimension)?;
        let mixtures = storage("the mixtures", 8 * batch)?;
        let alignment = limits.min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<StepRow>().next_multiple_of(alignment);
        // One extra row, for looks.
        let size = ((Run::STEPS + 1) * stride) as u64;
        let steps = gpu.buffer("the steps", size, Usage::UNIFORM | Usage::COPY_DST)?;

        let size = |operand: &Operand| match *operand {
            Operand::Tensor(id) => {
                let tensor = &plan.tensors[id];
                let number = tensor.precision(parts.setup.precision).bytes();
                number * tensor.shape.positions() * tensor.shape.channels()
            }
            Operand::Statistics(id) => 8 * parts.tiles[id] * plan.tensors[id].shape.channels(),
            Operand::Summary(id) => 8 * plan.tensors[id].shape.channels(),
            _ => 0,
        };
        let kernels = |list: &[Compiled]| -> Vec<_> {
            list.iter().map(|compiled| compiled.kernel.clone()).collect()
        };
        let lasting = plan.embedding.map(|ids| ids.map(Operand::Tensor));
        let lasts = |operand: &Operand| lasting.iter().flatten().any(|lasts| lasts == operand);
        let of_levels = Layout::new(&kernels(&parts.levels), size, lasts);
        let of_steps = Layout::new(&kernels(&parts.steps), size, |_| false);
        let allocate = |layout: &Layout, count: usize| -> Result<Vec<_>, FusedError> {
            layout.sizes.iter().map(|size| storage("the activations", size * count)).collect()
        };
        let level_buffers = allocate(&of_levels, Run::LEVELS)?;
        let step_buffers = allocate(&of_steps, batch)?;
        let place = |operand| of_levels.find(&operand).map(|slot| level_buffers[slot].clone());
        let [features, table] = lasting.map_or([None, None], |operands| operands.map(place));

        let bind = |compiled: &Compiled,
                    layout: &Layout,
                    buffers: &[wgpu::Buffer],
                    Binding { from, to, scores }: Binding| {
            let entries: Vec<_> = (0..)
                .zip(&compiled.kernel.operands)
                .map(|(binding, operand)| {
                    let mut size = None;
                    let mut offset = 0;
                    let buffer = match operand {
                        Operand::Parameters(slice) => {
                            let place = &parts.parameters.places[*slice];
                            offset = place.start;
                            size = wgpu::BufferSize::new(place.end - place.start);
                            &parts.parameters.buffer
                        }
                        Operand::Table => table.as_ref().unwrap_or(&levels),
                        Operand::Levels => &levels,
                        Operand::Picture => &pictures[from],
                        Operand::Next => &pictures[to],
                        Operand::Score => &pictures[scores[0]],
                        Operand::Before => &pictures[scores[1]],
                        Operand::Observation => &observation,
                        Operand::Mixtures => &mixtures,
                        Operand::Step => {
                            size = wgpu::BufferSize::new(size_of::<StepRow>() as u64);
                            &steps
                        }
                        Operand::Tensor(_) | Operand::Statistics(_) | Operand::Summary(_) => {
                            layout.find(operand).map_or(&levels, |slot| &buffers[slot])
                        }
                    };
                    let resource =
                        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size });
                    wgpu::BindGroupEntry { binding, resource }
                })
                .collect();
            gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &compiled.pipeline.bindings,
                entries: &entries,
            })
        };
        let level_group = |compiled| {
            let binding = Binding { from: 0, to: 1, scores: SCORES };
            bind(compiled, &of_levels, &level_buffers, binding)
        };
        let level_groups = parts.levels.iter().map(level_group).collect();
        let step_group = |compiled: &Compiled, from, to| {
            let binding = Binding { from, to, scores: SCORES };
            bind(compiled, &of_steps, &step_buffers, binding)
        };
        // Most launches touch no pictures, so their bindings do not depend on the flow.
        let inner: Vec<Option<wgpu::BindGroup>> = parts
            .steps
            .iter()
            .map(|compiled| {
                let sees = |operand| matches!(operand, &Operand::Picture | &Operand::Next);
                let inner = !compiled.kernel.operands.iter().any(sees);
                inner.then(|| step_group(compiled, 0, 1))
            })
            .collect();
        let step_groups = PICTURES.map(|from| {
            [0, 1, 2, 3, 4].map(|to| {
                // No launch may write the buffer it reads; this entry is never used.
                let to = if to == from { SEEN } else { to };
                let group = |(compiled, inner): (&Compiled, &Option<wgpu::BindGroup>)| {
                    inner.clone().unwrap_or_else(|| step_group(compiled, from, to))
                };
                parts.steps.iter().zip(&inner).map(group).collect()
            })
        });
        let move_groups = PICTURES.map(|from| {
            [SCORES, [SCORES[1], SCORES[0]]].map(|scores| {
                let binding = Binding { from, to: PICTURES[1 - from], scores };
                bind(&parts.mover, &of_steps, &step_buffers, binding)
            })
        });
        Ok(Self {
            batch,
            pictures,
            levels,
            features,
            steps,
            stride,
            observation,
            mixtures,
            activations: [level_buffers, step_buffers].concat(),
            level_groups,
            step_groups,
            move_groups,
        })
    }
}

impl Drop for Buffers {
    /// Frees the buffers now; a browser would wait for its next garbage collection.
    fn drop(&mut self) {
        let Self { pictures, levels, steps, observation, mixtures, activations, .. } = self;
        let others = [&*levels, steps, observation, mixtures];
        pictures.iter().chain(activations.iter()).chain(others).for_each(wgpu::Buffer::destroy);
    }
}
