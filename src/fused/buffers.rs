//! The buffers and bind groups of a network at work on so many pictures, all made beforehand.

use super::error::FusedError;
use super::lower::Operand;
use super::memory::Layout;
use super::network::{Compiled, Parts};
use super::run::Run;
use super::step::StepRow;

/// The buffers of the noisy pictures before and after a step, in turns.
pub const PICTURES: [usize; 2] = [0, 1];
/// The buffer of what a look has found.
pub const SEEN: usize = 2;
/// The buffers of the score of a step and of the one before, in turns.
pub const SCORES: [usize; 2] = [3, 4];

/// See the module.
#[derive(Debug)]
pub struct Buffers {
    /// How many pictures.
    pub batch: usize,
    /// See [`PICTURES`], [`SEEN`] and [`SCORES`].
    pub pictures: [wgpu::Buffer; 5],
    /// What shaders know of each noise level: see [`super::conditioning::Conditioning::at`].
    pub levels: wgpu::Buffer,
    /// The features of each noise level, where it is embedded.
    pub features: Option<wgpu::Buffer>,
    /// Rows of [`StepRow`], as far apart as dynamic offsets must be.
    pub steps: wgpu::Buffer,
    /// How far apart, in bytes.
    pub stride: usize,
    /// What was observed of each pixel, and 1 where anything was.
    pub observation: wgpu::Buffer,
    /// The weights of the two seeds in each picture's noise.
    pub mixtures: wgpu::Buffer,
    /// What the kernels of noise levels, and those of steps, leave for each other.
    activations: Vec<wgpu::Buffer>,
    /// The bind groups of what runs once for each noise level.
    pub level_groups: Vec<wgpu::BindGroup>,
    /// The bind groups of a step, by the pictures that it reads and then by those that it writes.
    pub step_groups: [[Vec<wgpu::BindGroup>; 5]; 2],
    /// Those of what follows a question, by the pictures that it reads and by the score.
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
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
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
        // One more, for looks.
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
        // Most launches see no pictures, and are bound to the same whatever the flow.
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
                // Nothing is written where it is read.
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
    /// A browser would free them whenever it next looks for what is no longer used.
    fn drop(&mut self) {
        let Self { pictures, levels, steps, observation, mixtures, activations, .. } = self;
        let others = [&*levels, steps, observation, mixtures];
        pictures.iter().chain(activations.iter()).chain(others).for_each(wgpu::Buffer::destroy);
    }
}
