//! Launches as shaders: each kernel's text, its bindings and its number of workgroups.

mod conv;
mod norm;
mod text;

use std::sync::Arc;

use super::kernel_config::{KernelConfig, Strategy};
use super::plan::{
    Activation, Conv, Id, Launch, Norm, Plan, Pooling, Scaling, Shape, Slice, Target,
};
use super::precision::Precision;
use super::template::Values;
use text::Text;

/// What a binding of a kernel refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A tensor.
    Tensor(Id),
    /// The moments of a tensor's tiles.
    Statistics(Id),
    /// The moments of a whole tensor, if it has many tiles.
    Summary(Id),
    /// A slice of the parameters.
    Parameters(Slice),
    /// The table of scales and shifts that depend on σ.
    Table,
    /// The preconditioning of each noise level.
    Levels,
    /// The noisy images before the step.
    Image,
    /// What the step writes: the noisy images after it, their score, or the result of a look.
    Next,
    /// The score of the step, for the mover.
    Score,
    /// The score of the step before.
    Before,
    /// The observed values and their mask.
    Observation,
    /// The weights of the two seeds in each image's noise.
    Mixtures,
    /// The step's row, selected by a dynamic offset.
    Step,
}

/// A kernel for one layer.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// WGSL, with one entry point `main`.
    pub source: Arc<str>,
    /// What its bindings refer to, in order.
    pub operands: Vec<Operand>,
    /// How many operands it writes: the last ones before the step.
    pub written: usize,
    /// Workgroups for one image; the third axis counts images.
    pub groups: [u32; 2],
}

impl Kernel {
    /// Whether an operand is only read.
    pub fn only_reads(&self, operand: usize) -> bool {
        let end = self.operands.len() - usize::from(self.operands.last() == Some(&Operand::Step));
        operand < end - self.written
    }
}

/// The kernels of a plan: of noise levels and of steps.
#[derive(Debug)]
pub struct Lowered {
    /// Those of [`Plan::levels`].
    pub levels: Vec<Kernel>,
    /// Those of [`Plan::steps`].
    pub steps: Vec<Kernel>,
    /// The kernel after a step that only computes the score: `kernels/move.wgsl`.
    pub update: Kernel,
    /// For each tensor, the number of tiles with moments of their own; 0 if nothing needs them.
    pub tiles: Vec<usize>,
}

impl Lowered {
    /// All kernels.
    pub fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.levels.iter().chain(&self.steps).chain([&self.update])
    }
}

/// Turns a plan into kernels whose workgroups share at most `memory` bytes.
pub fn lower(plan: &Plan, config: KernelConfig, memory: usize) -> Lowered {
    let memory = memory.min(config.tiling.memory);
    // Whether a normalisation's moments, scales and shifts leave enough memory for its input.
    let fits = |norm: &&Norm| {
        matches!(norm.scaling, Scaling::None)
            || MOMENTS * plan.tensors[norm.to].shape.channels() <= memory / 2
    };
    let pooled = |norm: &&Norm| {
        let pools =
            |launch: &Launch| matches!(*launch, Launch::Pool { from, .. } if from == norm.to);
        plan.steps.iter().any(pools)
    };
    let mut norms = vec![None; plan.tensors.len()];
    if config.strategy == Strategy::Staged {
        for norm in plan.steps.iter().filter_map(norm).filter(fits).filter(|norm| !pooled(norm)) {
            norms[norm.to] = Some(norm);
        }
    }
    let tiles = vec![0; plan.tensors.len()];
    // A noise level is a single position, so there is nothing to share.
    let alone = KernelConfig::new(Strategy::Direct, config.precision);
    let mut lowering = Lowering { plan, config: alone, memory, norms, tiles };
    let levels = plan.levels.iter().map(|launch| lowering.launch(launch)).collect();
    lowering.config = config;
    let mut steps = Vec::with_capacity(plan.steps.len());
    for launch in &plan.steps {
        if norm(launch).is_none_or(|norm| lowering.norms[norm.to].is_none()) {
            steps.push(lowering.launch(launch));
        }
        if let Launch::Conv(Conv { to: Target::Tensor(id), .. }) = *launch
            && lowering.reduces_moments(id)
        {
            steps.push(lowering.reduce_moments(id));
        }
    }
    let update = lowering.update();
    Lowered { levels, steps, update, tiles: lowering.tiles }
}

