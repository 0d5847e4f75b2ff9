//! Builds a graph operator by operator.

use std::collections::BTreeMap;

use super::error::ExportError;
use super::proto::{self, Attribute};
use crate::net::weights::{Array, Weights};

/// The name of an operator's output, of an input or of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

/// A graph under construction, over the weights of a model.
pub struct Graph<'a> {
    weights: &'a Weights,
    nodes: Vec<proto::Node>,
    constants: BTreeMap<String, proto::Tensor>,
}

impl<'a> Graph<'a> {
    /// An empty graph.
    pub fn new(weights: &'a Weights) -> Self {
        Self { weights, nodes: Vec::new(), constants: BTreeMap::new() }
    }

    /// One of the graph's inputs.
    pub fn input(&self, name: &str) -> Value {
        Value(name.into())
    }

    /// An operator with one output, named after `layer` so that people can find it.
    pub fn op(
        &mut self,
        layer: &str,
        op: &str,
        inputs: &[&Value],
        attributes: &[Attribute],
    ) -> Value {
        let [output] = self.op_many(layer, op, inputs, attributes);
        output
    }

    /// An operator with several outputs.
    pub fn op_many<const OUTPUTS: usize>(
        &mut self,
        layer: &str,
        op: &str,
        inputs: &[&Value],
        attributes: &[Attribute],
    ) -> [Value; OUTPUTS] {
        let name = format!("{layer}/{op}_{}", self.nodes.len());
        let outputs: [String; OUTPUTS] = std::array::from_fn(|i| match OUTPUTS {
            1 => name.clone(),
            _ => format!("{name}:{i}"),
        });
        self.nodes.push(proto::Node {
            inputs: inputs.iter().map(|value| value.0.clone()).collect(),
            outputs: outputs.to_vec(),
            name: Some(name),
            op_type: Some(op.into()),
            attributes: attributes.to_vec(),
        });
        outputs.map(Value)
    }

    /// The model's tensor `name`.
    pub fn array(&self, name: &str) -> Result<&'a Array, ExportError> {
        self.weights.get(name).ok_or_else(|| ExportError::Missing(name.into()))
    }

    /// A tensor of the model, unchanged.
    pub fn weight(&mut self, name: &str) -> Result<Value, ExportError> {
        let array = self.array(name)?;
        Ok(self.floats(name, &array.shape, &array.values))
    }

    /// A constant of 32-bit floats. The same name stands for the same constant.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Value {
        self.constant(name, |name| proto::floats(name, shape, values))
    }

    /// A single number.
    pub fn scalar(&mut self, value: f32) -> Value {
        self.floats(&format!("scalar {value:e}"), &[], &[value])
    }

    /// A list of integers, such as a shape.
    pub fn integers(&mut self, values: &[i64]) -> Value {
        self.constant(&format!("integers {values:?}"), |name| proto::integers(name, values))
    }

    fn constant(&mut self, name: &str, tensor: impl FnOnce(&str) -> proto::Tensor) -> Value {
        self.constants.entry(name.into()).or_insert_with(|| tensor(name));
        Value(name.into())
    }

    /// Reshapes; 0 keeps an axis and −1 takes whatever is left.
    pub fn reshape(&mut self, layer: &str, x: &Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.op(layer, "Reshape", &[x, &shape], &[])
    }

    /// Permutes axes.
    pub fn transpose(&mut self, layer: &str, x: &Value, axes: &[i64]) -> Value {
        self.op(layer, "Transpose", &[x], &[Attribute::ints("perm", axes)])
    }

    /// Renames the output of an operator, which nothing may use yet.
    pub fn rename(&mut self, value: &Value, name: &str) {
        let outputs = self.nodes.iter_mut().flat_map(|node| &mut node.outputs);
        outputs.filter(|output| **output == value.0).for_each(|output| *output = name.into());
    }

    /// The operators and constants; the caller declares inputs and outputs.
    pub fn finish(self) -> proto::Graph {
        proto::Graph {
            nodes: self.nodes,
            initializers: self.constants.into_values().collect(),
            ..proto::Graph::default()
        }
    }
}
