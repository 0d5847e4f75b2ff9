//! A trained network from elsewhere as the judge of samples: an ONNX file, run on the CPU by `rten`.
//!
//! With the weights of Inception, this is what the field calls FID (Heusel et al. 2017).

mod error;
mod operators;
mod preprocessing;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rten::{
    DataType, Dimension, LoadErrorKind, Model, ModelOptions, NodeId, ValueOrView, ValueType,
};
use rten_tensor::prelude::*;
use rten_tensor::{Layout as _, Tensor};
use sha2::{Digest, Sha256};

pub use error::FeatureNetworkError;
pub use preprocessing::{Channels, Layout, Preprocessing, Resize};

use super::Points;
use crate::net::ImageShape;
use crate::words::one_line;

use FeatureNetworkError as Error;

/// A feature network, ready to run.
pub struct FeatureNetwork {
    model: Model,
    input: NodeId,
    output: NodeId,
    preprocessing: Preprocessing,
    /// The height and width of its input.
    size: [usize; 2],
    /// The number of images that it takes at once.
    batch: usize,
    sha256: String,
}

/// Images at once for a network that takes any number.
const BATCH: usize = 32;

/// The most values of an input: 1 GiB.
const MOST_VALUES: usize = 1 << 28;

impl FeatureNetwork {
    /// Reads an ONNX file, and checks that it runs with its preprocessing.
    ///
    /// The file is a program. It has no loops and no branches, so it ends; but nothing limits the
    /// memory that its operators ask for.
    ///
    /// # Errors
    /// [`FeatureNetworkError`] says what does not fit.
    pub fn read(bytes: Vec<u8>, preprocessing: Preprocessing) -> Result<Self, Error> {
        if let Some(problem) = preprocessing.problem() {
            return Err(Error::Preprocessing(problem));
        }
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let (model, output) = match &preprocessing.output {
            None => {
                let model = load(bytes, true)?;
                let output = model.output_ids().last().copied();
                (model, output.ok_or(Error::Outputs)?)
            }
            // Unoptimized, because in an optimized graph values between two operators are gone.
            Some(name) => {
                let model = load(bytes, false)?;
                let output = model.find_node(name).ok_or_else(|| missing(&model, name))?;
                (model, output)
            }
        };
        let &[input] = model.input_ids() else {
            return Err(Error::Inputs(model.input_ids().len()));
        };
        let (batch, size) = input_sizes(&model, input, &preprocessing)?;
        let network = Self { model, input, output, preprocessing, size, batch, sha256 };
        // Blank images, because what cannot run should say so before there are samples to judge.
        network.run(vec![0.0; batch * network.input_dimension()])?;
        Ok(network)
    }

    /// The SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// How images become its input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The features of images of one shape, one after another, with values in \[0, 1\].
    ///
    /// # Errors
    /// [`FeatureNetworkError`] if the network cannot run, or its output is not features.
    pub fn features(&self, pixels: &[f32], shape: ImageShape) -> Result<Points, Error> {
        let mut features = Points { dimension: 1, values: Vec::new() };
        for images in pixels.chunks(self.batch * shape.dimension()) {
            let count = images.len() / shape.dimension();
            let mut input = Vec::with_capacity(self.batch * self.input_dimension());
            for image in images.chunks_exact(shape.dimension()) {
                self.preprocessing.append(image, shape, self.size, &mut input);
            }
            // The last batch is filled up with zeros, because the network may take no smaller one.
            input.resize(self.batch * self.input_dimension(), 0.0);
            let (dimension, values) = self.run(input)?;
            features.dimension = dimension;
            features.values.extend_from_slice(&values[..count * dimension]);
        }
        match features.values.iter().all(|value| value.is_finite()) {
            true => Ok(features),
            false => Err(Error::NotFinite),
        }
    }

    fn input_dimension(&self) -> usize {
        self.preprocessing.channels.count() * self.size[0] * self.size[1]
    }

    /// The number of features, and those of a batch.
    fn run(&self, input: Vec<f32>) -> Result<(usize, Vec<f32>), Error> {
        let mut shape = [self.batch; 4];
        let sizes = [self.preprocessing.channels.count(), self.size[0], self.size[1]];
        for (axis, size) in self.preprocessing.layout.axes().into_iter().zip(sizes) {
            shape[axis] = size;
        }
        let input = ValueOrView::from(Tensor::from_data(&shape, input));
        let run = || self.model.run_n(vec![(self.input, input)], [self.output], None);
        let [found] = caught(run)?.map_err(|error| Error::Run(one_line(error)))?;
        let what = format!("{} of {:?}", found.dtype(), found.shape());
        let not_features = || Error::Features { name: self.output_name(), found: what };
        let found: Tensor<f32> = match found.try_into() {
            Ok(found) => found,
            Err(_) => return Err(not_features()),
        };
        let (shape, values) = (found.shape().to_vec(), found.to_vec());
        if shape.first() != Some(&self.batch) || values.is_empty() {
            return Err(not_features());
        }
        match *shape {
            [_, features] => Ok((features, values)),
            [_, _, _, _] => {
                let [channels, height, width] =
                    self.preprocessing.layout.axes().map(|axis| shape[axis]);
                let means = match self.preprocessing.layout {
                    Layout::Nchw => means_of_rows(&values, height * width),
                    Layout::Nhwc => means_of_columns(&values, height * width, channels),
                };
                Ok((channels, means))
            }
            _ => Err(not_features()),
        }
    }

