//! Grey of colours.

/// The luma of ITU-R BT.601, as Pillow and torchvision have it; what is grey keeps its very value.
pub fn luma([red, green, blue]: [f32; 3]) -> f32 {
    green + 0.299 * (red - green) + 0.114 * (blue - green)
}
