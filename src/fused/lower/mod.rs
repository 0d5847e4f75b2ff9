//! Launches as shaders: the text of each kernel for one layer, what it is bound to, and how many
//! workgroups it takes.

mod conv;
mod text;

use std::collections::BTreeMap;

use super::plan::{Affine, Id, Launch, Norm, Plan, Shape};
use super::template::Values;
use text::Text;

/// What a binding of a kernel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A tensor.
    Tensor(Id),
    /// The moments of a tensor's tiles.
    Statistics(Id),
    /// A slice of the parameters.
    Parameters(std::ops::Range<usize>),
    /// The table of what depends on σ.
    Table,
    /// The preconditioning of each noise level.
    Levels,
    /// The noisy pictures before the step.
    Picture,
    /// The noisy pictures after it.
    Next,
    /// The step's own numbers, found by a dynamic offset.
    Step,
}

/// A kernel for one layer.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// WGSL, with one entry point `main`.
    pub source: String,
    /// What its bindings are, in order.
    pub operands: Vec<Operand>,
    /// How many of the operands are written: the last ones before the step.
    pub written: usize,
    /// Workgroups for one picture; the third axis counts pictures.
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
pub struct Lowered {
    /// Those of [`Plan::levels`].
    pub levels: Vec<Kernel>,
    /// Those of [`Plan::steps`].
    pub steps: Vec<Kernel>,
    /// For each tensor, how many parts of moments each channel has; 0 where nobody asks.
    pub tiles: Vec<usize>,
}

/// How kernels use a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Everything in registers, without workgroup memory and barriers, which are dear where a CPU
    /// plays the GPU. Normalisations are passes of their own.
    Direct,
    /// Inputs are staged in workgroup memory, and normalised on the way.
    Staged,
}

/// Turns a plan into kernels. Workgroups share at most `memory` bytes.
pub fn lower(plan: &Plan, style: Style, memory: usize) -> Lowered {
    // Where its scales and shifts leave enough memory for what is scaled.
    let fits = |norm: &&Norm| 16 * plan.tensors[norm.to].shape.channels() <= memory / 2;
    let norms = match style {
        Style::Direct => BTreeMap::new(),
        Style::Staged => {
            plan.steps.iter().filter_map(norm).filter(fits).map(|norm| (norm.to, norm)).collect()
        }
    };
    let tiles = vec![0; plan.tensors.len()];
    let mut lowering = Lowering { plan, style: Style::Direct, memory, norms, tiles };
    // Noise levels are single positions: there is nothing to share.
    let levels = plan.levels.iter().map(|launch| lowering.launch(launch)).collect();
    lowering.style = style;
    let mut steps = Vec::with_capacity(plan.steps.len());
    for launch in &plan.steps {
        if norm(launch).is_none_or(|norm| !lowering.norms.contains_key(&norm.to)) {
            steps.push(lowering.launch(launch));
        }
    }
    Lowered { levels, steps, tiles: lowering.tiles }
}

fn norm(launch: &Launch) -> Option<&Norm> {
    match launch {
        Launch::Norm(norm) => Some(norm),
        _ => None,
    }
}

struct Lowering<'a> {
    plan: &'a Plan,
    style: Style,
    /// Bytes of workgroup memory.
    memory: usize,
    /// Normalisations that are no launches of their own: whoever reads their result does them.
    norms: BTreeMap<Id, &'a Norm>,
    tiles: Vec<usize>,
}

/// Added to variances, as Burn does.
const EPSILON: f32 = 1e-5;

/// The size of workgroups where nothing else decides.
const GROUP: usize = 64;

