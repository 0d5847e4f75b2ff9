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

/// Chains of a card from before there was a mean begin around an even gray.
#[test]
fn the_mean_of_the_images_is_kept_and_older_cards_have_none() {
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
    let long = refused(&with_header(&format!("{{{}}}", " ".repeat(1 << 24)), 0));
    assert!(long.to_string().contains("header is too long"), "{long}");
    let no_card = safetensors::serialize([] as [(&str, TensorView<'_>); 0], None).expect("empty");
    assert!(matches!(refused(&no_card), ModelError::NoCard(_)));
}

/// The format allows it, and PyTorch's library writes no metadata at all.
#[test]
fn metadata_that_is_null_is_none() {
    for header in [
        r#"{"__metadata__":null}"#,
        r#"{"__metadata__":{}}"#,
        r#"{"__metadata__":{"card":null}}"#,
        "{}",
    ] {
        assert!(matches!(refused(&with_header(header, 0)), ModelError::NoCard("card")), "{header}");
    }
    let card = common::model().card;
    let bytes = ModelFile::with_card(&with_header(r#"{"__metadata__":null}"#, 0), &card);
    let error = refused(&bytes.expect("a safetensors file"));
    assert!(matches!(error, ModelError::Missing(_)), "{error}");
    let wrong = refused(&with_header(r#"{"__metadata__":[]}"#, 0));
    assert!(matches!(wrong, ModelError::Container(ContainerError::Header(_))), "{wrong}");
}

/// Only what is shorter than it says may have been cut off.
#[test]
fn what_was_cut_off_is_told_from_what_is_something_else() {
    let whole = common::model().write().expect("finite");
    for length in [0, 7, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
        let error = refused(&whole[..length]).to_string();
        assert!(error.contains("cut off"), "{length} bytes: {error}");
    }
    for more in [&b"\n"[..], b"\0\0\0\0", &whole] {
        let error = refused(&[&whole[..], more].concat()).to_string();
        assert!(error.contains("more follow") && !error.contains("cut off"), "{error}");
    }
    let others: [&[u8]; 5] = [
        b"<!doctype html><title>404</title>",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"PK\x03\x04\0\0\0\0\0\0\0\0archive/data.pkl",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x02",
    ];
    for other in others {
        let error = refused(other);
        assert!(matches!(error, ModelError::Container(ContainerError::Foreign)), "{error}");
    }
}

/// The programs print an error and its sources, the page only the error.
#[test]
fn errors_are_said_once_and_in_one_line() {
    let whole = common::model().write().expect("finite");
    let mut nan = whole.clone();
    let (header, _) = SafeTensors::read_metadata(&whole).expect("a good file");
    nan[8 + header..][..2].copy_from_slice(&f16::NAN.to_le_bytes());
    for bytes in [
        whole[..100].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        nan,
        with_header("{\n\"a\nb\":", 0),
        with_header(r#"{"a":{"shape":[1]}}"#, 0),
        with_text("{\n"),
        with_text("{}"),
        with_card(|card| card.sampler.step_lr = 1.0),
        with_card(|card| card.format = 2),
        with_card(|card| card.sampler.schedule.levels = 0),
    ] {
        let error = refused(&bytes);
        let message = error.to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        let printed = format!("{:#}", anyhow::Error::new(error));
        let parts: Vec<&str> = printed.split(": ").collect();
        for (number, part) in parts.iter().enumerate() {
            assert!(!parts[..number].contains(part), "`{part}` is said twice: {printed}");
        }
    }
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
    let short = two([4, 8], [0, 4], 7);
    assert_eq!(short, ContainerError::Short { found: 7, expected: 8 });
    assert!(short.to_string().contains("cut off"), "{short}");
    for found in [9, 4096] {
        let long = two([0, 4], [4, 8], found);
        assert_eq!(long, ContainerError::Long { found, expected: 8 });
        let message = long.to_string();
        assert!(
            message.contains(&(found - 8).to_string()) && !message.contains("cut off"),
            "{message}"
        );
    }
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
    assert!(matches!(
        refused(&with_card(|card| card.format = 2)),
        ModelError::Format { found: 2, .. }
    ));
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
    // Two of one name, which the crate that writes the format would not write.
    let (name, shape) = &good[0];
    let other = "?".repeat(name.len());
    let twice = [&good[..], &[(other.clone(), shape.clone())]].concat();
    let mut twice = with_tensors(&twice, Dtype::F32);
    let at = twice.windows(other.len()).position(|part| part == other.as_bytes());
    twice[at.expect("in the header")..][..name.len()].copy_from_slice(name.as_bytes());
    assert!(matches!(refused(&twice), ModelError::Duplicate(n) if n == *name));
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
    let error = model.write().expect_err("too large");
    assert!(matches!(&error, ModelError::BeyondF16 { name, value: 1e6 } if name == "head.bias"));
    assert!(error.to_string().contains("65504"), "{error}");
    assert_eq!(ModelFile::read(&model.write_f32().expect("finite")).expect("its own"), model);
    for value in [f32::NAN, f32::INFINITY] {
        model.weights.get_mut("head.bias").expect("there").values[0] = value;
        for refused in [model.write(), model.write_f32()] {
            assert!(matches!(refused, Err(ModelError::NotFinite(name)) if name == "head.bias"));
        }
    }

    let mut bytes = common::model().write().expect("finite");
    let (header, _) = SafeTensors::read_metadata(&bytes).expect("a good file");
    bytes[8 + header..][..2].copy_from_slice(&f16::NAN.to_le_bytes());
    assert!(matches!(refused(&bytes), ModelError::NotFinite(_)));
}

/// The page refuses a file that is too large before it has downloaded it, when the program may not
/// be there yet.
#[test]
fn the_page_takes_files_as_large_as_the_program_does() {
    let script = include_str!("../www/model/read-bytes.js");
    let limit = script.split_once("MAX_MODEL_BYTES = 1 << ").and_then(|(_, rest)| {
        rest.split_once(';').and_then(|(shift, _)| shift.parse::<u32>().ok())
    });
    assert_eq!(limit.map(|shift| 1 << shift), Some(ModelFile::MAX_BYTES));
}
