//! A RefineNet as plain data: stages, blocks and layers, with the names that the published PyTorch
//! code gives them. See [`super`] for a diagram.

use serde::{Deserialize, Serialize};

use crate::net::ranges::within;
use crate::net::tensor_shape::TensorShape;
use crate::net::{DescriptionError, ImageShape};
use crate::noise::NoiseSchedule;

/// The sizes of a RefineNet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefineNetDescription {
    /// Which paper's: the two differ in how σ enters.
    pub variant: Variant,
    /// The images it takes, and the shape of its scores.
    #[serde(rename = "picture")]
    pub image_shape: ImageShape,
    /// The number of stages.
    pub depth: Depth,
    /// Channels at full resolution, `ngf` in the published code (64 for MNIST, 128 for CIFAR-10).
    pub ngf: usize,
    /// The noise levels that it is trained on. NCSN is conditioned on their numbers.
    #[serde(rename = "ladder")]
    pub schedule: NoiseSchedule,
}

/// How σ enters a RefineNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// NCSN (Song & Ermon 2019, appendix A): every normalization has a row of scales and shifts for
    /// each level, refinements normalize too, and residual pooling averages.
    Ncsn,
    /// NCSNv2 (Song & Ermon 2020, section 3.3 and appendix B): the network is not conditioned on σ,
    /// its output is divided by σ; refinements do not normalize, and residual pooling takes maxima.
    Ncsnv2,
}

/// The published depths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Four stages, for 28 × 28 to 64 × 64 (`CondRefineNetDilated`, `NCSNv2`).
    Standard,
    /// Five stages, for 96 × 96 and 128 × 128 (`NCSNdeeper`, `NCSNv2Deeper`).
    Deeper,
    /// Six stages, for 256 × 256 (`NCSNv2Deepest`).
    Deepest,
}

/// A stage of the encoder: two residual blocks, the first of which changes the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Whether the first block halves height and width, by averaging 2 × 2 pixels.
    pub halves: bool,
    /// The dilation of the stage's 3 × 3 convolutions; above 1 in stages that do not halve.
    pub dilation: usize,
    /// Channels after the refinement that joins this stage and the coarser ones.
    pub refined: usize,
}

impl Stage {
    /// The size of the kernel on the first block's shortcut: 1 before halving, 3 if dilated. The
    /// first stage has no shortcut.
    pub fn shortcut(&self) -> Option<usize> {
        match (self.halves, self.dilation) {
            (true, _) => Some(1),
            (false, 1) => None,
            (false, _) => Some(3),
        }
    }
}

/// What a network does at one σ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtSigma {
    /// The row of each normalization's table.
    pub row: usize,
    /// The factor of the raw output.
    pub factor: f32,
}

/// A layer with parameters.
pub(crate) struct Layer {
    /// Its name in the Burn module.
    pub name: String,
    /// Its name in the published `state_dict`.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "only programs import"))]
    pub published: String,
    pub kind: LayerKind,
}

pub(crate) enum LayerKind {
    /// A convolution.
    Conv { inputs: usize, outputs: usize, kernel: usize, bias: bool },
    /// An InstanceNorm++.
    Norm { channels: usize },
}

impl Variant {
    /// Its name in model files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ncsn => "ncsn",
            Self::Ncsnv2 => "ncsnv2",
        }
    }
}

impl Depth {
    /// Each stage's width in multiples of `ngf`, and its dilation; 0 means that it halves instead.
    fn stages(self) -> &'static [(usize, usize)] {
        match self {
            Self::Standard => &[(1, 1), (2, 0), (2, 2), (2, 4)],
            Self::Deeper => &[(1, 1), (2, 0), (2, 0), (4, 2), (4, 4)],
            Self::Deepest => &[(1, 1), (2, 0), (2, 0), (2, 0), (4, 2), (4, 4)],
        }
    }

    /// The published numbers of the stages, finest first, and of the refinements, coarsest first:
    /// the deepest network is the deeper one with a stage 31 squeezed in.
    fn numbers(self) -> &'static [usize] {
        match self {
            Self::Standard => &[1, 2, 3, 4],
            Self::Deeper => &[1, 2, 3, 4, 5],
            Self::Deepest => &[1, 2, 3, 31, 4, 5],
        }
    }

    fn refinement_numbers(self) -> &'static [usize] {
        match self {
            Self::Deepest => &[1, 2, 31, 3, 4, 5],
            _ => self.numbers(),
        }
    }
}

impl RefineNetDescription {
    /// Residual convolution units, of two convolutions each, at the start of a refinement.
    pub const ADAPT_UNITS: usize = 2;
    /// Links of a refinement's chain of residual pooling.
    pub const POOLS: usize = 2;

    /// Residual convolution units at the end of a stage's refinement.
    pub fn output_units(stage: usize) -> usize {
        if stage == 0 { 3 } else { 1 }
    }

