//! The U-Net of [`crate::net::unet`] in ONNX's operators.
//!
//! One operator of ONNX replaces several of ours where possible. Unshuffling `r × r` pixels into
//! channels before a k × k convolution is one convolution of k r × k r pixels and stride r, with
//! the same weights in another order; shuffling back permutes axes, since some runtimes have no
//! `DepthToSpace`. Group normalization is instance normalization of reshaped groups: runtimes have
//! a kernel for that, but decompose ONNX's own `GroupNormalization`.

use super::error::ExportError;
use super::graph::{Graph, Value};
use super::options::Batch;
use super::proto::Attribute;
use crate::net::precondition::frequencies;
use crate::net::unet::topology::Layer;
use crate::net::{NORM_EPSILON, UNetDescription};

/// What the network is told about the class.
pub struct Class {
    /// The numbers of 1 or N classes.
    pub class: Value,
    /// As many scales of guidance, for a network that takes them.
    pub guidance: Option<Value>,
}

/// s(x, σ | c) of N × C × H × W images and 1 or N values of σ and of c, which a network without
/// classes does not have; see [`crate::net::precondition`].
pub fn score(
    graph: &mut Graph<'_>,
    sizes: &UNetDescription,
    batch: Batch,
    x: &Value,
    sigma: &Value,
    class: Option<&Class>,
) -> Result<Value, ExportError> {
    let name = "precondition";
    let scale = sizes.preconditioning;
    let column = graph.reshape(name, sigma, &[-1, 1, 1, 1]);
    let [mean, deviation, data_variance] =
        [scale.mean, scale.sigma_data, scale.sigma_data * scale.sigma_data]
            .map(|v| graph.scalar(v));

    let centered = graph.op(name, "Sub", &[x, &mean], &[]);
    let variance = graph.op(name, "Mul", &[&column, &column], &[]);
    let variance = graph.op(name, "Add", &[&variance, &data_variance], &[]);
    let root = graph.op(name, "Sqrt", &[&variance], &[]);
    let input = graph.op(name, "Div", &[&centered, &root], &[]);

    let batch = match batch {
        Batch::Fixed(n) => n as i64,
        Batch::Dynamic => 0,
    };
    let mut network = Network { graph, sizes, batch };
    let embedding = network.embedding(sigma, class)?;
    let raw = network.raw(input, &embedding)?;

    let divisor = graph.op(name, "Mul", &[&column, &root], &[]);
    let factor = graph.op(name, "Div", &[&deviation, &divisor], &[]);
    let correction = graph.op(name, "Mul", &[&raw, &factor], &[]);
    let gaussian = graph.op(name, "Div", &[&centered, &variance], &[]);
    Ok(graph.op(name, "Sub", &[&correction, &gaussian], &[]))
}

/// Feature maps: N × channels × height × width.
#[derive(Clone)]
struct Maps {
    value: Value,
    channels: usize,
    height: usize,
    width: usize,
}

/// The raw network F.
struct Network<'g, 'w> {
    graph: &'g mut Graph<'w>,
    sizes: &'g UNetDescription,
    /// N for `Reshape`: 0, for "as it was", if it is not known.
    batch: i64,
}

impl Network<'_, '_> {
    fn raw(&mut self, x: Value, embedding: &Value) -> Result<Value, ExportError> {
        let (image_shape, patch) = (self.sizes.image_shape, self.sizes.patch);
        let mut x = Maps {
            value: x,
            channels: image_shape.channels,
            height: image_shape.height,
            width: image_shape.width,
        };
        let mut kept = Vec::new();
        for layer in self.sizes.layers() {
            x = match layer {
                Layer::Stem { .. } => self.unshuffle_conv("stem", &x, patch)?,
                Layer::Residual { name, .. } => self.residual(&name, &x, embedding)?,
                Layer::Attention { name, .. } => self.attention(&name, &x)?,
                Layer::Keep => {
                    kept.push(x.clone());
                    x
                }
                Layer::Concatenate => self.concatenate(x, kept.pop()),
                Layer::Halve { name, .. } => self.unshuffle_conv(&name, &x, 2)?,
                Layer::Double { name, .. } => self.conv_shuffle(&name, &x, 2)?,
                Layer::Head { .. } => {
                    let h = self.affine_norm("head_norm", &x)?;
                    let h = self.silu("head_norm", h);
                    self.conv_shuffle("head", &h, patch)?
                }
            };
        }
        Ok(x.value)
    }

