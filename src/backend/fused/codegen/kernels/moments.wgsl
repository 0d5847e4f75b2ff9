var<workgroup> moments: array<vec2f, NORM_CHANNELS>;

// Mean and squared deviations of each channel, from the moments of its tiles (Chan, Golub & LeVeque
// 1979). They are read once and summed about the mean of the first tile, which limits the loss of
// precision where the squared offset of the mean is subtracted: the sum is at most as many times the
// difference as there are tiles. The invocations of the workgroup divide the channels among them.
fn gather_moments(n: u32, index: u32) {
    for (var channel = index; channel < NORM_CHANNELS; channel += GROUP) {
$for t in SOURCES
        if channel >= BEGIN_$t && channel < BEGIN_$t + STRIDE_OF_$t {
            let first = n * TILES_OF_$t * STRIDE_OF_$t + channel - BEGIN_$t;
            let about = statistics$t[first].x;
            var off = 0.0;
            var spread = 0.0;
            for (var tile = 0u; tile < TILES_OF_$t; tile++) {
                let part = statistics$t[first + tile * STRIDE_OF_$t];
                let d = part.x - about;
                off += d * (1.0 / f32(TILES_OF_$t));
                spread += part.y + f32(POSITIONS / TILES_OF_$t) * d * d;
            }
            let mean = about + off;
            spread = max(spread - f32(POSITIONS) * off * off, 0.0);
            moments[channel] = vec2f(mean, spread);
        }
$end
    }
    workgroupBarrier();
}
$if INSTANCE

// Mean and inverse deviation of the channels' means. It is unbiased, unlike the deviation of a
// channel.
fn among_channels() -> vec2f {
    var mean = 0.0;
    for (var c = 0u; c < REAL_END_0; c++) {
        mean += moments[c].x * (1.0 / f32(REAL_END_0));
    }
    var spread = 0.0;
    for (var c = 0u; c < REAL_END_0; c++) {
        let off = moments[c].x - mean;
        spread += off * off;
    }
    return vec2f(mean, inverseSqrt(spread / f32(REAL_END_0 - 1u) + EPSILON));
}

// Scale and shift of a channel in InstanceNorm++, γ [(x − μ)/σ + α (μ − m)/v] + β.
fn instance_affine(channel: u32, row: u32, among: vec2f) -> vec2f {
    let moment = moments[channel];
    let gamma = affine[row + channel];
    let alpha = affine[row + NORM_CHANNELS + channel];
    let beta = affine[row + 2u * NORM_CHANNELS + channel];
    let scale = gamma * inverseSqrt(moment.y / f32(POSITIONS) + EPSILON);
    let shift = beta + gamma * alpha * (moment.x - among.x) * among.y - moment.x * scale;
    return vec2f(scale, shift);
}
$end
