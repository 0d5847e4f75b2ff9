//! The U-Net's layers in the order in which an image passes through them.
//!
//! The description, the fused plan and the ONNX export all follow this list, so the topology is
//! written down once. The Burn module is a tree, whose shape names its tensors; tests compare it
//! with this list.

use super::description::UNetDescription;

/// One layer: the name of its tensors, and its channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Unshuffles pixels into the channels of patches, then convolves them by 3 × 3.
    Stem {
        /// The channels of a patch.
        inputs: usize,
        /// The channels at the finest resolution.
        outputs: usize,
    },
    /// A residual block, which σ (and the class) modulates.
    Residual {
        /// Where its tensors are.
        name: String,
        /// The channels of x, concatenated or not.
        inputs: usize,
        /// The channels of the result.
        outputs: usize,
    },
    /// Self-attention among all positions.
    Attention {
        /// Where its tensors are.
        name: String,
        /// The channels of x, and of the result.
        width: usize,
    },
    /// Keeps x for [`Layer::Concatenate`] on the way up.
    Keep,
    /// Concatenates x and what was last kept, and forgets the latter.
    Concatenate,
    /// Halves the resolution: unshuffles 2 × 2 positions into channels, then maps their channels.
    Halve {
        /// Where its tensors are.
        name: String,
        /// The channels of x.
        inputs: usize,
        /// The channels of the result.
        outputs: usize,
    },
    /// Doubles the resolution: maps channels, then shuffles them into 2 × 2 positions.
    Double {
        /// Where its tensors are.
        name: String,
        /// The channels of x.
        inputs: usize,
        /// The channels of the result.
        outputs: usize,
    },
    /// Normalizes and activates x, convolves it by 3 × 3, then shuffles patches into pixels.
    Head {
        /// The channels at the finest resolution.
        inputs: usize,
        /// The channels of a patch.
        outputs: usize,
    },
}

impl UNetDescription {
    /// The layers of a checked description, from the image to the raw output F.
    pub fn layers(&self) -> Vec<Layer> {
        let Self { widths, .. } = self;
        let patch = self.image_shape.channels * self.patch * self.patch;
        let mut layers = vec![Layer::Stem { inputs: patch, outputs: widths[0] }];
        for (level, &width) in widths.iter().enumerate() {
            layers.extend(self.resolution("down", level, width));
            layers.push(Layer::Keep);
            if let Some(&next) = widths.get(level + 1) {
                let name = format!("down.{level}.resample");
                layers.push(Layer::Halve { name, inputs: width, outputs: next });
            }
        }
        let coarsest = widths[widths.len() - 1];
        layers.push(Layer::Residual { name: "middle".into(), inputs: coarsest, outputs: coarsest });
        for (level, &width) in widths.iter().enumerate().rev() {
            layers.push(Layer::Concatenate);
            layers.extend(self.resolution("up", level, 2 * width));
            if level > 0 {
                let name = format!("up.{level}.resample");
                layers.push(Layer::Double { name, inputs: width, outputs: widths[level - 1] });
            }
        }
        layers.push(Layer::Head { inputs: widths[0], outputs: patch });
        layers
    }

    /// The layers at one resolution on the way `down` or `up`, the first of which has this many
    /// inputs.
    fn resolution(&self, way: &str, level: usize, inputs: usize) -> Vec<Layer> {
        let width = self.widths[level];
        let residual = |block| Layer::Residual {
            name: format!("{way}.{level}.blocks.{block}"),
            inputs: if block == 0 { inputs } else { width },
            outputs: width,
        };
        let attention = || Layer::Attention { name: format!("{way}.{level}.attention"), width };
        let residuals = (0..self.blocks).map(residual);
        residuals.chain(self.attention[level].then(attention)).collect()
    }
}
