// Mean and squared deviations of each channel from those of its tiles, for tensors with too many
// tiles for every kernel that reads them to combine. A workgroup takes SIDE neighboring channels,
// with SIDE invocations for each.

var<workgroup> parts: array<f32, SIDE * SIDE>;

// The sum over a channel's invocations.
fn total(value: f32, local: vec3u) -> f32 {
    workgroupBarrier();
    parts[local.y * SIDE + local.x] = value;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < SIDE; i++) {
        sum += parts[i * SIDE + local.x];
    }
    return sum;
}

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_id) local: vec3u) {
    // Lanes beyond the last channel repeat it: all must reach the barriers.
    let channel = min(id.x, CHANNELS - 1u);
    let first = id.z * TILES * CHANNELS + channel;
    var means = 0.0;
    for (var tile = local.y; tile < TILES; tile += SIDE) {
        means += statistics[first + tile * CHANNELS].x * (1.0 / f32(TILES));
    }
    let mean = total(means, local);
    var spread = 0.0;
    for (var tile = local.y; tile < TILES; tile += SIDE) {
        let part = statistics[first + tile * CHANNELS];
        let off = part.x - mean;
        spread += part.y + f32(POSITIONS / TILES) * off * off;
    }
    let whole = total(spread, local);
    if local.y == 0u && id.x < CHANNELS {
        reduced[id.z * CHANNELS + channel] = vec2f(mean, whole);
    }
}
