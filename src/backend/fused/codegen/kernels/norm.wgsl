// Normalizes one tensor, or several whose channels follow each other, then activates.
//
// One invocation takes one channel of one image. The kernels that wrote the sources also wrote the
// mean and the squared deviations of each of their tiles, so the moments of a group are computed
// from a few numbers and its pixels are read only once.

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) index: u32) {
    let channel = id.x;
    let n = id.z;
$if INSTANCE
    gather_moments(n, index);
    if channel >= NORM_CHANNELS { return; }
    let affined = instance_affine(channel, affine_row(n), among_channels());
    let scale = affined.x;
    let shift = affined.y;
$else
    if channel >= NORM_CHANNELS { return; }
$end
$if GROUPS

    let first = unpadded(channel) / SIZE * SIZE;

    var mean = 0.0;
$for t in SOURCES
    for (var c = max(first, REAL_$t); c < min(first + SIZE, REAL_END_$t); c++) {
        for (var tile = 0u; tile < TILES_OF_$t; tile++) {
            let part = statistics$t[(n * TILES_OF_$t + tile) * STRIDE_OF_$t + c - REAL_$t];
            mean += part.x * (1.0 / f32(TILES_OF_$t * SIZE));
        }
    }
$end
    var spread = 0.0;
$for t in SOURCES
    for (var c = max(first, REAL_$t); c < min(first + SIZE, REAL_END_$t); c++) {
        for (var tile = 0u; tile < TILES_OF_$t; tile++) {
            let part = statistics$t[(n * TILES_OF_$t + tile) * STRIDE_OF_$t + c - REAL_$t];
            let off = part.x - mean;
            spread += part.y + f32(POSITIONS / TILES_OF_$t) * off * off;
        }
    }
$end
    let rstd = inverseSqrt(spread / f32(POSITIONS * SIZE) + EPSILON);

    let row = affine_row(n);
    let scale = affine_scale(row + channel) * rstd;
    let shift = affine[row + NORM_CHANNELS + channel] - mean * scale;
$if KEEPS
    normalization_of[n * NORM_CHANNELS + channel] = vec2f(mean, rstd);
$end
$end
$for t in SOURCES
    if channel >= BEGIN_$t && channel < BEGIN_$t + STRIDE_OF_$t {
        for (var i = n * POSITIONS; i < (n + 1) * POSITIONS; i++) {
            let value = f32(source$t[i * STRIDE_OF_$t + channel - BEGIN_$t]);
            to[i * NORM_CHANNELS + channel] = convert(activated($if NORM value * scale + shift $else value $end));
        }
    }
$end
}
