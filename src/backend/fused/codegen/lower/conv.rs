//! Convolutions as shaders, for either strategy.

use super::lowering::{Element, Lowering, MOMENTS, activates};
use super::text::Text;
use crate::backend::fused::codegen::kernel::{Kernel, Operand};
use crate::backend::fused::codegen::precision::Precision;
use crate::backend::fused::codegen::strategy::Strategy;
use crate::backend::fused::codegen::template::Values;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::{Conv, Id, Norm, Scaling, Slice, Target, Term};

/// How a convolution's outputs are divided among invocations.
struct Tiles {
    /// Neighbors of a row, and columns, that one invocation computes.
    pixels: usize,
    columns: usize,
    /// Invocations that cover all columns, and those of one workgroup.
    lanes: usize,
    group_lanes: usize,
    /// Tiles in a row and in an image.
    across: usize,
    count: usize,
    /// Tiles of one workgroup: consecutive if direct, one below the other if staged.
    group_tiles: usize,
}

impl Lowering<'_> {
    /// See `kernels/conv_direct.wgsl`.
    pub fn direct(&mut self, conv: &Conv) -> Kernel {
        let [height, width] = conv.grid;
        let most = self.config.tiling;
        let pixels = largest_divisor(width, most.pixels);
        let most_columns = (most.pixels * most.columns / pixels).max(1);
        // At least four invocations share their inputs, preferably eight: software adapters run
        // that many side by side.
        let sharing = |lanes| {
            let columns = (1..=most_columns.min(12)).rev();
            { columns }.find(|columns| conv.columns.is_multiple_of(columns * lanes))
        };
        let columns = match (sharing(8), sharing(4)) {
            (Some(columns), _) if 2 * columns >= most_columns || columns >= 4 => columns,
            (_, columns) => columns.unwrap_or(1),
        };
        let lanes = conv.columns / columns;
        let group_lanes = largest_divisor(lanes, most.lanes);
        let across = width / pixels;
        let count = height * across;
        let group_tiles = count.min((most.group / group_lanes).max(1));
        let tiles = Tiles { pixels, columns, lanes, group_lanes, across, count, group_tiles };

        let mut kernel = Text::new(include_kernel!("../kernels/conv_direct.wgsl"));
        self.sizes(&mut kernel.values, conv, &tiles);
        kernel.values.size("SPAN", 1);
        kernel.values.size("SPANS", columns);
        for (t, term) in conv.terms.iter().enumerate() {
            edges(&mut kernel.values, t, term, self.shape(term.source).width, &tiles);
            self.read(&mut kernel, format!("source{t}"), Precision::scalar, term.source);
        }
        self.read_parameters(&mut kernel, Precision::scalar, conv.parameters);
        let groups = [lanes / group_lanes, count.div_ceil(group_tiles)];
        self.output(kernel, conv, &tiles, groups)
    }

    /// See `kernels/conv_staged.wgsl`.
    pub fn staged(&mut self, conv: &Conv) -> Kernel {
        let [height, width] = conv.grid;
        let most = self.config.tiling;
        // With few columns a workgroup would have few invocations, so in the last layer each takes
        // fewer pixels. (Elsewhere the moments of each tile are written, and there would be many.)
        let measured = matches!(conv.to, Target::Tensor(id) if self.plan.tensors[id].statistics);
        let narrow = conv.columns < 32 && !measured;
        let pixels = largest_divisor(width, if narrow { 2 } else { most.pixels });
        // One load of weights gives four columns.
        let columns = 4;
        let lanes = conv.columns / columns;
        let group_lanes = largest_divisor(lanes, most.lanes);
        let across = width / pixels;

        let mut kernel = Text::new(include_kernel!("../kernels/conv_staged.wgsl"));
        // Stage in half precision if all sources are stored in half precision.
        let sources = conv.terms.iter().flat_map(|term| self.sources(term));
        let halves = sources.into_iter().all(|id| self.precision(id) == Precision::Half);
        kernel.values.flag("HALF_STAGE", halves);
        let mut memory = self.memory;
        for (t, term) in conv.terms.iter().enumerate() {
            let Some(norm) = self.norms[term.source] else { continue };
            let scales = self.prepared(&mut kernel, norm);
            kernel.values.flag(format!("NORM_{t}"), scales);
            kernel.values.flag(format!("PREPARED_{t}"), true);
            memory -= if scales { MOMENTS * self.shape(norm.to).channels() } else { 0 };
        }
        // The number of positions that `rows` × `beside` tiles read.
        let area = |rows, beside| {
            let area = |term| reach(term, rows) * reach(term, pixels * beside);
            conv.terms.iter().map(area).max().unwrap_or(0)
        };
        // Each invocation that shares a tile needs a channel, and workgroup memory must hold their
        // sums.
        let quads = |term: &Term| self.shape(term.source).channels() / 4;
        let mut split_k = conv.terms.iter().map(quads).fold(1, usize::max).min(most.split_k);
        let number = if halves { 8 } else { 16 };
        let mut shares = 16 * most.group / split_k * (split_k - 1);
        if area(1, 1) * number + shares > memory {
            (split_k, shares) = (1, 0);
        }
        let memory = (memory - shares) / number;
        let mut rows = height.min(most.group / (group_lanes * split_k)).clamp(1, most.rows);
        while rows > 1 && area(rows, 1) > memory {
            rows -= 1;
        }
        // Divide the rows evenly.
        let group_tiles = height.div_ceil(height.div_ceil(rows));
        let mut group_across =
            largest_divisor(across, most.group / (group_lanes * split_k * group_tiles));
        while group_across > 1 && area(group_tiles, group_across) > memory {
            group_across = largest_divisor(across, group_across - 1);
        }
        let count = height * across;
        let tiles = Tiles { pixels, columns, lanes, group_lanes, across, count, group_tiles };

        self.sizes(&mut kernel.values, conv, &tiles);
        let values = &mut kernel.values;
        values.size("GROUP_ACROSS", group_across);
        values.size("SPAN", columns);
        values.size("SPANS", 1);
        values.flag("QUADS", true);
        let tile_group = group_lanes * group_across * group_tiles;
        values.size("GROUP", tile_group * split_k);
        values.size("SPLIT_K", split_k);
        values.flag("SPLIT", split_k > 1);
        values.size("SHARES", tile_group * (split_k - 1));
        let mut stage = 0;
        for (t, term) in conv.terms.iter().enumerate() {
            let (depth, spread) = (reach(term, group_tiles), reach(term, pixels * group_across));
            let area = depth * spread;
            let quads = quads(term);
            // The invocations that share a tile take equally many channels if the chunk can be
            // divided.
            let divides = quads.is_multiple_of(split_k) && area * split_k <= memory;
            let chunk = match divides {
                true => split_k * largest_divisor(quads / split_k, memory / area / split_k),
                false => largest_divisor(quads, memory / area),
            };
            kernel.values.size(format!("DEPTH_{t}"), depth);
            kernel.values.size(format!("SPREAD_{t}"), spread);
            kernel.values.size(format!("CHUNK_{t}"), chunk);
            stage = stage.max(chunk * area);
            let parts = self.sources(term);
            kernel.values.size(format!("PARTS_{t}"), parts.len());
            let mut begin = 0;
            for (u, &id) in parts.iter().enumerate() {
                let channels = self.shape(id).channels() / 4;
                kernel.values.size(format!("PART_{t}x{u}"), begin);
                kernel.values.size(format!("PART_CHANNELS_{t}x{u}"), channels);
                begin += channels;
                self.read(&mut kernel, format!("source{t}x{u}"), Precision::quad, id);
            }
        }
        kernel.values.size("STAGE", stage);
        self.read_parameters(&mut kernel, Precision::quad, conv.parameters);
        let groups = [lanes / group_lanes, across / group_across * height.div_ceil(group_tiles)];
        self.output(kernel, conv, &tiles, groups)
    }

    /// The tensors in memory that a term convolves.
    fn sources(&self, term: &Term) -> Vec<Id> {
        let normalized = self.norms[term.source];
        normalized.map_or(vec![term.source], |norm| norm.from.clone())
    }

    fn read_parameters(&self, kernel: &mut Text, element: Element, slice: Slice) {
        let element =
            element(self.config.precision.unless_exact(self.plan.parameters[slice].exact));
        kernel.read_as("parameters", element, Operand::Parameters(slice));
    }

    /// Defines what a kernel needs to normalize and activate its input. Returns whether it
    /// normalizes.
    fn prepared(&self, kernel: &mut Text, norm: &Norm) -> bool {
        activates(&mut kernel.values, "READS_", norm.activation);
        if matches!(norm.scaling, Scaling::None) {
            return false;
        }
        self.scaling(kernel, norm);
        kernel.add_helper(include_kernel!("../kernels/moments.wgsl"));
        kernel.add_helper(include_kernel!("../kernels/normalization.wgsl"));
        true
    }

    /// The sizes that both strategies need.
    fn sizes(&self, values: &mut Values, conv: &Conv, tiles: &Tiles) {
        values.size("PIXELS", tiles.pixels);
        values.size("COLUMNS", tiles.columns);
        values.size("LANES", tiles.lanes);
        values.size("OUTPUTS", conv.columns);
        values.size("GROUP_LANES", tiles.group_lanes);
        values.size("GROUP_TILES", tiles.group_tiles);
        values.size("TILES", tiles.count);
        values.size("TILES_ACROSS", tiles.across);
        values.size("BIASES", conv.biases);
        for (t, term) in conv.terms.iter().enumerate() {
            values.size(format!("REACH_{t}"), reach(term, tiles.pixels));
        }
        self.terms(values, conv);
    }

    /// The sizes of a convolution's terms, and where their weights and the biases begin. Returns the
    /// latter.
    pub fn terms(&self, values: &mut Values, conv: &Conv) -> usize {
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
            weights += term.kernel * term.kernel * shape.channels() * conv.columns;
        }
        values.size("BIAS", weights);
        weights
    }

    /// Completes a kernel with the output of its sums: see `kernels/conv_out.wgsl`.
    fn output(
        &mut self,
        mut kernel: Text,
        conv: &Conv,
        tiles: &Tiles,
        groups: [usize; 2],
    ) -> Kernel {
        activates(&mut kernel.values, "", conv.activation);
        let element = self.written();
        kernel.values.size("RESIDUALS", conv.residuals.len());
        for (r, &id) in conv.residuals.iter().enumerate() {
            let shape = self.shape(id);
            let resized = [shape.height, shape.width] != conv.grid.map(|side| side * conv.fold);
            kernel.values.flag(format!("RESIZED_{r}"), resized);
            kernel.values.size(format!("HEIGHT_OF_{r}"), shape.height);
            kernel.values.size(format!("WIDTH_OF_{r}"), shape.width);
            self.read(&mut kernel, format!("residual{r}"), element, id);
        }
        kernel.add_helper(include_kernel!("../kernels/activation.wgsl"));
        kernel.add_helper(include_kernel!("../kernels/resize.wgsl"));
        #[cfg(feature = "training")]
        if let Some((activation, argument)) = conv.derivative {
            self.derivative(&mut kernel, activation);
            kernel.values.flag("DERIVATIVE", true);
            self.read(&mut kernel, "argument", element, argument);
        }
        let kernel = kernel.then(include_kernel!("../kernels/conv_out.wgsl"));
        match conv.to {
            Target::Tensor(id) => self.tensor(kernel, conv, tiles, id).finish(groups),
            Target::Image => self.head(kernel, conv).finish(groups),
        }
    }

    /// What a convolution writes at once. With the staged strategy an invocation has four
    /// neighboring columns, which are four channels of one pixel.
    fn written(&self) -> Element {
        match self.config.strategy {
            Strategy::Direct => Precision::scalar,
            Strategy::Staged => Precision::quad,
        }
    }

    fn tensor(&mut self, mut kernel: Text, conv: &Conv, tiles: &Tiles, id: usize) -> Text {
        let [height, width] = conv.grid;
        kernel.values.size("FOLD", conv.fold);
        kernel.values.size("HEIGHT", height);
        kernel.values.size("WIDTH", width);
        kernel.values.size("CHANNELS", conv.columns / (conv.fold * conv.fold));
        self.write(&mut kernel, self.written(), id);
        #[cfg(feature = "training")]
        if let Some(sum) = conv.kept_sum {
            kernel.values.flag("KEEPS_SUM", true);
            kernel.write("kept_sum", self.written()(self.precision(sum)), Operand::Tensor(sum));
        }
        if self.plan.tensors[id].statistics {
            self.tiles[id] = tiles.count * conv.fold * conv.fold;
            kernel.values.flag("STATISTICS", true);
            let moments = if self.config.strategy == Strategy::Staged { "vec4f" } else { "vec2f" };
            kernel.write("statistics", moments, Operand::Statistics(id));
        }
        kernel
    }

    fn head(&self, mut kernel: Text, conv: &Conv) -> Text {
        kernel.values.flag("HEAD", true);
        self.image_shape(&mut kernel.values, conv.fold);
        kernel.read("image", Operand::Image);
        kernel.levels();
        kernel.write("to", "f32", Operand::Next);
        kernel
            .helper(include_kernel!("../kernels/random.wgsl"))
            .helper(include_kernel!("../kernels/normal.wgsl"))
            .helper(include_kernel!("../kernels/patch.wgsl"))
            .helper(include_kernel!("../kernels/write_score.wgsl"))
    }
}

/// How many neighbors of a row a tile of `pixels` pixels reads; likewise for columns.
fn reach(term: &Term, pixels: usize) -> usize {
    (pixels - 1) * term.stride + (term.kernel - 1) * term.dilation + 1
}

/// Flags which of a tile's inputs are always inside the image, and which only in some tiles.
fn edges(values: &mut Values, t: usize, term: &Term, width: usize, tiles: &Tiles) {
    let is_inside = |column| (term.padding()..term.padding() + width).contains(&column);
    for i in 0..reach(term, tiles.pixels) {
        let last = (tiles.across - 1) * tiles.pixels * term.stride + i;
        let inside = is_inside(i) && is_inside(last);
        let outside = tiles.across == 1 && !is_inside(i);
        values.flag(format!("INSIDE_{t}_{i}"), inside);
        values.flag(format!("EDGE_{t}_{i}"), !inside && !outside);
        values.flag(format!("REACHED_{t}_{i}"), !outside);
    }
}

fn largest_divisor(of: usize, most: usize) -> usize {
    (1..=most.min(of)).rev().find(|&d| of.is_multiple_of(d)).unwrap_or(1)
}
