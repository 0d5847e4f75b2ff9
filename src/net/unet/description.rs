//! A U-Net as plain data: its sizes, and from them its tensors.

use serde::Serialize;

use crate::net::DescriptionError;
use crate::net::description::{TensorShape, within};
use crate::net::{ImageShape, Preconditioning};

/// The sizes of a U-Net; see [`super`] for how they are wired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UNetDescription {
    /// The images it takes, and the shape of its scores.
    #[serde(rename = "picture")]
    pub image_shape: ImageShape,
    /// Each `patch × patch` square of pixels becomes the channels of one position.
    pub patch: usize,
    /// The number of channels at each resolution, finest first; each next one is half as fine.
    pub widths: Vec<usize>,
    /// Residual blocks at each resolution, on the way down and again on the way up.
    pub blocks: usize,
    /// Whether positions attend to each other, for each resolution.
    pub attention: Vec<bool>,
    /// Heads of each attention layer.
    pub heads: usize,
    /// Groups of each group normalisation.
    pub groups: usize,
    /// The size of σ's embedding.
    pub embedding: usize,
    /// The scale of the data.
    pub preconditioning: Preconditioning,
}

/// No sensible network for small images has a size above this.
const LIMIT: usize = 4096;
/// The most pixels of a side.
const PIXELS: usize = 256;
/// The most resolutions.
const LEVELS: usize = 8;

impl UNetDescription {
    /// The default network for images of this shape and scale, with enough resolutions that the
    /// coarsest has at most 16 × 16 positions.
    pub fn new(image_shape: ImageShape, preconditioning: Preconditioning) -> Self {
        let levels = match image_shape.height.max(image_shape.width) {
            ..=64 => 2,
            65..=128 => 3,
            _ => 4,
        };
        let unet = Self {
            image_shape,
            patch: 2,
            widths: [48, 96, 192, 192][..levels].to_vec(),
            blocks: 1,
            attention: Vec::new(),
            heads: 4,
            groups: 8,
            embedding: 128,
            preconditioning,
        };
        Self { attention: unet.usual_attention(), ..unet }
    }

    /// Where positions attend to each other by default: not at the finest resolution, and not among
    /// more than 16 × 16 positions, since memory and time grow with their square.
    pub fn usual_attention(&self) -> Vec<bool> {
        let Self { image_shape, patch, widths, .. } = self;
        let side = |pixels: usize, level| (pixels / patch.max(&1)) >> level;
        let positions = |level| side(image_shape.height, level) * side(image_shape.width, level);
        (0..widths.len().min(LEVELS)).map(|level| level > 0 && positions(level) <= 256).collect()
    }

    pub(in crate::net) fn check(&self) -> Result<(), DescriptionError> {
        let fail = |message: String| Err(DescriptionError(message));
        let Self { image_shape, patch, ref widths, blocks, ref attention, heads, groups, .. } =
            *self;
        let sizes = [
            ("channels", image_shape.channels, 1, 16),
            ("height", image_shape.height, 1, PIXELS),
            ("width", image_shape.width, 1, PIXELS),
            ("patch", patch, 1, 16),
            ("blocks", blocks, 1, 64),
            ("heads", heads, 1, LIMIT),
            ("groups", groups, 1, LIMIT),
            ("embedding", self.embedding, 1, LIMIT),
            ("the number of widths", widths.len(), 1, LEVELS),
        ];
        within(&sizes)?;
        if attention.len() != widths.len() {
            let (a, w) = (attention.len(), widths.len());
            return fail(format!("{a} attention flags for {w} widths"));
        }
        image_shape.check_multiples_of(patch << (widths.len() - 1))?;
        for (&width, &attends) in widths.iter().zip(attention) {
            if !(1..=LIMIT).contains(&width) || width % groups != 0 {
                return fail(format!("a width of {width} is not a multiple of {groups} groups"));
            }
            if attends && width % heads != 0 {
                return fail(format!("a width of {width} is not a multiple of {heads} heads"));
            }
        }
        if !self.embedding.is_multiple_of(2) {
            return fail(format!("the embedding must be even, but is {}", self.embedding));
        }
        self.preconditioning.check()
    }

