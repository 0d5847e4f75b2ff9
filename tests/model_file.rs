//! A model file is read back as it was written, or refused with what is wrong with it.
#![cfg(not(target_family = "wasm"))]

mod common;

use std::collections::HashMap;

use half::f16;
use ncsn::model_file::{Card, ContainerError, ModelError, ModelFile};
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

/// Chains of a card from before there was a mean begin around an even grey.
#[test]
fn the_mean_of_the_pictures_is_kept_and_older_cards_have_none() {
    let known = ModelFile::read(&with_card(|card| card.mean = Some(0.1307))).expect("a good file");
    assert_eq!((known.card.mean, known.card.start_mean()), (Some(0.1307), 0.1307));
    let mut old = serde_json::to_value(common::model().card).expect("plain data");
    assert!(old.as_object_mut().expect("an object").remove("mean").is_none(), "{old}");
    let old: Card = serde_json::from_value(old).expect("an older card");
    assert_eq!((old.mean, old.start_mean()), (None, 0.5));
    for mean in [-0.1, 1.5, 1e30] {
        let error = refused(&with_card(|card| card.mean = Some(mean)));
        assert!(matches!(error, ModelError::Mean(_)), "{error}");
    }
    assert!(ModelFile::read(&with_card(|card| card.mean = Some(0.0))).is_ok());
    assert!(ModelFile::read(&with_card(|card| card.mean = Some(1.0))).is_ok());
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

/// A file without tensors, with this text for a card.
fn with_text(card: &str) -> Vec<u8> {
    let metadata = HashMap::from([("card".to_owned(), card.to_owned())]);
    safetensors::serialize([] as [(&str, TensorView<'_>); 0], Some(metadata)).expect("empty")
}

#[test]
fn what_is_not_a_model_is_refused() {
    assert!(matches!(refused(b""), ModelError::Container(_)));
    assert!(matches!(refused(b"<!doctype html>"), ModelError::Container(_)));
    // A header that claims to be larger than the file, and than nearly anything.
    assert!(matches!(refused(&u64::MAX.to_le_bytes()), ModelError::Container(_)));
    let whole = common::model().write().expect("finite");
    for length in [7, 8, 100, whole.len() / 2, whole.len() - 1] {
        assert!(matches!(refused(&whole[..length]), ModelError::Container(_)), "{length} bytes");
    }
    let no_card = safetensors::serialize([] as [(&str, TensorView<'_>); 0], None).expect("empty");
    assert!(matches!(refused(&no_card), ModelError::NoCard(_)));
}

/// A file with this header and `bytes` bytes after it.
fn with_header(header: &str, bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; bytes]].concat()
}

#[test]
fn impossible_headers_are_refused_with_what_is_wrong() {
    let refused = |header: &str, bytes| match refused(&with_header(header, bytes)) {
        ModelError::Container(error) => error,
        other => panic!("{header}: {other}"),
    };
    let two = |first: [usize; 2], second: [usize; 2], bytes| {
        let tensor = |[start, end]: [usize; 2]| {
            format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":[{start},{end}]}}"#)
        };
        refused(&format!(r#"{{"a":{},"b":{}}}"#, tensor(first), tensor(second)), bytes)
    };
    let offsets = |name: &str| ContainerError::Offsets(name.into());
    assert_eq!(two([4, 8], [4, 8], 8), offsets("a"));
    assert_eq!(two([0, 4], [0, 4], 8), offsets("b"));
    assert_eq!(two([0, 4], [8, 12], 12), offsets("b"));
    assert_eq!(two([4, 0], [4, 8], 8), offsets("a"));
    let length = |found, expected| ContainerError::Length { found, expected };
    assert_eq!(two([4, 8], [0, 4], 7), length(7, 8));
    assert_eq!(two([0, 4], [4, 8], 9), length(9, 8));
    assert!(matches!(refused("{", 0), ContainerError::Header(_)));
    assert!(matches!(refused("[]", 0), ContainerError::Header(_)));
    assert!(matches!(refused(r#"{"a":{"shape":[1]}}"#, 0), ContainerError::Header(_)));
    let three = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#;
    assert_eq!(refused(three, 4), offsets("a"));
    let huge = r#"{"a":{"dtype":"F32","shape":[1e30],"data_offsets":[0,0]}}"#;
    assert!(matches!(refused(huge, 0), ContainerError::Header(_)));
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
    let mut unnamed = serde_json::to_value(common::model().card).expect("plain data");
    unnamed.as_object_mut().expect("an object").remove("name");
    let error = refused(&with_text(&unnamed.to_string())).to_string();
    assert!(error.contains("card") && error.contains("missing field `name`"), "{error}");
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
    let error = refused(&with_tensors(&good, Dtype::F64));
    assert!(matches!(error, ModelError::Type { found, .. } if found == "F64"));
    // The right shapes, and offsets that fit the file, but not the bytes that these shapes need.
    let halves = with_tensors(&good, Dtype::F16);
    let text = String::from_utf8_lossy(&halves).replacen(r#""F16""#, r#""F32""#, 1);
    assert_ne!(text.as_bytes(), halves);
    let error = refused(text.as_bytes());
    assert!(matches!(error, ModelError::Container(ContainerError::Size(_))), "{error}");
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
