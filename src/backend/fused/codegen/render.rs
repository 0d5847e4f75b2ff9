//! The shader that draws images.

use super::template::Values;
use super::wgsl::include_kernel;
use crate::net::ImageShape;

/// The text of `kernels/render.wgsl` for images of this shape, with the entry points `cover` and
/// `shade`. The images are binding 0, the grid's sizes binding 1.
pub fn render_shader(image_shape: ImageShape) -> String {
    let mut values = Values::default();
    values.size("CHANNELS", image_shape.channels);
    values.size("HEIGHT", image_shape.height);
    values.size("WIDTH", image_shape.width);
    values.flag("COLOR", image_shape.channels >= 3);
    let bindings = "@group(0) @binding(0) var<storage, read> images: array<f32>;\n\
                    @group(0) @binding(1) var<uniform> grid: Grid;\n";
    let body = values.expand(include_kernel!("kernels/render.wgsl"));
    values.constants() + bindings + &body
}
