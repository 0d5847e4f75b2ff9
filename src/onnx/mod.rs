//! Models as ONNX files, for the runtimes of other languages.
//!
//! A file is written from the network's description and weights alone, without a device or Burn.
//! The graph is what a careful export from another framework would contain, not a translation of
//! our kernels: 32-bit floats, standard operators only, static shapes if the batch is fixed.
//!
//! | input or output | shape | |
//! |---|---|---|
//! | `x` | N × C × H × W | noisy images x̃ |
//! | `sigma` | 1, or with a dynamic batch also N | σ > 0 of all images, or of each |
//! | `score` | N × C × H × W | s(x̃, σ) |
//!
//! The model's card is in the metadata under `card`, as in a model file.

mod graph;
mod proto;
mod unet;

use prost::Message;
use thiserror::Error;

use crate::model_file::ModelFile;
use crate::net::Architecture;
use graph::Graph;

/// How many images a graph takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// This many, and one σ for all: the runtime knows every shape beforehand.
    Fixed(usize),
    /// Any number, and one σ for all or one for each.
    Dynamic,
}

/// What a file should be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The number of images.
    pub batch: Batch,
    /// The version of ONNX's operators, from [`Options::OPSETS`].
    pub opset: i64,
}

impl Options {
    /// The versions in which all operators used here mean the same.
    pub const OPSETS: std::ops::RangeInclusive<i64> = 13..=24;
    /// Supported by every runtime of recent years.
    pub const DEFAULT_OPSET: i64 = 17;
    /// The most images of a fixed batch.
    pub const MAX_BATCH: usize = 65_536;
}

/// Why a model cannot be written as ONNX.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ExportError {
    /// There is no graph for this kind of network.
    #[error("a network of the kind `{0}` cannot be exported yet, only a U-Net")]
    Architecture(&'static str),
    /// The batch is empty or absurdly large.
    #[error(
        "a batch has from 1 to {max} images, not {0}; say `dynamic` for any number",
        max = Options::MAX_BATCH
    )]
    Batch(usize),
    /// The version has not been checked.
    #[error(
        "opset {0} is not supported; choose one from {first} to {last}",
        first = Options::OPSETS.start(), last = Options::OPSETS.end()
    )]
    Opset(i64),
    /// The model lacks a tensor that its description requires.
    #[error("the tensor `{0}` is missing")]
    Missing(String),
    /// The card cannot be written as JSON.
    #[error("the model's card cannot be written: {0}")]
    Card(String),
}

/// The bytes of an ONNX file that computes the model's score.
///
/// # Errors
/// [`ExportError`] says what cannot be written.
pub fn export(model: &ModelFile, options: Options) -> Result<Vec<u8>, ExportError> {
    if let Batch::Fixed(n) = options.batch
        && !(1..=Options::MAX_BATCH).contains(&n)
    {
        return Err(ExportError::Batch(n));
    }
    if !Options::OPSETS.contains(&options.opset) {
        return Err(ExportError::Opset(options.opset));
    }
    let mut graph = Graph::new(&model.weights);
    let (x, sigma) = (graph.input("x"), graph.input("sigma"));
    let score = match &model.card.architecture {
        Architecture::UNet(sizes) => unet::score(&mut graph, sizes, options.batch, &x, &sigma)?,
        Architecture::RefineNet(_) => return Err(ExportError::Architecture("refinenet")),
    };
    graph.rename(&score, "score");

    let image_shape = model.card.architecture.image_shape();
    let [channels, height, width] = [image_shape.channels, image_shape.height, image_shape.width]
        .map(|size| proto::size(size as i64));
    let (batch, sigmas) = match options.batch {
        Batch::Fixed(n) => (proto::size(n as i64), proto::size(1)),
        Batch::Dynamic => (proto::symbol("N"), proto::symbol("one_or_N")),
    };
    let images = vec![batch, channels, height, width];
    let card = serde_json::to_string(&model.card);
    let card = card.map_err(|error| ExportError::Card(error.to_string()))?;
    let file = proto::Model {
        ir_version: Some(proto::IR_VERSION),
        producer_name: Some(env!("CARGO_PKG_NAME").into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        opset_import: vec![proto::OperatorSet { version: Some(options.opset), domain: None }],
        metadata: vec![proto::Entry { key: Some("card".into()), value: Some(card) }],
        graph: Some(proto::Graph {
            name: Some(model.card.name.clone()),
            inputs: vec![proto::value("x", images.clone()), proto::value("sigma", vec![sigmas])],
            outputs: vec![proto::value("score", images)],
            ..graph.finish()
        }),
    };
    Ok(file.encode_to_vec())
}
