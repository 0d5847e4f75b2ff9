//! Small ONNX files, written field by field after the published `onnx.proto`.

use prost::encoding::{WireType, bytes, encode_key, encode_varint};

/// One axis of an input: a size, or a symbol.
#[derive(Clone, Copy)]
pub enum Axis {
    Size(u64),
    Symbol(&'static str),
}

/// A message of the protocol buffers format.
#[derive(Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn int(mut self, tag: u32, value: u64) -> Self {
        encode_key(tag, WireType::Varint, &mut self.0);
        encode_varint(value, &mut self.0);
        self
    }

    fn bytes(mut self, tag: u32, value: &[u8]) -> Self {
        bytes::encode(tag, &value.to_vec(), &mut self.0);
        self
    }

    fn message(self, tag: u32, value: &Self) -> Self {
        self.bytes(tag, &value.0)
    }
}

/// An operator with its inputs, its output and a list of integers as its attribute.
pub struct Node {
    pub op: &'static str,
    pub inputs: &'static [&'static str],
    pub output: &'static str,
    pub attribute: Option<(&'static str, &'static [u64])>,
}

/// A graph with these inputs, 32-bit floats, whose last node's output is its only one.
pub fn file(inputs: &[(&str, &[Axis])], nodes: &[Node]) -> Vec<u8> {
    let mut graph = Message::default();
    for node in nodes {
        let mut message = node
            .inputs
            .iter()
            .fold(Message::default(), |message, input| message.bytes(1, input.as_bytes()));
        message = message.bytes(2, node.output.as_bytes()).bytes(4, node.op.as_bytes());
        if let Some((name, ints)) = node.attribute {
            const INTS: u64 = 7;
            let attribute = Message::default().bytes(1, name.as_bytes()).int(20, INTS);
            message = message.message(5, &ints.iter().fold(attribute, |it, &int| it.int(8, int)));
        }
        graph = graph.message(1, &message);
    }
    for (name, axes) in inputs {
        const FLOAT: u64 = 1;
        let shape = axes.iter().fold(Message::default(), |shape, axis| {
            let axis = match axis {
                Axis::Size(size) => Message::default().int(1, *size),
                Axis::Symbol(name) => Message::default().bytes(2, name.as_bytes()),
            };
            shape.message(1, &axis)
        });
        let tensor = Message::default().int(1, FLOAT).message(2, &shape);
        let kind = Message::default().message(1, &tensor);
        graph = graph.message(11, &Message::default().bytes(1, name.as_bytes()).message(2, &kind));
    }
    let output = nodes.last().map_or("", |node| node.output);
    graph = graph.message(12, &Message::default().bytes(1, output.as_bytes()));
    let opset = Message::default().int(2, 17);
    Message::default().int(1, 8).message(7, &graph).message(8, &opset).0
}

/// A network of three features, the means of three channels, through a value `maps` of four axes.
pub fn channel_means(batch: Axis, sides: [Axis; 2]) -> Vec<u8> {
    let axes = [batch, Axis::Size(3), sides[0], sides[1]];
    let nodes = [
        Node { op: "Relu", inputs: &["images"], output: "maps", attribute: None },
        Node { op: "GlobalAveragePool", inputs: &["maps"], output: "means", attribute: None },
        Node { op: "Flatten", inputs: &["means"], output: "features", attribute: None },
    ];
    file(&[("images", &axes)], &nodes)
}
