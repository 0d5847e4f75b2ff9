//! Adam's moments in and out of Burn's optimizer, which keeps them to itself: an optimizer of the
//! same state that, instead of a step, takes them out or puts them in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{
    AdamState, AdaptiveMomentumState, GradientsParams, LearningRate, ModuleOptimizer, Optimizer,
};
use burn::tensor::{Device, Tensor, TensorData};

use crate::net::Network;
use crate::net::weights;

/// For each tensor by its name, Adam's mean gradients and mean squares, in pairs.
pub type Moments = BTreeMap<String, Pairs>;

/// The moments of one tensor.
type Pairs = Vec<[f32; 2]>;

/// The moments in an optimizer of a network; a tensor that it has not seen yet has none.
pub fn take(optimizer: &ModuleOptimizer, network: &Network) -> Moments {
    let names = weights::names(network);
    let exchange = Exchange { time: 0, taken: Arc::default(), given: Arc::default() };
    let mut optimizer = ModuleOptimizer::from(exchange.clone()).load_record(optimizer.to_record());
    let _ = optimizer.step(0.0, network.clone(), zeros(network));
    let taken = std::mem::take(&mut *lock(&exchange.taken));
    names.into_iter().zip(taken).filter_map(|(name, pairs)| Some((name, pairs?))).collect()
}

/// `optimizer` with these moments, after `steps` steps.
pub fn give(
    optimizer: ModuleOptimizer,
    network: &Network,
    moments: &Moments,
    steps: u64,
) -> ModuleOptimizer {
    if steps == 0 {
        return optimizer;
    }
    let names = weights::names(network);
    let given = names.iter().rev().map(|name| moments.get(name).cloned().unwrap_or_default());
    let given = Arc::new(Mutex::new(given.collect()));
    let exchange = Exchange { time: steps as usize, taken: Arc::default(), given };
    let mut exchanged = ModuleOptimizer::from(exchange);
    let _ = exchanged.step(0.0, network.clone(), zeros(network));
    optimizer.load_record(exchanged.to_record())
}

/// Puts moments in, if there are any to give, and takes out those it finds otherwise; in the order
/// in which a module's tensors are visited.
#[derive(Clone)]
struct Exchange {
    time: usize,
    taken: Arc<Mutex<Vec<Option<Pairs>>>>,
    /// In reverse order of the visit, so that `pop` yields the next tensor's.
    given: Arc<Mutex<Vec<Pairs>>>,
}

impl Optimizer for Exchange {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        _: LearningRate,
        tensor: Tensor<D>,
        _: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        if let Some(pairs) = lock(&self.given).pop() {
            let (device, shape) = (tensor.device(), tensor.shape());
            let moment = |which: usize| {
                let values = pairs.iter().map(|pair| pair[which]).collect();
                Tensor::from_data(TensorData::new(values, shape.clone()), &device)
            };
            let momentum: AdaptiveMomentumState<D> =
                AdaptiveMomentumState::new(self.time, moment(0), moment(1));
            return (tensor, Some(AdamState::new(momentum)));
        }
        let values = |moment: &Tensor<D>| moment.clone().into_data().iter::<f32>().collect();
        let pairs = state.as_ref().map(|AdamState { momentum }| {
            let means: Vec<f32> = values(&momentum.moment_1);
            let squares: Vec<f32> = values(&momentum.moment_2);
            means.into_iter().zip(squares).map(|(mean, square)| [mean, square]).collect()
        });
        lock(&self.taken).push(pairs);
        (tensor, state)
    }

    fn to_device<const D: usize>(mut state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

/// Gradients of zero for every tensor: an optimizer does not visit a tensor without one.
fn zeros(network: &Network) -> GradientsParams {
    struct Zeros(GradientsParams);
    impl ModuleVisitor for Zeros {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.register(param.id, param.val().zeros_like());
        }
    }
    let mut zeros = Zeros(GradientsParams::new());
    network.valid().visit(&mut zeros);
    zeros.0
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
