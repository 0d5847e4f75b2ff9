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
//! | `class` | as `sigma`, 64-bit integers | for a class-conditional model only: the class of all images, or of each, counted from 0; the number of classes stands for none |
//! | `guidance` | as `sigma` | for a model that takes it: the scale w of guidance to the class, 1 for none |
//! | `score` | N × C × H × W | s(x̃, σ) |
//!
//! The model's card is in the metadata under `card`, as in a model file, and the rows of its sampler
//! under `step_table`: `examples/sample_onnx.py` is a loop over them.

mod error;
mod graph;
mod options;
mod proto;
mod step_table;
mod unet;

pub use error::ExportError;
use graph::Graph;
pub use options::{Batch, Options};
use prost::Message;

use crate::model_file::ModelFile;
use crate::net::Architecture;

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
    let architecture = &model.card.architecture;
    let (has_classes, takes_guidance) =
        (architecture.classes() > 0, architecture.guidance_max() > 0.0);
    let class = has_classes.then(|| unet::Class {
        class: graph.input("class"),
        guidance: takes_guidance.then(|| graph.input("guidance")),
    });
    let score = match architecture {
        Architecture::UNet(sizes) => {
            unet::score(&mut graph, sizes, options.batch, &x, &sigma, class.as_ref())?
        }
        Architecture::RefineNet(_) => return Err(ExportError::Architecture("refinenet")),
    };
    graph.rename(&score, "score");

    let image_shape = architecture.image_shape();
    let [channels, height, width] = [image_shape.channels, image_shape.height, image_shape.width]
        .map(|size| proto::size(size as i64));
    let (batch, sigmas) = match options.batch {
        Batch::Fixed(n) => (proto::size(n as i64), proto::size(1)),
        Batch::Dynamic => (proto::symbol("N"), proto::symbol("one_or_N")),
    };
    let images = vec![batch, channels, height, width];
    let class = has_classes.then(|| proto::value("class", proto::INT64, vec![sigmas.clone()]));
    let float = |name, shape| proto::value(name, proto::FLOAT, shape);
    let guidance = takes_guidance.then(|| float("guidance", vec![sigmas.clone()]));
    let inputs = [float("x", images.clone()), float("sigma", vec![sigmas])];
    let card = serde_json::to_string(&model.card);
    let card = card.map_err(|error| ExportError::Card(error.to_string()))?;
    let table = model.card.step_table(&options.settings.unwrap_or(model.card.sampler), None)?;
    let metadata = [("card", card), ("step_table", step_table::to_json(&table).to_string())];
    let metadata =
        metadata.map(|(key, value)| proto::Entry { key: Some(key.into()), value: Some(value) });
    let file = proto::Model {
        ir_version: Some(proto::IR_VERSION),
        producer_name: Some(env!("CARGO_PKG_NAME").into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        opset_import: vec![proto::OperatorSet { version: Some(options.opset), domain: None }],
        metadata: metadata.into(),
        graph: Some(proto::Graph {
            name: Some(model.card.name.clone()),
            inputs: inputs.into_iter().chain(class).chain(guidance).collect(),
            outputs: vec![float("score", images)],
            ..graph.finish()
        }),
    };
    Ok(file.encode_to_vec())
}
