//! A model file is read back as it was written, or refused with what is wrong with it.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::collections::HashMap;

use half::f16;
use ncsn::model_file::{Card, ModelError, ModelFile};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

#[test]
fn what_was_written_is_read_back_in_half_precision() {
    let model = common::model();
    let read = ModelFile::read(&model.write().expect("finite")).expect("its own output");
    assert_eq!(read.card, model.card);
    for (name, array) in &model.weights {
        let rounded: Vec<f32> = array.values.iter().map(|&v| f16::from_f32(v).to_f32()).collect();
        assert_eq!(
            (&read.weights[name].shape, &read.weights[name].values),
            (&array.shape, &rounded)
        );
    }
}

fn refused(bytes: &[u8]) -> ModelError {
    ModelFile::read(bytes).expect_err("must be refused")
}

/// Writes the tiny model with another card.
fn with_card(change: impl FnOnce(&mut Card)) -> Vec<u8> {
    let mut model = common::model();
    change(&mut model.card);
    model.write().expect("finite")
}

/// A file of all-zero tensors of the given names, shapes and type, with the tiny model's card.
fn with_tensors(tensors: &[(String, Vec<usize>)], dtype: Dtype) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let views = tensors.iter().map(|(name, shape)| {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        (name, TensorView::new(dtype, shape.clone(), &zeros[..bytes]).expect("enough zeros"))
    });
    let card = serde_json::to_string(&common::model().card).expect("plain data");
    let metadata = HashMap::from([("card".to_owned(), card)]);
    safetensors::serialize(views, Some(metadata)).expect("good views")
}

#[test]
fn what_is_not_a_model_is_refused() {
    assert!(matches!(refused(b""), ModelError::Container(_)));
    assert!(matches!(refused(b"<!doctype html>"), ModelError::Container(_)));
    // A header that claims to be larger than the file, and nearly everything that there is.
    assert!(matches!(refused(&u64::MAX.to_le_bytes()), ModelError::Container(_)));
    let whole = common::model().write().expect("finite");
    for length in [7, 8, 100, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(refused(&whole[..length]), ModelError::Container(_)), "{length} bytes");
    }
    let no_card = safetensors::serialize([] as [(&str, TensorView<'_>); 0], None).expect("empty");
    assert!(matches!(refused(&no_card), ModelError::NoCard(_)));
}

#[test]
fn impossible_cards_are_refused() {
    assert!(matches!(refused(&with_card(|card| card.format = 2)), ModelError::Format(2)));
    let huge = with_card(|card| {
        let ncsn::net::Architecture::UNet(unet) = &mut card.architecture else {
            panic!("the tiny model is a U-Net");
        };
        unet.widths = vec![1 << 40, 16];
    });
    assert!(matches!(refused(&huge), ModelError::Description(_)));
    let unstable = with_card(|card| card.sampler.step_lr = 1.0);
    assert!(matches!(refused(&unstable), ModelError::Sampler(_)));
}

#[test]
fn wrong_tensors_are_refused_by_name() {
    let good = common::tiny().tensors();
    assert!(ModelFile::read(&with_tensors(&good, Dtype::F32)).is_ok());
    let mut missing = good.clone();
    let gone = missing.remove(5).0;
    assert!(
        matches!(refused(&with_tensors(&missing, Dtype::F32)), ModelError::Missing(n) if n == gone)
    );
    let mut extra = good.clone();
    extra.push(("extra".into(), vec![1]));
    assert!(
        matches!(refused(&with_tensors(&extra, Dtype::F32)), ModelError::Unexpected(n) if n == "extra")
    );
    let mut reshaped = good.clone();
    reshaped[3].1.push(1);
    let error = refused(&with_tensors(&reshaped, Dtype::F32));
    assert!(matches!(error, ModelError::Shape { name, .. } if name == good[3].0));
    assert!(matches!(refused(&with_tensors(&good, Dtype::F64)), ModelError::Type { .. }));
}

#[test]
fn values_that_are_not_finite_are_neither_written_nor_read() {
    let mut model = common::model();
    model.weights.get_mut("head.bias").expect("there").values[0] = 1e6; // beyond f16
    assert!(matches!(model.write(), Err(ModelError::NotFinite(name)) if name == "head.bias"));

    let mut bytes = common::model().write().expect("finite");
    let (header, _) = SafeTensors::read_metadata(&bytes).expect("a good file");
    bytes[8 + header..][..2].copy_from_slice(&f16::NAN.to_le_bytes());
    assert!(matches!(refused(&bytes), ModelError::NotFinite(_)));
}