    /// The channels of one, then those of the other.
    fn concatenate(&mut self, x: Maps, kept: Option<Maps>) -> Maps {
        let Some(kept) = kept else { return x };
        let axis = [Attribute::int("axis", 1)];
        let value = self.graph.op("skip", "Concat", &[&x.value, &kept.value], &axis);
        Maps { value, channels: x.channels + kept.channels, ..x }
    }

    /// Turns 1 or N values of σ and of the class into as many embeddings.
    fn embedding(&mut self, sigma: &Value, class: Option<&Class>) -> Result<Value, ExportError> {
        let name = "embedding";
        let frequencies: Vec<f32> = frequencies(self.sizes.embedding / 2).collect();
        let shape = [1, frequencies.len()];
        let frequencies = self.graph.floats("embedding.frequencies", &shape, &frequencies);

        let sigma = self.graph.reshape(name, sigma, &[-1, 1]);
        let logarithm = self.graph.op(name, "Log", &[&sigma], &[]);
        let angles = self.graph.op(name, "Mul", &[&logarithm, &frequencies], &[]);
        let sines = self.graph.op(name, "Sin", &[&angles], &[]);
        let cosines = self.graph.op(name, "Cos", &[&angles], &[]);
        let axis = [Attribute::int("axis", 1)];
        let mut x = self.graph.op(name, "Concat", &[&sines, &cosines], &axis);
        let [first, second] = ["embedding.first", "embedding.second"];
        x = self.linear(first, &x)?;
        x = self.silu_of(first, &x);
        x = self.linear(second, &x)?;
        if let Some(class) = class {
            let name = "embedding.classes";
            let table = self.graph.weight(name)?;
            let axis = [Attribute::int("axis", 0)];
            let mut rows = self.graph.op(name, "Gather", &[&table, &class.class], &axis);
            if let Some(guidance) = &class.guidance {
                // r + w (r_c − r); see ClassInput.
                let none = self.graph.integers(&[self.sizes.classes as i64]);
                let none = self.graph.op(name, "Gather", &[&table, &none], &axis);
                let guidance = self.graph.reshape(name, guidance, &[-1, 1]);
                let way = self.graph.op(name, "Sub", &[&rows, &none], &[]);
                let way = self.graph.op(name, "Mul", &[&guidance, &way], &[]);
                rows = self.graph.op(name, "Add", &[&none, &way], &[]);
            }
            x = self.graph.op(name, "Add", &[&x, &rows], &[]);
        }
        Ok(self.silu_of(second, &x))
    }

    fn residual(&mut self, name: &str, x: &Maps, embedding: &Value) -> Result<Maps, ExportError> {
        let norm1 = format!("{name}.norm1");
        let h = self.affine_norm(&norm1, x)?;
        let h = self.silu(&norm1, h);
        let h = self.conv(&format!("{name}.conv1"), &h)?;

        let norm2 = format!("{name}.norm2");
        let [scale, shift] = self.modulation(&format!("{name}.modulation"), embedding)?;
        let h = self.norm(&norm2, &h);
        let h = self.scale_and_shift(&norm2, h, &scale, &shift);
        let h = self.silu(&norm2, h);
        let h = self.conv(&format!("{name}.conv2"), &h)?;

        let x = match x.channels == h.channels {
            true => x.clone(),
            false => self.conv(&format!("{name}.shortcut"), x)?,
        };
        Ok(self.add(name, &h, &x))
    }

