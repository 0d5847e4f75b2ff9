//! The shape of images.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::description_error::DescriptionError;

/// The shape of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// 1 for gray, 3 for color.
    pub channels: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.channels, self.height, self.width)
    }
}

impl ImageShape {
    /// D, the dimension of the space of images.
    pub fn dimension(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Checks that both sides can be divided.
    ///
    /// # Errors
    /// [`DescriptionError`] if there is a remainder.
    pub(crate) fn check_multiples_of(&self, divisor: usize) -> Result<(), DescriptionError> {
        let Self { height, width, .. } = self;
        if height % divisor == 0 && width % divisor == 0 {
            return Ok(());
        }
        Err(DescriptionError::new(format!(
            "both sides of images must be multiples of {divisor}, but they are {height} × {width}"
        )))
    }
}
