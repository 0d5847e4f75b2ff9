//! The tensors of a U-Net, from its layers.

use super::description::UNetDescription;
use super::topology::Layer;
use crate::net::tensor_shape::TensorShape;

impl UNetDescription {
    /// Name and shape of every tensor.
    pub(in crate::net) fn tensors(&self) -> Vec<TensorShape> {
        let mut list = Tensors { list: Vec::new(), embedding: self.embedding };
        list.linear("embedding.first", self.embedding, self.embedding);
        list.linear("embedding.second", self.embedding, self.embedding);
        if self.classes > 0 {
            // One more row than classes: the last is for no class in particular.
            list.push("embedding.classes".into(), &[self.classes + 1, self.embedding]);
        }
        for layer in self.layers() {
            match layer {
                Layer::Stem { inputs, outputs } => list.conv("stem", inputs, outputs, 3),
                Layer::Residual { name, inputs, outputs } => list.residual(&name, inputs, outputs),
                Layer::Attention { name, width } => list.attention(&name, width),
                Layer::Keep | Layer::Concatenate => {}
                Layer::Halve { name, inputs, outputs } => list.conv(&name, 4 * inputs, outputs, 1),
                Layer::Double { name, inputs, outputs } => list.conv(&name, inputs, 4 * outputs, 1),
                Layer::Head { inputs, outputs } => {
                    list.norm("head_norm", inputs);
                    list.conv("head", inputs, outputs, 3);
                }
            }
        }
        list.list
    }
}

/// A list of tensors that grows layer by layer, under the names of the Burn modules.
struct Tensors {
    list: Vec<TensorShape>,
    embedding: usize,
}

impl Tensors {
    fn push(&mut self, name: String, shape: &[usize]) {
        self.list.push((name, shape.to_vec()));
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.push(format!("{name}.weight"), &[inputs, outputs]);
        self.push(format!("{name}.bias"), &[outputs]);
    }

    fn conv(&mut self, name: &str, inputs: usize, outputs: usize, kernel: usize) {
        self.push(format!("{name}.weight"), &[outputs, inputs, kernel, kernel]);
        self.push(format!("{name}.bias"), &[outputs]);
    }

    fn norm(&mut self, name: &str, channels: usize) {
        self.push(format!("{name}.gamma"), &[channels]);
        self.push(format!("{name}.beta"), &[channels]);
    }

    fn residual(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.norm(&format!("{name}.norm1"), inputs);
        self.conv(&format!("{name}.conv1"), inputs, outputs, 3);
        self.linear(&format!("{name}.modulation"), self.embedding, 2 * outputs);
        self.conv(&format!("{name}.conv2"), outputs, outputs, 3);
        if inputs != outputs {
            self.conv(&format!("{name}.shortcut"), inputs, outputs, 1);
        }
    }

    fn attention(&mut self, name: &str, width: usize) {
        self.norm(&format!("{name}.norm"), width);
        self.conv(&format!("{name}.qkv"), width, 3 * width, 1);
        self.conv(&format!("{name}.out"), width, width, 1);
    }
}