fn norm(launch: &Launch) -> Option<&Norm> {
    match launch {
        Launch::Norm(norm) => Some(norm),
        _ => None,
    }
}

struct Lowering<'a> {
    plan: &'a Plan,
    config: KernelConfig,
    /// Bytes of workgroup memory.
    memory: usize,
    /// For each tensor, the normalisation that its readers apply on the way, if that is not a
    /// launch of its own.
    norms: Vec<Option<&'a Norm>>,
    tiles: Vec<usize>,
}

/// Workgroup memory, in bytes, for each channel normalised on the way: mean, squared deviations,
/// scale and shift.
const MOMENTS: usize = 16;

/// The type of a binding's elements, by precision.
type Element = fn(Precision) -> &'static str;

/// The default size of workgroups.
const GROUP: usize = 64;

/// The invocations that share a query of an attention, if staged.
const SPLIT_K: usize = 4;

/// The invocations that move an image together; a power of two.
const UPDATE_GROUP: usize = 256;

impl Lowering<'_> {
    fn launch(&mut self, launch: &Launch) -> Kernel {
        match launch {
            Launch::Load { to, patch } => self.load(*to, *patch),
            Launch::Norm(norm) => self.norm(norm),
            Launch::Conv(conv) => match self.config.strategy {
                Strategy::Direct => self.direct(conv),
                Strategy::Staged => self.staged(conv),
            },
            Launch::Attention { qkv, heads, to } => self.attention(*qkv, *heads, *to),
            Launch::Pool { from, pooling, reach, to } => self.pool(*from, *pooling, *reach, *to),
        }
    }

    fn shape(&self, id: Id) -> &Shape {
        &self.plan.tensors[id].shape
    }

    fn precision(&self, id: Id) -> Precision {
        self.plan.tensors[id].precision(self.config.precision)
    }

    /// Binds a tensor that a kernel reads.
    fn read(&self, kernel: &mut Text, name: impl AsRef<str>, element: Element, id: Id) {
        kernel.read_as(name, element(self.precision(id)), Operand::Tensor(id));
    }

    /// Binds the tensor that a kernel writes, and adds the functions that round for it.
    fn write(&self, kernel: &mut Text, element: Element, id: Id) {
        let precision = self.precision(id);
        kernel.values.flag("HALF", precision == Precision::Half);
        kernel.add_helper(kernel!("../kernels/convert.wgsl"));
        kernel.write("to", element(precision), Operand::Tensor(id));
    }

    fn load(&self, to: Id, patch: usize) -> Kernel {
        let shape = self.shape(to);
        let mut kernel = Text::new(kernel!("../kernels/load.wgsl"));
        self.image_shape(&mut kernel.values, patch);
        kernel.values.size("CHANNELS", shape.channels());
        kernel.values.size("GROUP", GROUP);
        kernel.read("image", Operand::Image);
        kernel.levels();
        kernel.write("to", "f32", Operand::Tensor(to));
        let numbers = shape.positions() * shape.channels();
        kernel.finish([numbers.div_ceil(GROUP), 1])
    }

    fn update(&self) -> Kernel {
        let mut kernel = Text::new(kernel!("../kernels/update.wgsl"));
        self.image_shape(&mut kernel.values, 1);
        kernel.values.size("GROUP", UPDATE_GROUP);
        kernel.read("image", Operand::Image);
        kernel.read("score", Operand::Score);
        kernel.read("before", Operand::Before);
        kernel.read_as("observation", "vec2f", Operand::Observation);
        kernel.read_as("mixtures", "vec2f", Operand::Mixtures);
        kernel.write("to", "f32", Operand::Next);
        kernel.step = true;
        kernel
            .helper(kernel!("../kernels/random.wgsl"))
            .helper(kernel!("../kernels/normal.wgsl"))
            .finish([1, 1])
    }

    /// Defines what a kernel needs to know of the images it accesses.
    fn image_shape(&self, values: &mut Values, patch: usize) {
        let image_shape = self.plan.image_shape;
        values.size("COLOURS", image_shape.channels);
        values.size("PATCH", patch);
        values.size("HEIGHT", image_shape.height / patch);
        values.size("WIDTH", image_shape.width / patch);
        values.size("DIMENSION", image_shape.dimension());
        values.float("MEAN", self.plan.sigma_embedding.mean());
    }

    fn pool(&self, from: Id, pooling: Pooling, reach: usize, to: Id) -> Kernel {
        let shape = self.shape(to);
        let mut kernel = Text::new(kernel!("../kernels/pool.wgsl"));
        kernel.values.size("GROUP", GROUP);
        kernel.values.size("QUADS", shape.channels() / 4);
        kernel.values.size("HEIGHT", shape.height);
        kernel.values.size("WIDTH", shape.width);
        kernel.values.size("REACH", reach);
        kernel.values.flag("MAXIMUM", pooling == Pooling::Maximum);
        self.read(&mut kernel, "source", Precision::quad, from);
        self.write(&mut kernel, Precision::quad, to);
        kernel.finish([(shape.positions() * shape.channels() / 4).div_ceil(GROUP), 1])
    }

    fn attention(&self, qkv: Id, heads: usize, to: Id) -> Kernel {
        let (inputs, outputs) = (self.shape(qkv), self.shape(to));
        let (positions, real) = (outputs.positions(), outputs.segments[0]);
        let size = real / heads;
        let staged = self.config.strategy == Strategy::Staged;
        let (span, element): (_, Element) = match size.is_multiple_of(4) {
            true => (4, Precision::quad),
            false => (1, Precision::scalar),
        };
        let spans = size / span;
        let (mut queries, mut block, mut split_k) = (positions.min(GROUP), positions, 1);
        let mut kernel = Text::new(kernel!("../kernels/attention.wgsl"));
        let values = &mut kernel.values;
        if staged {
            // How many keys, values or sums fit into memory, beside the totals.
            let room = (self.memory - 8 * GROUP) / (4 * size);
            queries = queries.min(room.max(1));
            block = positions.div_ceil(positions.div_ceil((room / 2).max(1)));
            split_k = SPLIT_K;
            values.size("STAGE", spans * queries.max(2 * block));
        }
        values.flag("STAGED", staged);
        values.size("QUERIES", queries);
        values.size("SPLIT_K", split_k);
        values.size("BLOCK", block);
        values.size("POSITIONS", positions);
        values.flag("QUADS", span == 4);
        values.size("SPAN", span);
        values.size("SPANS", spans);
        values.size("SIZE", size);
        values.size("INPUTS", inputs.channels());
        values.size("OUTPUTS", outputs.channels());
        values.size("OUTPUTS_REAL", real);
        values.float("SCALE", (size as f32).sqrt().recip());
        self.read(&mut kernel, "qkv", element, qkv);
        self.write(&mut kernel, element, to);
        kernel.finish([positions.div_ceil(queries), heads])
    }
}

