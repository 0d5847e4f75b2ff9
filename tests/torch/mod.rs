//! Writes checkpoints as `torch.save` does.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use ncsn::net::weights::{Array, Weights};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What is saved.
#[derive(Clone)]
pub enum Value {
    Dict(Vec<(String, Value)>),
    List(Vec<Value>),
    Int(i32),
    None,
    Tensor { kind: &'static str, shape: Vec<usize>, bytes: Vec<u8> },
}

/// A dictionary, in this order.
pub fn dict(entries: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Value {
    Value::Dict(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A `state_dict`, in this order, with something before each name.
pub fn state<'a>(
    prefix: &str,
    weights: impl IntoIterator<Item = (&'a String, &'a Array)>,
) -> Value {
    dict(weights.into_iter().map(|(name, array)| (format!("{prefix}{name}"), tensor(array))))
}

/// The weights alone, as a list in alphabetical order.
pub fn unnamed(weights: &Weights) -> Value {
    Value::List(weights.values().map(tensor).collect())
}

pub fn tensor(array: &Array) -> Value {
    let bytes = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Value::Tensor { kind: "Float", shape: array.shape.clone(), bytes }
}

pub fn doubles(shape: &[usize], values: &[f64]) -> Value {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Value::Tensor { kind: "Double", shape: shape.to_vec(), bytes }
}

/// A counter, as buffers of modules are.
pub fn count(value: i64) -> Value {
    Value::Tensor { kind: "Long", shape: Vec::new(), bytes: value.to_le_bytes().to_vec() }
}

impl Value {
    /// The same with all dictionaries in the opposite order.
    pub fn reversed(&self) -> Self {
        match self {
            Self::Dict(entries) => {
                dict(entries.iter().rev().map(|(key, value)| (key.clone(), value.reversed())))
            }
            Self::List(values) => Self::List(values.iter().map(Value::reversed).collect()),
            other => other.clone(),
        }
    }

    /// Writes a ZIP archive, as PyTorch does since 1.6.
    pub fn save(&self, path: &Path) {
        let mut storages = Vec::new();
        let pickle = pickle(self, &mut storages);
        let mut writer = ZipWriter::new(File::create(path).expect("created"));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let mut entry = |name: String, bytes: &[u8]| {
            writer.start_file(format!("archive/{name}"), stored).expect("begun");
            writer.write_all(bytes).expect("written");
        };
        entry("data.pkl".into(), &pickle);
        entry("byteorder".into(), b"little");
        for (number, (_, bytes)) in storages.iter().enumerate() {
            entry(format!("data/{number}"), bytes);
        }
        entry("version".into(), b"3\n");
        writer.finish().expect("written");
    }

    /// Writes a stream of pickles, as PyTorch did before.
    pub fn save_stream(&self, path: &Path) {
        let mut storages = Vec::new();
        let object = pickle(self, &mut storages);
        let mut bytes = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
        bytes.extend(b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.");
        bytes.extend(object);
        let keys = (0..storages.len()).map(|number| number.to_string());
        bytes.extend(b"\x80\x02](");
        keys.for_each(|key| text(&key, &mut bytes));
        bytes.extend(b"e.");
        for (elements, storage) in storages {
            bytes.extend((elements as u64).to_le_bytes());
            bytes.extend(storage);
        }
        std::fs::write(path, bytes).expect("written");
    }
}

/// A pickle of protocol 2, and the elements and bytes of the storages that it refers to.
fn pickle(value: &Value, storages: &mut Vec<(usize, Vec<u8>)>) -> Vec<u8> {
    let mut pickle = b"\x80\x02".to_vec();
    push(value, &mut pickle, storages);
    pickle.push(b'.');
    pickle
}

fn push(value: &Value, pickle: &mut Vec<u8>, storages: &mut Vec<(usize, Vec<u8>)>) {
    match value {
        Value::None => pickle.push(b'N'),
        Value::Int(value) => int(*value, pickle),
        Value::Dict(entries) => {
            pickle.extend(b"ccollections\nOrderedDict\n)R(");
            for (key, value) in entries {
                text(key, pickle);
                push(value, pickle, storages);
            }
            pickle.push(b'u');
        }
        Value::List(values) => {
            pickle.extend(b"](");
            values.iter().for_each(|value| push(value, pickle, storages));
            pickle.push(b'e');
        }
        Value::Tensor { kind, shape, bytes } => {
            let elements: usize = shape.iter().product();
            pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            text("storage", pickle);
            pickle.extend(format!("ctorch\n{kind}Storage\n").bytes());
            text(&storages.len().to_string(), pickle);
            text("cpu", pickle);
            int(elements as i32, pickle);
            pickle.extend(b"tQK\x00(");
            shape.iter().for_each(|&length| int(length as i32, pickle));
            pickle.extend(b"t(");
            let strides = (1..=shape.len()).map(|axis| shape[axis..].iter().product::<usize>());
            strides.for_each(|stride| int(stride as i32, pickle));
            pickle.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
            storages.push((elements, bytes.clone()));
        }
    }
}

fn text(text: &str, pickle: &mut Vec<u8>) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.bytes());
}

fn int(value: i32, pickle: &mut Vec<u8>) {
    pickle.push(b'J');
    pickle.extend(value.to_le_bytes());
}
