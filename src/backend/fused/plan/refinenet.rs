//! The RefineNets of [`crate::net::refinenet`] as a plan.

use super::Plan;
use super::builder::{Builder, Output};
use super::conv_layer::ConvLayer;
use super::launch::{Activation, Pooling, Term};
use super::sigma_input::SigmaInput;
use super::tensor::Id;
use crate::backend::fused::error::FusedError;
use crate::net::refinenet::description::Stage;
use crate::net::weights::Weights;
use crate::net::{RefineNetDescription, Variant};

/// The plan of a checked description.
///
/// # Errors
/// [`FusedError::Weights`] names a tensor that the weights lack.
pub fn plan(sizes: &RefineNetDescription, weights: &Weights) -> Result<Plan, FusedError> {
    let builder = Builder::new(weights, sizes.image_shape, SigmaInput::Rows(sizes.clone()));
    let mut net = RefineNet { sizes, b: builder };

    let pixels = net.b.load(1);
    let begin = ConvLayer::new("begin", [Term::square(pixels)]);
    let mut x = net.b.conv(Output::Channels(sizes.ngf), &[begin], &[], Activation::None)?;
    let mut stages = Vec::new();
    for (i, stage) in sizes.stages().into_iter().enumerate() {
        x = net.residual(&format!("stages.{i}.0"), &stage, true, x)?;
        x = net.residual(&format!("stages.{i}.1"), &stage, false, x)?;
        stages.push((stage, x));
    }
    let mut refined = None;
    for (i, (stage, x)) in stages.into_iter().enumerate().rev() {
        refined = Some(net.refinement(i, &stage, x, refined)?);
    }
    let x = refined.unwrap_or(x);
    let x = net.b.instance_norm("norm", x, sizes.rows(), Activation::Elu)?;
    let end = ConvLayer::new("end", [Term::square(x)]);
    net.b.head(1, &[end])?;
    Ok(net.b.finish())
}

struct RefineNet<'a> {
    sizes: &'a RefineNetDescription,
    b: Builder<'a>,
}