/// Tells a template which activation to use; the flags' names begin with `prefix`.
fn activates(values: &mut Values, prefix: &str, activation: Activation) {
    values.flag(format!("{prefix}SILU"), activation == Activation::Silu);
    values.flag(format!("{prefix}ELU"), activation == Activation::Elu);
}

#[cfg(test)]
mod tests {
    use super::super::tiling::Tiling;
    use super::super::{refinenet, unet};
    use super::*;
    use crate::net::weights::{Array, Weights};
    use crate::net::{
        Architecture, Depth, ImageShape, Preconditioning, RefineNetDescription, UNetDescription,
        Variant,
    };
    use crate::noise::NoiseSchedule;

    const IMAGE: ImageShape = ImageShape { channels: 3, height: 64, width: 64 };

    fn plan(architecture: &Architecture) -> Plan {
        let zeros = |shape: Vec<usize>| Array { values: vec![0.0; shape.iter().product()], shape };
        let tensors = architecture.tensors();
        let weights: Weights =
            tensors.into_iter().map(|(name, shape)| (name, zeros(shape))).collect();
        let plan = match architecture {
            Architecture::UNet(sizes) => unet::plan(sizes, &weights),
            Architecture::RefineNet(sizes) => refinenet::plan(sizes, &weights),
        };
        plan.expect("all weights are there")
    }

