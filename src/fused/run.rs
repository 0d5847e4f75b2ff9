//! A network at work on a number of pictures: its buffers and bind groups, all made beforehand, and
//! the recording of steps.

use super::error::FusedError;
use super::lower::Operand;
use super::memory::Layout;
use super::network::{Compiled, Network};
use super::step::StepRow;

/// Where a step reads the noisy pictures and where it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It brings the pictures forward.
    Step,
    /// It leaves them, and writes what it finds beside them.
    Look,
}

/// See the module.
#[derive(Debug)]
pub struct Run {
    network: Network,
    batch: usize,
    /// The noisy pictures before and after a step, in turns, and what a look has found.
    pictures: [wgpu::Buffer; 3],
    /// Which of the first two is the present.
    now: std::cell::Cell<usize>,
    /// What shaders know of each noise level: see [`super::conditioning::Conditioning::at`].
    levels: wgpu::Buffer,
    /// The features of each noise level, where it is embedded.
    features: Option<wgpu::Buffer>,
    /// Rows of [`StepRow`], as far apart as dynamic offsets must be.
    steps: wgpu::Buffer,
    stride: usize,
    level_groups: Vec<wgpu::BindGroup>,
    /// The bind groups of a step that goes from the first picture to the second, from the second to
    /// the first, and of looks at either.
    step_groups: [Vec<wgpu::BindGroup>; 4],
}

impl Run {
    /// The most noise levels that the tables hold at a time.
    pub const LEVELS: usize = 256;
    /// The most steps likewise.
    pub const STEPS: usize = 1024;

    /// Allocates everything.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(network: &Network, batch: usize) -> Result<Self, FusedError> {
        use wgpu::BufferUsages as Usage;
        let parts = &*network.0;
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
        let picture = || storage("the pictures", batch * plan.picture.dimension());
        let pictures = [picture()?, picture()?, picture()?];
        let levels = storage("the noise levels", 4 * Self::LEVELS)?;
        let stride = (limits.min_uniform_buffer_offset_alignment as usize)
            .next_multiple_of(size_of::<StepRow>());
        let stride = stride.next_multiple_of(limits.min_uniform_buffer_offset_alignment as usize);
        let usage = Usage::UNIFORM | Usage::COPY_DST;
        // One more, for looks.
        let steps = gpu.buffer("the steps", ((Self::STEPS + 1) * stride) as u64, usage)?;

        let size = |operand: &Operand| match *operand {
            Operand::Tensor(id) => {
                let shape = &plan.tensors[id].shape;
                shape.positions() * shape.channels()
            }
            Operand::Statistics(id) => 2 * parts.tiles[id] * plan.tensors[id].shape.channels(),
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
        let level_buffers = allocate(&of_levels, Self::LEVELS)?;
        let step_buffers = allocate(&of_steps, batch)?;
        let place = |operand| of_levels.find(&operand).map(|slot| level_buffers[slot].clone());
        let [features, table] = lasting.map_or([None, None], |operands| operands.map(place));

        let bind = |compiled: &Compiled,
                    layout: &Layout,
                    buffers: &[wgpu::Buffer],
                    flow: [usize; 2]| {
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
                        Operand::Picture => &pictures[flow[0]],
                        Operand::Next => &pictures[flow[1]],
                        Operand::Step => {
                            size = wgpu::BufferSize::new(size_of::<StepRow>() as u64);
                            &steps
                        }
                        placed => layout.find(placed).map_or(&levels, |slot| &buffers[slot]),
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
        let level_groups = parts
            .levels
            .iter()
            .map(|compiled| bind(compiled, &of_levels, &level_buffers, [0, 1]))
            .collect();
        let step_groups = [[0, 1], [1, 0], [0, 2], [1, 2]].map(|flow| {
            parts
                .steps
                .iter()
                .map(|compiled| bind(compiled, &of_steps, &step_buffers, flow))
                .collect()
        });
        Ok(Self {
            network: network.clone(),
            batch,
            pictures,
            now: std::cell::Cell::new(0),
            levels,
            features,
            steps,
            stride,
            level_groups,
            step_groups,
        })
    }

    /// Replaces the noisy pictures.
    pub fn write_picture(&self, x: &[f32]) {
        let queue = self.network.0.gpu.queue();
        queue.write_buffer(self.present(), 0, bytemuck::cast_slice(x));
    }

    /// The noisy pictures.
    pub fn present(&self) -> &wgpu::Buffer {
        &self.pictures[self.now.get()]
    }

    /// What the last look has found.
    pub fn seen(&self) -> &wgpu::Buffer {
        &self.pictures[2]
    }

    /// Replaces some rows of the table of steps.
    pub fn write_steps(&self, first: usize, rows: &[StepRow]) {
        let mut bytes = vec![0; rows.len() * self.stride];
        for (row, bytes) in rows.iter().zip(bytes.chunks_exact_mut(self.stride)) {
            bytes[..size_of::<StepRow>()].copy_from_slice(bytemuck::bytes_of(row));
        }
        let queue = self.network.0.gpu.queue();
        queue.write_buffer(&self.steps, (first * self.stride) as u64, &bytes);
    }

    /// Fills the tables with everything that depends on these σ, at most [`Self::LEVELS`], alone.
    pub fn submit_levels(&self, sigmas: &[f32]) {
        let parts = &*self.network.0;
        let (gpu, plan) = (&parts.gpu, &parts.plan);
        let rows: Vec<[f32; 4]> = sigmas.iter().map(|&sigma| plan.conditioning.at(sigma)).collect();
        gpu.queue().write_buffer(&self.levels, 0, bytemuck::cast_slice(&rows));
        let (Some(buffer), Some([id, _])) = (&self.features, plan.embedding) else { return };
        // Channels come in fours, and so may features.
        let width = plan.tensors[id].shape.channels();
        let mut features = vec![0.0; sigmas.len() * width];
        for (sigma, row) in sigmas.iter().zip(features.chunks_exact_mut(width)) {
            let values = plan.conditioning.features(*sigma);
            row[..values.len()].copy_from_slice(&values);
        }
        gpu.queue().write_buffer(buffer, 0, bytemuck::cast_slice(&features));

        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (compiled, group) in parts.levels.iter().zip(&self.level_groups) {
            let [x, y] = compiled.kernel.groups;
            pass.set_pipeline(&compiled.pipeline);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(x, y, sigmas.len() as u32);
        }
        drop(pass);
        gpu.queue().submit([encoder.finish()]);
    }

    /// Records and submits steps, each given by its row in the table of steps.
    pub fn submit(&self, steps: impl IntoIterator<Item = (Flow, usize)>) -> wgpu::SubmissionIndex {
        let parts = &*self.network.0;
        let mut encoder = parts.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (flow, row) in steps {
            let now = self.now.get();
            let groups = match flow {
                Flow::Step => &self.step_groups[now],
                Flow::Look => &self.step_groups[2 + now],
            };
            let offset = (row * self.stride) as u32;
            for (compiled, group) in parts.steps.iter().zip(groups) {
                let [x, y] = compiled.kernel.groups;
                let stepped = compiled.kernel.operands.last() == Some(&Operand::Step);
                pass.set_pipeline(&compiled.pipeline);
                pass.set_bind_group(
                    0,
                    group,
                    if stepped { std::slice::from_ref(&offset) } else { &[] },
                );
                pass.dispatch_workgroups(x, y, self.batch as u32);
            }
            if flow == Flow::Step {
                self.now.set(1 - now);
            }
        }
        drop(pass);
        parts.gpu.queue().submit([encoder.finish()])
    }
}
