//! The exponential moving average of the weights. It samples far better than the weights after any
//! single step, which jitter (Song & Ermon 2020, technique 5 of NCSNv2).

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Computes `ema ← decay · ema + (1 − decay) · weights`. Both modules must have the same
/// structure, and neither may be tracked by autodiff.
pub(super) fn update<M: Module>(ema: M, weights: &M, decay: f64) -> M {
    let mut latest = Flat(Vec::new());
    weights.visit(&mut latest);
    ema.map(&mut Blend { latest: latest.0.into_iter(), decay })
}

/// The module's tensors, flattened, in the order of its traversal.
struct Flat(Vec<Tensor<1>>);

impl ModuleVisitor for Flat {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let count = value.shape().num_elements();
        self.0.push(value.reshape([count]));
    }
}

struct Blend {
    latest: std::vec::IntoIter<Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(latest) = self.latest.next() else { return param };
        let decay = self.decay;
        param.map(|ema| {
            let latest = latest.reshape(ema.shape());
            ema * decay + latest * (1.0 - decay)
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn every_weight_moves_towards_the_latest() {
        let device = Device::flex();
        let [ema, latest] = [0, 1].map(|_| LinearConfig::new(3, 2).init(&device));
        let values = |linear: &Linear| -> Vec<f32> {
            let bias = linear.bias.as_ref().expect("it has one").val();
            let all = Tensor::cat(vec![linear.weight.val().reshape([6]), bias], 0).into_data();
            all.iter::<f32>().collect()
        };
        let moved = values(&update(ema.clone(), &latest, 0.75));
        let both = values(&ema).into_iter().zip(values(&latest));
        for (moved, (before, latest)) in moved.into_iter().zip(both) {
            assert!((moved - (0.75 * before + 0.25 * latest)).abs() < 1e-6);
        }
    }
}