    /// Lowers a network in both styles and checks its kernels against what WebGPU guarantees on
    /// every device. Returns the number of launches in each.
    fn launches(plan: &Plan) -> [usize; 2] {
        [Strategy::Direct, Strategy::Staged].map(|strategy| {
            let precisions = [Precision::Single, Precision::Half];
            let configs = precisions.map(|precision| KernelConfig::new(strategy, precision));
            let tilings = Tiling::of(strategy).iter().copied();
            let configs =
                tilings.flat_map(|tiling| configs.map(|config| KernelConfig { tiling, ..config }));
            let counts: Vec<usize> = configs.map(|config| launches_of(plan, config)).collect();
            counts[0]
        })
    }

    fn launches_of(plan: &Plan, config: KernelConfig) -> usize {
        let lowered = lower(plan, config, 1 << 14);
        for kernel in lowered.kernels() {
            let storage = kernel.operands.iter().filter(|&o| *o != Operand::Step).count();
            assert!(storage <= 8, "{storage} buffers:\n{}", kernel.source);
            let size = |name: &str| {
                let constant = format!("const {name} = ");
                let rest = kernel.source.split(&constant).nth(1)?;
                rest.split('u').next()?.parse::<usize>().ok()
            };
            let invocations = size("GROUP_LANES").or_else(|| size("QUERIES")).unwrap_or(1)
                * size("GROUP_ACROSS").unwrap_or(1)
                * size("GROUP_TILES").unwrap_or_else(|| size("GROUP").unwrap_or(1))
                * size("SPLIT_K").unwrap_or(1);
            assert!(invocations <= 256, "{invocations} invocations");
            let holds = |text| kernel.source.contains(text);
            let number = match (holds("alias Staged = vec4h"), holds("alias Span =  f32")) {
                (true, _) => 8,
                (_, true) => 4,
                _ => 16,
            };
            let stage = size("STAGE").map_or(0, |stage| number * stage);
            let stage = stage + 16 * size("SHARES").unwrap_or(0);
            let norm = size("NORM_CHANNELS").unwrap_or(0);
            let norm = norm * if stage > 0 { 16 } else { 8 };
            let most = if stage > 0 { config.tiling.memory } else { 1 << 14 };
            assert!(stage + norm <= most, "{stage} + {norm} bytes of workgroup memory");
            assert!(kernel.groups.iter().all(|&count| (1..=65_535).contains(&count)));
        }
        lowered.steps.len()
    }

    #[test]
    fn every_kernel_of_a_unet_fits_every_device() {
        let scale = Preconditioning { mean: 0.5, sigma_data: 0.2 };
        for widths in [vec![48, 96], vec![64, 128, 512], vec![8, 24], vec![1024]] {
            let attention = vec![true; widths.len()];
            // Normalisations of very many channels remain separate passes.
            let narrow = widths[0] < 1024;
            let sizes = UNetDescription { widths, attention, ..UNetDescription::new(IMAGE, scale) };
            let [direct, staged] = launches(&plan(&Architecture::UNet(sizes)));
            assert_eq!(staged < direct, narrow);
        }
    }

    #[test]
    fn every_kernel_of_a_refinenet_fits_every_device() {
        let schedule = NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 3 };
        for (depth, ngf) in [
            (Depth::Standard, 128),
            (Depth::Deeper, 128),
            (Depth::Deepest, 128),
            (Depth::Standard, 6),
            (Depth::Standard, 256),
        ] {
            for variant in [Variant::Ncsn, Variant::Ncsnv2] {
                let sizes =
                    RefineNetDescription { variant, image_shape: IMAGE, depth, ngf, schedule };
                let [direct, staged] = launches(&plan(&Architecture::RefineNet(sizes)));
                assert!(staged < direct);
            }
        }
    }
}
