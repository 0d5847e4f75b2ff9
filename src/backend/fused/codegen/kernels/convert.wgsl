// Numbers as a tensor stores them. Half precision clamps large numbers: an infinity would make the
// next normalization of the whole image undefined.
$if HALF

fn convert(x: f32) -> f16 { return f16(clamp(x, -65504.0, 65504.0)); }
fn convert4(x: vec4f) -> vec4h { return vec4h(clamp(x, vec4f(-65504.0), vec4f(65504.0))); }
$else

fn convert(x: f32) -> f32 { return x; }
fn convert4(x: vec4f) -> vec4f { return x; }
$end
