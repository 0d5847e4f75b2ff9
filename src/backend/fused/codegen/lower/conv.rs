//! Convolutions as shaders, for either strategy.

use super::lowering::{Element, Lowering, MOMENTS, activates};
use super::text::Text;
use super::tiles::{Staged, StagedTiles, Tiles, reach};
use crate::backend::fused::codegen::kernel::{Kernel, Operand};
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::strategy::Strategy;
use crate::backend::fused::codegen::template::Values;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::{Conv, Id, Norm, Scaling, Slice, Target, Term};

impl Lowering<'_> {
    /// See `kernels/conv_direct.wgsl`.
    pub fn direct(&mut self, conv: &Conv) -> Kernel {
        let tiles = Tiles::direct(conv, self.config.tiling);
        let mut kernel = Text::new(include_kernel!("../kernels/conv_direct.wgsl"));
        self.sizes(&mut kernel.values, conv, &tiles);
        kernel.values.size("SPAN", 1);
        kernel.values.size("SPANS", tiles.columns);
        for (t, term) in conv.terms.iter().enumerate() {
            edges(&mut kernel.values, t, term, self.shape(term.source).width, &tiles);
            self.read(&mut kernel, format!("source{t}"), KernelPrecision::scalar, term.source);
        }
        self.read_parameters(&mut kernel, KernelPrecision::scalar, conv.parameters);
        let groups = [tiles.lanes / tiles.group_lanes, tiles.count.div_ceil(tiles.group_tiles)];
        self.output(kernel, conv, &tiles, groups)
    }

    /// See `kernels/conv_staged.wgsl`.
    pub fn staged(&mut self, conv: &Conv) -> Kernel {
        // With few columns a workgroup would have few invocations, so in the last layer each takes
        // fewer pixels. (Elsewhere the moments of each tile are written, and there would be many.)
        let measured = matches!(conv.to, Target::Tensor(id) if self.plan.tensors[id].statistics);
        let mut most = self.config.tiling;
        if conv.columns < 32 && !measured {
            most.pixels = 2;
        }

        let mut kernel = Text::new(include_kernel!("../kernels/conv_staged.wgsl"));
        // Stage in half precision if all sources are stored in half precision.
        let sources = conv.terms.iter().flat_map(|term| self.sources(term));
        let halves = sources.into_iter().all(|id| self.precision(id) == KernelPrecision::F16);
        kernel.values.flag("HALF_STAGE", halves);
        let mut memory = self.memory;
        for (t, term) in conv.terms.iter().enumerate() {
            let Some(norm) = self.norms[term.source] else { continue };
            let scales = self.prepared(&mut kernel, norm);
            kernel.values.flag(format!("NORM_{t}"), scales);
            kernel.values.flag(format!("PREPARED_{t}"), true);
            memory -= if scales { MOMENTS * self.shape(norm.to).channels() } else { 0 };
        }
        let quads = |term: &Term| self.shape(term.source).channels() / 4;
        let staged = Staged {
            quads: conv.terms.iter().map(quads).fold(1, usize::max),
            bytes: if halves { 8 } else { 16 },
            memory,
        };
        let staged = StagedTiles::new(conv, most, staged);
        let StagedTiles { tiles, split_k, group_across, .. } = staged;

        self.sizes(&mut kernel.values, conv, &tiles);
        let values = &mut kernel.values;
        values.size("GROUP_ACROSS", group_across);
        values.size("SPAN", tiles.columns);
        values.size("SPANS", 1);
        values.flag("QUADS", true);
        let tile_group = tiles.group_lanes * group_across * tiles.group_tiles;
        values.size("GROUP", tile_group * split_k);
        values.size("SPLIT_K", split_k);
        values.flag("SPLIT", split_k > 1);
        values.size("SHARES", tile_group * (split_k - 1));
        let mut stage = 0;
        for (t, term) in conv.terms.iter().enumerate() {
            let [depth, spread, chunk] = staged.stage(term, quads(term));
            kernel.values.size(format!("DEPTH_{t}"), depth);
            kernel.values.size(format!("SPREAD_{t}"), spread);
            kernel.values.size(format!("CHUNK_{t}"), chunk);
            stage = stage.max(chunk * depth * spread);
            let parts = self.sources(term);
            kernel.values.size(format!("PARTS_{t}"), parts.len());
            let mut begin = 0;
            for (u, &id) in parts.iter().enumerate() {
                let channels = self.shape(id).channels() / 4;
                kernel.values.size(format!("PART_{t}x{u}"), begin);
                kernel.values.size(format!("PART_CHANNELS_{t}x{u}"), channels);
                begin += channels;
                self.read(&mut kernel, format!("source{t}x{u}"), KernelPrecision::quad, id);
            }
        }
        kernel.values.size("STAGE", stage);
        self.read_parameters(&mut kernel, KernelPrecision::quad, conv.parameters);
        let down = conv.grid[0].div_ceil(tiles.group_tiles);
        let groups = [tiles.lanes / tiles.group_lanes, tiles.across / group_across * down];
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
            Strategy::Direct => KernelPrecision::scalar,
            Strategy::Staged => KernelPrecision::quad,
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
