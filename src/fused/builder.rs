//! Makes a plan launch by launch, from the weights of a network: one method for each kind of layer.

use std::ops::Range;

use super::error::FusedError;
use super::pack::Axis;
use super::plan::{
    ALIGNMENT, Affine, Conv, FEATURES, Id, Launch, Norm, Plan, Shape, Target, Tensor, Term,
};
use crate::net::weights::{Array, Weights};
use crate::net::{Picture, Preconditioning};

/// See the module.
pub struct Builder<'a> {
    weights: &'a Weights,
    groups: usize,
    plan: Plan,
    /// The linear maps from σ's embedding to scales and shifts, and how many channels they scale.
    modulations: Vec<(String, usize)>,
}

/// What a convolution makes of its columns.
#[derive(Clone, Copy, Debug)]
pub enum Output {
    /// So many channels at each position.
    Channels(usize),
    /// So many channels at each of 2 × 2 positions.
    Doubled(usize),
    /// The network's raw output, in patches of this side.
    Picture(usize),
}

impl<'a> Builder<'a> {
    /// A plan of nothing. `groups` are those of each group normalisation, `features` the number of
    /// σ's features.
    pub fn new(
        weights: &'a Weights,
        picture: Picture,
        preconditioning: Preconditioning,
        groups: usize,
        features: usize,
    ) -> Self {
        let mut builder = Self {
            weights,
            groups,
            plan: Plan {
                picture,
                preconditioning,
                tensors: Vec::new(),
                levels: Vec::new(),
                table: FEATURES,
                steps: Vec::new(),
                parameters: Vec::new(),
            },
            modulations: Vec::new(),
        };
        builder.tensor(&[features], [1, 1]);
        builder
    }

    /// The noisy picture in patches.
    pub fn load(&mut self, patch: usize) -> Id {
        let Picture { channels, height, width } = self.plan.picture;
        let to = self.tensor(&[channels * patch * patch], [height / patch, width / patch]);
        self.plan.tensors[to].axis = Axis::folded(channels, patch, 1);
        self.plan.steps.push(Launch::Load { to, patch });
        to
    }

    /// Group normalisation with learnt scale and shift, over tensors whose channels follow each
    /// other.
    ///
    /// # Errors
    /// [`FusedError::Weights`] where the weights lack its tensors.
    pub fn norm(&mut self, name: &str, from: &[Id], silu: bool) -> Result<Id, FusedError> {
        let segments = self.segments(from);
        let (axis, shape) = (Axis::segments(&segments), [segments.iter().sum()]);
        let [gamma, beta] = [self.array(name, "gamma", &shape)?, self.array(name, "beta", &shape)?];
        let values = [gamma, beta].map(|array| axis.vector(|c| array.values[c])).concat();
        let affine = Affine::Parameters(self.store(values));
        Ok(self.normalise(from, affine, silu))
    }

    /// Group normalisation, scaled and shifted as σ says by the linear layer `name`, then SiLU.
    pub fn modulated(&mut self, name: &str, from: Id) -> Id {
        let offset = self.modulations.iter().map(|&(_, width)| 2 * Axis::segments(&[width]).len());
        let affine = Affine::Table(offset.sum());
        self.modulations.push((name.to_owned(), self.segments(&[from])[0]));
        self.normalise(&[from], affine, true)
    }

    /// Self-attention of all positions, from queries, keys and values.
    pub fn attention(&mut self, qkv: Id, heads: usize) -> Id {
        let Shape { ref segments, height, width } = self.plan.tensors[qkv].shape;
        let (width_of_all, grid) = (segments[0] / 3, [height, width]);
        let to = self.tensor(&[width_of_all], grid);
        self.plan.steps.push(Launch::Attention { qkv, heads, to });
        to
    }

    /// The sum of convolution layers, and of `residual`. Each layer has a name and the terms over
    /// which its inputs are spread.
    ///
    /// # Errors
    /// [`FusedError::Weights`] where the weights lack a layer.
    pub fn conv(
        &mut self,
        output: Output,
        layers: &[(String, Vec<Term>)],
        residual: Option<Id>,
    ) -> Result<Id, FusedError> {
        let colours = self.plan.picture.channels;
        let (axis, fold, channels) = match output {
            Output::Channels(channels) => (Axis::segments(&[channels]), 1, channels),
            Output::Doubled(channels) => (Axis::folded(channels, 2, 4), 2, channels),
            Output::Picture(patch) => (Axis::folded(colours, patch, 1), patch, colours),
        };
        let (outputs, mut bias, mut parameters) = (axis.channels(), vec![0.0; axis.len()], vec![]);
        for (name, terms) in layers {
            let kernel = terms[0].kernel;
            let inputs = terms.iter().map(|term| self.plan.tensors[term.source].axis.channels());
            let inputs: usize = inputs.sum();
            // Folding 2 × 2 positions into channels is a kernel of 2 × 2 by another name.
            let shape = match terms[0].stride {
                1 => [outputs, inputs, kernel, kernel],
                _ => [outputs, inputs * kernel * kernel, 1, 1],
            };
            let weight = &self.array(name, "weight", &shape)?.values;
            let mut first = 0;
            for term in terms {
                let from = &self.plan.tensors[term.source].axis;
                for tap in 0..kernel * kernel {
                    let at = |o: usize, i: usize| (o * inputs + first + i) * kernel * kernel + tap;
                    parameters.extend(from.matrix(&axis, |o, i| weight[at(o, i)]));
                }
                first += from.channels();
            }
            let values = &self.array(name, "bias", &[outputs])?.values;
            for (bias, value) in bias.iter_mut().zip(axis.vector(|o| values[o])) {
                *bias += value;
            }
        }
        parameters.extend(bias);
        let parameters = self.store(parameters);

        let terms: Vec<Term> = layers.iter().flat_map(|(_, terms)| terms.clone()).collect();
        let Shape { height, width, .. } = self.plan.tensors[terms[0].source].shape;
        let stride = terms[0].stride;
        let grid = [height / stride, width / stride];
        let to = match output {
            Output::Picture(_) => Target::Picture,
            _ => Target::Tensor(self.tensor(&[channels], grid.map(|side| side * fold))),
        };
        let columns = axis.len();
        let conv = Conv { terms, parameters, residual, silu: false, columns, fold, grid, to };
        self.plan.steps.push(Launch::Conv(conv));
        Ok(self.plan.tensors.len() - 1)
    }