    /// The stages, finest first.
    pub fn stages(&self) -> Vec<Stage> {
        let sizes = self.depth.stages();
        let width = |stage: usize| sizes[stage].0 * self.ngf;
        let stage = |(i, &(_, dilation)): (usize, &(usize, usize))| Stage {
            inputs: width(i.saturating_sub(1)),
            outputs: width(i),
            halves: dilation == 0,
            dilation: dilation.max(1),
            refined: width(i.saturating_sub(1)),
        };
        sizes.iter().enumerate().map(stage).collect()
    }

    /// The rows of each normalization's table.
    pub fn rows(&self) -> usize {
        match self.variant {
            Variant::Ncsn => self.schedule.levels,
            Variant::Ncsnv2 => 1,
        }
    }

    /// Whether refinements normalize before their convolutions.
    pub fn normalizes_refinements(&self) -> bool {
        self.variant == Variant::Ncsn
    }

    /// What the network does at σ > 0.
    ///
    /// NCSN is defined at its own noise levels only. At another σ it uses the level σᵢ that is nearest
    /// in log σ and keeps its denoised image, `x + σ² s(x, σ) = x + σᵢ² s(x, σᵢ)`, so that a sampler
    /// with a finer noise schedule stays sound.
    pub fn at(&self, sigma: f32) -> AtSigma {
        match self.variant {
            Variant::Ncsn => {
                let row = self.schedule.nearest(sigma);
                let level = self.schedule.sigma(row);
                AtSigma { row, factor: (level / sigma).powi(2) }
            }
            Variant::Ncsnv2 => AtSigma { row: 0, factor: sigma.recip() },
        }
    }

    /// Checks that the sizes are sane and fit together.
    pub(crate) fn check(&self) -> Result<(), DescriptionError> {
        let ImageShape { channels, height, width } = self.image_shape;
        let sizes = [
            ("channels", channels, 1, 16),
            ("height", height, 1, 1024),
            ("width", width, 1, 1024),
            // The spread of the channels' means needs two channels.
            ("ngf", self.ngf, 2, 512),
            ("the number of rows of a normalization", self.rows(), 1, 1024),
        ];
        within(&sizes)?;
        let halvings = self.stages().iter().filter(|stage| stage.halves).count();
        self.image_shape.check_multiples_of(1 << halvings)?;
        self.schedule.check().map_err(|error| DescriptionError::new(error.to_string()))
    }

    /// Name and shape of every tensor.
    pub(in crate::net) fn tensors(&self) -> Vec<TensorShape> {
        let mut tensors = Vec::new();
        for Layer { name, kind, .. } in self.layers() {
            match kind {
                LayerKind::Conv { inputs, outputs, kernel, bias } => {
                    let shape = vec![outputs, inputs, kernel, kernel];
                    tensors.push((format!("{name}.weight"), shape));
                    if bias {
                        tensors.push((format!("{name}.bias"), vec![outputs]));
                    }
                }
                LayerKind::Norm { channels } => {
                    tensors.push((format!("{name}.table"), vec![self.rows(), 3 * channels]));
                }
            }
        }
        tensors
    }

    /// Every layer that has parameters.
    pub(crate) fn layers(&self) -> Vec<Layer> {
        let stages = self.stages();
        let mut list = Layers { list: Vec::new(), normalizes: self.normalizes_refinements() };
        list.conv("begin", "begin_conv", self.image_shape.channels, self.ngf, 3);
        for (i, (stage, number)) in stages.iter().zip(self.depth.numbers()).enumerate() {
            for block in 0..2 {
                let (name, published) =
                    (format!("stages.{i}.{block}"), format!("res{number}.{block}"));
                list.residual(&name, &published, stage, block == 0);
            }
        }
        let numbers = self.depth.refinement_numbers().iter().rev();
        for (i, (stage, number)) in stages.iter().zip(numbers).enumerate() {
            // A stage is joined with the next coarser refinement; the coarsest is alone.
            let inputs = if i + 1 < stages.len() { 2 } else { 1 };
            let (name, published) = (format!("refinements.{i}"), format!("refine{number}"));
            list.refinement(&name, &published, inputs, stage, Self::output_units(i));
        }
        list.norm("norm", "normalizer", self.ngf);
        list.conv("end", "end_conv", self.ngf, self.image_shape.channels, 3);
        list.list
    }
}

/// A list of layers that grows block by block.
struct Layers {
    list: Vec<Layer>,
    normalizes: bool,
}

impl Layers {
    fn push(&mut self, name: &str, published: &str, kind: LayerKind) {
        self.list.push(Layer { name: name.into(), published: published.into(), kind });
    }

    fn conv(&mut self, name: &str, published: &str, inputs: usize, outputs: usize, kernel: usize) {
        self.push(name, published, LayerKind::Conv { inputs, outputs, kernel, bias: true });
    }

    fn norm(&mut self, name: &str, published: &str, channels: usize) {
        self.push(name, published, LayerKind::Norm { channels });
    }

