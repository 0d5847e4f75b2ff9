//! Builds a plan launch by launch from a network's weights, with one method per kind of layer.

use std::borrow::Cow;

use super::channel_layout::ChannelLayout;
use super::conv_layer::{ConvLayer, averaged_weights};
use super::launch::{Activation, Affine, Conv, Launch, Norm, Pooling, Scaling, Target, Term};
use super::sigma_input::SigmaInput;
use super::tensor::{Id, Parameters, Shape, Slice, Tensor};
use super::{Embedding, Plan};
use crate::backend::fused::error::FusedError;
use crate::net::ImageShape;
use crate::net::weights::{self, Array, Weights};

/// A plan under construction.
pub struct Builder<'a> {
    weights: &'a Weights,
    plan: Plan,
    /// The linear maps from σ's embedding to scales and shifts, and how many channels each scales.
    modulations: Vec<(String, usize)>,
}

/// How a convolution's columns are laid out.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// This many channels at each position.
    Channels(usize),
    /// This many channels at each of 2 × 2 positions.
    Doubled(usize),
}

impl<'a> Builder<'a> {
    /// An empty plan.
    pub fn new(weights: &'a Weights, image_shape: ImageShape, sigma_input: SigmaInput) -> Self {
        let plan = Plan {
            image_shape,
            sigma_input,
            tensors: Vec::new(),
            levels: Vec::new(),
            embedding: None,
            class_rows: Vec::new(),
            guidance_max: 0.0,
            steps: Vec::new(),
            parameters: Vec::new(),
        };
        Self { weights, plan, modulations: Vec::new() }
    }

    /// The plan of a network without an embedding of σ.
    pub fn finish(self) -> Plan {
        self.plan
    }

    /// Loads the noisy image in patches.
    pub fn load(&mut self, patch: usize) -> Id {
        let ImageShape { channels, height, width } = self.plan.image_shape;
        // Rounding to f16 would lose part of the faint noise that the network has to find.
        let to = self.exact(&[channels * patch * patch], [height / patch, width / patch]);
        self.plan.tensors[to].layout = ChannelLayout::folded(channels, patch, 1);
        self.plan.steps.push(Launch::Load { to, patch });
        to
    }

    /// Group normalization with learned scale and shift, over the concatenated channels of `from`.
    ///
    /// # Errors
    /// [`FusedError::Weights`] if the weights lack its tensors.
    pub fn norm(
        &mut self,
        name: &str,
        from: &[Id],
        groups: usize,
        activation: Activation,
    ) -> Result<Id, FusedError> {
        let segments = self.segments(from);
        let (layout, shape) = (ChannelLayout::segments(&segments), [segments.iter().sum()]);
        let [gamma, beta] = [self.array(name, "gamma", &shape)?, self.array(name, "beta", &shape)?];
        let values = [gamma, beta].map(|array| layout.vector(|c| array.values[c])).concat();
        let affine = Affine::Parameters(self.store(Parameters { values, exact: true }));
        Ok(self.prepare(from, Scaling::Group { groups, affine }, activation))
    }

    /// Group normalization with scale and shift from σ, by the linear layer `name`, then SiLU.
    pub fn modulated(&mut self, name: &str, from: Id, groups: usize) -> Id {
        let offset =
            self.modulations.iter().map(|&(_, width)| 2 * ChannelLayout::segments(&[width]).len());
        let affine = Affine::Table(offset.sum());
        self.modulations.push((name.to_owned(), self.segments(&[from])[0]));
        self.prepare(&[from], Scaling::Group { groups, affine }, Activation::Silu)
    }

    /// InstanceNorm++ with a table of `rows` rows.
    ///
    /// # Errors
    /// [`FusedError::Weights`] if the weights lack the table.
    pub fn instance_norm(
        &mut self,
        name: &str,
        from: Id,
        rows: usize,
        activation: Activation,
    ) -> Result<Id, FusedError> {
        let width = self.segments(&[from])[0];
        let table = &self.array(name, "table", &[rows, 3 * width])?.values;
        let layout = ChannelLayout::segments(&[width; 3]);
        let row = |row: usize| layout.vector(move |c| table[row * 3 * width + c]);
        let values = (0..rows).flat_map(row).collect();
        let table = self.store(Parameters { values, exact: true });
        let affine = if rows == 1 { Affine::Parameters(table) } else { Affine::Rows(table) };
        Ok(self.prepare(&[from], Scaling::Instance(affine), activation))
    }

    /// An activation on its own.
    pub fn activated(&mut self, from: Id, activation: Activation) -> Id {
        self.prepare(&[from], Scaling::None, activation)
    }

    /// The mean or maximum of the positions around each, up to `reach` to each side.
    pub fn pool(&mut self, from: Id, pooling: Pooling, reach: usize) -> Id {
        let Shape { height, width, .. } = self.plan.tensors[from].shape;
        let to = self.tensor(&self.segments(&[from]), [height, width]);
        self.plan.steps.push(Launch::Pool { from, pooling, reach, to });
        to
    }

