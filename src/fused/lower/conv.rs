//! Convolutions as shaders, in either style.

use super::super::plan::{Conv, Norm, Scaling, Target, Term};
use super::super::template::Values;
use super::{Kernel, Lowering, Operand, Text, activates};

/// The most neighbours of a row that one invocation computes, and the most sums that it holds.
/// Twice as many sums run a tenth faster on software adapters, and compile for twice as long.
const DIRECT: [usize; 2] = [16, 48];
/// Likewise with workgroup memory.
const STAGED: [usize; 2] = [8, 32];
/// The invocations of a workgroup.
const DIRECT_GROUP: usize = 16;
const STAGED_GROUP: usize = 128;

/// How a convolution's outputs are spread over invocations.
struct Tiling {
    /// Neighbours of a row, and columns, of one invocation.
    pixels: usize,
    columns: usize,
    /// Invocations for all columns, and those of one workgroup.
    lanes: usize,
    group_lanes: usize,
    /// Tiles in a row and in a picture.
    across: usize,
    count: usize,
    /// Tiles of one workgroup.
    group_tiles: usize,
}

impl Lowering<'_> {
    /// See `kernels/conv_direct.wgsl`.
    pub fn direct(&mut self, conv: &Conv) -> Kernel {
        let [height, width] = conv.grid;
        let [most_pixels, most_sums] = DIRECT;
        let pixels = largest_divisor(width, most_pixels);
        let most = (most_sums / pixels).max(1);
        // Four invocations or more share their inputs, eight if it can be: software adapters work
        // on so many at once.
        let sharing = |lanes| {
            (1..=most.min(12)).rev().find(|columns| conv.columns.is_multiple_of(columns * lanes))
        };
        let columns = match (sharing(8), sharing(4)) {
            (Some(columns), _) if 2 * columns >= most || columns >= 4 => columns,
            (_, columns) => columns.unwrap_or(1),
        };
        let lanes = conv.columns / columns;
        let group_lanes = largest_divisor(lanes, super::GROUP);
        let across = width / pixels;
        let count = height * across;
        let group_tiles = count.min((DIRECT_GROUP / group_lanes).max(1));
        let tiling = Tiling { pixels, columns, lanes, group_lanes, across, count, group_tiles };

        let mut kernel = Text::new(kernel!("../kernels/conv_direct.wgsl"));
        self.sizes(&mut kernel.values, conv, &tiling);
        kernel.values.size("SPAN", 1);
        for s in 0..columns {
            kernel.values.size(format!("COLUMN_{s}"), s * lanes);
        }
        for (t, term) in conv.terms.iter().enumerate() {
            edges(&mut kernel.values, t, term, self.shape(term.source).width, &tiling);
            kernel.read(format!("source{t}"), Operand::Tensor(term.source));
        }
        kernel.read("parameters", Operand::Parameters(conv.parameters.clone()));
        let groups = [lanes / group_lanes, count.div_ceil(group_tiles)];
        self.output(kernel, conv, &tiling, groups)
    }

    /// See `kernels/conv_staged.wgsl`.
    pub fn staged(&mut self, conv: &Conv) -> Kernel {
        let [height, width] = conv.grid;
        let [most_pixels, most_sums] = STAGED;
        let pixels = largest_divisor(width, most_pixels);
        // Four columns are one load of weights.
        let columns = match conv.columns.is_multiple_of(8) && 8 * pixels <= most_sums {
            true => 8,
            false => 4,
        };
        let lanes = conv.columns / columns;
        let group_lanes = largest_divisor(lanes, 24);
        let across = width / pixels;
        let group_tiles = height.min((STAGED_GROUP / group_lanes).max(1)).min(8);
        // Equal shares of the rows.
        let group_tiles = height.div_ceil(height.div_ceil(group_tiles));
        let count = height * across;
        let tiling = Tiling { pixels, columns, lanes, group_lanes, across, count, group_tiles };

        let mut kernel = Text::new(kernel!("../kernels/conv_staged.wgsl"));
        self.sizes(&mut kernel.values, conv, &tiling);
        let values = &mut kernel.values;
        values.size("SPAN", 4);
        values.size("FOUR", 4);
        values.size("QUADS", columns / 4);
        values.size("GROUP", group_lanes * group_tiles);
        for s in 0..columns {
            values.size(format!("COLUMN_{s}"), s / 4 * 4 * lanes + s % 4);
        }
        let mut memory = self.memory / 16;
        for (t, term) in conv.terms.iter().enumerate() {
            let Some(norm) = self.norms[term.source] else { continue };
            let scales = self.prepared(&mut kernel, norm);
            kernel.values.flag(format!("NORM_{t}"), scales);
            kernel.values.flag(format!("PREPARED_{t}"), true);
            memory -= if scales { self.shape(norm.to).channels() } else { 0 };
        }
        let mut stage = 0;
        for (t, term) in conv.terms.iter().enumerate() {
            let depth = (group_tiles - 1) * term.stride + (term.kernel - 1) * term.dilation + 1;
            let area = depth * reach(term, pixels);
            let chunk = largest_divisor(self.shape(term.source).channels() / 4, memory / area);
            kernel.values.size(format!("DEPTH_{t}"), depth);
            kernel.values.size(format!("CHUNK_{t}"), chunk);
            stage = stage.max(chunk * area);
            let normalised = self.norms[term.source];
            let parts = normalised.map_or(vec![term.source], |norm| norm.from.clone());
            kernel.values.size(format!("PARTS_{t}"), parts.len());
            let mut begin = 0;
            for (u, &id) in parts.iter().enumerate() {
                let channels = self.shape(id).channels() / 4;
                kernel.values.size(format!("PART_{t}x{u}"), begin);
                kernel.values.size(format!("PART_CHANNELS_{t}x{u}"), channels);
                begin += channels;
                kernel.read_as(format!("source{t}x{u}"), "vec4f", Operand::Tensor(id));
            }
        }
        kernel.values.size("STAGE", stage);
        kernel.read_as("parameters", "vec4f", Operand::Parameters(conv.parameters.clone()));
        let groups = [lanes / group_lanes, across * height.div_ceil(group_tiles)];
        self.output(kernel, conv, &tiling, groups)
    }

    /// What a kernel has to know that normalises and activates what it reads; returns whether it
    /// normalises.
    fn prepared(&self, kernel: &mut Text, norm: &Norm) -> bool {
        activates(&mut kernel.values, "READS_", norm.activation);
        if matches!(norm.scaling, Scaling::None) {
            return false;
        }
        self.scaling(kernel, norm);
        kernel.add_helper(kernel!("../kernels/moments.wgsl"));
        true
    }

    /// The sizes that either style needs.
    fn sizes(&self, values: &mut Values, conv: &Conv, tiling: &Tiling) {
        values.size("PIXELS", tiling.pixels);
        values.size("COLUMNS", tiling.columns);
        values.size("LANES", tiling.lanes);
        values.size("OUTPUTS", conv.columns);
        values.size("GROUP_LANES", tiling.group_lanes);
        values.size("GROUP_TILES", tiling.group_tiles);
        values.size("TILES", tiling.count);
        values.size("TILES_ACROSS", tiling.across);
        values.size("TERMS", conv.terms.len());
        let mut weights = 0;
        for (t, term) in conv.terms.iter().enumerate() {
            let shape = self.shape(term.source);
            let mut size = |name: &str, value| values.size(format!("{name}_{t}"), value);
            size("KERNEL", term.kernel);
            size("STRIDE", term.stride);
            size("DILATION", term.dilation);
            size("PAD", term.padding());
            size("HEIGHT", shape.height);
            size("WIDTH", shape.width);
            size("CHANNELS", shape.channels());
            size("WEIGHTS", weights);
            size("REACH", reach(term, tiling.pixels));
            weights += term.kernel * term.kernel * shape.channels() * conv.columns;
        }
        values.size("BIAS", weights);
    }

    /// Completes a kernel with what becomes of its sums: see `kernels/conv_out.wgsl`.
    fn output(
        &mut self,
        mut kernel: Text,
        conv: &Conv,
        tiling: &Tiling,
        groups: [usize; 2],
    ) -> Kernel {
        activates(&mut kernel.values, "", conv.activation);
        kernel.values.size("RESIDUALS", conv.residuals.len());
        for (r, &id) in conv.residuals.iter().enumerate() {
            let shape = self.shape(id);
            let resized = [shape.height, shape.width] != conv.grid.map(|side| side * conv.fold);
            kernel.values.flag(format!("RESIZED_{r}"), resized);
            kernel.values.size(format!("HEIGHT_OF_{r}"), shape.height);
            kernel.values.size(format!("WIDTH_OF_{r}"), shape.width);
            kernel.read(format!("residual{r}"), Operand::Tensor(id));
        }
        kernel.add_helper(kernel!("../kernels/activation.wgsl"));
        kernel.add_helper(kernel!("../kernels/resize.wgsl"));
        let kernel = kernel.then(kernel!("../kernels/conv_out.wgsl"));
        match conv.to {
            Target::Tensor(id) => self.tensor(kernel, conv, tiling, id).finish(groups),
            Target::Picture => self.head(kernel, conv).finish(groups),
        }
    }

    fn tensor(&mut self, mut kernel: Text, conv: &Conv, tiling: &Tiling, id: usize) -> Text {
        let [height, width] = conv.grid;
        kernel.values.size("FOLD", conv.fold);
        kernel.values.size("HEIGHT", height);
        kernel.values.size("WIDTH", width);
        kernel.values.size("CHANNELS", conv.columns / (conv.fold * conv.fold));
        kernel.write("to", "f32", Operand::Tensor(id));
        if self.plan.tensors[id].statistics {
            self.tiles[id] = tiling.count * conv.fold * conv.fold;
            kernel.values.flag("STATISTICS", true);
            kernel.write("statistics", "vec2f", Operand::Statistics(id));
        }
        kernel
    }

    fn head(&self, mut kernel: Text, conv: &Conv) -> Text {
        kernel.values.flag("HEAD", true);
        self.picture(&mut kernel.values, conv.fold);
        kernel.read("picture", Operand::Picture);
        kernel.levels();
        kernel.write("to", "f32", Operand::Next);
        kernel
            .helper(kernel!("../kernels/random.wgsl"))
            .helper(kernel!("../kernels/normal.wgsl"))
            .helper(kernel!("../kernels/finish.wgsl"))
    }
}

/// The neighbours in a row that a tile of so many pixels reads.
fn reach(term: &Term, pixels: usize) -> usize {
    (pixels - 1) * term.stride + (term.kernel - 1) * term.dilation + 1
}

/// Which of a tile's inputs are always inside of the picture, and which only in some tiles.
fn edges(values: &mut Values, t: usize, term: &Term, width: usize, tiling: &Tiling) {
    let is_inside = |column| (term.padding()..term.padding() + width).contains(&column);
    for i in 0..reach(term, tiling.pixels) {
        let last = (tiling.across - 1) * tiling.pixels * term.stride + i;
        let inside = is_inside(i) && is_inside(last);
        let outside = tiling.across == 1 && !is_inside(i);
        values.flag(format!("INSIDE_{t}_{i}"), inside);
        values.flag(format!("EDGE_{t}_{i}"), !inside && !outside);
        values.flag(format!("REACHED_{t}_{i}"), !outside);
    }
}

fn largest_divisor(of: usize, most: usize) -> usize {
    (1..=most.min(of)).rev().find(|&d| of.is_multiple_of(d)).unwrap_or(1)
}
