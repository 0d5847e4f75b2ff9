//! From a network to kernel launches.
//!
//! A [`Plan`] lists the launches of one evaluation, the tensors that they read and write, and the
//! parameters in the order of memory. It fixes everything but the number of images.

pub mod builder;
mod channel_layout;
pub mod conv_layer;
mod launch;
pub mod network;
mod refinenet;
mod sigma_input;
mod tensor;
#[cfg(feature = "training")]
pub mod training;
mod unet;

pub use launch::{Activation, Affine, Conv, Launch, Norm, Pooling, Scaling, Target, Term};
pub use sigma_input::SigmaInput;
pub use tensor::{Id, Parameters, Shape, Slice, Tensor};

use crate::net::ImageShape;

/// A network as launches over tensors.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The images.
    pub image_shape: ImageShape,
    /// How the network depends on σ.
    pub sigma_input: SigmaInput,
    /// Every tensor.
    pub tensors: Vec<Tensor>,
    /// The launches that depend on σ and the class alone: from features of σ to rows of the table
    /// of scales and shifts. They run once for each pair of both, as for an image of one position.
    pub levels: Vec<Launch>,
    /// The tensors of these launches, if σ is embedded.
    pub embedding: Option<Embedding>,
    /// What each class adds to the embedding, and in the last place what no class in particular
    /// adds; empty for an unconditional network.
    pub class_rows: Vec<Vec<f32>>,
    /// The largest scale of guidance that is an input; 0 if none is.
    pub guidance_max: f32,
    /// The launches of one evaluation.
    pub steps: Vec<Launch>,
    /// The parameters that the launches read.
    pub parameters: Vec<Parameters>,
}

/// The tensors on the way from σ and the class to the normalizations.
#[derive(Clone, Copy, Debug)]
pub struct Embedding {
    /// The features of σ, which the host writes.
    pub features: Id,
    /// One of [`Plan::class_rows`], which the host writes, if there are classes.
    pub class: Option<Id>,
    /// The scales and shifts of normalizations.
    pub table: Id,
}

impl Plan {
    /// The length of the rows of the table of scales and shifts.
    pub fn row(&self) -> usize {
        self.embedding.map_or(0, |embedding| self.tensors[embedding.table].shape.channels())
    }

    /// Floating-point operations of one evaluation for one image: two for each multiplication of
    /// the convolutions and of the attention. Padding does not count.
    pub fn operations(&self) -> u64 {
        self.steps.iter().map(|launch| self.operations_of(launch)).sum()
    }

    /// The same of one launch.
    pub fn operations_of(&self, launch: &Launch) -> u64 {
        let channels = |id: Id| self.tensors[id].layout.channels();
        let multiplications = match launch {
            Launch::Conv(conv) => {
                let taps = |term: &Term| term.kernel * term.kernel * channels(term.source);
                let inputs: usize = conv.terms.iter().map(taps).sum();
                let outputs = match conv.to {
                    Target::Tensor(id) => channels(id),
                    Target::Image => self.image_shape.channels,
                };
                conv.grid[0] * conv.grid[1] * conv.fold * conv.fold * outputs * inputs
            }
            Launch::Attention { to, .. } => {
                let positions = self.tensors[*to].shape.positions();
                2 * positions * positions * channels(*to)
            }
            Launch::Load { .. } | Launch::Norm(_) | Launch::Pool { .. } => 0,
        };
        2 * multiplications as u64
    }
}
