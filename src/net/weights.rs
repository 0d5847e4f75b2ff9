//! Tensors in and out of a Burn module, by name.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// Values in row-major order, and their shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// As many values as the product of the shape.
    pub values: Vec<f32>,
}

/// Every tensor of a network under its name, such as `down.0.blocks.0.conv1.weight`.
pub type Weights = BTreeMap<String, Array>;

/// Reads every tensor of a module back to the host.
///
/// # Panics
/// Where the device fails while reading.
pub fn collect<M: Module>(module: &M) -> Weights {
    let mut collector = Collector::default();
    module.visit(&mut collector);
    collector.weights
}

/// Puts tensors into a module, by name, on the given device.
///
/// Tensors that the module does not have are left aside and those that it alone has keep their
/// value: [`crate::model_file`] has checked names and shapes before.
pub fn apply<M: Module>(module: M, weights: Weights, device: &Device) -> M {
    module.map(&mut Applier { path: Vec::new(), weights, device: device.clone() })
}

#[derive(Default)]
struct Collector {
    path: Vec<String>,
    weights: Weights,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        let shape = data.shape().to_vec();
        let values = data.iter::<f32>().collect();
        self.weights.insert(self.path.join("."), Array { shape, values });
    }
}

struct Applier {
    path: Vec<String>,
    weights: Weights,
    device: Device,
}

impl ModuleMapper for Applier {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.remove(&self.path.join(".")) {
            Some(Array { shape, values }) => {
                let tensor = Tensor::from_data(TensorData::new(values, shape), &self.device);
                Param::initialized(param.id, tensor)
            }
            None => param,
        }
    }
}
