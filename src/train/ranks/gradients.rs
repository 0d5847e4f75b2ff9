//! The gradients of all tensors as one vector, to be added up over ranks.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::Ranks;

/// Adds up the gradients and the loss of all ranks' shares of a batch.
pub(in crate::train) fn sum_over<M: Module>(
    ranks: &dyn Ranks,
    module: &M,
    grads: GradientsParams,
    loss: Tensor<1>,
) -> (GradientsParams, Tensor<1>) {
    let mut gather = Gather { grads: &grads, values: Vec::new() };
    module.visit(&mut gather);
    let mut values = gather.values;
    // The loss travels with them.
    let device = loss.device();
    values.extend(loss.into_data().iter::<f32>());
    ranks.all_reduce_sum(&mut values);
    let loss = values.pop().unwrap_or(f32::NAN);
    let mut scatter = Scatter { grads, values: &values };
    module.visit(&mut scatter);
    (scatter.grads, Tensor::from_floats([loss], &device))
}

struct Gather<'a> {
    grads: &'a GradientsParams,
    values: Vec<f32>,
}

impl ModuleVisitor for Gather<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            self.values.extend(grad.into_data().iter::<f32>());
        }
    }
}

struct Scatter<'a> {
    grads: GradientsParams,
    /// Those of the tensors that are still to be visited.
    values: &'a [f32],
}

impl ModuleVisitor for Scatter<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(grad) = self.grads.remove::<D>(param.id) else { return };
        let shape = grad.shape();
        let (values, rest) = self.values.split_at(shape.num_elements());
        self.values = rest;
        let sum = Tensor::<D>::from_data(TensorData::new(values.to_vec(), shape), &grad.device());
        self.grads.register(param.id, sum);
    }
}
