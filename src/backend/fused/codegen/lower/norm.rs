//! Normalizations as shaders, or as a part of the convolutions that read their results.

use super::lowering::{GROUP, Lowering, activates};
use super::text::Text;
use crate::backend::fused::codegen::kernel::{Kernel, Operand};
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::{Affine, Id, Norm, Scaling};
use crate::net::NORM_EPSILON;

/// With more tiles than this, reading their moments would take a kernel as long as its work.
const MOST_TILES: usize = 256;
/// The same in training, where each of the many workgroups of a normalization reads all of them.
const MOST_TILES_IN_TRAINING: usize = 32;

/// The channels of a workgroup that reduces moments, and the invocations for each channel.
const REDUCE_SIDE: usize = 16;

impl Lowering<'_> {
    /// See `kernels/norm.wgsl`.
    pub fn norm(&self, norm: &Norm) -> Kernel {
        let channels = self.shape(norm.to).channels();
        let mut kernel = Text::new(include_kernel!("../kernels/norm.wgsl"));
        let group = GROUP.min(channels);
        kernel.values.size("GROUP", group);
        activates(&mut kernel.values, "", norm.activation);
        self.scaling(&mut kernel, norm);
        for (t, &id) in norm.from.iter().enumerate() {
            self.read(&mut kernel, format!("source{t}"), KernelPrecision::scalar, id);
        }
        self.write(&mut kernel, KernelPrecision::scalar, norm.to);
        if self.keeps_norms && !matches!(norm.scaling, Scaling::None) {
            kernel.values.flag("KEEPS", true);
            kernel.write("normalization_of", "vec2f", Operand::Normalization(norm.to));
        }
        if matches!(norm.scaling, Scaling::Instance(_)) {
            kernel.add_helper(include_kernel!("../kernels/moments.wgsl"));
        }
        let kernel = kernel.helper(include_kernel!("../kernels/activation.wgsl"));
        kernel.finish([channels.div_ceil(group), 1])
    }

    /// Defines what a kernel needs to find a normalization's scales and shifts: the moments of the
    /// sources' tiles, and the affine part.
    pub fn scaling(&self, kernel: &mut Text, norm: &Norm) {
        self.affine(kernel, norm);
        if matches!(norm.scaling, Scaling::None) {
            return;
        }
        for (t, &id) in norm.from.iter().enumerate() {
            let moments = match self.reduces_moments(id) {
                true => Operand::Moments(id),
                false => Operand::Statistics(id),
            };
            kernel.read_as(format!("statistics{t}"), "vec2f", moments);
        }
    }

    /// Defines a normalization's channels, and where its affine part is.
    pub fn affine(&self, kernel: &mut Text, norm: &Norm) {
        let to = self.shape(norm.to);
        let values = &mut kernel.values;
        values.size("NORM_CHANNELS", to.channels());
        values.size("SOURCES", norm.from.len());
        values.size("POSITIONS", to.positions());
        let (mut begin, mut real) = (0, 0);
        for (t, &id) in norm.from.iter().enumerate() {
            let width = self.shape(id).channels();
            values.size(format!("BEGIN_{t}"), begin);
            values.size(format!("STRIDE_OF_{t}"), width);
            values.size(format!("REAL_{t}"), real);
            let tiles = if self.reduces_moments(id) { 1 } else { self.tiles[id] };
            values.size(format!("TILES_OF_{t}"), tiles);
            begin += width;
            real += self.shape(id).segments[0];
            values.size(format!("REAL_END_{t}"), real);
        }
        let affine = match &norm.scaling {
            Scaling::None => return,
            Scaling::Group { groups, affine } => {
                values.flag("GROUPS", true);
                values.size("SIZE", real / groups);
                affine
            }
            Scaling::Instance(affine) => {
                values.flag("INSTANCE", true);
                affine
            }
        };
        values.flag("NORM", true);
        values.float("EPSILON", NORM_EPSILON);
        kernel.add_helper(include_kernel!("../kernels/affine.wgsl"));
        match affine {
            Affine::Parameters(slice) => kernel.read("affine", Operand::Parameters(*slice)),
            Affine::Rows(slice) => {
                kernel.values.flag("INDEXED", true);
                kernel.values.size("ROW", 3 * to.channels());
                kernel.read("affine", Operand::Parameters(*slice));
                kernel.levels();
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

    /// Whether a tensor has so many tiles that a separate pass combines their moments.
    pub fn reduces_moments(&self, id: Id) -> bool {
        let most = if self.keeps_norms { MOST_TILES_IN_TRAINING } else { MOST_TILES };
        self.tiles[id] > most
    }

    /// See `kernels/reduce_moments.wgsl`.
    pub fn reduce_moments(&self, id: Id) -> Kernel {
        let shape = self.shape(id);
        let mut kernel = Text::new(include_kernel!("../kernels/reduce_moments.wgsl"));
        kernel.values.size("SIDE", REDUCE_SIDE);
        kernel.values.size("CHANNELS", shape.channels());
        kernel.values.size("POSITIONS", shape.positions());
        kernel.values.size("TILES", self.tiles[id]);
        kernel.read_as("statistics", "vec2f", Operand::Statistics(id));
        kernel.write("reduced", "vec2f", Operand::Moments(id));
        kernel.finish([shape.channels().div_ceil(REDUCE_SIDE), 1])
    }
}
