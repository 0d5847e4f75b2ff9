//! Clips gradients by the norm of all of them together (Pascanu et al. 2013), which keeps their
//! direction; Burn clips each tensor by itself.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Scales all gradients by `min(1, norm/‖gradients‖)`, on the device.
pub(super) fn clip_by_global_norm<M: Module>(
    module: &M,
    grads: GradientsParams,
    norm: f32,
) -> GradientsParams {
    let mut squares = Squares { grads: &grads, sum: None };
    module.visit(&mut squares);
    let Some(sum) = squares.sum else { return grads };
    let factor = (sum.sqrt() + 1e-6).recip().mul_scalar(norm).clamp_max(1.0);
    let mut scale = Scale { grads, factor };
    module.visit(&mut scale);
    scale.grads
}

/// The sum of the squares of all parameters, on the device: not finite if any of them is not.
pub(super) fn squared_norm<M: Module>(module: &M) -> Tensor<1> {
    let mut norm = Norm(Vec::new());
    module.visit(&mut norm);
    Tensor::cat(norm.0, 0).sum()
}

struct Norm(Vec<Tensor<1>>);

impl ModuleVisitor for Norm {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().square().sum());
    }
}

struct Squares<'a> {
    grads: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            let square = grad.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale {
    grads: GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            self.grads.register(param.id, grad * self.factor.clone().unsqueeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn gradients_keep_their_direction_and_have_at_most_the_norm() {
        let device = Device::flex().autodiff();
        let linear = LinearConfig::new(2, 1).init(&device);
        let clipped = |norm| -> Vec<f32> {
            let x = Tensor::<2>::from_data([[3.0, 4.0]], &device);
            let grads = linear.forward(x).sum().backward();
            let grads = GradientsParams::from_grads(grads, &linear);
            let clipped = clip_by_global_norm(&linear, grads, norm);
            let weight: Tensor<2> = clipped.get(linear.weight.id).expect("a gradient");
            weight.into_data().iter::<f32>().collect()
        };
        // The bias has the gradient 1.
        let norm = 26f32.sqrt();
        assert_eq!(clipped(2.0 * norm), [3.0, 4.0]);
        for (found, whole) in clipped(0.5).into_iter().zip([3.0, 4.0]) {
            assert!((found - 0.5 / norm * whole).abs() < 1e-5, "{found}");
        }
    }
}