    /// The scale and the shift of each channel, from σ.
    fn modulation(&mut self, name: &str, embedding: &Value) -> Result<[Value; 2], ExportError> {
        // The factor is scale + 1; the 1 goes into the bias.
        let bias_name = format!("{name}.bias");
        let mut bias = self.graph.array(&bias_name)?.clone();
        let channels = bias.values.len() / 2;
        bias.values[..channels].iter_mut().for_each(|scale| *scale += 1.0);
        let bias = self.graph.floats(&bias_name, &bias.shape, &bias.values);
        let weight = self.graph.weight(&format!("{name}.weight"))?;

        let both = self.graph.op(name, "Gemm", &[embedding, &weight, &bias], &[]);
        let both = self.graph.reshape(name, &both, &[-1, 2 * channels as i64, 1, 1]);
        let halves = self.graph.integers(&[channels as i64; 2]);
        Ok(self.graph.op_many(name, "Split", &[&both, &halves], &[Attribute::int("axis", 1)]))
    }

    fn attention(&mut self, name: &str, x: &Maps) -> Result<Maps, ExportError> {
        let h = self.affine_norm(&format!("{name}.norm"), x)?;
        let qkv = self.conv(&format!("{name}.qkv"), &h)?.value;

        let (heads, size) = (self.sizes.heads as i64, x.channels / self.sizes.heads);
        let qkv = self.graph.reshape(name, &qkv, &[self.batch, 3 * heads, size as i64, -1]);
        let thirds = self.graph.integers(&[heads; 3]);
        let axis = [Attribute::int("axis", 1)];
        let [q, k, v] = self.graph.op_many(name, "Split", &[&qkv, &thirds], &axis);

        // For each head q, k and v are size × positions, as the convolution leaves them.
        let turn = [0, 1, 3, 2];
        let scale = self.graph.scalar((size as f32).sqrt().recip());
        let q = self.graph.op(name, "Mul", &[&q, &scale], &[]);
        let q = self.graph.transpose(name, &q, &turn);
        let weights = self.graph.op(name, "MatMul", &[&q, &k], &[]);
        let weights = self.graph.op(name, "Softmax", &[&weights], &[Attribute::int("axis", -1)]);
        let v = self.graph.transpose(name, &v, &turn);
        let mixed = self.graph.op(name, "MatMul", &[&weights, &v], &[]);
        let mixed = self.graph.transpose(name, &mixed, &turn);

        let value = self.reshape_like(name, &mixed, x);
        let out = self.conv(&format!("{name}.out"), &Maps { value, ..x.clone() })?;
        Ok(self.add(name, x, &out))
    }

    /// A linear layer.
    fn linear(&mut self, name: &str, x: &Value) -> Result<Value, ExportError> {
        let weight = self.graph.weight(&format!("{name}.weight"))?;
        let bias = self.graph.weight(&format!("{name}.bias"))?;
        Ok(self.graph.op(name, "Gemm", &[x, &weight, &bias], &[]))
    }

    /// A convolution that keeps height and width.
    fn conv(&mut self, name: &str, x: &Maps) -> Result<Maps, ExportError> {
        self.unshuffle_conv(name, x, 1)
    }

    /// Unshuffles squares of r × r pixels into channels and convolves by k × k, as one convolution of k
    /// r × k r and stride r. An unshuffled channel's weight at (u, v) is the pixel's at (u r + i, v r +
    /// j).
    fn unshuffle_conv(&mut self, name: &str, x: &Maps, r: usize) -> Result<Maps, ExportError> {
        let weight = self.graph.array(&format!("{name}.weight"))?;
        let [outputs, kernel] = [weight.shape[0], weight.shape[2]];
        let (side, plane) = (kernel * r, kernel * kernel);
        let mut values = Vec::with_capacity(weight.values.len());
        for channels in weight.values.chunks_exact(r * r * plane) {
            for (row, column) in (0..side * side).map(|at| (at / side, at % side)) {
                let pixel = (row % r) * r + column % r;
                values.push(channels[pixel * plane + (row / r) * kernel + column / r]);
            }
        }
        let shape = [outputs, x.channels, side, side];
        let weight = self.graph.floats(&format!("{name}.weight"), &shape, &values);
        let bias = self.graph.weight(&format!("{name}.bias"))?;

        let (side, padding, stride) = (side as i64, (kernel / 2 * r) as i64, r as i64);
        let attributes = [
            Attribute::ints("kernel_shape", &[side; 2]),
            Attribute::ints("pads", &[padding; 4]),
            Attribute::ints("strides", &[stride; 2]),
        ];
        let value = self.graph.op(name, "Conv", &[&x.value, &weight, &bias], &attributes);
        Ok(Maps { value, channels: outputs, height: x.height / r, width: x.width / r })
    }

