//! Pictures that a user gives, as image files.

use std::path::Path;

use anyhow::{Context, anyhow, ensure};

use crate::data::{upright, value};
use crate::net::Picture;

/// A picture in \[0, 1\] with its opacity.
pub struct Given {
    /// Its shape: 1 or 3 channels.
    pub shape: Picture,
    /// C × H × W, over black where it is transparent.
    pub pixels: Vec<f32>,
    /// H × W; 1 where the picture is opaque.
    pub opacity: Vec<f32>,
}

/// Reads an image file: PNG, JPEG, GIF, WebP or BMP.
///
/// # Errors
/// Where there is none.
pub fn read(path: &Path) -> anyhow::Result<Given> {
    let bytes = std::fs::read(path).map_err(anyhow::Error::from);
    let image = bytes.and_then(|bytes| upright(&bytes).map_err(|problem| anyhow!(problem)));
    let image = image.with_context(|| format!("cannot read the picture {}", path.display()))?;
    let channels = if image.color().has_color() { 3 } else { 1 };
    let image = image.into_rgba8();
    let (width, height) = (image.width() as usize, image.height() as usize);

    let opacity: Vec<f32> = image.pixels().map(|pixel| value(pixel[3])).collect();
    let plane = |channel: usize| {
        image.pixels().zip(&opacity).map(move |(pixel, opacity)| opacity * value(pixel[channel]))
    };
    let pixels = (0..channels).flat_map(plane).collect();
    Ok(Given { shape: Picture { channels, height, width }, pixels, opacity })
}

impl Given {
    /// With as many channels as asked for: grey repeated, or colours' mean.
    pub fn channels(mut self, channels: usize) -> Self {
        if self.shape.channels != channels {
            let grey = self.grey();
            self.pixels = grey.repeat(channels);
            self.shape.channels = channels;
        }
        self
    }

    /// The mean of the channels: H × W.
    pub fn grey(&self) -> Vec<f32> {
        let Picture { channels, height, width } = self.shape;
        let plane = height * width;
        let mean = |at: usize| (0..channels).map(|c| self.pixels[c * plane + at]).sum::<f32>();
        (0..plane).map(|at| mean(at) / channels as f32).collect()
    }
}

/// Reads a picture that must have the size of a model's; its channels are made the model's.
///
/// # Errors
/// Where there is none, or it is of another size.
pub fn read_sized(path: &Path, shape: Picture) -> anyhow::Result<Given> {
    let given = read(path)?;
    let Picture { height, width, .. } = given.shape;
    ensure!(
        (height, width) == (shape.height, shape.width),
        "{} is {width} × {height}, but the model's pictures are {} × {}",
        path.display(),
        shape.width,
        shape.height
    );
    Ok(given.channels(shape.channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(name: &str) -> Given {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
        read(&folder.join(name)).expect("a picture")
    }

    #[test]
    fn pictures_have_their_channels_and_are_upright() {
        let shape = |name| open(name).shape;
        assert_eq!(shape("grey16.png"), Picture { channels: 1, height: 1, width: 2 });
        assert_eq!(shape("palette.png"), Picture { channels: 3, height: 2, width: 3 });
        assert_eq!(shape("sideways.jpg"), Picture { channels: 3, height: 16, width: 8 });
        read(Path::new("Cargo.toml")).map(|_| ()).expect_err("no picture");
    }

    /// Red, green, blue; white, black, and nothing.
    #[test]
    fn transparent_pixels_are_known_as_such() {
        for name in ["transparent.gif", "transparent.webp"] {
            let Given { pixels, opacity, .. } = open(name);
            assert_eq!(opacity, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0], "{name}");
            assert_eq!(pixels[..6], [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], "{name}");
            assert_eq!(pixels[6..12], [0.0, 1.0, 0.0, 1.0, 0.0, 0.0], "{name}");
        }
    }
}