    /// A residual block: the first of its stage, which changes the shape, or the one after it.
    fn residual(&mut self, name: &str, published: &str, stage: &Stage, first: bool) {
        let inputs = if first { stage.inputs } else { stage.outputs };
        // The published block that halves wraps its second convolution and its shortcut.
        let wrapped = if first && stage.halves { ".conv" } else { "" };
        self.norm(&format!("{name}.norm1"), &format!("{published}.normalize1"), inputs);
        self.conv(&format!("{name}.conv1"), &format!("{published}.conv1"), inputs, inputs, 3);
        self.norm(&format!("{name}.norm2"), &format!("{published}.normalize2"), inputs);
        let conv2 = format!("{published}.conv2{wrapped}");
        self.conv(&format!("{name}.conv2"), &conv2, inputs, stage.outputs, 3);
        if let Some(kernel) = stage.shortcut().filter(|_| first) {
            let shortcut = format!("{published}.shortcut{wrapped}");
            self.conv(&format!("{name}.shortcut"), &shortcut, inputs, stage.outputs, kernel);
        }
    }

    fn refinement(
        &mut self,
        name: &str,
        published: &str,
        inputs: usize,
        stage: &Stage,
        output_units: usize,
    ) {
        for input in 0..inputs {
            let names =
                (format!("{name}.adapt.{input}"), format!("{published}.adapt_convs.{input}"));
            self.units(&names.0, &names.1, stage.outputs, RefineNetDescription::ADAPT_UNITS);
        }
        if inputs > 1 {
            for input in 0..inputs {
                self.norm_conv(
                    &format!("{name}.fuse.{input}"),
                    &format!("{published}.msf.norms.{input}"),
                    &format!("{published}.msf.convs.{input}"),
                    (stage.outputs, stage.refined),
                    true,
                );
            }
        }
        for pool in 0..RefineNetDescription::POOLS {
            self.norm_conv(
                &format!("{name}.pool.{pool}"),
                &format!("{published}.crp.norms.{pool}"),
                &format!("{published}.crp.convs.{pool}"),
                (stage.refined, stage.refined),
                false,
            );
        }
        let names = (format!("{name}.output"), format!("{published}.output_convs"));
        self.units(&names.0, &names.1, stage.refined, output_units);
    }

    /// Residual convolution units, each of two convolutions.
    fn units(&mut self, name: &str, published: &str, channels: usize, units: usize) {
        for unit in 0..units {
            for conv in 0..2 {
                let published = format!("{published}.{}_{}", unit + 1, conv + 1);
                self.norm_conv(
                    &format!("{name}.convs.{}", 2 * unit + conv),
                    &format!("{published}_norm"),
                    &format!("{published}_conv"),
                    (channels, channels),
                    false,
                );
            }
        }
    }

    fn norm_conv(
        &mut self,
        name: &str,
        norm: &str,
        conv: &str,
        (inputs, outputs): (usize, usize),
        bias: bool,
    ) {
        if self.normalizes {
            self.norm(&format!("{name}.norm"), norm, inputs);
        }
        let kind = LayerKind::Conv { inputs, outputs, kernel: 3, bias };
        self.push(&format!("{name}.conv"), conv, kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cifar(variant: Variant, depth: Depth) -> RefineNetDescription {
        RefineNetDescription {
            variant,
            image_shape: ImageShape { channels: 3, height: 32, width: 32 },
            depth,
            ngf: 128,
            schedule: NoiseSchedule { sigma_max: 1.0, sigma_min: 0.01, levels: 10 },
        }
    }

    #[test]
    fn between_levels_ncsn_keeps_the_denoised_image_of_the_nearest_level() {
        let ncsn = cifar(Variant::Ncsn, Depth::Standard);
        for (row, sigma) in ncsn.schedule.sigmas().into_iter().enumerate() {
            assert_eq!(ncsn.at(sigma), AtSigma { row, factor: 1.0 });
            let AtSigma { row: nearest, factor } = ncsn.at(1.2 * sigma);
            assert_eq!(nearest, row);
            assert!((factor * 1.44 - 1.0).abs() < 1e-5, "{factor}");
        }
        assert_eq!((ncsn.at(1e6).row, ncsn.at(1e-6).row), (0, 9));
        let v2 = cifar(Variant::Ncsnv2, Depth::Standard);
        assert_eq!(v2.at(0.25), AtSigma { row: 0, factor: 4.0 });
    }

    #[test]
    fn impossible_sizes_are_refused_by_name() {
        let refused = |change: fn(&mut RefineNetDescription)| {
            let mut description = cifar(Variant::Ncsn, Depth::Deeper);
            assert_eq!(description.check(), Ok(()));
            change(&mut description);
            description.check().expect_err("must be refused").to_string()
        };
        assert!(refused(|d| d.image_shape.height = 30).contains("multiples of 4"));
        assert!(refused(|d| d.ngf = 1).contains("ngf"));
        assert!(refused(|d| d.ngf = 1 << 30).contains("ngf"));
        assert!(refused(|d| d.schedule.levels = 1 << 30).contains("rows"));
        assert!(refused(|d| d.schedule.sigma_min = -1.0).contains("sigma_min"));
    }
}
