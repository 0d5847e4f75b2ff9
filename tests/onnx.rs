//! Exported graphs, run by an independent ONNX runtime, against the Burn network.
#![cfg(not(target_family = "wasm"))]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use ncsn::model_file::ModelFile;
use ncsn::net::{Architecture, ClassInput, Network};
use ncsn::onnx::{self, Batch, ExportError, Options};
use ncsn::random::Key;
use rten::{Dimension, Model, NodeId};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

const STATIC: Options =
    Options { batch: Batch::Fixed(3), opset: Options::DEFAULT_OPSET, settings: None };
const DYNAMIC: Options =
    Options { batch: Batch::Dynamic, opset: Options::DEFAULT_OPSET, settings: None };

/// The tiny model, one of color images with every part of a U-Net at an uneven size, one with
/// classes, and one that takes a scale of guidance to them.
fn models() -> [ModelFile; 4] {
    let tiny = common::model();
    let mut deep = tiny.clone();
    let Architecture::UNet(sizes) = &mut deep.card.architecture else { panic!("a U-Net") };
    (sizes.image_shape.channels, sizes.image_shape.height, sizes.image_shape.width) = (3, 8, 16);
    (sizes.blocks, sizes.widths, sizes.attention) = (2, vec![8, 12, 16], vec![true, false, true]);
    deep.weights = common::weights(&deep.card.architecture);
    let mut conditional = tiny.clone();
    conditional.card.architecture = conditional.card.architecture.with_classes(4);
    conditional.weights = common::weights(&conditional.card.architecture);
    let mut guided = conditional.clone();
    guided.card.architecture = guided.card.architecture.with_guidance_max(4.0);
    [tiny, deep, conditional, guided]
}

fn images(model: &ModelFile, count: usize) -> Vec<f32> {
    let mut x = vec![0.0; count * model.card.architecture.image_shape().dimension()];
    Key { seed: 11, stream: 0, step: 0 }.fill_normal(&mut x);
    x
}

fn by_burn(model: &ModelFile, x: &[f32], sigmas: &[f32], classes: &[ClassInput]) -> Vec<f32> {
    let (image_shape, device) = (model.card.architecture.image_shape(), Device::flex());
    let network = Network::with_weights(&model.card.architecture, model.weights.clone(), &device);
    let network = network.expect("possible");
    let count = x.len() / image_shape.dimension();
    let shape = [count, image_shape.channels, image_shape.height, image_shape.width];
    let x = Tensor::<4>::from_data(TensorData::new(x.to_vec(), shape), &device);
    network.conditional_score(x, sigmas, classes).into_data().iter::<f32>().collect()
}

fn load(model: &ModelFile, options: Options) -> Model {
    Model::load(onnx::export(model, options).expect("can be exported")).expect("a valid file")
}

fn by_onnx(
    file: &Model,
    model: &ModelFile,
    x: &[f32],
    sigmas: &[f32],
    classes: &[ClassInput],
) -> Vec<f32> {
    let image_shape = model.card.architecture.image_shape();
    let count = x.len() / image_shape.dimension();
    let shape = [count, image_shape.channels, image_shape.height, image_shape.width];
    let x = NdTensor::from_data(shape, x.to_vec());
    let sigmas = NdTensor::from_data([sigmas.len()], sigmas.to_vec());
    let node = |name: &str| -> NodeId { file.node_id(name).expect("the name is documented") };
    let mut inputs = vec![(node("x"), x.into()), (node("sigma"), sigmas.into())];
    let none = model.card.architecture.classes();
    if none > 0 {
        let number = |input: &ClassInput| input.class.unwrap_or(none) as i32;
        let numbers: Vec<i32> = classes.iter().map(number).collect();
        inputs.push((node("class"), NdTensor::from_data([classes.len()], numbers).into()));
    }
    if model.card.architecture.guidance_max() > 0.0 {
        let scales: Vec<f32> = classes.iter().map(|input| input.guidance).collect();
        inputs.push((node("guidance"), NdTensor::from_data([classes.len()], scales).into()));
    }
    let [score] = file.run_n(inputs, [node("score")], None).expect("it runs");
    let score: NdTensor<f32, 4> = score.try_into().expect("floats of four axes");
    assert_eq!(score.shape(), shape);
    score.to_vec()
}

#[test]
fn another_runtime_computes_the_same_score() {
    for model in models() {
        let x = images(&model, 3);
        for (options, sigmas) in
            [(STATIC, &[0.7][..]), (DYNAMIC, &[0.7]), (DYNAMIC, &[0.02, 0.7, 15.0])]
        {
            let file = load(&model, options);
            let takes_guidance = model.card.architecture.guidance_max() > 0.0;
            let scale = |guidance| if takes_guidance { guidance } else { 1.0 };
            let classes = [(Some(2), 2.5), (None, 3.0), (Some(0), 1.0)]
                .map(|(class, guidance)| ClassInput { class, guidance: scale(guidance) });
            let classes = &classes[..sigmas.len()];
            let found = by_onnx(&file, &model, &x, sigmas, classes);
            let difference = common::relative(&found, &by_burn(&model, &x, sigmas, classes));
            assert!(difference < 1e-5, "{options:?}, {sigmas:?}: {difference}");
        }
    }
}

#[test]
fn shapes_are_static_where_the_batch_is() {
    let model = &models()[1];
    let axes = |file: &Model, name: &str| -> Vec<String> {
        let node = file.node_info(file.node_id(name).expect("there")).expect("there");
        let axis = |axis: Dimension| match axis {
            Dimension::Fixed(size) => size.to_string(),
            Dimension::Symbolic(name) => name,
        };
        node.shape().expect("declared").into_iter().map(axis).collect()
    };
    let (fixed, dynamic) = (load(model, STATIC), load(model, DYNAMIC));
    assert_eq!(axes(&fixed, "x"), ["3", "3", "8", "16"]);
    // As the runtime infers it from the whole graph.
    assert_eq!(axes(&fixed, "score"), ["3", "3", "8", "16"]);
    assert_eq!(axes(&dynamic, "x"), ["N", "3", "8", "16"]);
    assert_eq!(axes(&fixed, "sigma"), ["1"]);
    assert_eq!(axes(&dynamic, "sigma"), ["one_or_N"]);
}

/// Runtimes that end at opset 13 or 14 know the format up to version 7 (ONNX's `Versioning.md`).
#[test]
fn the_format_is_no_newer_than_the_oldest_operators_need() {
    for opset in Options::OPSETS {
        let file = onnx::export(&common::model(), Options { opset, ..STATIC }).expect("exported");
        // Field 1 of `ModelProto`, a varint, comes first.
        assert_eq!(file[..2], [0x08, 7], "opset {opset}");
    }
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let mut model = common::model();
    let refused = |model: &ModelFile, options| onnx::export(model, options).expect_err("refused");
    for batch in [0, 65_537, usize::MAX] {
        let options = Options { batch: Batch::Fixed(batch), ..STATIC };
        assert_eq!(refused(&model, options), ExportError::Batch(batch));
    }
    assert_eq!(refused(&model, Options { opset: 9, ..STATIC }), ExportError::Opset(9));
    model.weights.remove("middle.conv1.weight");
    let missing = ExportError::Missing("middle.conv1.weight".into());
    assert_eq!(refused(&model, STATIC), missing);
}
