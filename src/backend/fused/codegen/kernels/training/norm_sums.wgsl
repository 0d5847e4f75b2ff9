// The sums over positions of the gradient with respect to a normalization's scales and shifts: what
// the gradient with respect to its input needs, and the gradients with respect to its parameters.
//
// One invocation takes one channel of one image; staged, PARTS of them, with a part of the positions
// each.
$if PARTS

var<workgroup> parts: array<vec2f, LANES * PARTS>;
$end

@compute @workgroup_size(LANES$if PARTS , PARTS$end)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_id) local: vec3u) {
    let n = id.z;
$if PARTS
    // Lanes beyond the last channel repeat it: all must reach the barriers.
    let channel = min(id.x, NORM_CHANNELS - 1u);
$else
    let channel = id.x;
    if channel >= NORM_CHANNELS { return; }
$end
    let row = affine_row(n);
    let scale = affine_scale(row + channel);
    let shift = affine[row + NORM_CHANNELS + channel];
    let moments = normalization[n * NORM_CHANNELS + channel];
    // For the scale, for the shift.
    var sum = vec2f();
$for t in SOURCES
    if channel >= BEGIN_$t && channel < BEGIN_$t + STRIDE_OF_$t {
        for (var i = $if PARTS local.y $else 0u $end; i < POSITIONS; i += $if PARTS PARTS $else 1u $end) {
            let value = f32(source$t[(n * POSITIONS + i) * STRIDE_OF_$t + channel - BEGIN_$t]);
            let normal = (value - moments.x) * moments.y;
            let d = gradient[(n * POSITIONS + i) * NORM_CHANNELS + channel] * derivative(normal * scale + shift);
            sum += vec2f(d * normal, d);
        }
    }
$end
$if PARTS
    parts[local.y * LANES + local.x] = sum;
    workgroupBarrier();
    if local.y > 0u || id.x >= NORM_CHANNELS { return; }
    for (var part = 1u; part < PARTS; part++) {
        sum += parts[part * LANES + local.x];
    }
$end
    sums[n * SUMS + COLUMN + channel] = sum.x;
    sums[n * SUMS + COLUMN + NORM_CHANNELS + channel] = sum.y;
}
