//! From images to the input of a feature network: size, channels, range and layout.

use image::imageops::{self, FilterType};
use image::{Rgb, Rgb32FImage};
use serde::{Deserialize, Serialize};

use crate::net::ImageShape;
use crate::pixel::luma;

/// How images become a network's input; the file beside a network has these fields as JSON. Values
/// v in \[0, 1\] become `(low + v (high − low) − mean) / std`, after resizing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocessing {
    /// The height and width to resize to; needed only if the network takes any.
    pub size: Option<[usize; 2]>,
    /// How to resize.
    pub resize: Resize,
    /// Which channels the network takes.
    pub channels: Channels,
    /// The order of the input's axes, and of an output's of four axes.
    pub layout: Layout,
    /// What black and white become.
    pub range: [f32; 2],
    /// What is then subtracted from each channel, in the network's order.
    pub mean: [f32; 3],
    /// What each channel is then divided by.
    pub std: [f32; 3],
    /// The name of the output that has the features, or of a value inside the graph; by default the
    /// last output.
    pub output: Option<String>,
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self {
            size: None,
            resize: Resize::Bilinear,
            channels: Channels::Rgb,
            layout: Layout::Nchw,
            range: [0.0, 1.0],
            mean: [0.0; 3],
            std: [1.0; 3],
            output: None,
        }
    }
}

/// The filter that resizes. Both are widened when shrinking, to avoid aliasing, as Parmar et al.
/// 2022 (*On Aliased Resizing and Surprising Subtleties in GAN Evaluation*) ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Linear interpolation. It is pytorch-fid's where images grow; that one does not widen it when
    /// shrinking.
    #[default]
    Bilinear,
    /// Catmull & Rom's cubic, as of Pillow and clean-fid.
    Bicubic,
}

/// Channels of a network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue; gray images are repeated.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// One channel: the luma of color images.
    Gray,
}

impl Channels {
    /// Their number.
    pub fn count(self) -> usize {
        if self == Self::Gray { 1 } else { 3 }
    }
}

/// The order of axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Images, channels, height, width: PyTorch's.
    #[default]
    Nchw,
    /// Images, height, width, channels: TensorFlow's.
    Nhwc,
}

impl Layout {
    /// Which axes channels, height and width are.
    pub(super) fn axes(self) -> [usize; 3] {
        match self {
            Self::Nchw => [1, 2, 3],
            Self::Nhwc => [3, 1, 2],
        }
    }
}

impl Preprocessing {
    /// Why these settings are impossible, if they are.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let [low, high] = self.range;
        if self.size.is_some_and(|size| !size.iter().all(|side| (1..=4096).contains(side))) {
            return Some("size must be two numbers from 1 to 4096: height and width");
        }
        if !(low.is_finite() && high.is_finite() && low != high) {
            return Some("range must be two different numbers: what black and white become");
        }
        if !self.mean.iter().all(|mean| mean.is_finite()) {
            return Some("mean must be three finite numbers");
        }
        if !self.std.iter().all(|std| std.is_finite() && *std > 0.0) {
            return Some("std must be three positive numbers");
        }
        None
    }

    /// Appends an image, C × H × W with values in \[0, 1\], to a network's input.
    pub(super) fn append(
        &self,
        pixels: &[f32],
        shape: ImageShape,
        size: [usize; 2],
        to: &mut Vec<f32>,
    ) {
        let ImageShape { channels, height, width } = shape;
        let plane = height * width;
        let at = |x: u32, y: u32| {
            let pixel = y as usize * width + x as usize;
            Rgb([0, 1, 2].map(|channel: usize| pixels[channel.min(channels - 1) * plane + pixel]))
        };
        let mut image = Rgb32FImage::from_fn(width as u32, height as u32, at);
        if size != [height, width] {
            let filter = match self.resize {
                Resize::Bilinear => FilterType::Triangle,
                Resize::Bicubic => FilterType::CatmullRom,
            };
            let [height, width] = size.map(|side| side as u32);
            image = imageops::resize(&image, width, height, filter);
        }
        let [low, high] = self.range;
        let value = |Rgb(color): &Rgb<f32>, channel: usize| {
            let value = match self.channels {
                Channels::Rgb => color[channel],
                Channels::Bgr => color[2 - channel],
                Channels::Gray => luma(*color),
            };
            (low + value * (high - low) - self.mean[channel]) / self.std[channel]
        };
        let channels = self.channels.count();
        match self.layout {
            Layout::Nchw => {
                for channel in 0..channels {
                    to.extend(image.pixels().map(|pixel| value(pixel, channel)));
                }
            }
            Layout::Nhwc => {
                let values = |pixel| (0..channels).map(move |channel| (pixel, channel));
                to.extend(image.pixels().flat_map(values).map(|(pixel, at)| value(pixel, at)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(
        preprocessing: &Preprocessing,
        pixels: &[f32],
        shape: [usize; 3],
        size: [usize; 2],
    ) -> Vec<f32> {
        let [channels, height, width] = shape;
        let mut to = Vec::new();
        preprocessing.append(pixels, ImageShape { channels, height, width }, size, &mut to);
        to
    }

    #[test]
    fn channels_and_layout_are_those_of_the_network() {
        // Two pixels: red, and a gray of ½.
        let (pixels, shape) = ([1.0, 0.5, 0.0, 0.5, 0.0, 0.5], [3, 1, 2]);
        let with = |channels, layout| {
            let preprocessing = Preprocessing { channels, layout, ..Default::default() };
            input(&preprocessing, &pixels, shape, [1, 2])
        };
        assert_eq!(with(Channels::Rgb, Layout::Nchw), pixels);
        assert_eq!(with(Channels::Bgr, Layout::Nchw), [0.0, 0.5, 0.0, 0.5, 1.0, 0.5]);
        assert_eq!(with(Channels::Rgb, Layout::Nhwc), [1.0, 0.0, 0.0, 0.5, 0.5, 0.5]);
        assert_eq!(with(Channels::Gray, Layout::Nchw), [0.299, 0.5]);
        let gray = input(&Preprocessing::default(), &[0.25, 1.0], [1, 1, 2], [1, 2]);
        assert_eq!(gray, [0.25, 1.0, 0.25, 1.0, 0.25, 1.0]);
    }

    #[test]
    fn values_are_shifted_and_scaled() {
        let preprocessing = Preprocessing {
            range: [-1.0, 1.0],
            mean: [0.0, 0.5, -1.0],
            std: [1.0, 0.5, 2.0],
            ..Default::default()
        };
        assert_eq!(input(&preprocessing, &[0.75], [1, 1, 1], [1, 1]), [0.5, 0.0, 0.75]);
    }

    /// The expected values are those of Pillow's `resize` with `BILINEAR`, in its mode `F`.
    #[test]
    fn resizing_shrinks_without_aliasing_and_grows_linearly() {
        let preprocessing = Preprocessing { channels: Channels::Gray, ..Default::default() };
        let resized = |to| input(&preprocessing, &[0.0, 1.0, 0.0, 1.0], [1, 1, 4], [1, to]);
        let near = |found: &[f32], expected: &[f32]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        };
        near(&resized(2), &[3.0 / 7.0, 4.0 / 7.0]);
        near(&resized(8), &[0.0, 0.25, 0.75, 0.75, 0.25, 0.25, 0.75, 1.0]);
    }
}
