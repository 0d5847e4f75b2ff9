//! Tensors in and out of a Burn module, by name.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::array::{Array, Weights};

/// Reads every tensor of a module back to the host.
///
/// # Panics
/// If the device fails while reading.
pub fn collect<M: Module>(module: &M) -> Weights {
    let mut collector = Collector::default();
    module.visit(&mut collector);
    collector.weights
}

/// The names of a module's tensors, in the order in which they are visited.
pub fn names<M: Module>(module: &M) -> Vec<String> {
    let mut names = Names::default();
    module.visit(&mut names);
    names.names
}

/// Puts tensors into a module, by name, on the given device.
///
/// Tensors that the module lacks are ignored, and parameters without a tensor keep their values: the
/// caller has checked names and shapes, as [`super::check_weights`] does.
pub fn apply<M: Module>(module: M, weights: Weights, device: &Device) -> M {
    module.map(&mut Applier { path: Path::default(), weights, device: device.clone() })
}

/// The current place of a traversal. The variant of [`crate::net::Network`] is not part of a name:
/// the card says which architecture it is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.push(if container.starts_with("Enum:") { String::new() } else { name.to_owned() });
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        let parts: Vec<&str> =
            self.0.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
        parts.join(".")
    }
}

#[derive(Default)]
struct Names {
    path: Path,
    names: Vec<String>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
        self.names.push(self.path.name());
    }
}

#[derive(Default)]
struct Collector {
    path: Path,
    weights: Weights,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        let shape = data.shape().to_vec();
        let values = data.iter::<f32>().collect();
        self.weights.insert(self.path.name(), Array { shape, values });
    }
}

struct Applier {
    path: Path,
    weights: Weights,
    device: Device,
}

impl ModuleMapper for Applier {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.remove(&self.path.name()) {
            Some(Array { shape, values }) => {
                let tensor = Tensor::from_data(TensorData::new(values, shape), &self.device);
                Param::initialized(param.id, tensor)
            }
            None => param,
        }
    }
}
