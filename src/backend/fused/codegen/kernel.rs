//! A kernel's text, and what it is bound to.

use std::sync::Arc;

use crate::backend::fused::plan::{Id, Slice};

/// What a binding of a kernel refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A tensor.
    Tensor(Id),
    /// The moments of a tensor's tiles.
    Statistics(Id),
    /// The moments of a whole tensor, if it has so many tiles that `kernels/reduce_moments.wgsl`
    /// combines theirs.
    Moments(Id),
    /// A slice of the parameters.
    Parameters(Slice),
    /// The table of scales and shifts that depend on σ.
    Table,
    /// What the kernels need for each noise level: see `SigmaEmbedding::at`.
    Levels,
    /// The noisy images before the step.
    Image,
    /// What the step writes: the noisy images after it, their score, or the result of an evaluation.
    Next,
    /// The score of the step, for `kernels/update.wgsl`.
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
