//! The U-Net of [`crate::net::unet`] as a plan.

use super::Plan;
use super::builder::{Builder, Output};
use super::launch::{Activation, Term};
use super::layer::Layer;
use super::sigma_embedding::SigmaEmbedding;
use super::tensor::Id;
use crate::backend::fused::error::FusedError;
use crate::net::UNetDescription;
use crate::net::weights::Weights;

/// The plan of a checked description.
///
/// # Errors
/// [`FusedError::Weights`] names a tensor that the weights lack.
pub fn plan(sizes: &UNetDescription, weights: &Weights) -> Result<Plan, FusedError> {
    let UNetDescription { image_shape, preconditioning, groups, embedding, .. } = *sizes;
    let sigma_embedding = SigmaEmbedding::Continuous(preconditioning, embedding);
    let builder = Builder::new(weights, image_shape, sigma_embedding);
    let mut net = UNet { sizes, b: builder };

    let widths = &sizes.widths;
    let patches = net.b.load(sizes.patch);
    let mut x = net.layer("stem", Output::Channels(widths[0]), Term::square(patches))?;
    let mut skips = Vec::with_capacity(widths.len());
    for level in 0..widths.len() {
        x = net.level("down", level, vec![x])?;
        skips.push(x);
        if let Some(&next) = widths.get(level + 1) {
            let name = format!("down.{level}.resample");
            x = net.layer(&name, Output::Channels(next), Term::halving(x))?;
        }
    }
    x = net.residual("middle", &[x], widths[widths.len() - 1])?;
    for level in (0..widths.len()).rev() {
        x = net.level("up", level, vec![x, skips[level]])?;
        if level > 0 {
            let name = format!("up.{level}.resample");
            x = net.layer(&name, Output::Doubled(widths[level - 1]), Term::pointwise(x))?;
        }
    }
    x = net.b.norm("head_norm", &[x], groups, Activation::Silu)?;
    net.b.head(sizes.patch, &[Layer::new("head", [Term::square(x)])])?;
    net.b.finish_embedded(embedding, "embedding.first", "embedding.second")
}

struct UNet<'a> {
    sizes: &'a UNetDescription,
    b: Builder<'a>,
}

impl UNet<'_> {
    /// The blocks at one resolution, on the way down or up.
    fn level(&mut self, way: &str, level: usize, mut x: Vec<Id>) -> Result<Id, FusedError> {
        let width = self.sizes.widths[level];
        for block in 0..self.sizes.blocks {
            x = vec![self.residual(&format!("{way}.{level}.blocks.{block}"), &x, width)?];
        }
        if self.sizes.attention[level] {
            return self.attention(&format!("{way}.{level}.attention"), x[0], width);
        }
        Ok(x[0])
    }

    /// A residual block over concatenated inputs.
    fn residual(&mut self, name: &str, inputs: &[Id], width: usize) -> Result<Id, FusedError> {
        let groups = self.sizes.groups;
        let h = self.b.norm(&format!("{name}.norm1"), inputs, groups, Activation::Silu)?;
        let h = self.layer(&format!("{name}.conv1"), Output::Channels(width), Term::square(h))?;
        let h = self.b.modulated(&format!("{name}.modulation"), h, groups);

        let mut layers = vec![Layer::new(format!("{name}.conv2"), [Term::square(h)])];
        let residuals = match inputs {
            [_] => inputs,
            _ => {
                let terms: Vec<Term> = inputs.iter().map(|&x| Term::pointwise(x)).collect();
                layers.push(Layer::new(format!("{name}.shortcut"), terms));
                &[]
            }
        };
        self.b.conv(Output::Channels(width), &layers, residuals, Activation::None)
    }

    fn attention(&mut self, name: &str, x: Id, width: usize) -> Result<Id, FusedError> {
        let groups = self.sizes.groups;
        let h = self.b.norm(&format!("{name}.norm"), &[x], groups, Activation::None)?;
        let qkv = format!("{name}.qkv");
        let qkv = self.layer(&qkv, Output::Channels(3 * width), Term::pointwise(h))?;
        let mixed = self.b.attention(qkv, self.sizes.heads);
        let out = Layer::new(format!("{name}.out"), [Term::pointwise(mixed)]);
        self.b.conv(Output::Channels(width), &[out], &[x], Activation::None)
    }

    fn layer(&mut self, name: &str, output: Output, term: Term) -> Result<Id, FusedError> {
        self.b.conv(output, &[Layer::new(name, [term])], &[], Activation::None)
    }
}