impl RefineNet<'_> {
    /// A residual block of the encoder. The first of a stage changes the shape, the other does not.
    fn residual(
        &mut self,
        name: &str,
        stage: &Stage,
        first: bool,
        x: Id,
    ) -> Result<Id, FusedError> {
        let (rows, dilation) = (self.sizes.rows(), stage.dilation);
        let inputs = if first { stage.inputs } else { stage.outputs };
        let h = self.b.instance_norm(&format!("{name}.norm1"), x, rows, Activation::Elu)?;
        let conv1 = ConvLayer::new(format!("{name}.conv1"), [Term::dilated(h, dilation)]);
        let h = self.b.conv(Output::Channels(inputs), &[conv1], &[], Activation::None)?;
        let h = self.b.instance_norm(&format!("{name}.norm2"), h, rows, Activation::Elu)?;

        let mut layers =
            vec![ConvLayer::new(format!("{name}.conv2"), [Term::dilated(h, dilation)])];
        let mut residuals = vec![x];
        if let Some(kernel) = stage.shortcut().filter(|_| first) {
            let term = if kernel == 1 { Term::pointwise(x) } else { Term::dilated(x, dilation) };
            layers.push(ConvLayer::new(format!("{name}.shortcut"), [term]));
            residuals.clear();
        }
        if first && stage.halves {
            layers = layers.into_iter().map(ConvLayer::averaged).collect();
        }
        self.b.conv(Output::Channels(stage.outputs), &layers, &residuals, Activation::None)
    }

    /// Refines a stage with the next coarser refinement.
    fn refinement(
        &mut self,
        index: usize,
        stage: &Stage,
        x: Id,
        coarser: Option<Id>,
    ) -> Result<Id, FusedError> {
        let name = format!("refinements.{index}");
        let (refined, units) = (stage.refined, RefineNetDescription::ADAPT_UNITS);
        let adapt = format!("{name}.adapt.0");
        let x = match coarser {
            None => self.units(&adapt, x, stage.outputs, units, Activation::Elu)?,
            Some(coarser) => {
                // `coarser` is resized after its convolution, where it is added: until then it is
                // smaller.
                let x = self.units(&adapt, x, stage.outputs, units, Activation::None)?;
                let adapt = format!("{name}.adapt.1");
                let coarser =
                    self.units(&adapt, coarser, stage.outputs, units, Activation::None)?;
                let [fuse, fuse_coarser] = [0, 1].map(|input| format!("{name}.fuse.{input}"));
                let h = self.normalized(&fuse_coarser, coarser, Activation::None)?;
                let layer = ConvLayer::new(format!("{fuse_coarser}.conv"), [Term::square(h)]);
                let coarser =
                    self.b.conv(Output::Channels(refined), &[layer], &[], Activation::None)?;
                let h = self.normalized(&fuse, x, Activation::None)?;
                let layer = ConvLayer::new(format!("{fuse}.conv"), [Term::square(h)]);
                self.b.conv(Output::Channels(refined), &[layer], &[coarser], Activation::Elu)?
            }
        };
        let x = self.pools(&name, x, refined)?;
        let units = RefineNetDescription::output_units(index);
        self.units(&format!("{name}.output"), x, refined, units, Activation::None)
    }

    /// Chained residual pooling. Each link pools and convolves the one before; the result is the
    /// sum of all links, x included.
    fn pools(&mut self, name: &str, x: Id, width: usize) -> Result<Id, FusedError> {
        let pooling = match self.sizes.variant {
            Variant::Ncsn => Pooling::Mean,
            Variant::Ncsnv2 => Pooling::Maximum,
        };
        let mut links = vec![x];
        for index in 0..RefineNetDescription::POOLS {
            let name = format!("{name}.pool.{index}");
            let path = self.normalized(&name, links[index], Activation::None)?;
            let pooled = self.b.pool(path, pooling, 2);
            let conv = ConvLayer::new(format!("{name}.conv"), [Term::square(pooled)]).unbiased();
            // The last link is needed only in the sum of all.
            let last = index + 1 == RefineNetDescription::POOLS;
            let residuals: &[Id] = if last { &links } else { &[] };
            let link =
                self.b.conv(Output::Channels(width), &[conv], residuals, Activation::None)?;
            links.push(link);
        }
        Ok(links[RefineNetDescription::POOLS])
    }

    /// Residual convolution units, then an activation.
    fn units(
        &mut self,
        name: &str,
        mut x: Id,
        width: usize,
        units: usize,
        activation: Activation,
    ) -> Result<Id, FusedError> {
        for unit in 0..units {
            let [first, second] = [0, 1].map(|conv| format!("{name}.convs.{}", 2 * unit + conv));
            let h = self.normalized(&first, x, Activation::Elu)?;
            let layer = ConvLayer::new(format!("{first}.conv"), [Term::square(h)]).unbiased();
            // Without a normalization in between, the convolution that writes also activates.
            let normalizes = self.sizes.normalizes_refinements();
            let written = if normalizes { Activation::None } else { Activation::Elu };
            let mut h = self.b.conv(Output::Channels(width), &[layer], &[], written)?;
            if normalizes {
                h = self.normalized(&second, h, Activation::Elu)?;
            }
            let layer = ConvLayer::new(format!("{second}.conv"), [Term::square(h)]).unbiased();
            let then = if unit + 1 == units { activation } else { Activation::None };
            x = self.b.conv(Output::Channels(width), &[layer], &[x], then)?;
        }
        Ok(x)
    }

    /// What precedes a convolution of a refinement: a normalization in NCSN, then perhaps an
    /// activation.
    fn normalized(&mut self, name: &str, x: Id, activation: Activation) -> Result<Id, FusedError> {
        match (self.sizes.normalizes_refinements(), activation) {
            (true, _) => {
                self.b.instance_norm(&format!("{name}.norm"), x, self.sizes.rows(), activation)
            }
            (false, Activation::None) => Ok(x),
            (false, _) => Ok(self.b.activated(x, activation)),
        }
    }
}
