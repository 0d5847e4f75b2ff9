//! Self-attention as a shader, for either strategy.

use super::lowering::{Element, GROUP, Lowering};
use super::text::Text;
use crate::backend::fused::codegen::kernel::Kernel;
use crate::backend::fused::codegen::kernel_precision::KernelPrecision;
use crate::backend::fused::codegen::strategy::Strategy;
use crate::backend::fused::codegen::template::Values;
use crate::backend::fused::codegen::wgsl::include_kernel;
use crate::backend::fused::plan::Id;

/// The invocations that share a query, if staged.
const SPLIT_K: usize = 4;

impl Lowering<'_> {
    /// See `kernels/attention.wgsl`.
    pub fn attention(&self, qkv: Id, heads: usize, to: Id) -> Kernel {
        let positions = self.shape(to).positions();
        let (mut queries, mut block, mut split_k) = (positions.min(GROUP), positions, 1);
        let mut kernel = Text::new(include_kernel!("../kernels/attention.wgsl"));
        let (element, size, spans) = self.heads(&mut kernel.values, qkv, heads, to);
        let values = &mut kernel.values;
        // How many keys, values or sums fit into memory, beside the totals: a key and its value must.
        let room = self.memory.saturating_sub(8 * GROUP) / (4 * size);
        let staged = self.config.strategy == Strategy::Staged && room >= 2;
        if staged {
            queries = queries.min(room);
            block = positions.div_ceil(positions.div_ceil(room / 2));
            split_k = SPLIT_K;
            values.size("STAGE", spans * queries.max(2 * block));
        }
        values.flag("STAGED", staged);
        values.size("QUERIES", queries);
        values.size("SPLIT_K", split_k);
        values.size("BLOCK", block);
        self.read(&mut kernel, "qkv", element, qkv);
        self.write(&mut kernel, element, to);
        kernel.finish([positions.div_ceil(queries), heads])
    }

    /// The sizes of heads, of queries, keys and values `qkv`, and of a tensor of the shape of mixed
    /// values. Returns the elements in which both are read, the channels of a head, and how many
    /// elements these are.
    pub fn heads(
        &self,
        values: &mut Values,
        qkv: Id,
        heads: usize,
        mixed: Id,
    ) -> (Element, usize, usize) {
        let (inputs, outputs) = (self.shape(qkv), self.shape(mixed));
        let real = outputs.segments[0];
        let size = real / heads;
        let (span, element): (_, Element) = match size.is_multiple_of(4) {
            true => (4, KernelPrecision::quad),
            false => (1, KernelPrecision::scalar),
        };
        values.size("POSITIONS", outputs.positions());
        values.flag("QUADS", span == 4);
        values.size("SPAN", span);
        values.size("SPANS", size / span);
        values.size("SIZE", size);
        values.size("INPUTS", inputs.channels());
        values.size("OUTPUTS", outputs.channels());
        values.size("OUTPUTS_REAL", real);
        values.float("SCALE", (size as f32).sqrt().recip());
        (element, size, size / span)
    }
}