    /// Self-attention of all positions, from queries, keys and values.
    pub fn attention(&mut self, qkv: Id, heads: usize) -> Id {
        let Shape { ref segments, height, width } = self.plan.tensors[qkv].shape;
        let (width_of_all, grid) = (segments[0] / 3, [height, width]);
        let to = self.tensor(&[width_of_all], grid);
        self.plan.steps.push(Launch::Attention { qkv, heads, to });
        to
    }

    /// Convolution layers and residuals, summed and then activated.
    ///
    /// # Errors
    /// [`FusedError::Weights`] if the weights lack a layer.
    pub fn conv(
        &mut self,
        output: Output,
        layers: &[ConvLayer],
        residuals: &[Id],
        activation: Activation,
    ) -> Result<Id, FusedError> {
        let (layout, fold, channels) = match output {
            Output::Channels(channels) => (ChannelLayout::segments(&[channels]), 1, channels),
            Output::Doubled(channels) => (ChannelLayout::folded(channels, 2, 4), 2, channels),
        };
        let to = self.tensor(&[channels], self.grid(layers).map(|side| side * fold));
        self.sum(layers, residuals, activation, layout, fold, Target::Tensor(to))?;
        Ok(to)
    }

    /// The network's raw output: a sum of convolution layers, in patches of this side.
    ///
    /// # Errors
    /// As [`Self::conv`].
    pub fn head(&mut self, patch: usize, layers: &[ConvLayer]) -> Result<(), FusedError> {
        let layout = ChannelLayout::folded(self.plan.image_shape.channels, patch, 1);
        self.sum(layers, &[], Activation::None, layout, patch, Target::Image)
    }

    /// The height and width that convolution layers of one sum have in common.
    fn grid(&self, layers: &[ConvLayer]) -> [usize; 2] {
        let Term { source, stride, .. } = layers[0].terms[0];
        let Shape { height, width, .. } = self.plan.tensors[source].shape;
        [height / stride, width / stride]
    }

    /// The launch of a sum of convolution layers, whose columns are a layout of `fold` × `fold`
    /// positions.
    fn sum(
        &mut self,
        layers: &[ConvLayer],
        residuals: &[Id],
        activation: Activation,
        layout: ChannelLayout,
        fold: usize,
        to: Target,
    ) -> Result<(), FusedError> {
        let values = self.packed(layers, &layout)?;
        let terms = layers.iter().flat_map(|layer| layer.terms.clone()).collect();
        let parameters = self.store(Parameters { values, exact: false });
        self.plan.steps.push(Launch::Conv(Conv {
            biases: layers.iter().filter(|layer| layer.biased).count(),
            residuals: residuals.to_vec(),
            activation,
            fold,
            ..Conv::new(terms, parameters, layout.len(), self.grid(layers), to)
        }));
        Ok(())
    }

    /// The weights of convolution layers, tap by tap, and the bias of each.
    fn packed(&self, layers: &[ConvLayer], layout: &ChannelLayout) -> Result<Vec<f32>, FusedError> {
        let (outputs, mut parameters) = (layout.channels(), vec![]);
        for ConvLayer { name, terms, averaged: is_averaged, .. } in layers {
            let Term { kernel, stride, .. } = terms[0];
            let inputs = terms.iter().map(|term| self.plan.tensors[term.source].layout.channels());
            let inputs: usize = inputs.sum();
            let shape = match stride {
                _ if *is_averaged => [outputs, inputs, kernel - 1, kernel - 1],
                1 => [outputs, inputs, kernel, kernel],
                // Folding 2 × 2 positions into channels is the same as a 2 × 2 kernel.
                _ => [outputs, inputs * kernel * kernel, 1, 1],
            };
            let weight = &self.array(name, "weight", &shape)?.values;
            let weight = match is_averaged {
                true => Cow::Owned(averaged_weights(weight, kernel)),
                false => Cow::Borrowed(weight),
            };
            let mut first = 0;
            for term in terms {
                let from = &self.plan.tensors[term.source].layout;
                for tap in 0..kernel * kernel {
                    let at = |o: usize, i: usize| (o * inputs + first + i) * kernel * kernel + tap;
                    parameters.extend(from.matrix(layout, |o, i| weight[at(o, i)]));
                }
                first += from.channels();
            }
        }
        for ConvLayer { name, .. } in layers.iter().filter(|layer| layer.biased) {
            let values = &self.array(name, "bias", &[outputs])?.values;
            parameters.extend(layout.vector(|o| values[o]));
        }
        Ok(parameters)
    }

