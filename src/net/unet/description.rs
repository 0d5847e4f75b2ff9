//! A U-Net as plain data: its sizes.

use serde::{Deserialize, Serialize};

use crate::net::ranges::within;
use crate::net::{DescriptionError, ImageShape, Preconditioning};

/// The sizes of a U-Net; see [`super`] for how they are wired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Groups of each group normalization.
    pub groups: usize,
    /// The size of σ's embedding.
    pub embedding: usize,
    /// The number of classes that it is conditioned on; 0 for an unconditional network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub classes: usize,
    /// The largest scale w of classifier-free guidance that the network takes as an input; 0 if it
    /// takes none. See [`crate::net::ClassInput`].
    #[serde(default, skip_serializing_if = "is_none")]
    pub guidance_max: f32,
    /// The scale of the data.
    pub preconditioning: Preconditioning,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_none(guidance_max: &f32) -> bool {
    *guidance_max == 0.0
}

/// No sensible network for small images has a size above this.
const LIMIT: usize = 4096;
/// The most pixels of a side.
const PIXELS: usize = 256;
/// The most resolutions.
const LEVELS: usize = 8;
/// The most weights of an attention layer for one image, which is the number of heads times the
/// square of the number of positions: 256 MiB. Four heads may attend among 64 × 64 positions.
const ATTENTION: usize = 1 << 26;
/// The largest scale of guidance.
const MOST_GUIDANCE: f32 = 100.0;

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
            classes: 0,
            guidance_max: 0.0,
            preconditioning,
        };
        Self { attention: unet.usual_attention(), ..unet }
    }

    /// Where positions attend to each other by default: not at the finest resolution, and not among
    /// more than 16 × 16 positions, since memory and time grow with their square.
    pub fn usual_attention(&self) -> Vec<bool> {
        let levels = 0..self.widths.len().min(LEVELS);
        levels.map(|level| level > 0 && self.positions(level) <= 256).collect()
    }

    /// How many positions there are at a resolution.
    fn positions(&self, level: usize) -> usize {
        let side = |pixels: usize| (pixels / self.patch.max(1)) >> level;
        side(self.image_shape.height) * side(self.image_shape.width)
    }

    pub(in crate::net) fn check(&self) -> Result<(), DescriptionError> {
        let fail = |message: String| Err(DescriptionError::new(message));
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
            ("classes", self.classes, 0, LIMIT),
            ("the number of widths", widths.len(), 1, LEVELS),
        ];
        within(&sizes)?;
        if attention.len() != widths.len() {
            let (a, w) = (attention.len(), widths.len());
            return fail(format!("{a} attention flags for {w} widths"));
        }
        image_shape.check_multiples_of(patch << (widths.len() - 1))?;
        for (level, (&width, &attends)) in widths.iter().zip(attention).enumerate() {
            if !(1..=LIMIT).contains(&width) || width % groups != 0 {
                return fail(format!("a width of {width} is not a multiple of {groups} groups"));
            }
            if attends && width % heads != 0 {
                return fail(format!("a width of {width} is not a multiple of {heads} heads"));
            }
            // Of sizes that were checked, so that nothing overflows.
            let positions = self.positions(level);
            if attends && (heads * positions).saturating_mul(positions) > ATTENTION {
                return fail(format!(
                    "attention with {heads} heads among {positions} positions takes too much memory"
                ));
            }
        }
        if !self.embedding.is_multiple_of(2) {
            return fail(format!("the embedding must be even, but is {}", self.embedding));
        }
        let guidance_max = self.guidance_max;
        if guidance_max != 0.0 && !(guidance_max > 1.0 && guidance_max <= MOST_GUIDANCE) {
            return fail(format!(
                "the largest guidance scale must be above 1 and at most {MOST_GUIDANCE}, \
                 but is {guidance_max}"
            ));
        }
        if guidance_max != 0.0 && self.classes == 0 {
            return fail("a guidance scale is an input only where there are classes".into());
        }
        self.preconditioning.check()
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
        fn large(d: &mut UNetDescription, side: usize, heads: usize) {
            (d.image_shape.height, d.image_shape.width, d.patch) = (side, side, 1);
            (d.attention, d.heads) = (vec![true; 2], heads);
        }
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
        assert!(refused(|d| large(d, 96, 1)).contains("9216 positions"));
        assert!(refused(|d| large(d, 64, 8)).contains("8 heads"));
        let mut widest = mnist();
        large(&mut widest, 64, 4);
        assert_eq!(widest.check(), Ok(()));
        assert!(refused(|d| d.preconditioning.sigma_data = 0.0).contains("deviation 0"));
        assert!(refused(|d| d.guidance_max = 4.0).contains("classes"));
        assert!(refused(|d| d.guidance_max = f32::NAN).contains("NaN"));
        assert!(refused(|d| (d.classes, d.guidance_max) = (3, 1.0)).contains("but is 1"));
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