    /// A convolution, then shuffles channels into squares of r × r pixels.
    fn conv_shuffle(&mut self, name: &str, x: &Maps, r: usize) -> Result<Maps, ExportError> {
        let x = self.conv(name, x)?;
        if r == 1 {
            return Ok(x);
        }
        let (height, width) = (x.height as i64, x.width as i64);
        let (channels, side) = (x.channels / (r * r), r as i64);
        let apart = [self.batch, channels as i64, side, side, height, width];
        let value = self.graph.reshape(name, &x.value, &apart);
        let value = self.graph.transpose(name, &value, &[0, 1, 4, 2, 5, 3]);
        let shuffled = Maps { value, channels, height: x.height * r, width: x.width * r };
        let value = self.reshape_like(name, &shuffled.value, &shuffled);
        Ok(Maps { value, ..shuffled })
    }

    /// Group normalization with a scale and a shift for each channel.
    fn affine_norm(&mut self, name: &str, x: &Maps) -> Result<Maps, ExportError> {
        let mut channels = |part| -> Result<Value, ExportError> {
            let name = format!("{name}.{part}");
            let values = &self.graph.array(&name)?.values;
            Ok(self.graph.floats(&name, &[1, values.len(), 1, 1], values))
        };
        let (gamma, beta) = (channels("gamma")?, channels("beta")?);
        let normal = self.norm(name, x);
        Ok(self.scale_and_shift(name, normal, &gamma, &beta))
    }

    /// Group normalization.
    fn norm(&mut self, name: &str, x: &Maps) -> Maps {
        let groups = self.sizes.groups;
        let one = self.graph.floats("norm.ones", &[groups], &vec![1.0; groups]);
        let zero = self.graph.floats("norm.zeros", &[groups], &vec![0.0; groups]);
        let grouped = self.graph.reshape(name, &x.value, &[self.batch, groups as i64, -1]);
        let epsilon = [Attribute::float("epsilon", NORM_EPSILON)];
        let inputs = [&grouped, &one, &zero];
        let normal = self.graph.op(name, "InstanceNormalization", &inputs, &epsilon);
        Maps { value: self.reshape_like(name, &normal, x), ..x.clone() }
    }

    /// `x · scale + shift`, for each channel.
    fn scale_and_shift(&mut self, name: &str, x: Maps, scale: &Value, shift: &Value) -> Maps {
        let value = self.graph.op(name, "Mul", &[&x.value, scale], &[]);
        Maps { value: self.graph.op(name, "Add", &[&value, shift], &[]), ..x }
    }

    fn silu(&mut self, name: &str, x: Maps) -> Maps {
        Maps { value: self.silu_of(name, &x.value), ..x }
    }

    /// `x · sigmoid(x)`.
    fn silu_of(&mut self, name: &str, x: &Value) -> Value {
        let gate = self.graph.op(name, "Sigmoid", &[x], &[]);
        self.graph.op(name, "Mul", &[x, &gate], &[])
    }

    fn add(&mut self, name: &str, a: &Maps, b: &Maps) -> Maps {
        Maps { value: self.graph.op(name, "Add", &[&a.value, &b.value], &[]), ..a.clone() }
    }

    fn reshape_like(&mut self, name: &str, x: &Value, like: &Maps) -> Value {
        let [c, h, w] = [like.channels, like.height, like.width].map(|size| size as i64);
        self.graph.reshape(name, x, &[self.batch, c, h, w])
    }
}
