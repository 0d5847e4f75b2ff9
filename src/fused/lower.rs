//! Launches as shaders: the text of each kernel for one layer, what it is bound to, and how many
//! workgroups it takes.

use super::plan::{Affine, Conv, Id, Launch, Norm, Plan, Shape, Target, Term};
use super::template::Values;

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

/// Turns a plan into kernels.
pub fn lower(plan: &Plan) -> Lowered {
    let mut lowering = Lowering { plan, tiles: vec![0; plan.tensors.len()] };
    let levels = plan.levels.iter().map(|launch| lowering.launch(launch)).collect();
    let steps = plan.steps.iter().map(|launch| lowering.launch(launch)).collect();
    Lowered { levels, steps, tiles: lowering.tiles }
}

struct Lowering<'a> {
    plan: &'a Plan,
    tiles: Vec<usize>,
}

/// Added to variances, as Burn does.
const EPSILON: f32 = 1e-5;

/// The most neighbours of a row that one invocation computes.
const MOST_PIXELS: usize = 16;
/// The most sums that one invocation holds.
const MOST_SUMS: usize = 96;
/// The size of workgroups where nothing else decides.
const GROUP: usize = 64;

impl Lowering<'_> {
    fn launch(&mut self, launch: &Launch) -> Kernel {
        match launch {
            Launch::Load { to, patch } => self.load(*to, *patch),
            Launch::Norm(norm) => self.norm(norm),
            Launch::Conv(conv) => self.conv(conv),
            Launch::Attention { qkv, heads, to } => self.attention(*qkv, *heads, *to),
        }
    }

    fn shape(&self, id: Id) -> &Shape {
        &self.plan.tensors[id].shape
    }

    fn load(&self, to: Id, patch: usize) -> Kernel {
        let shape = self.shape(to);
        let mut kernel = Text::new(include_str!("kernels/load.wgsl"));
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
        let mut kernel = Text::new(include_str!("kernels/norm.wgsl"));
        let values = &mut kernel.values;
        values.size("SOURCES", norm.from.len());
        values.size("CHANNELS", to.channels());
        values.size("POSITIONS", to.positions());
        values.size("SIZE", to.segments.iter().sum::<usize>() / norm.groups);
        values.size("GROUP", GROUP.min(to.channels()));
        values.float("EPSILON", EPSILON);
        values.flag("SILU", norm.silu);
        let (mut begin, mut real) = (0, 0);
        for (t, &id) in norm.from.iter().enumerate() {
            let width = self.shape(id).channels();
            values.size(format!("BEGIN_{t}"), begin);
            values.size(format!("WIDTH_{t}"), width);
            values.size(format!("REAL_{t}"), real);
            values.size(format!("TILES_{t}"), self.tiles[id]);
            begin += width;
            real += self.shape(id).segments[0];
            values.size(format!("REAL_END_{t}"), real);
        }
        for (t, &id) in norm.from.iter().enumerate() {
            kernel.read(format!("source{t}"), Operand::Tensor(id));
            kernel.read_as(format!("statistics{t}"), "vec2f", Operand::Statistics(id));
        }
        match &norm.affine {
            Affine::Parameters(range) => {
                kernel.read("affine", Operand::Parameters(range.clone()));
            }
            Affine::Table(offset) => {
                kernel.values.flag("MODULATED", true);
                kernel.values.size("ROW", self.plan.row());
                kernel.values.size("OFFSET", *offset);
                kernel.read("affine", Operand::Table);
            }
        }
        kernel.write("to", "f32", Operand::Tensor(norm.to));
        let kernel = match norm.affine {
            Affine::Table(_) => kernel.with_step(),
            Affine::Parameters(_) => kernel,
        };
        let groups = to.channels().div_ceil(GROUP.min(to.channels()));
        kernel.helper(include_str!("kernels/silu.wgsl")).finish([groups, 1])
    }

    fn conv(&mut self, conv: &Conv) -> Kernel {
        let [height, width] = conv.grid;
        let pixels = largest_divisor(width, MOST_PIXELS);
        // Four invocations or more share their inputs, eight if it can be: software adapters work
        // on so many at once.
        let most = (MOST_SUMS / pixels).max(1);
        let shared =
            |lanes| (1..=most.min(12)).rev().find(|c| conv.columns.is_multiple_of(c * lanes));
        let columns = match (shared(8), shared(4)) {
            (Some(c), _) if 2 * c >= most || c >= 4 => c,
            (_, c) => c.unwrap_or(1),
        };
        let lanes = conv.columns / columns;
        let group_lanes = largest_divisor(lanes, GROUP);
        let (across, tiles) = (width / pixels, height * (width / pixels));
        let group_tiles = tiles.min((16 / group_lanes).max(1));

        let mut kernel = Text::new(include_str!("kernels/conv.wgsl"));
        let values = &mut kernel.values;
        values.size("PIXELS", pixels);
        values.size("COLUMNS", columns);
        values.size("LANES", lanes);
        values.size("OUTPUTS", conv.columns);
        values.size("GROUP_LANES", group_lanes);
        values.size("GROUP_TILES", group_tiles);
        values.size("TILES", tiles);
        values.size("TILES_ACROSS", across);
        values.size("TERMS", conv.terms.len());
        values.flag("RAGGED", tiles % group_tiles != 0);
        values.flag("SILU", conv.silu);
        let mut weights = 0;
        for (t, term) in conv.terms.iter().enumerate() {
            self.term(values, t, term, weights, pixels, across);
            let channels = self.shape(term.source).channels();
            weights += term.kernel * term.kernel * channels * conv.columns;
        }
        values.size("BIAS", weights);

        for (t, term) in conv.terms.iter().enumerate() {
            kernel.read(format!("source{t}"), Operand::Tensor(term.source));
        }
        kernel.read("parameters", Operand::Parameters(conv.parameters.clone()));
        if let Some(id) = conv.residual {
            kernel.values.flag("RESIDUAL", true);
            kernel.read("residual", Operand::Tensor(id));
        }
        let groups = [lanes / group_lanes, tiles.div_ceil(group_tiles)];
        match conv.to {
            Target::Tensor(id) => {
                kernel.values.size("FOLD", conv.fold);
                kernel.values.size("HEIGHT", height);
                kernel.values.size("WIDTH", width);
                kernel.values.size("CHANNELS", conv.columns / (conv.fold * conv.fold));
                kernel.write("to", "f32", Operand::Tensor(id));
                if self.plan.tensors[id].statistics {
                    self.tiles[id] = tiles * conv.fold * conv.fold;
                    kernel.values.flag("STATISTICS", true);
                    kernel.write("statistics", "vec2f", Operand::Statistics(id));
                }
                kernel.helper(include_str!("kernels/silu.wgsl")).finish(groups)
            }
            Target::Picture => {
                kernel.values.flag("HEAD", true);
                self.picture(&mut kernel.values, conv.fold);
                kernel.read("picture", Operand::Picture);
                kernel.read_as("levels", "vec4f", Operand::Levels);
                kernel.write("to", "f32", Operand::Next);
                kernel
                    .with_step()
                    .helper(include_str!("kernels/random.wgsl"))
                    .helper(include_str!("kernels/normal.wgsl"))
                    .helper(include_str!("kernels/finish.wgsl"))
                    .finish(groups)
            }
        }
    }

    fn term(
        &self,
        values: &mut Values,
        t: usize,
        term: &Term,
        weights: usize,
        pixels: usize,
        across: usize,
    ) {
        let shape = self.shape(term.source);
        let reach = (pixels - 1) * term.stride + (term.kernel - 1) * term.dilation + 1;
        let mut size = |name: &str, value| values.size(format!("{name}_{t}"), value);
        size("KERNEL", term.kernel);
        size("STRIDE", term.stride);
        size("DILATION", term.dilation);
        size("PAD", term.padding());
        size("HEIGHT", shape.height);
        size("WIDTH", shape.width);
        size("CHANNELS", shape.channels());
        size("WEIGHTS", weights);
        size("REACH", reach);
        for i in 0..reach {
            // The columns of this input over all tiles, counted from the padding's first.
            let last = (across - 1) * pixels * term.stride + i;
            let is_inside =
                |column| (term.padding()..term.padding() + shape.width).contains(&column);
            let inside = is_inside(i) && is_inside(last);
            let outside = across == 1 && !is_inside(i);
            values.flag(format!("INSIDE_{t}_{i}"), inside);
            values.flag(format!("EDGE_{t}_{i}"), !inside && !outside);
            values.flag(format!("REACHED_{t}_{i}"), !outside);
        }
    }

    fn attention(&self, qkv: Id, heads: usize, to: Id) -> Kernel {
        let (inputs, outputs) = (self.shape(qkv), self.shape(to));
        let (positions, real) = (outputs.positions(), outputs.segments[0]);
        let size = real / heads;
        let queries = if size <= 32 && positions > 8 { 2 } else { 1 };
        let tiles = positions.div_ceil(queries);
        let group = tiles.next_multiple_of(4).min(GROUP);
        let mut kernel = Text::new(include_str!("kernels/attention.wgsl"));
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

fn largest_divisor(of: usize, most: usize) -> usize {
    (1..=most.min(of)).rev().find(|&d| of.is_multiple_of(d)).unwrap_or(1)
}

/// A kernel's text as it grows.
struct Text {
    template: &'static str,
    helpers: String,
    values: Values,
    bindings: String,
    operands: Vec<Operand>,
    written: usize,
    step: bool,
}

impl Text {
    fn new(template: &'static str) -> Self {
        Self {
            template,
            helpers: String::new(),
            values: Values::default(),
            bindings: String::new(),
            operands: Vec::new(),
            written: 0,
            step: false,
        }
    }

    fn read(&mut self, name: impl AsRef<str>, operand: Operand) {
        self.read_as(name, "f32", operand);
    }

    fn read_as(&mut self, name: impl AsRef<str>, element: &str, operand: Operand) {
        self.bind("read", name.as_ref(), element, operand);
    }

    fn write(&mut self, name: &str, element: &str, operand: Operand) {
        self.written += 1;
        self.bind("read_write", name, element, operand);
    }

    fn bind(&mut self, access: &str, name: &str, element: &str, operand: Operand) {
        let binding = self.operands.len();
        self.bindings += &format!(
            "@group(0) @binding({binding}) var<storage, {access}> {name}: array<{element}>;\n"
        );
        self.operands.push(operand);
    }

    /// The kernel reads the step's numbers.
    fn with_step(mut self) -> Self {
        self.step = true;
        self
    }

    fn helper(mut self, text: &str) -> Self {
        self.helpers += text;
        self
    }

    fn finish(mut self, groups: [usize; 2]) -> Kernel {
        if self.step {
            self.bindings +=
                &format!("@group(0) @binding({}) var<uniform> step: Step;\n", self.operands.len());
            self.bindings += include_str!("kernels/step.wgsl");
            self.operands.push(Operand::Step);
        }
        let body = self.values.expand(self.template);
        let source = [self.values.constants(), self.bindings, self.helpers, body].concat();
        let groups = groups.map(|count| count as u32);
        Kernel { source, operands: self.operands, written: self.written, groups }
    }
}
