//! A network at work on a number of pictures: its buffers and bind groups, all made beforehand, and
//! the recording of steps.

use std::sync::Arc;

use super::error::FusedError;
use super::gpu::lock;
use super::lower::Operand;
use super::memory::Layout;
use super::network::{Compiled, Network, Parts};
use super::step::StepRow;
use crate::sample::Observation;

/// Where a step reads the noisy pictures and where it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The network's last layer brings the pictures forward.
    Step,
    /// It writes the score beside them, and a kernel of its own brings them forward.
    Move,
    /// It leaves the pictures, and writes what it finds beside them.
    Look,
}

/// The buffers of pictures, by what they hold: the noisy pictures before and after a step, in turns;
/// what a look has found; the score of a step and of the one before, in turns.
const PICTURES: [usize; 2] = [0, 1];
const SEEN: usize = 2;
const SCORES: [usize; 2] = [3, 4];

/// Buffers and bind groups for so many pictures.
#[derive(Debug)]
pub struct Memory {
    batch: usize,
    pictures: [wgpu::Buffer; 5],
    /// What shaders know of each noise level: see [`super::conditioning::Conditioning::at`].
    levels: wgpu::Buffer,
    /// The features of each noise level, where it is embedded.
    features: Option<wgpu::Buffer>,
    /// Rows of [`StepRow`], as far apart as dynamic offsets must be.
    steps: wgpu::Buffer,
    stride: usize,
    observation: wgpu::Buffer,
    mixtures: wgpu::Buffer,
    level_groups: Vec<wgpu::BindGroup>,
    /// The bind groups of a step, by the pictures that it reads and then by those that it writes.
    step_groups: [[Vec<wgpu::BindGroup>; 5]; 2],
    /// Those of what follows a question, by the pictures that it reads and by the score.
    move_groups: [[wgpu::BindGroup; 2]; 2],
}

/// See the module.
#[derive(Debug)]
pub struct Run {
    network: Network,
    memory: Arc<Memory>,
    /// Which of [`PICTURES`] is the present.
    now: usize,
    /// Which of [`SCORES`] is the next to be written.
    score: usize,
}

impl Run {
    /// The most noise levels that the tables hold at a time.
    pub const LEVELS: usize = 256;
    /// The most steps likewise.
    pub const STEPS: usize = 1024;

    /// Allocates everything, or takes what a run left that is over.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(network: &Network, batch: usize) -> Result<Self, FusedError> {
        let mut memories = lock(&network.0.memories);
        let idle = |memory: &Arc<Memory>| Arc::strong_count(memory) == 1;
        let left = memories.iter().find(|memory| idle(memory) && memory.batch == batch).cloned();
        let memory = match left {
            Some(memory) => memory,
            None => {
                memories.retain(|memory| !idle(memory));
                let memory = Arc::new(Memory::new(&network.0, batch)?);
                memories.push(Arc::clone(&memory));
                memory
            }
        };
        drop(memories);
        Ok(Self { network: network.clone(), memory, now: 0, score: 0 })
    }

    fn write(&self, buffer: &wgpu::Buffer, offset: usize, bytes: &[u8]) {
        self.network.0.gpu.queue().write_buffer(buffer, offset as u64, bytes);
    }

    /// Replaces the noisy pictures.
    pub fn write_picture(&self, x: &[f32]) {
        self.write(self.present(), 0, bytemuck::cast_slice(x));
    }

    /// The noisy pictures.
    pub fn present(&self) -> &wgpu::Buffer {
        &self.memory.pictures[self.now]
    }

    /// What the last look has found.
    pub fn seen(&self) -> &wgpu::Buffer {
        &self.memory.pictures[SEEN]
    }

    /// Replaces what was observed.
    pub fn write_observation(&self, observation: &Observation) {
        let pairs = observation.target().iter().zip(observation.mask());
        let pairs: Vec<[f32; 2]> = pairs.map(|(&target, &mask)| [target, mask]).collect();
        self.write(&self.memory.observation, 0, bytemuck::cast_slice(&pairs));
    }

    /// Replaces the weights of the two seeds in each picture's noise.
    pub fn write_mixtures(&self, weights: &[[f32; 2]]) {
        self.write(&self.memory.mixtures, 0, bytemuck::cast_slice(weights));
    }

    /// Replaces some rows of the table of steps.
    pub fn write_steps(&self, first: usize, rows: &[StepRow]) {
        let stride = self.memory.stride;
        let mut bytes = vec![0; rows.len() * stride];
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(stride)) {
            bytes[..size_of::<StepRow>()].copy_from_slice(bytemuck::bytes_of(row));
        }
        self.write(&self.memory.steps, first * stride, &bytes);
    }

    /// Fills the tables with everything that depends on these σ, at most [`Self::LEVELS`], alone.
    pub fn submit_levels(&self, sigmas: &[f32]) {
        let (parts, memory) = (&*self.network.0, &*self.memory);
        let (gpu, plan) = (&parts.gpu, &parts.plan);
        let rows: Vec<[f32; 4]> = sigmas.iter().map(|&sigma| plan.conditioning.at(sigma)).collect();
        self.write(&memory.levels, 0, bytemuck::cast_slice(&rows));
        let (Some(buffer), Some([id, _])) = (&memory.features, plan.embedding) else { return };
        // Channels come in fours, and so may features.
        let width = plan.tensors[id].shape.channels();
        let mut features = vec![0.0; sigmas.len() * width];
        for (sigma, row) in sigmas.iter().zip(features.chunks_exact_mut(width)) {
            let values = plan.conditioning.features(*sigma);
            row[..values.len()].copy_from_slice(&values);
        }
        self.write(buffer, 0, bytemuck::cast_slice(&features));

        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (compiled, group) in parts.levels.iter().zip(&memory.level_groups) {
            launch(&mut pass, compiled, group, 0, sigmas.len());
        }
        drop(pass);
        gpu.queue().submit([encoder.finish()]);
    }

    /// Records and submits steps, each given by its row in the table of steps.
    pub fn submit(
        &mut self,
        steps: impl IntoIterator<Item = (Flow, usize)>,
    ) -> wgpu::SubmissionIndex {
        let (parts, memory) = (&*self.network.0, &*self.memory);
        let mut encoder = parts.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (flow, row) in steps {
            let offset = row * memory.stride;
            let to = match flow {
                Flow::Step => PICTURES[1 - self.now],
                Flow::Move => SCORES[self.score],
                Flow::Look => SEEN,
            };
            for (compiled, group) in parts.steps.iter().zip(&memory.step_groups[self.now][to]) {
                launch(&mut pass, compiled, group, offset, memory.batch);
            }
            if flow == Flow::Move {
                let group = &memory.move_groups[self.now][self.score];
                launch(&mut pass, &parts.mover, group, offset, memory.batch);
                self.score = 1 - self.score;
            }
            if flow != Flow::Look {
                self.now = 1 - self.now;
            }
        }
        drop(pass);
        parts.gpu.queue().submit([encoder.finish()])
    }
}

