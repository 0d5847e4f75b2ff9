//! A RefineNet on a Burn device.

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor, TensorData};

use super::blocks::{InstanceNormPlus, Refinement, Residual, Rows, elu};
use super::description::{AtSigma, RefineNetDescription};
use crate::net::burn_layers::{column, conv};

/// A RefineNet on a Burn device.
#[derive(Module, Debug)]
pub struct RefineNet {
    begin: Conv2d,
    stages: Vec<Vec<Residual>>,
    refinements: Vec<Refinement>,
    norm: InstanceNormPlus,
    end: Conv2d,
    #[module(skip)]
    description: RefineNetDescription,
}

impl RefineNet {
    /// A RefineNet of checked sizes with freshly drawn weights.
    pub(in crate::net) fn new(description: &RefineNetDescription, device: &Device) -> Self {
        let (channels, ngf, rows) =
            (description.image_shape.channels, description.ngf, description.rows());
        let stages = description.stages();
        let blocks = |stage| [true, false].map(|first| Residual::new(stage, first, rows, device));
        let refinement = |index| Refinement::new(index, &stages, description, device);
        Self {
            begin: conv(channels, ngf, 3, device),
            stages: stages.iter().map(|stage| blocks(stage).into()).collect(),
            refinements: (0..stages.len()).map(refinement).collect(),
            norm: InstanceNormPlus::new(rows, ngf, device),
            end: conv(ngf, channels, 3, device),
            description: description.clone(),
        }
    }

    /// See [`crate::net::Network::score`] and [`RefineNetDescription::at`].
    pub fn score(&self, x: Tensor<4>, sigmas: &[f32]) -> Tensor<4> {
        let device = x.device();
        let at: Vec<AtSigma> = sigmas.iter().map(|&sigma| self.description.at(sigma)).collect();
        let rows: Vec<i32> = at.iter().map(|at| at.row as i32).collect();
        let rows = Rows::from_data(TensorData::new(rows, [sigmas.len()]), &device);
        self.raw(x, &rows) * column(at.iter().map(|at| at.factor), &device)
    }

    /// The raw output, before [`AtSigma::factor`], computed in the type of the weights.
    fn raw(&self, x: Tensor<4>, rows: &Rows) -> Tensor<4> {
        let (outside, inside) = (x.dtype(), self.begin.weight.dtype());
        let mut x = self.begin.forward((x * 2.0 - 1.0).cast(inside));
        let mut stages = Vec::with_capacity(self.stages.len());
        for blocks in &self.stages {
            x = blocks.iter().fold(x, |x, block| block.forward(x, rows));
            stages.push(x.clone());
        }
        let mut refined = None;
        for (refinement, stage) in self.refinements.iter().zip(stages).rev() {
            refined = Some(refinement.forward(stage, refined, rows));
        }
        let x = refined.expect("every depth has stages");
        self.end.forward(elu(self.norm.forward(x, rows))).cast(outside)
    }
}