    /// Name and shape of every tensor.
    pub(in crate::net) fn tensors(&self) -> Vec<TensorShape> {
        let mut list = Tensors { list: Vec::new(), embedding: self.embedding };
        let pixels = self.image_shape.channels * self.patch * self.patch;
        let (finest, coarsest) = (self.widths[0], self.widths[self.widths.len() - 1]);

        list.linear("embedding.first", self.embedding, self.embedding);
        list.linear("embedding.second", self.embedding, self.embedding);
        list.conv("stem", pixels, finest, 3);
        for (level, &width) in self.widths.iter().enumerate() {
            for block in 0..self.blocks {
                list.block(&format!("down.{level}.blocks.{block}"), width, width);
            }
            if self.attention[level] {
                list.attention(&format!("down.{level}.attention"), width);
            }
            if let Some(&next) = self.widths.get(level + 1) {
                list.conv(&format!("down.{level}.resample"), width * 4, next, 1);
            }
        }
        list.block("middle", coarsest, coarsest);
        for (level, &width) in self.widths.iter().enumerate() {
            for block in 0..self.blocks {
                // The first block also sees the output of the way down at this resolution.
                let inputs = if block == 0 { 2 * width } else { width };
                list.block(&format!("up.{level}.blocks.{block}"), inputs, width);
            }
            if self.attention[level] {
                list.attention(&format!("up.{level}.attention"), width);
            }
            if level > 0 {
                list.conv(&format!("up.{level}.resample"), width, self.widths[level - 1] * 4, 1);
            }
        }
        list.norm("head_norm", finest);
        list.conv("head", finest, pixels, 3);
        list.list
    }
}

/// A list of tensors that grows layer by layer, under the names of the Burn modules.
struct Tensors {
    list: Vec<TensorShape>,
    embedding: usize,
}

impl Tensors {
    fn push(&mut self, name: String, shape: &[usize]) {
        self.list.push((name, shape.to_vec()));
    }

    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.push(format!("{name}.weight"), &[inputs, outputs]);
        self.push(format!("{name}.bias"), &[outputs]);
    }

    fn conv(&mut self, name: &str, inputs: usize, outputs: usize, kernel: usize) {
        self.push(format!("{name}.weight"), &[outputs, inputs, kernel, kernel]);
        self.push(format!("{name}.bias"), &[outputs]);
    }

    fn norm(&mut self, name: &str, channels: usize) {
        self.push(format!("{name}.gamma"), &[channels]);
        self.push(format!("{name}.beta"), &[channels]);
    }

    fn block(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.norm(&format!("{name}.norm1"), inputs);
        self.conv(&format!("{name}.conv1"), inputs, outputs, 3);
        self.linear(&format!("{name}.modulation"), self.embedding, 2 * outputs);
        self.conv(&format!("{name}.conv2"), outputs, outputs, 3);
        if inputs != outputs {
            self.conv(&format!("{name}.shortcut"), inputs, outputs, 1);
        }
    }

    fn attention(&mut self, name: &str, width: usize) {
        self.norm(&format!("{name}.norm"), width);
        self.conv(&format!("{name}.qkv"), width, 3 * width, 1);
        self.conv(&format!("{name}.out"), width, width, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Architecture;

    fn mnist() -> UNetDescription {
        let image_shape = ImageShape { channels: 1, height: 28, width: 28 };
        UNetDescription::new(image_shape, Preconditioning { mean: 0.13, sigma_data: 0.31 })
    }

    #[test]
    fn impossible_sizes_are_refused_by_name() {
        let refused = |change: fn(&mut UNetDescription)| {
            let mut description = mnist();
            change(&mut description);
            let error = description.check().expect_err("must be refused");
            error.to_string()
        };
        assert_eq!(mnist().check(), Ok(()));
        assert!(refused(|d| d.image_shape.height = 30).contains("30 × 28"));
        assert!(refused(|d| d.widths = vec![64, 100]).contains("100"));
        assert!(refused(|d| d.widths = vec![]).contains("number of widths"));
        assert!(refused(|d| d.widths[0] = 1 << 30).contains("width of"));
        assert!(refused(|d| d.heads = 7).contains("7 heads"));
        assert!(refused(|d| d.attention = vec![true]).contains("1 attention flags"));
        assert!(refused(|d| d.preconditioning.sigma_data = 0.0).contains("deviation 0"));
    }

    #[test]
    fn large_images_get_more_resolutions_and_no_attention_among_many_positions() {
        let attention = |side| {
            let image_shape = ImageShape { channels: 3, height: side, width: side };
            let unet =
                UNetDescription::new(image_shape, Preconditioning { mean: 0.5, sigma_data: 0.3 });
            assert_eq!(unet.check(), Ok(()));
            unet.attention
        };
        assert_eq!(attention(64), [false, true]);
        assert_eq!(attention(96), [false, false, true]);
        assert_eq!(attention(256), [false, false, false, true]);
    }

    #[test]
    fn the_default_network_has_the_size_that_its_documentation_promises() {
        assert_eq!(Architecture::UNet(mnist()).parameters(), 957_028);
    }
}
