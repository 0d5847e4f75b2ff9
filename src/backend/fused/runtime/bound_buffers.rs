//! The bind groups of a network's launches, all created before the first step.

use super::activations::Activations;
use super::buffers::{Buffers, IMAGES, RESULT, SCORES};
use super::compiled_plan::{CompiledKernel, CompiledPlan};
use super::counter::Counter;
use super::pipelines::part;
use crate::backend::fused::codegen::Operand;
use crate::backend::fused::error::FusedError;

/// The buffers of a network for one batch size, and the bind groups of its launches.
#[derive(Debug)]
pub struct BoundBuffers {
    /// The buffers.
    pub buffers: Buffers,
    /// The bind groups of the kernels that run once per noise level.
    pub levels: Vec<wgpu::BindGroup>,
    /// The bind groups of an evaluation, by the image buffer it reads and then by the image buffer
    /// it writes.
    pub steps: [[Vec<wgpu::BindGroup>; 5]; 2],
    /// The bind groups of the update kernel, by the image buffer and then by the score buffer it
    /// reads.
    pub update: [[wgpu::BindGroup; 2]; 2],
    /// The same for an update that leaves the images as they are and writes the result of an
    /// evaluation.
    pub guide: [[wgpu::BindGroup; 2]; 2],
    /// What ends every submission.
    pub counter: Counter,
}

/// Which buffers of images a launch is bound to.
#[derive(Clone, Copy)]
struct Images {
    from: usize,
    to: usize,
    scores: [usize; 2],
}

impl BoundBuffers {
    /// Allocates everything.
    ///
    /// # Errors
    /// [`FusedError::Limit`] where a buffer is larger than the GPU allows.
    pub fn new(network: &CompiledPlan, batch: usize) -> Result<Self, FusedError> {
        let buffers = Buffers::new(network, batch)?;
        let images = Images { from: 0, to: 1, scores: SCORES };
        let level_group =
            |launch| bind(&buffers, network, launch, &buffers.level_activations, images);
        let step_group = |launch: &CompiledKernel, images| {
            bind(&buffers, network, launch, &buffers.step_activations, images)
        };
        let levels = network.levels.iter().map(level_group).collect();
        // Most launches access no images; their bind groups are the same for every flow.
        let inner = |launch: &CompiledKernel| {
            let is_image = |operand| matches!(operand, &Operand::Image | &Operand::Next);
            let inner = !launch.kernel.operands().any(is_image);
            inner.then(|| step_group(launch, images))
        };
        let inner: Vec<Option<wgpu::BindGroup>> = network.steps.iter().map(inner).collect();
        let steps = IMAGES.map(|from| {
            [0, 1, 2, 3, 4].map(|to| {
                // No flow writes the buffer that it reads, so this entry is never used; it repeats
                // that of RESULT.
                let to = if to == from { RESULT } else { to };
                let group = |(launch, inner): (&CompiledKernel, &Option<wgpu::BindGroup>)| {
                    let outer = || step_group(launch, Images { from, to, ..images });
                    inner.clone().unwrap_or_else(outer)
                };
                network.steps.iter().zip(&inner).map(group).collect()
            })
        });
        let updates = |to: fn(usize) -> usize| {
            IMAGES.map(|from| {
                [SCORES, [SCORES[1], SCORES[0]]].map(|scores| {
                    step_group(&network.update, Images { from, to: to(from), scores })
                })
            })
        };
        let (update, guide) = (updates(|from| IMAGES[1 - from]), updates(|_| RESULT));
        let counter = Counter::new(&network.gpu)?;
        Ok(Self { buffers, levels, steps, update, guide, counter })
    }
}

/// The bind group of a launch.
fn bind(
    buffers: &Buffers,
    network: &CompiledPlan,
    launch: &CompiledKernel,
    activations: &Activations,
    Images { from, to, scores }: Images,
) -> wgpu::BindGroup {
    launch.pipeline.bind(&network.gpu, &launch.kernel, |operand| {
        let tensor = |found: Option<_>| found.expect("its launches have a buffer for it");
        let whole: &wgpu::Buffer = match operand {
            Operand::Parameters(slice) => {
                let place = network.parameters.places[*slice].clone();
                return part(&network.parameters.buffer, place);
            }
            Operand::Step => return buffers.steps.binding(),
            Operand::Table => tensor(buffers.table.as_ref()),
            Operand::Levels => &buffers.levels,
            Operand::Image => &buffers.images[from],
            Operand::Next => &buffers.images[to],
            Operand::Score => &buffers.images[scores[0]],
            Operand::Before => &buffers.images[scores[1]],
            Operand::Denoised => &buffers.denoised,
            Operand::Observation => &buffers.observation,
            Operand::Mixtures => &buffers.mixtures,
            Operand::Tensor(_)
            | Operand::Statistics(_)
            | Operand::Moments(_)
            | Operand::Normalization(_) => tensor(activations.find(operand)),
            #[cfg(feature = "training")]
            Operand::Training(_) | Operand::Part => {
                unreachable!("only steps of training have these")
            }
        };
        whole.as_entire_buffer_binding()
    })
}
