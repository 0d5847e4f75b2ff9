// The gradient with respect to one source of a normalization and activation, and what is to be added
// to it. With x' = (x − μ)/d, γ its scale and δ the gradient with respect to γ x' + β,
// ∂/∂x = (γ δ − mean(γ δ) − x' mean(γ δ x'))/d, where means are over the channels of a group and all
// positions (Ba, Kiros & Hinton 2016 for layers; Wu & He 2018 for groups).
//
// One invocation takes one channel of one image, at BLOCK positions.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x >= CHANNELS { return; }
    let n = id.z;
    let channel = BEGIN + id.x;
$if NORM
    let moments = normalization[n * NORM_CHANNELS + channel];
    let row = affine_row(n);
    let scale = affine_scale(row + channel);
    let shift = affine[row + NORM_CHANNELS + channel];
    let first = unpadded(channel) / SIZE * SIZE;
    // The means of γ δ x' and of γ δ.
    var mean = vec2f();
$for t in SOURCES
    for (var c = max(first, REAL_$t); c < min(first + SIZE, REAL_END_$t); c++) {
        let other = c - REAL_$t + BEGIN_$t;
        let at = n * SUMS + COLUMN + other;
        mean += affine_scale(row + other) * vec2f(sums[at], sums[at + NORM_CHANNELS]);
    }
$end
    mean *= 1.0 / f32(SIZE * POSITIONS);
$end
    for (var i = id.y * BLOCK; i < min(id.y * BLOCK + BLOCK, POSITIONS); i++) {
        let at = (n * POSITIONS + i) * CHANNELS + id.x;
        let d = gradient[(n * POSITIONS + i) * NORM_CHANNELS + channel];
$if NORM
        let normal = (f32(source[at]) - moments.x) * moments.y;
        let change = d * derivative(normal * scale + shift);
        let value = (scale * change - mean.y - normal * mean.x) * moments.y;
$else
        let value = d * derivative(f32(source[at]));
$end
        to[at] = select(0.0, value, id.x < REAL)$for r in OTHERS  + other$r[at]$end;
    }
}