fn launch(
    pass: &mut wgpu::ComputePass<'_>,
    Compiled { kernel, pipeline, .. }: &Compiled,
    group: &wgpu::BindGroup,
    offset: usize,
    count: usize,
) {
    let offset = offset as u32;
    let stepped = kernel.operands.last() == Some(&Operand::Step);
    pass.set_pipeline(pipeline);
    pass.set_bind_group(0, group, if stepped { std::slice::from_ref(&offset) } else { &[] });
    let [x, y] = kernel.groups;
    pass.dispatch_workgroups(x, y, count as u32);
}

/// Which buffers of pictures a launch is bound to.
#[derive(Clone, Copy)]
struct Binding {
    from: usize,
    to: usize,
    scores: [usize; 2],
}

impl Memory {
    fn new(parts: &Parts, batch: usize) -> Result<Self, FusedError> {
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
        let storage = |what, numbers: usize| {
            gpu.buffer(what, 4 * numbers as u64, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC)
        };
        let dimension = plan.picture.dimension();
        let picture = || storage("the pictures", batch * dimension);
        let pictures = [picture()?, picture()?, picture()?, picture()?, picture()?];
        let levels = storage("the noise levels", 4 * Run::LEVELS)?;
        let observation = storage("the observation", 2 * dimension)?;
        let mixtures = storage("the mixtures", 2 * batch)?;
        let alignment = limits.min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<StepRow>().next_multiple_of(alignment);
        // One more, for looks.
        let size = ((Run::STEPS + 1) * stride) as u64;
        let steps = gpu.buffer("the steps", size, Usage::UNIFORM | Usage::COPY_DST)?;

        let size = |operand: &Operand| match *operand {
            Operand::Tensor(id) => {
                let shape = &plan.tensors[id].shape;
                shape.positions() * shape.channels()
            }
            Operand::Statistics(id) => 2 * parts.tiles[id] * plan.tensors[id].shape.channels(),
            Operand::Summary(id) => 2 * plan.tensors[id].shape.channels(),
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
                        Operand::Parameters(range) => {
                            offset = 4 * range.start as u64;
                            size = wgpu::BufferSize::new(4 * range.len() as u64);
                            &parts.parameters
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
                layout: &compiled.bindings,
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
            level_groups,
            step_groups,
            move_groups,
        })
    }
}