    /// The name of the output.
    pub fn output_name(&self) -> String {
        name(&self.model, self.output)
    }
}

impl fmt::Debug for FeatureNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { preprocessing, size, sha256, .. } = self;
        f.debug_struct("FeatureNetwork")
            .field("sha256", sha256)
            .field("size", size)
            .field("preprocessing", preprocessing)
            .finish_non_exhaustive()
    }
}

/// The mean of each `length` values.
fn means_of_rows(values: &[f32], length: usize) -> Vec<f32> {
    let mean = |row: &[f32]| row.iter().sum::<f32>() / length as f32;
    values.chunks_exact(length).map(mean).collect()
}

/// The mean of each channel over `positions`, for images of positions × channels.
fn means_of_columns(values: &[f32], positions: usize, channels: usize) -> Vec<f32> {
    let means = |image: &[f32]| {
        let mean =
            |channel| image.iter().skip(channel).step_by(channels).sum::<f32>() / positions as f32;
        (0..channels).map(mean).collect::<Vec<f32>>()
    };
    values.chunks_exact(positions * channels).flat_map(means).collect()
}

fn name(model: &Model, node: NodeId) -> String {
    let name = model.node_info(node).and_then(|node| node.name());
    name.unwrap_or("without a name").to_owned()
}

/// How many images the network takes at once, and their height and width.
fn input_sizes(
    model: &Model,
    input: NodeId,
    preprocessing: &Preprocessing,
) -> Result<(usize, [usize; 2]), Error> {
    let info = model.node_info(input);
    let is_float = info
        .as_ref()
        .and_then(|info| info.dtype())
        .is_none_or(|kind| kind == ValueType::Tensor(DataType::Float));
    if !is_float {
        return Err(Error::Input("of another type than 32-bit floats".into()));
    }
    let shape = info.and_then(|info| info.shape());
    let shape = shape.ok_or_else(|| Error::Input("of unknown shape".into()))?;
    let fixed = |axis: &Dimension| match axis {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Symbolic(_) => None,
    };
    let axes: Vec<Option<usize>> = shape.iter().map(fixed).collect();
    let [batch, ..] = *axes else { return Err(Error::Input("a single number".into())) };
    if axes.len() != 4 {
        return Err(Error::Input(format!("of {} axes", axes.len())));
    }
    if axes.contains(&Some(0)) {
        return Err(Error::Input("empty".into()));
    }
    let [channels, height, width] = preprocessing.layout.axes().map(|axis| axes[axis]);
    let expected = preprocessing.channels.count();
    if let Some(found) = channels.filter(|&found| found != expected) {
        return Err(Error::Channels { found, expected });
    }
    let size = match (preprocessing.size, height, width) {
        (None, Some(height), Some(width)) => [height, width],
        (None, ..) => return Err(Error::AnySize),
        (Some(asked), ..) => {
            let found = [height.unwrap_or(asked[0]), width.unwrap_or(asked[1])];
            if found != asked {
                return Err(Error::Size { found, asked });
            }
            asked
        }
    };
    let batch = batch.unwrap_or(BATCH);
    let values =
        [batch, expected, size[0], size[1]].iter().try_fold(1, |a: usize, &b| a.checked_mul(b));
    match values.is_some_and(|values| values <= MOST_VALUES) {
        true => Ok((batch, size)),
        false => Err(Error::TooLarge { batch, size }),
    }
}

fn load(bytes: Vec<u8>, optimized: bool) -> Result<Model, Error> {
    let mut options = ModelOptions::with_ops(operators::usual());
    options.enable_optimization(optimized);
    caught(|| options.load(bytes))?.map_err(|error| match error.kind() {
        LoadErrorKind::UnknownFileType
        | LoadErrorKind::FormatNotEnabled
        | LoadErrorKind::ParseError => Error::NotOnnx,
        LoadErrorKind::ExternalDataError => Error::ExternalWeights(one_line(error)),
        _ => Error::Unsupported(one_line(error)),
    })
}

/// What the runtime returns. With some sizes its operators panic.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Error> {
    // The panic has printed its reason.
    let panicked = "the runtime panicked, as its operators do with some sizes";
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| Error::Run(panicked.into()))
}

fn missing(model: &Model, asked: &str) -> Error {
    let found = model.output_ids().iter().map(|&node| name(model, node));
    Error::Output { asked: asked.into(), found: found.collect::<Vec<_>>().join(", ") }
}