    /// The plan, with launches from `size` features of σ to the table: two linear layers with SiLU,
    /// to the second of which the row of one of the `classes` is added if there are any, then the
    /// linear maps of all [`Self::modulated`] normalizations side by side.
    ///
    /// # Errors
    /// [`FusedError::Weights`] if the weights lack a layer.
    pub fn finish_embedded(mut self, size: usize, classes: usize) -> Result<Plan, FusedError> {
        let features = self.exact(&[size], [1, 1]);
        let class = (classes > 0).then(|| self.exact(&[size], [1, 1]));
        if classes > 0 {
            let rows = self.tensor_of_weights("embedding.classes", &[classes + 1, size])?;
            self.plan.class_rows = rows.values.chunks_exact(size).map(<[f32]>::to_vec).collect();
        }
        let silu = Activation::Silu;
        let [first, second] =
            ["embedding.first", "embedding.second"].map(|name| self.linear(name, [size, size]));
        let hidden = self.linears(features, &[size], &[first?], None, silu);
        let embedding = self.linears(hidden, &[size], &[second?], class, silu);
        let modulations = std::mem::take(&mut self.modulations);
        let mut layers = Vec::new();
        for (name, width) in &modulations {
            layers.push(self.linear(name, [size, 2 * width])?);
        }
        let widths: Vec<usize> = modulations.iter().flat_map(|&(_, width)| [width; 2]).collect();
        let table = self.linears(embedding, &widths, &layers, None, Activation::None);
        self.plan.embedding = Some(Embedding { features, class, table });
        Ok(self.plan)
    }

    /// Weight (inputs × outputs) and bias of a linear layer.
    fn linear(&self, name: &str, shape: [usize; 2]) -> Result<[Vec<f32>; 2], FusedError> {
        let weight = self.array(name, "weight", &shape)?;
        Ok([weight.values.clone(), self.array(name, "bias", &shape[1..])?.values.clone()])
    }

    /// Linear layers with the same input, side by side, as one launch for noise levels. Their
    /// outputs fill the segments in order; `added` is added to them before the activation.
    fn linears(
        &mut self,
        source: Id,
        segments: &[usize],
        layers: &[[Vec<f32>; 2]],
        added: Option<Id>,
        activation: Activation,
    ) -> Id {
        let columns = |layer: &'_ [Vec<f32>; 2]| 0..layer[1].len();
        let columns: Vec<(usize, usize)> = (0..)
            .zip(layers)
            .flat_map(|(index, layer)| columns(layer).map(move |column| (index, column)))
            .collect();
        let layout = ChannelLayout::segments(segments);
        let from = &self.plan.tensors[source].layout;
        let weight = |o: usize, i: usize| {
            let (layer, column) = columns[o];
            let [weight, bias] = &layers[layer];
            weight[i * bias.len() + column]
        };
        let mut parameters: Vec<f32> = from.matrix(&layout, weight).collect();
        parameters.extend(layout.vector(|o| layers[columns[o].0][1][columns[o].1]));
        let parameters = self.store(Parameters { values: parameters, exact: true });
        let to = self.exact(segments, [1, 1]);
        let terms = vec![Term::pointwise(source)];
        self.plan.levels.push(Launch::Conv(Conv {
            biases: 1,
            residuals: added.into_iter().collect(),
            activation,
            ..Conv::new(terms, parameters, layout.len(), [1, 1], Target::Tensor(to))
        }));
        to
    }

    fn tensor(&mut self, segments: &[usize], [height, width]: [usize; 2]) -> Id {
        let shape = Shape { segments: segments.to_vec(), height, width };
        let layout = ChannelLayout::segments(segments);
        self.plan.tensors.push(Tensor { shape, layout, statistics: false, exact: false });
        self.plan.tensors.len() - 1
    }

    /// As [`Self::tensor`], but always in f32.
    fn exact(&mut self, segments: &[usize], grid: [usize; 2]) -> Id {
        let id = self.tensor(segments, grid);
        self.plan.tensors[id].exact = true;
        id
    }

    fn segments(&self, ids: &[Id]) -> Vec<usize> {
        ids.iter().flat_map(|&id| self.plan.tensors[id].shape.segments.clone()).collect()
    }

    fn prepare(&mut self, from: &[Id], scaling: Scaling, activation: Activation) -> Id {
        let Shape { height, width, .. } = self.plan.tensors[from[0]].shape;
        let to = self.tensor(&self.segments(from), [height, width]);
        for &id in from {
            self.plan.tensors[id].statistics |= !matches!(scaling, Scaling::None);
        }
        self.plan.steps.push(Launch::Norm(Norm { from: from.to_vec(), scaling, activation, to }));
        to
    }

    fn array(&self, name: &str, part: &str, shape: &[usize]) -> Result<&'a Array, FusedError> {
        self.tensor_of_weights(&format!("{name}.{part}"), shape)
    }

    /// A tensor of the weights by its whole name.
    fn tensor_of_weights(&self, name: &str, shape: &[usize]) -> Result<&'a Array, FusedError> {
        Ok(weights::tensor(self.weights, name, shape)?)
    }

    /// Appends parameters.
    fn store(&mut self, parameters: Parameters) -> Slice {
        self.plan.parameters.push(parameters);
        self.plan.parameters.len() - 1
    }
}
