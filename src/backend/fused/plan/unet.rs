//! The U-Net of [`crate::net::unet`] as a plan.

use super::Plan;
use super::builder::{Builder, Output};
use super::conv_layer::ConvLayer;
use super::launch::{Activation, Term};
use super::sigma_input::SigmaInput;
use super::tensor::Id;
use crate::backend::fused::error::FusedError;
use crate::net::UNetDescription;
use crate::net::unet::topology::Layer;
use crate::net::weights::Weights;

/// The plan of a checked description.
///
/// # Errors
/// [`FusedError::Weights`] names a tensor that the weights lack.
pub fn plan(sizes: &UNetDescription, weights: &Weights) -> Result<Plan, FusedError> {
    let UNetDescription { image_shape, preconditioning, groups, embedding, .. } = *sizes;
    let sigma_input = SigmaInput::Continuous(preconditioning, embedding);
    let mut net = UNet { sizes, b: Builder::new(weights, image_shape, sigma_input) };
    // x is several tensors between a concatenation and the layer that reads it.
    let mut x = vec![net.b.load(sizes.patch)];
    let mut kept = Vec::new();
    for layer in sizes.layers() {
        x = match layer {
            Layer::Stem { outputs, .. } => {
                vec![net.layer("stem", Output::Channels(outputs), Term::square(x[0]))?]
            }
            Layer::Residual { name, outputs, .. } => vec![net.residual(&name, &x, outputs)?],
            Layer::Attention { name, width } => vec![net.attention(&name, x[0], width)?],
            Layer::Keep => {
                kept.push(x[0]);
                x
            }
            Layer::Concatenate => x.into_iter().chain(kept.pop()).collect(),
            Layer::Halve { name, outputs, .. } => {
                vec![net.layer(&name, Output::Channels(outputs), Term::halving(x[0]))?]
            }
            Layer::Double { name, outputs, .. } => {
                vec![net.layer(&name, Output::Doubled(outputs), Term::pointwise(x[0]))?]
            }
            Layer::Head { .. } => {
                let h = net.b.norm("head_norm", &x, groups, Activation::Silu)?;
                net.b.head(sizes.patch, &[ConvLayer::new("head", [Term::square(h)])])?;
                vec![]
            }
        };
    }
    let plan = net.b.finish_embedded(embedding, sizes.classes)?;
    Ok(Plan { guidance_max: sizes.guidance_max, ..plan })
}

struct UNet<'a> {
    sizes: &'a UNetDescription,
    b: Builder<'a>,
}

impl UNet<'_> {
    /// A residual block over concatenated inputs.
    fn residual(&mut self, name: &str, inputs: &[Id], width: usize) -> Result<Id, FusedError> {
        let groups = self.sizes.groups;
        let h = self.b.norm(&format!("{name}.norm1"), inputs, groups, Activation::Silu)?;
        let h = self.layer(&format!("{name}.conv1"), Output::Channels(width), Term::square(h))?;
        let h = self.b.modulated(&format!("{name}.modulation"), h, groups);

        let mut layers = vec![ConvLayer::new(format!("{name}.conv2"), [Term::square(h)])];
        let residuals = match inputs {
            [_] => inputs,
            _ => {
                let terms: Vec<Term> = inputs.iter().map(|&x| Term::pointwise(x)).collect();
                layers.push(ConvLayer::new(format!("{name}.shortcut"), terms));
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
        let out = ConvLayer::new(format!("{name}.out"), [Term::pointwise(mixed)]);
        self.b.conv(Output::Channels(width), &[out], &[x], Activation::None)
    }

    fn layer(&mut self, name: &str, output: Output, term: Term) -> Result<Id, FusedError> {
        self.b.conv(output, &[ConvLayer::new(name, [term])], &[], Activation::None)
    }
}