impl Lowering<'_> {
    fn launch(&mut self, launch: &Launch) -> Kernel {
        match launch {
            Launch::Load { to, patch } => self.load(*to, *patch),
            Launch::Norm(norm) => self.norm(norm),
            Launch::Conv(conv) => match self.style {
                Style::Direct => self.direct(conv),
                Style::Staged => self.staged(conv),
            },
            Launch::Attention { qkv, heads, to } => self.attention(*qkv, *heads, *to),
        }
    }

    fn shape(&self, id: Id) -> &Shape {
        &self.plan.tensors[id].shape
    }

    fn load(&self, to: Id, patch: usize) -> Kernel {
        let shape = self.shape(to);
        let mut kernel = Text::new(include_str!("../kernels/load.wgsl"));
        self.picture(&mut kernel.values, patch);
        kernel.values.size("CHANNELS", shape.channels());
        kernel.values.size("GROUP", GROUP);
        kernel.read("picture", Operand::Picture);
        kernel.read_as("levels", "vec4f", Operand::Levels);
        kernel.write("to", "f32", Operand::Tensor(to));
        let numbers = shape.positions() * shape.channels();
        kernel.with_step().finish([numbers.div_ceil(GROUP), 1])
    }

    /// What a kernel that sees pictures has to know of them.
    fn picture(&self, values: &mut Values, patch: usize) {
        let picture = self.plan.picture;
        values.size("COLOURS", picture.channels);
        values.size("PATCH", patch);
        values.size("HEIGHT", picture.height / patch);
        values.size("WIDTH", picture.width / patch);
        values.size("DIMENSION", picture.dimension());
        values.float("MEAN", self.plan.preconditioning.mean);
    }

    fn norm(&self, norm: &Norm) -> Kernel {
        let to = self.shape(norm.to);
        let mut kernel = Text::new(include_str!("../kernels/norm.wgsl"));
        let group = GROUP.min(to.channels());
        kernel.values.size("CHANNELS", to.channels());
        kernel.values.size("GROUP", group);
        kernel.values.flag("SILU", norm.silu);
        self.moments(&mut kernel, norm);
        for (t, &id) in norm.from.iter().enumerate() {
            kernel.read(format!("source{t}"), Operand::Tensor(id));
        }
        kernel.write("to", "f32", Operand::Tensor(norm.to));
        let groups = to.channels().div_ceil(group);
        kernel.helper(include_str!("../kernels/silu.wgsl")).finish([groups, 1])
    }

    /// What a kernel has to know to find a normalisation's scales and shifts: the moments of the
    /// sources' tiles, and where the affine part is.
    fn moments(&self, kernel: &mut Text, norm: &Norm) {
        let to = self.shape(norm.to);
        let values = &mut kernel.values;
        values.size("SOURCES", norm.from.len());
        values.size("POSITIONS", to.positions());
        values.size("SIZE", to.segments.iter().sum::<usize>() / norm.groups);
        values.float("EPSILON", EPSILON);
        let (mut begin, mut real) = (0, 0);
        for (t, &id) in norm.from.iter().enumerate() {
            let width = self.shape(id).channels();
            values.size(format!("BEGIN_{t}"), begin);
            values.size(format!("STRIDE_OF_{t}"), width);
            values.size(format!("REAL_{t}"), real);
            values.size(format!("TILES_OF_{t}"), self.tiles[id]);
            begin += width;
            real += self.shape(id).segments[0];
            values.size(format!("REAL_END_{t}"), real);
        }
        for (t, &id) in norm.from.iter().enumerate() {
            kernel.read_as(format!("statistics{t}"), "vec2f", Operand::Statistics(id));
        }
        kernel.add_helper(include_str!("../kernels/affine.wgsl"));
        match &norm.affine {
            Affine::Parameters(range) => {
                kernel.read("affine", Operand::Parameters(range.clone()));
            }
            Affine::Table(offset) => {
                kernel.values.flag("MODULATED", true);
                kernel.values.size("ROW", self.plan.row());
                kernel.values.size("OFFSET", *offset);
                kernel.read("affine", Operand::Table);
                kernel.step = true;
            }
        }
    }

    fn attention(&self, qkv: Id, heads: usize, to: Id) -> Kernel {
        let (inputs, outputs) = (self.shape(qkv), self.shape(to));
        let (positions, real) = (outputs.positions(), outputs.segments[0]);
        let size = real / heads;
        let queries = if size <= 32 && positions > 8 { 2 } else { 1 };
        let tiles = positions.div_ceil(queries);
        let group = tiles.next_multiple_of(4).min(GROUP);
        let mut kernel = Text::new(include_str!("../kernels/attention.wgsl"));
        let values = &mut kernel.values;
        values.size("QUERIES", queries);
        values.size("TILES", tiles);
        values.size("POSITIONS", positions);
        values.size("SIZE", size);
        values.size("INPUTS", inputs.channels());
        values.size("OUTPUTS", outputs.channels());
        values.size("OUTPUTS_REAL", real);
        values.size("GROUP", group);
        values.float("SCALE", (size as f32).sqrt().recip());
        kernel.read("qkv", Operand::Tensor(qkv));
        kernel.write("to", "f32", Operand::Tensor(to));
        kernel.finish([tiles.div_ceil(group), heads])
    }
}

#[cfg(test)]
mod tests {
    use super::super::unet;
    use super::*;
    use crate::net::weights::{Array, Weights};
    use crate::net::{Architecture, Picture, Preconditioning, UNetDescription};

    /// What WebGPU promises on every device, whatever the network.
    #[test]
    fn every_kernel_fits_every_device() {
        let picture = Picture { channels: 3, height: 64, width: 64 };
        let scale = Preconditioning { mean: 0.5, deviation: 0.2 };
        for widths in [vec![48, 96], vec![64, 128, 512], vec![8, 24], vec![1024]] {
            let attention = vec![true; widths.len()];
            // Normalisations of very many channels stay passes of their own.
            let narrow = widths[0] < 1024;
            let sizes =
                UNetDescription { widths, attention, ..UNetDescription::new(picture, scale) };
            let tensors = Architecture::UNet(sizes.clone()).tensors();
            let zeros =
                |shape: Vec<usize>| Array { values: vec![0.0; shape.iter().product()], shape };
            let weights: Weights =
                tensors.into_iter().map(|(name, shape)| (name, zeros(shape))).collect();
            let plan = unet::plan(&sizes, &weights).expect("all weights are there");
            for style in [Style::Direct, Style::Staged] {
                let lowered = lower(&plan, style, 1 << 14);
                for kernel in lowered.levels.iter().chain(&lowered.steps) {
                    let storage = kernel.operands.iter().filter(|&o| *o != Operand::Step).count();
                    assert!(storage <= 8, "{storage} buffers:\n{}", kernel.source);
                    let size = |name: &str| {
                        let constant = format!("const {name} = ");
                        let rest = kernel.source.split(&constant).nth(1)?;
                        rest.split('u').next()?.parse::<usize>().ok()
                    };
                    let invocations = size("GROUP_LANES").unwrap_or(1)
                        * size("GROUP_TILES").unwrap_or_else(|| size("GROUP").unwrap_or(1));
                    assert!(invocations <= 256, "{invocations} invocations");
                    let memory =
                        16 * (size("STAGE").unwrap_or(0) + size("NORM_CHANNELS").unwrap_or(0));
                    assert!(memory <= 1 << 14, "{memory} bytes of workgroup memory");
                    assert!(kernel.groups.iter().all(|&count| (1..=65_535).contains(&count)));
                }
                let merged = lowered.steps.len() < plan.steps.len();
                assert_eq!(merged, style == Style::Staged && narrow);
            }
        }
    }
}