    /// The way from σ's features to the table: two linear layers with SiLU, then the linear maps of
    /// all [`Self::modulated`] normalisations side by side.
    ///
    /// # Errors
    /// [`FusedError::Weights`] where the weights lack a layer.
    pub fn finish(mut self, first: &str, second: &str) -> Result<Plan, FusedError> {
        let size = self.plan.features();
        let mut embedding = FEATURES;
        for name in [first, second] {
            let layer = self.linear(name, size)?;
            embedding = self.linears(embedding, &[size], &[layer], true);
        }
        let modulations = std::mem::take(&mut self.modulations);
        let mut layers = Vec::new();
        for (name, width) in &modulations {
            let [weight, mut bias] = self.linear(name, 2 * width)?;
            // The scale is 1 + what the layer says.
            bias[..*width].iter_mut().for_each(|bias| *bias += 1.0);
            layers.push([weight, bias]);
        }
        let widths: Vec<usize> = modulations.iter().flat_map(|&(_, width)| [width; 2]).collect();
        self.plan.table = self.linears(embedding, &widths, &layers, false);
        Ok(self.plan)
    }

    /// Weight (inputs × outputs) and bias of a linear layer.
    fn linear(&self, name: &str, outputs: usize) -> Result<[Vec<f32>; 2], FusedError> {
        let weight = self.array(name, "weight", &[self.plan.features(), outputs])?;
        Ok([weight.values.clone(), self.array(name, "bias", &[outputs])?.values.clone()])
    }

    /// Linear layers of the same input side by side, among the launches for noise levels. Their
    /// outputs fill the segments one after the other.
    fn linears(
        &mut self,
        source: Id,
        segments: &[usize],
        layers: &[[Vec<f32>; 2]],
        silu: bool,
    ) -> Id {
        let columns = |layer: &'_ [Vec<f32>; 2]| 0..layer[1].len();
        let columns: Vec<(usize, usize)> = (0..)
            .zip(layers)
            .flat_map(|(index, layer)| columns(layer).map(move |column| (index, column)))
            .collect();
        let axis = Axis::segments(segments);
        let from = &self.plan.tensors[source].axis;
        let weight = |o: usize, i: usize| {
            let (layer, column) = columns[o];
            let [weight, bias] = &layers[layer];
            weight[i * bias.len() + column]
        };
        let mut parameters: Vec<f32> = from.matrix(&axis, weight).collect();
        parameters.extend(axis.vector(|o| layers[columns[o].0][1][columns[o].1]));
        let parameters = self.store(parameters);
        let to = self.tensor(segments, [1, 1]);
        self.plan.levels.push(Launch::Conv(Conv {
            terms: vec![Term::pointwise(source)],
            parameters,
            residual: None,
            silu,
            columns: axis.len(),
            fold: 1,
            grid: [1, 1],
            to: Target::Tensor(to),
        }));
        to
    }

    fn tensor(&mut self, segments: &[usize], [height, width]: [usize; 2]) -> Id {
        let shape = Shape { segments: segments.to_vec(), height, width };
        let axis = Axis::segments(segments);
        self.plan.tensors.push(Tensor { shape, axis, statistics: false });
        self.plan.tensors.len() - 1
    }

    fn segments(&self, ids: &[Id]) -> Vec<usize> {
        ids.iter().flat_map(|&id| self.plan.tensors[id].shape.segments.clone()).collect()
    }

    fn normalise(&mut self, from: &[Id], affine: Affine, silu: bool) -> Id {
        let Shape { height, width, .. } = self.plan.tensors[from[0]].shape;
        let to = self.tensor(&self.segments(from), [height, width]);
        for &id in from {
            self.plan.tensors[id].statistics = true;
        }
        let from = from.to_vec();
        self.plan.steps.push(Launch::Norm(Norm { from, groups: self.groups, affine, silu, to }));
        to
    }

    fn array(&self, name: &str, part: &str, shape: &[usize]) -> Result<&'a Array, FusedError> {
        let name = [name, part].join(".");
        let fits = |array: &&Array| {
            array.shape == shape && array.values.len() == shape.iter().product::<usize>()
        };
        self.weights.get(&name).filter(fits).ok_or(FusedError::Weights(name))
    }

    /// Appends parameters.
    fn store(&mut self, values: Vec<f32>) -> Range<usize> {
        let start = self.plan.parameters.len();
        self.plan.parameters.extend(values);
        let end = self.plan.parameters.len();
        self.plan.parameters.resize(end.next_multiple_of(ALIGNMENT), 0.0);
        start..end
    }
}
